"""The names and limits of ``state`` on the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from waterspout.supervisor.cli import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "NAME"),
        (["show", "t", "--limit", "0"], "--limit"),
        (["show", "nothing-of-this-name"], "there is no state of a topology"),
    ],
)
def test_what_is_wrong_is_said(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    done = CliRunner().invoke(main, ["state", *words])
    assert done.exit_code != 0
    assert said in done.stderr
