"""``state show``: what is printed of a snapshot of this machine, and how much of it at most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from waterspout.supervisor import rendering
from waterspout.supervisor.cli import main
from waterspout.supervisor.store_sqlite import SqliteStore

from .test_state_view import kept


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "store.sqlite", owner=True)
    store.bind("x")
    store.commit_round(1, store.next_epoch(), {}, kept(tmp_path / "snapshots"))
    store.close()
    return tmp_path


def shown(folder: Path, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(main, ["state", "show", "t", "--state-dir", str(folder), *words])
    assert done.exit_code == code, done.output
    return done


def rows(folder: Path, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shown(folder, "--json", *words).stdout.splitlines()]


def test_without_a_component_every_map_is_a_line(folder: Path) -> None:
    found = {(row["component"], row["kind"], row["name"]): row for row in rows(folder)}
    assert len(found) == 5
    assert found["count", "value", "total"] == {
        "component": "count", "task": 0, "kind": "value", "name": "total", "ttl": False, "keys": 4
    }
    text = shown(folder).stdout
    assert all(word in text for word in ("count", "total", "seen", "other", "keys"))


def test_of_a_component_so_many_entries_of_each_map_are_shown(folder: Path) -> None:
    found = rows(folder, "--component", "count", "--limit", "2")
    assert [row["name"] for row in found].count("total") == 2
    assert len(shown(folder, "--component", "count").stdout) < 3000


def test_where_a_line_is_too_short_values_are_cut_and_keys_are_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "PLAIN_WIDTH", 60)
    lines = [line.split() for line in shown(folder, "--component", "count").stdout.splitlines()]
    assert lines[0] == ["task", "kind", "name", "key", "value"]
    assert ["0", "value", "total", "b0", "0"] in lines
    (cut,) = (line for line in lines if line[:4] == ["0", "value", "total", "c"])
    assert cut[4].endswith("x...")


@pytest.mark.parametrize("key", ["b1", '"b1"'])
def test_of_a_key_all_that_it_has_is_shown(folder: Path, key: str) -> None:
    found = rows(folder, "--component", "count", "--key", key)
    assert {(row["kind"], row["name"]): row["value"] for row in found} == {
        ("value", "total"): 1, ("map", "seen"): {"x": 1}, ("list", "rows"): [1]
    }
    assert "[1]" in shown(folder, "--component", "count", "--key", key).stdout


def test_what_is_not_there_is_said(folder: Path) -> None:
    assert "nothing is kept for z" in shown(folder, "--component", "count", "--key", "z").stderr
    assert "--component" in shown(folder, "--key", "z", code=2).stderr
    assert "no component 'x' keeps state" in shown(folder, "--component", "x", code=1).stderr
    for file in (folder / "snapshots").iterdir():
        file.unlink()
    assert "the snapshot part is gone" in shown(folder, code=1).stderr
