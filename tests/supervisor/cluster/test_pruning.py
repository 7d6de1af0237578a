"""Old parts are deleted beside the loop, and never those that are needed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.pruning import Pruner
from waterspout.supervisor.snapshot_store import SnapshotStore


def parts(folder: Path, *rounds: int) -> list[str]:
    """Make a part for each round; return their names."""
    names = [f"epoch-1.round-{round}.task-1.part" for round in rounds]
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return names


def test_parts_that_no_round_needs_are_gone_when_it_is_closed_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    old, kept, newer = parts(tmp_path, 1, 2, 3)
    done = threading.Event()
    prune = SnapshotStore.prune

    def seen(store: SnapshotStore, round: int, keep: frozenset[str]) -> int:
        count = prune(store, round, keep)
        done.set()
        return count

    monkeypatch.setattr(SnapshotStore, "prune", seen)
    pruner = Pruner()
    pruner.want(tmp_path, 2, frozenset([kept]))
    assert done.wait(10)
    pruner.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [kept, newer]
    assert not (tmp_path / old).exists()


def test_a_newer_wish_for_a_folder_replaces_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    rounds: list[int] = []

    def slow(store: SnapshotStore, round: int, keep: frozenset[str]) -> int:
        rounds.append(round)
        begun.set()
        assert go_on.wait(10)
        if round == 9:
            done.set()
        return 0

    monkeypatch.setattr(SnapshotStore, "prune", slow)
    pruner = Pruner()
    for round in (1, 2, 9):
        pruner.want(tmp_path, round, frozenset())
        assert begun.wait(10)
    go_on.set()
    assert done.wait(10)
    pruner.close()
    assert rounds == [1, 9]


def test_a_folder_that_cannot_be_read_is_for_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("")
    done = threading.Event()
    pruner = Pruner()
    pruner.want(tmp_path / "file", 1, frozenset())
    parts(tmp_path / "next", 1)

    def closer() -> None:
        while "not deleted" not in caplog.text:
            done.wait(0.01)
        pruner.close()

    thread = threading.Thread(target=closer)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_one_that_never_had_anything_to_do_is_closed_at_once():
    Pruner().close()


def test_a_folder_is_deleted_with_all_that_is_in_it(tmp_path: Path):
    folder = tmp_path / "old"
    parts(folder, 1, 2)
    (folder / "more").mkdir()
    pruner = Pruner()
    pruner.delete(folder)
    pruner.delete(tmp_path / "never there")
    tick = threading.Event()
    assert any(not folder.exists() or tick.wait(0.01) for _ in range(1000))
    pruner.close()
    assert list(tmp_path.iterdir()) == []
