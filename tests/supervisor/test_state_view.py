"""What is in a snapshot: maps and entries as the bolt sees them, from the files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from waterspout.bolts.snapshots import MapCopy, StateCopy, encode_part
from waterspout.bolts.state import TaskState
from waterspout.supervisor.snapshot_store import SnapshotStore
from waterspout.supervisor.state_view import READS_MAX, again_when_replaced, read_maps
from waterspout.supervisor.store import Part
from waterspout.topology.errors import CorruptSnapshot, UserError


def kept(folder: Path) -> list[Part]:
    """Write the snapshots of two components, one of them as a chain; return the manifest."""
    store, parts = SnapshotStore(folder), []
    count = TaskState("count", wall_ms=lambda: 5)
    total, seen, rows = count.value("total"), count.map("seen", ttl=10), count.list("rows", ttl=1)
    count.task("raw")["n"] = 1
    for number in range(2):
        for key in ("a", f"b{number}"):
            count.key = key
            total.set(number)
            seen["x"] = number
            rows.append(number)
        count.key = "c"
        total.set("x" * 1000)
        copy = count.snapshot_begin()
        written = store.write(1, number + 1, 7, encode_part(copy))
        chain = count.snapshot_written(copy, written)
    parts += [Part(7, part.file, part.bytes, part.sha256) for part in chain]
    other = TaskState("other", 1)
    other.keyed("plain")["k"] = [1]
    written = store.write(1, 2, 9, encode_part(other.snapshot_begin()))
    return [*parts, Part(9, written.file, written.bytes, written.sha256)]


def test_maps_are_shown_as_the_bolt_calls_them_and_a_chain_as_one(tmp_path: Path) -> None:
    parts = kept(tmp_path)
    assert len(parts) == 3
    found = {
        (view.component, view.index, view.kind, view.name, view.ttl): dict(view.pairs())
        for view in read_maps(parts, tmp_path)
    }
    assert found == {
        ("count", 0, "value", "total", False): {"a": 1, "b0": 0, "b1": 1, "c": "x" * 1000},
        ("count", 0, "map", "seen", True): {"a": {"x": 1}, "b0": {"x": 0}, "b1": {"x": 1}},
        ("count", 0, "list", "rows", True): {"a": [0, 1], "b0": [0], "b1": [1]},
        ("count", 0, "task", "raw", False): {"n": 1},
        ("other", 1, "keyed", "plain", False): {"k": [1]},
    }


def test_what_several_tasks_will_share_after_a_change_of_parallelism_is_shown_once(
    tmp_path: Path,
) -> None:
    parts = kept(tmp_path)
    shown = list(read_maps(parts, tmp_path))
    shared = [replace(part, task=task) for task in (7, 8, 9) for part in parts]
    assert list(read_maps(shared, tmp_path)) == shown


def test_one_component_is_chosen_by_its_name_or_refused(tmp_path: Path) -> None:
    parts = kept(tmp_path)
    assert {view.component for view in read_maps(parts, tmp_path, "other")} == {"other"}
    with pytest.raises(UserError, match="no component 'cuont' keeps state, did you mean 'count'"):
        list(read_maps(parts, tmp_path, "cuont"))


def test_what_was_on_its_way_to_a_task_is_no_state(tmp_path: Path) -> None:
    parts, shown = kept(tmp_path), list(read_maps(kept(tmp_path), tmp_path))
    store = SnapshotStore(tmp_path)
    for task in (7, 11):
        log = StateCopy("count", 0, (MapCopy("task", "frames", {0: b"x"}),), log=True)
        written = store.write(1, 2, task, encode_part(log), log=True)
        parts.append(Part(task, written.file, written.bytes, written.sha256))
    assert list(read_maps(parts, tmp_path)) == shown


def test_a_snapshot_that_was_replaced_meanwhile_is_begun_anew_a_few_times() -> None:
    calls = []

    def read() -> int:
        calls.append(1)
        if len(calls) < wanted:
            raise CorruptSnapshot("gone")
        return 5

    wanted = READS_MAX
    assert again_when_replaced(read) == 5
    calls.clear()
    wanted = READS_MAX + 1
    with pytest.raises(CorruptSnapshot):
        again_when_replaced(read)
