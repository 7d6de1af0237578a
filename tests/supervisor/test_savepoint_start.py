"""From a savepoint to a new run: state follows its component, what has no place is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.plan_move import PlanMoveRefused
from waterspout.supervisor.savepoint_folder import read_savepoint
from waterspout.supervisor.savepoint_start import (
    StateThere,
    StateUnmatched,
    begin_from,
    matched,
    named_anew,
    unmatched,
)
from waterspout.supervisor.snapshot_store import SnapshotStore
from waterspout.supervisor.store import Part
from waterspout.supervisor.store_sqlite import SqliteStore

from .savepoint_rig import plan_of, savepoint_at


def test_the_same_topology_goes_on_with_all_of_it(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")
    positions, parts = matched(made, plan_of(secret="other"))
    assert (positions, parts) == (made.positions, list(made.parts))


def test_state_whose_component_is_gone_is_refused_by_name_and_may_be_dropped(
    tmp_path: Path,
) -> None:
    made = savepoint_at(tmp_path / "sp")
    other = plan_of(bolt="counter", spout="rows")
    lost = unmatched(made.plan, made.positions, made.parts, other)
    assert lost == ["state of 'count'", "positions of 'lines'"]
    with pytest.raises(StateUnmatched, match=r"'count'.*--allow-dropped-state"):
        matched(made, other)
    assert matched(made, other, allow_dropped=True) == ({}, [])


def test_state_of_a_bolt_that_keeps_none_any_more_is_refused_too(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")
    other = plan_of(stateful=False)
    assert unmatched(made.plan, made.positions, made.parts, other) == ["state of 'count'"]


def test_a_component_of_another_kind_is_refused(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")
    with pytest.raises(PlanMoveRefused, match="was a"):
        matched(made, plan_of(bolt="lines", spout="count"), allow_dropped=True)


def test_another_parallelism_reads_each_file_where_its_keys_go(tmp_path: Path) -> None:
    made = savepoint_at(tmp_path / "sp")
    _, parts = matched(made, plan_of(3))
    files = [part.file for part in made.parts]
    of_task = {t.index: [p.file for p in parts if p.task == t.task] for t in plan_of(3).tasks[1:]}
    assert of_task == {0: [files[0]], 1: files, 2: [files[1]]}


def test_files_get_names_of_their_own_and_shared_ones_stay_shared() -> None:
    parts = [Part(1, "x", 1, "a"), Part(2, "y", 1, "b"), Part(2, "x", 1, "a")]
    anew, names = named_anew(parts)
    assert [p.file for p in anew] == [names["x"], names["y"], names["x"]]
    assert len(set(names.values())) == 2


def test_a_state_folder_begins_with_the_savepoint(tmp_path: Path) -> None:
    savepoint_at(tmp_path / "sp")
    begin_from(read_savepoint(tmp_path / "sp"), tmp_path / "sp", plan_of(), tmp_path / "state")
    store = SqliteStore(tmp_path / "state" / "store.sqlite", owner=True)
    store.bind(plan_of().fingerprint())
    assert store.positions() == {1: {"a.txt": [17, [[20, 22]]]}}
    assert store.restore_round() == 0
    snapshots = SnapshotStore(tmp_path / "state" / "snapshots")
    words = [snapshots.read(p.file, p.sha256).keyed["counts"] for p in store.parts()]
    assert [len(each) for each in words] == [50, 50]
    store.close()


def test_state_that_is_there_is_dropped_only_when_that_is_asked_for(tmp_path: Path) -> None:
    savepoint_at(tmp_path / "sp")
    made = read_savepoint(tmp_path / "sp")
    begin_from(made, tmp_path / "sp", plan_of(), tmp_path / "state")
    with pytest.raises(StateThere, match="--fresh"):
        begin_from(made, tmp_path / "sp", plan_of(), tmp_path / "state")
    begin_from(made, tmp_path / "sp", plan_of(3), tmp_path / "state", fresh=True)
    store = SqliteStore(tmp_path / "state" / "store.sqlite")
    store.bind(plan_of(3).fingerprint())
    assert len(store.parts()) == 4
    store.close()
    assert len(read_savepoint(tmp_path / "sp").parts) == 2, "the savepoint is as it was"
