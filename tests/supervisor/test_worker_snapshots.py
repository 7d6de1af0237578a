"""Snapshot parts: written on a thread of their own, and a full disk is an outcome like others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue

from waterspout.bolts.state import TaskState
from waterspout.supervisor.snapshot_store import SnapshotStore, WrittenPart
from waterspout.supervisor.worker_core import SnapshotJob
from waterspout.supervisor.worker_snapshots import SnapshotThread, write_part

from .shell_fakes import FakeCore


class FullDisk(SnapshotStore):
    def write(
        self, epoch: int, round_: int, task: int, pieces: Iterable[bytes], *, log: bool = False
    ) -> WrittenPart:
        raise OSError(28, "No space left on device")


def job() -> SnapshotJob:
    state = TaskState("count")
    state.keyed("counts")["word"] = 1
    return SnapshotJob(1, 2, 3, state.snapshot_begin())


def test_a_part_is_on_disk_before_the_core_is_told(tmp_path: Path) -> None:
    core, store = FakeCore(), SnapshotStore(tmp_path / "snapshots")
    tell = write_part(core, store, job())  # type: ignore[arg-type]
    assert core.parts == []
    tell(0.0)
    ((outcome, part),) = core.parts
    assert outcome == "written"
    assert store.read(part.file, part.sha256)


def test_a_full_disk_fails_the_round_only(tmp_path: Path) -> None:
    core = FakeCore()
    write_part(core, FullDisk(tmp_path / "snapshots"), job())(0.0)  # type: ignore[arg-type]
    ((outcome, text),) = core.parts
    assert outcome == "failed"
    assert text.startswith("count (task 3): OSError")
    assert "No space left" in text


def test_parts_are_written_in_the_order_of_their_jobs(tmp_path: Path) -> None:
    core, posted = FakeCore(), SimpleQueue[Callable[[float], object]]()
    thread = SnapshotThread(core, SnapshotStore(tmp_path / "s"), posted.put)  # type: ignore[arg-type]
    for _ in range(3):
        thread.submit(job())
    for _ in range(3):
        posted.get(timeout=5)(0.0)
    assert [outcome for outcome, _ in core.parts] == ["written"] * 3
