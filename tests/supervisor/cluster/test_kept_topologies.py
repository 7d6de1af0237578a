"""What a coordinator keeps of topologies that have ended, and for how long."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.cluster_rows import TopologyRow
from waterspout.supervisor.cluster.kept_topologies import kept_until
from waterspout.supervisor.store_sqlite import SqliteStore

from .cluster_rig import FakeHost, Rig

HOUR = 3600.0


def test_one_that_lives_is_kept_for_good(tmp_path: Path) -> None:
    assert kept_until(TopologyRow("a-1", "a", "active", submitted_at=5.0), tmp_path, HOUR) is None


def test_what_counts_is_when_its_store_was_last_written_to(tmp_path: Path) -> None:
    row = TopologyRow("a-1", "a", "ended", submitted_at=5.0)
    assert kept_until(row, tmp_path / "gone", HOUR) == 5.0 + HOUR
    for name, at in (("store.sqlite", 10.0), ("store.sqlite-wal", 20.0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (at, at))
    assert kept_until(row, tmp_path, HOUR) == 20.0 + HOUR


def comes(seen: Callable[[], bool]) -> bool:
    """Say whether something that another thread does is seen."""
    tick = threading.Event()
    return any(seen() or tick.wait(0.01) for _ in range(1000))


class Ended:
    """A cluster with a topology that has ended."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder, FakeHost("a"), keep_ended_s=HOUR)
        self.rig.run()
        self.id = self.rig.submit()["topology"]
        self.rig.run()
        self.rig.ask("kill", name=self.id, now=True)
        self.rig.run()
        self.folder = self.rig.cluster.folder(self.id)
        self.store = self.folder / "store.sqlite"

    def age(self, seconds: float) -> None:
        """Let time go by since its store was last written to."""
        at = self.rig.cluster.wall()
        os.utime(self.store, (at, at))
        self.rig.now += seconds

    def look(self) -> list[str]:
        """Let the coordinator look at what is old; return what `list` has then."""
        self.rig.restart()
        self.rig.run()
        return [row["id"] for row in self.rig.ask("list")["topologies"]]


@pytest.fixture
def ended(tmp_path: Path) -> Any:
    made = Ended(tmp_path)
    yield made
    made.rig.kill()


def test_one_that_ended_is_kept_for_a_while_and_list_says_until_when(ended: Ended) -> None:
    ended.age(HOUR - 60)
    assert ended.look() == [ended.id]
    (row,) = ended.rig.ask("list")["topologies"]
    assert row["life"] == "ended"
    assert row["kept_until"] == pytest.approx(ended.rig.cluster.wall() + 60, abs=10)


def test_after_that_it_is_forgotten_with_its_folder_and_an_event_says_so(ended: Ended) -> None:
    ended.age(HOUR + 60)
    assert ended.look() == []
    assert not ended.folder.exists()
    assert "forgotten" in ended.rig.happened()
    assert comes(lambda: not list(ended.folder.parent.iterdir())), "deleted, not only put away"
    ended.rig.restart()
    assert ended.rig.ask("list")["topologies"] == []
    assert ended.rig.submit()["topology"] != ended.id


def test_a_folder_that_was_put_away_before_a_kill_is_deleted_later(ended: Ended) -> None:
    put_away = ended.folder.with_name(".gone-other-123456")
    put_away.mkdir()
    (put_away / "store.sqlite").write_bytes(b"x")
    ended.look()
    assert comes(lambda: not put_away.exists())


def test_one_with_dead_letters_is_kept_until_they_are_gone(ended: Ended) -> None:
    store = SqliteStore(ended.store)
    store.add_dead_letters([{"task": 1, "values": ["x"]}])
    store.close()
    ended.age(HOUR + 60)
    assert ended.look() == [ended.id]
    store = SqliteStore(ended.store)
    store.drop_dead_letters()
    store.close()
    ended.age(HOUR + 60)
    assert ended.look() == []


def test_one_that_lives_is_not_forgotten(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeHost("a"), keep_ended_s=HOUR)
    rig.run()
    id = rig.submit()["topology"]
    rig.run()
    os.utime(rig.cluster.folder(id) / "store.sqlite", (5.0, 5.0))
    rig.restart()
    rig.run()
    (row,) = rig.ask("list")["topologies"]
    assert (row["life"], row["kept_until"]) == ("active", None)
    rig.kill()
