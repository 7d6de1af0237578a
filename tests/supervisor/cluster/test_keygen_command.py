"""``keygen`` says where each folder belongs."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from waterspout.supervisor.cluster.keygen_command import keygen
from waterspout.supervisor.exit_codes import ExitCode


def test_every_folder_is_named_with_whom_it_is_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "keys"
    assert keygen(folder, "a, b,", None) is ExitCode.OK
    said = capsys.readouterr().out
    for each in folder.iterdir():
        assert str(each) in said
    assert "for the host b" in said
    assert "--add-host" not in said


def test_an_added_host_has_to_be_told_to_the_coordinator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "keys"
    keygen(folder, "", None)
    assert "--add-host" in capsys.readouterr().out
    assert keygen(folder, "", "c") is ExitCode.OK
    said = capsys.readouterr().out
    assert f"copy {folder / 'c'} to c" in said
    assert "SIGHUP" in said


def test_a_new_cluster_and_one_more_host_are_two_things(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError):
        keygen(tmp_path / "keys", "a", "b")
    for names in ("a,,b", ",a", "a, ,b"):
        with pytest.raises(click.UsageError, match="a name is missing"):
            keygen(tmp_path / "keys", names, None)
    assert list(tmp_path.iterdir()) == []
