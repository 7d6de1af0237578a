"""The contract of a store: every implementation passes the same tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor import store_memory, store_sqlite
from waterspout.supervisor.store import (
    Part,
    PositionWentBack,
    StaleEpoch,
    Store,
    Suspect,
    TopologyChanged,
    covered,
)
from waterspout.supervisor.store_memory import MemoryStore
from waterspout.supervisor.store_sqlite import SqliteStore

MAKERS: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(wall=lambda: 7.0),
    "sqlite": lambda folder: SqliteStore(folder / "store.sqlite", wall=lambda: 7.0),
}


@pytest.fixture(params=MAKERS)
def store(request: Any, tmp_path: Path) -> Iterator[Store]:
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def letter(start: int | None = 10, **more: Any) -> dict[str, Any]:
    return {
        "task": 1, "component": "lines", "partition": None if start is None else "a.txt",
        "start": start, "end": None if start is None else start + 5, "stream": "default",
        "values": ["x", {1: b"raw"}], "attempts": 5, "reason": "boom", "traceback": "", **more,
    }  # fmt: skip


def part(task: int, round: int = 1) -> Part:
    return Part(task, f"{round}-{task}.part", 100, "ab")


# --- epochs and whose state it is ---------------------------------------------------------------


def test_epochs_rise_from_one(store: Store):
    assert store.epoch() == 0
    assert [store.next_epoch(), store.next_epoch()] == [1, 2]
    assert store.epoch() == 2


def test_state_of_another_topology_is_refused(store: Store):
    store.bind("a")
    store.bind("a")
    with pytest.raises(TopologyChanged, match="--fresh"):
        store.bind("b")


def test_state_that_is_new_is_of_whoever_asks_first(store: Store):
    assert store.is_of("a")
    assert (store.is_of("b"), store.is_of("a")) == (False, True)


# --- rounds -------------------------------------------------------------------------------------


def test_an_empty_store_has_nothing_to_restore(store: Store):
    assert store.last_round() == 0
    assert store.restore_round() is None
    assert store.parts() == []
    assert store.positions() == {}


def test_a_round_adds_to_positions_and_replaces_parts(store: Store):
    epoch = store.next_epoch()
    store.commit_round(1, epoch, {1: {"a": [5, [[7, 9]]]}, 2: {"b": [1, []]}}, [part(3), part(4)])
    store.commit_round(2, epoch, {1: {"a": [9, []], "c": [0, [[1, 2]]]}}, [part(3, 2)])
    assert store.positions() == {1: {"a": [9, []], "c": [0, [[1, 2]]]}, 2: {"b": [1, []]}}
    assert store.parts() == [part(3, 2)]
    assert (store.last_round(), store.restore_round()) == (2, 2)


def test_committing_the_newest_round_again_changes_nothing(store: Store):
    epoch = store.next_epoch()
    store.commit_round(1, epoch, {1: {"a": [5, []]}}, [part(3)])
    store.commit_round(1, epoch, {1: {"a": [5, []]}}, [part(3)])
    assert store.positions() == {1: {"a": [5, []]}}


@pytest.mark.parametrize(("round", "epoch"), [(3, 1), (1, 2), (3, 3)])
def test_a_commit_of_another_epoch_or_an_older_round_is_refused(
    store: Store, round: int, epoch: int
):
    store.next_epoch()
    assert store.next_epoch() == 2
    store.commit_round(2, 2, {}, [])
    with pytest.raises(StaleEpoch):
        store.commit_round(round, epoch, {1: {"a": [5, []]}}, [])
    assert store.positions() == {}


def test_numbers_of_rounds_are_given_out_once(store: Store):
    assert [store.next_rounds(10), store.next_rounds(1), store.next_rounds(5)] == [1, 11, 12]
    store.commit_round(40, store.next_epoch(), {}, [])
    store.clear()
    assert store.next_rounds(1) == 41


def test_a_part_may_have_several_files_and_several_tasks_one_file(store: Store):
    parts = [part(4), part(3, 2), part(3, 1), Part(5, "1-4.part", 100, "ab")]
    store.commit_round(1, store.next_epoch(), {}, parts)
    assert store.parts() == [part(3, 2), part(3, 1), part(4), Part(5, "1-4.part", 100, "ab")]
    assert store.files() == {"2-3.part", "1-3.part", "1-4.part"}


def test_retained_rounds_can_be_fallen_back_to_with_their_positions(store: Store):
    epoch = store.next_epoch()
    for n in (1, 2, 3, 4):
        positions = {1: {"a": [n * 10, [[n * 10 + 5, n * 10 + 7]]]}}
        store.commit_round(n, epoch, positions, [part(3, n)], (), n == 4, 3)
    assert store.files() == {"2-3.part", "3-3.part", "4-3.part"}
    assert store.final()
    assert store.fall_back() == 3
    assert store.positions() == {1: {"a": [30, [[35, 37]]]}}
    assert (store.parts(), store.restore_round()) == ([part(3, 3)], 3)
    assert (store.last_round(), store.final()) == (4, False)
    assert store.fall_back() == 2
    assert store.fall_back() is None
    assert store.parts() == [part(3, 2)], "the only one stays"


def test_only_the_newest_round_is_kept_unless_more_are_asked_for(store: Store):
    epoch = store.next_epoch()
    store.commit_round(1, epoch, {}, [part(3, 1)])
    store.commit_round(2, epoch, {}, [part(3, 2)])
    assert (store.files(), store.fall_back()) == ({"2-3.part"}, None)


def test_letters_are_dropped_with_the_round_that_holds_their_other_try(store: Store):
    store.add_dead_letters([letter(10), letter(20), letter(30)])
    epoch = store.next_epoch()
    store.commit_round(1, epoch, {1: {"z": [5, []]}}, [], [1, 3])
    assert [x.id for x in store.dead_letters()] == [2]
    with pytest.raises(PositionWentBack):
        store.commit_round(2, epoch, {1: {"z": [4, []]}}, [], [2])
    assert store.dead_letter_count() == 1


def test_letters_of_messages_that_are_drawn_again_are_dropped(store: Store):
    own = {"task": 9, "partition": None, "start": None, "values": [1], "request": [5, 1, 0]}
    other = letter(7, partition="never/read/request 1.txt")
    store.add_dead_letters([letter(10), letter(20), letter(35), letter(40), own, other])
    store.commit_round(1, store.next_epoch(), {1: {"a.txt": [20, [[35, 40]]]}}, [])
    assert store.drop_uncovered({}) == 3
    kept = [(x.record["task"], x.record["start"]) for x in store.dead_letters()]
    assert kept == [(1, 10), (1, 35), (9, None)]
    assert store.drop_uncovered({}) == 0


def test_another_task_of_the_component_may_have_the_partition_by_now(store: Store):
    store.add_dead_letters([letter(10), letter(30)])
    store.commit_round(1, store.next_epoch(), {2: {"a.txt": [20, []]}}, [])
    assert store.drop_uncovered({1: [1, 2], 2: [1, 2]}) == 1
    assert [x.record["start"] for x in store.dead_letters()] == [10]
    assert store.drop_uncovered({1: [1], 2: [2]}) == 1


def test_letters_may_be_taken_back_from_being_tried_again(store: Store):
    store.add_dead_letters([letter(10), letter(20)])
    store.mark_replay()
    store.keep_letters([1])
    assert [x.id for x in store.replays()] == [2]


def test_the_final_round_is_final_until_the_run_has_finished_or_another_one_comes(store: Store):
    epoch = store.next_epoch()
    store.commit_round(1, epoch, {}, [], (), True)
    assert store.final()
    store.commit_round(2, epoch, {}, [])
    assert not store.final()
    store.commit_round(3, epoch, {}, [], (), True)
    store.mark_finished()
    assert (store.final(), store.finished()) == (False, True)


def test_a_plan_that_begins_with_state_has_a_round_to_restore_from(store: Store):
    store.replace_plan("b", {1: {"a": [5, []]}}, [part(3)], nowhere)
    assert store.restore_round() == 0
    assert store.parts() == [part(3)]


def test_a_round_whose_position_went_back_changes_nothing(store: Store):
    epoch = store.next_epoch()
    store.commit_round(1, epoch, {1: {"b": [5, []]}}, [part(3)])
    with pytest.raises(PositionWentBack):
        store.commit_round(2, epoch, {1: {"a": [8, []], "b": [4, []]}}, [part(3, 2)])
    assert store.positions() == {1: {"b": [5, []]}}
    assert store.parts() == [part(3)]
    assert store.last_round() == 1


def test_a_reservation_is_a_position_that_only_grows(store: Store):
    epoch = store.next_epoch()
    store.reserve(epoch, 1, {"a": [100, []]})
    store.reserve(epoch, 1, {"a": [200, []]})
    with pytest.raises(PositionWentBack):
        store.reserve(epoch, 1, {"a": [150, []]})
    with pytest.raises(StaleEpoch):
        store.reserve(epoch + 1, 1, {"a": [300, []]})
    assert store.positions() == {1: {"a": [200, []]}}


# --- suspects -----------------------------------------------------------------------------------


def test_attempts_of_a_suspect_only_rise(store: Store):
    store.note_suspects([Suspect(1, "a", 10, 15, 1), Suspect(2, "a", 10, 15, 1)])
    store.note_suspects([Suspect(1, "a", 10, 15, 3)])
    store.note_suspects([Suspect(1, "a", 10, 15, 2)])
    assert store.suspects() == [Suspect(1, "a", 10, 15, 3), Suspect(2, "a", 10, 15, 1)]


def test_suspects_are_forgotten_once_their_position_is_durable(store: Store):
    starts = (10, 20, 30)
    store.note_suspects(
        [Suspect(task, p, s, s + 5, 1) for task in (1, 2) for p in "ab" for s in starts]
    )
    store.commit_round(1, store.next_epoch(), {1: {"a": [15, [[30, 40]]]}}, [])
    left = [(s.task, s.partition, s.start) for s in store.suspects()]
    assert left == [(1, "a", 20), *[(1, "b", s) for s in starts]] + [
        (2, p, s) for p in "ab" for s in starts
    ]


def test_a_position_is_covered_below_first_unacked_and_in_the_ranges_ahead():
    position = [10, [[12, 14], [20, 30]]]
    durable = [n for n in range(32) if covered(n, position)]
    assert durable == [*range(10), 12, 13, *range(20, 30)]


# --- dead letters -------------------------------------------------------------------------------


def test_dead_letters_come_back_as_they_were(store: Store):
    store.add_dead_letters([letter(10), letter(None, message_id="m1")])
    first, second = store.dead_letters()
    assert dict(first.record) == letter(10)
    assert (first.status, first.at) == ("kept", 7.0)
    assert second.record["message_id"] == "m1"
    assert store.dead_letter(second.id) == second
    assert store.dead_letter(99) is None
    assert store.dead_letters(after=first.id) == [second]
    assert store.dead_letters(limit=1) == [first]


def test_the_same_message_is_one_dead_letter(store: Store):
    store.add_dead_letters([letter(10)])
    store.add_dead_letters([letter(10, reason="again"), letter(10, task=2)])
    assert [x.record["reason"] for x in store.dead_letters()] == ["again", "boom"]


def test_messages_without_position_are_each_a_letter(store: Store):
    store.add_dead_letters([letter(None), letter(None)])
    assert store.dead_letter_count() == 2


def test_letters_can_be_marked_for_replay_and_dropped(store: Store):
    store.add_dead_letters([letter(n) for n in range(4)])
    ids = [x.id for x in store.dead_letters()]
    assert store.mark_replay([ids[0], ids[2], 999]) == 2
    assert [x.id for x in store.replays()] == [ids[0], ids[2]]
    assert [x.id for x in store.replays(after=ids[0])] == [ids[2]]
    assert store.drop_dead_letters([ids[0], ids[1], 999]) == 2
    assert [x.id for x in store.dead_letters()] == ids[2:]
    assert store.mark_replay() == 2
    assert store.drop_dead_letters() == 2
    assert store.dead_letter_count() == 0


def test_a_replay_that_failed_is_the_same_letter_again(store: Store):
    store.add_dead_letters([letter(10)])
    (kept,) = store.dead_letters()
    store.mark_replay()
    store.add_dead_letters([{"replay_of": kept.id, "reason": "still"}])
    (again,) = store.dead_letters()
    assert (again.id, again.status, again.record["reason"]) == (kept.id, "kept", "still")
    assert {**again.record, "reason": kept.record["reason"]} == {
        **kept.record,
        "replay_of": kept.id,
    }


def test_ids_of_letters_are_never_used_again(store: Store):
    store.add_dead_letters([letter(1)])
    (old,) = store.dead_letters()
    store.drop_dead_letters()
    store.add_dead_letters([letter(2)])
    assert store.dead_letters()[0].id > old.id


# --- history and the end ------------------------------------------------------------------------


def test_events_come_back_oldest_first(store: Store):
    for number in range(10):
        store.add_event("worker lost", {"worker": number})
    assert store.events(2) == [(7.0, "worker lost", {"worker": n}) for n in (8, 9)]


@pytest.mark.parametrize("maker", MAKERS)
def test_history_and_suspects_are_bounded(
    maker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for module in (store_memory, store_sqlite):
        monkeypatch.setattr(module, "EVENTS_MAX", 3)
        monkeypatch.setattr(module, "SUSPECTS_MAX", 3)
    store = MAKERS[maker](tmp_path)
    for number in range(5):
        store.add_event("e", {"n": number})
        store.note_suspects([Suspect(1, "a", number, number + 1, 1)])
    assert [fields["n"] for _, _, fields in store.events()] == [2, 3, 4]
    assert [s.start for s in store.suspects()] == [2, 3, 4]


def test_finished_is_a_mark_of_the_newest_epoch(store: Store):
    assert not store.finished()
    store.next_epoch()
    store.mark_finished()
    assert store.finished()
    store.next_epoch()
    assert not store.finished()


def test_starting_over_keeps_only_the_numbers_that_must_rise(store: Store):
    store.bind("a")
    epoch = store.next_epoch()
    store.commit_round(4, epoch, {1: {"a": [5, []]}}, [part(3)])
    store.note_suspects([Suspect(1, "a", 10, 15, 1)])
    store.add_dead_letters([letter(1), letter(2)])
    store.mark_finished()
    assert store.clear() == 2
    assert (store.positions(), store.parts(), store.suspects()) == ({}, [], [])
    assert store.dead_letters() == []
    assert store.restore_round() is None
    assert not store.finished()
    assert (store.epoch(), store.last_round()) == (epoch, 4)
    store.bind("b")


def test_letters_without_a_position_are_told_apart_by_their_request(store: Store):
    one, other = [2**63 + 1, 7, 0], [2**63 + 1, 8, 0]
    store.add_dead_letters(letter(None, request=request) for request in (one, other, one))
    assert [x.record["request"] for x in store.dead_letters()] == [one, other]
    assert [x.record["partition"] for x in store.dead_letters()] == [None, None]


# --- another plan -------------------------------------------------------------------------------


def nowhere(task: int, partition: str | None) -> None:
    """No task goes on with anything."""


def test_attempts_go_with_partitions_to_another_plan(store: Store):
    kept = [Suspect(1, "a", 9, 10, 2), Suspect(1, "b", 9, 10, 1), Suspect(2, "a", 9, 10, 3)]
    store.note_suspects(kept)
    homes = {(1, "a"): 7, (1, "b"): 1}
    store.replace_plan("new", {}, [], lambda task, partition: homes.get((task, partition or "")))
    assert store.suspects() == [Suspect(7, "a", 9, 10, 2), Suspect(1, "b", 9, 10, 1)]

def test_a_store_goes_over_to_another_plan(store: Store):
    store.bind("old")
    epoch = store.next_epoch()
    store.commit_round(4, epoch, {1: {"a": [5, []]}, 2: {"b": [7, []]}}, [part(3), part(4)])
    store.replace_plan("new", {2: {"a": [3, [[4, 5]]]}}, [part(5)], nowhere)
    assert store.positions() == {2: {"a": [3, [[4, 5]]]}}
    assert store.parts() == [part(5)]
    assert (store.epoch(), store.last_round(), store.restore_round()) == (epoch, 4, 4)
    store.bind("new")
    with pytest.raises(TopologyChanged):
        store.bind("old")


def test_letters_go_with_their_tasks_and_those_of_a_task_that_is_gone_are_kept(store: Store):
    store.add_dead_letters([letter(task=task) for task in (1, 2, 3, 4)])
    store.mark_replay([2])
    store.replace_plan("new", {}, [], lambda task, partition: {1: 2, 2: 1}.get(task))
    found = [(x.id, x.record["task"], x.status) for x in store.dead_letters()]
    assert found == [(1, 2, "kept"), (2, 1, "replay"), (3, 0, "kept"), (4, 0, "kept")]
    # A new letter of the position of a moved one replaces it, and only it.
    store.add_dead_letters([letter(task=2, reason="new"), letter(task=3)])
    found = [(x.record["task"], x.record["reason"]) for x in store.dead_letters()]
    assert found == [(2, "new"), (1, "boom"), (0, "boom"), (0, "boom"), (3, "boom")]
    store.add_dead_letters([{"replay_of": 3, "reason": "again", "traceback": ""}])
    assert store.dead_letter(3).record["reason"] == "again"  # type: ignore[union-attr]
