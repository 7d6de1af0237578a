"""Where the output of a run goes: prints, logs, and a standard output that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = [sys.executable, "-m", "waterspout.supervisor", "run", "numbers.yaml", "--state-dir", "state"]
TOPOLOGY = """\
name: numbers
spouts:
  numbers: {class: Sequence, args: {count: 300}}
bolts:
  say: {class: "say:Say", inputs: [numbers]}
"""
SAY = """\
import logging
import os
from waterspout.bolts import Bolt

class Say(Bolt):
    def process(self, tup):
        print("printed", tup["n"])
        if tup["n"] == 7:
            os.system("echo of a program")
            self.context.log.info("logged")

    def finish(self):
        self.context.log.info("at the end")
"""
FORMS = [["--in-process"], ["--workers", "2"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "numbers.yaml").write_text(TOPOLOGY)
    (tmp_path / "say.py").write_text(SAY)
    return tmp_path


def logs_of(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted((folder / "state" / "logs").iterdir()))


@pytest.mark.parametrize("form", FORMS)
def test_nothing_but_the_summary_is_on_standard_output_and_logs_are_where_it_says(
    folder: Path, form: list[str]
) -> None:
    run = subprocess.run(
        [*RUN, *form, "--json"], cwd=folder, capture_output=True, text=True, timeout=90
    )
    summary = json.loads(run.stdout)
    assert (run.returncode, summary["acked"]) == (0, 300)
    assert summary["logs_dir"] == str(folder / "state" / "logs")
    assert summary["logs_dir"] in run.stderr
    logs = logs_of(folder)
    assert " INFO say." in logs
    assert " - logged\n" in logs
    ends = [line for line in logs.splitlines() if line.endswith("at the end")]
    assert ends and all(" INFO say." in line for line in ends)
    printed = run.stderr if "--in-process" in form else logs
    assert printed.count("printed") == 300
    assert "of a program" in printed


@pytest.mark.parametrize("form", FORMS)
def test_a_run_whose_reader_went_away_goes_on_to_its_end(folder: Path, form: list[str]) -> None:
    reader, writer = os.pipe()
    run = subprocess.Popen([*RUN, *form], cwd=folder, stdout=writer, stderr=writer)
    os.close(writer)
    assert os.read(reader, 1) == b"n"
    os.close(reader)
    assert run.wait(90) == 0
    again = subprocess.run([*RUN, "--json"], cwd=folder, capture_output=True, timeout=90)
    assert b"begins anew, as the last run came to its end" in again.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["run", "numbers.yaml", "--in-process"], ["--help"]])
def test_a_standard_output_that_is_full_or_closed_is_one_line_and_a_code_of_its_own(
    folder: Path, words: list[str]
) -> None:
    for to in (">/dev/full", ">&-"):
        line = f'exec "$0" -m waterspout.supervisor "$@" {to}'
        run = subprocess.run(
            ["sh", "-c", line, sys.executable, *words], cwd=folder, capture_output=True, text=True,
            timeout=90, env={**os.environ, "XDG_STATE_HOME": str(folder / "home")},
        )  # fmt: skip
        assert run.returncode == 74, run.stderr
        last = [each for each in run.stderr.splitlines() if not each.startswith("printed")][-1]
        assert last.startswith("waterspout: standard output cannot be written: ")
        assert "Traceback" not in run.stderr
