"""Dead letters from the outside: given up on, looked at, tried again in vain, then with success."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TOPOLOGY = """\
name: picky
spouts:
  numbers: {class: Sequence, args: {count: 20}}
bolts:
  check: {class: "picky:Check", inputs: [numbers]}
settings: {attempts_max: 2, backoff_min: 10ms}
"""
USER = """\
from pathlib import Path
from waterspout.bolts import Bolt
class Check(Bolt):
    def process(self, tup):
        if tup["n"] in (7, 13) and not Path("mended").exists():
            raise ValueError(f"cannot take {tup['n']}")
"""


def waterspout(folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, with its state there, too."""
    done = subprocess.run(
        [sys.executable, "-m", "waterspout.supervisor", *words],
        cwd=folder, capture_output=True, text=True, timeout=60,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


def letters(folder: Path) -> list[dict[str, Any]]:
    """Return the dead letters that are kept, by position: which was first to be given up varies."""
    listed = waterspout(folder, "dead-letters", "list", "--topology", "picky", "--json")
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    return sorted(found, key=lambda letter: letter["start"])


def test_a_message_that_fails_is_kept_until_another_try_takes_it(tmp_path: Path) -> None:
    (tmp_path / "picky.yaml").write_text(TOPOLOGY)
    (tmp_path / "picky.py").write_text(USER)
    first = waterspout(tmp_path, "run", "picky.yaml", "--json")
    assert json.loads(first.stdout)["dead_letters"] == 2
    kept = letters(tmp_path)
    assert [(letter["start"], letter["values"]) for letter in kept] == [(7, [7]), (13, [13])]

    waterspout(tmp_path, "dead-letters", "replay", str(kept[0]["id"]))
    again = waterspout(tmp_path, "run", "picky.yaml", "--json")
    assert "dead letters are tried again: 1" in again.stderr
    assert [(letter["status"], letter["start"]) for letter in letters(tmp_path)] == [
        ("kept", 7),
        ("kept", 13),
    ]

    (tmp_path / "mended").touch()
    waterspout(tmp_path, "dead-letters", "replay", "--all")
    waterspout(tmp_path, "run", "picky.yaml")
    assert letters(tmp_path) == []
    waterspout(tmp_path, "dead-letters", "show", "1", code=1)
