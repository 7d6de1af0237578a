"""What components print and log in the command's own process: nothing of it in the summary."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
from waterspout.supervisor.in_process_output import components_output
from waterspout.supervisor.log_lines import LINE


def test_what_is_printed_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with components_output(tmp_path):
        print("debug")
    print("summary")
    assert capsys.readouterr() == ("summary\n", "debug\n")


def test_so_does_what_a_program_prints_that_a_component_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(1, "w", closefd=False) as out, open(2, "w", closefd=False) as err:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with components_output(tmp_path):
            os.write(1, b"debug\n")
        print("summary")
    assert capfd.readouterr() == ("summary\n", "debug\n")


def test_on_a_terminal_the_streams_stay_as_they_are_for_a_debugger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with components_output(tmp_path):
        print("(Pdb) ")
    assert capsys.readouterr() == ("(Pdb) \n", "")


def test_logs_are_in_the_log_of_a_worker_and_warnings_are_shown_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("waterspout.user.count[0]")
    with components_output(tmp_path):
        logger.debug("hidden")
        logger.info("a row")
        logger.warning("no good")
    lines = (tmp_path / "logs" / "worker-0.log").read_text().splitlines()
    assert [line.rsplit(" - ")[1] for line in lines] == ["a row", "no good"]
    assert all(LINE.match(line) for line in lines)
    (shown,) = capsys.readouterr().err.splitlines()
    assert shown.endswith("WARNING - - no good")


def test_each_run_has_a_log_of_its_own_and_the_one_before_is_kept(tmp_path: Path) -> None:
    for said in ("first", "second"):
        with components_output(tmp_path):
            logging.getLogger("x").info(said)
    log = tmp_path / "logs" / "worker-0.log"
    assert log.read_text().endswith("second\n")
    assert log.with_name("worker-0.log.1").read_text().endswith("first\n")
    assert log.stat().st_mode & 0o077 == 0


def test_all_is_as_before_when_the_run_is_over(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), sys.stdout, os.fstat(1).st_ino)
    with components_output(tmp_path), pytest.raises(ValueError, match="user"):
        raise ValueError("user")
    assert (root.level, list(root.handlers), sys.stdout, os.fstat(1).st_ino) == before


def test_a_log_that_cannot_be_made_is_done_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("in the way")
    with components_output(tmp_path):
        logging.getLogger("x").warning("still shown")
    assert "still shown" in capsys.readouterr().err
