"""What begins from a savepoint has the same two options everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from waterspout.supervisor.cli import main


@pytest.mark.parametrize("command", ["run", "submit"])
def test_run_and_submit_have_the_options(command: str) -> None:
    said = CliRunner().invoke(main, [command, "--help"]).output
    assert "--from DIR" in said and "--allow-dropped-state" in said


@pytest.mark.parametrize("command", ["run", "submit"])
def test_a_file_is_no_folder(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = CliRunner().invoke(main, [command, "t.yaml", "--from", str(tmp_path / "file")])
    assert result.exit_code == 2 and "is a file" in result.output
