"""Dead letters and reservations: stored before they are answered, else the answer waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from waterspout.supervisor import letters as letters_module
from waterspout.supervisor.letters import Letters
from waterspout.supervisor.store import StoreError
from waterspout.supervisor.store_memory import MemoryStore

WORKER_OF = {1: 0, 2: 1}


class FullDisk(MemoryStore):
    full = False

    def add_dead_letters(self, records: Any) -> None:
        if self.full:
            raise StoreError("disk full")
        super().add_dead_letters(records)

    def drop_dead_letters(self, *args: Any) -> int:
        if self.full:
            raise StoreError("disk full")
        return super().drop_dead_letters(*args)


class Desk:
    def __init__(self, letters_max: int = 2) -> None:
        self.store = FullDisk()
        self.store.next_epoch()
        self.sent: list[tuple[int, dict[str, Any]]] = []
        self.reserved: list[tuple[int, int, int]] = []
        self.letters = Letters(self.store, WORKER_OF, letters_max, self.send, self)  # type: ignore[arg-type]
        self.now = 0.0

    def send(self, worker: int, message: dict[str, Any]) -> None:
        self.sent.append((worker, message))

    def on_reserve(self, *what: int) -> None:
        self.reserved.append(what)  # type: ignore[arg-type]

    def tasks_of(self) -> dict[int, list[int]]:
        return {1: [1], 2: [2]}

    def first_task(self, component: str) -> int:
        return {"lines": 2}.get(component, 0)

    def ask(self, id: int, *starts: int, worker: int = 0, **more: Any) -> None:
        records = [record(start, **more) for start in starts]
        self.letters.on_request(worker, {"kind": "dead_letters", "id": id, "records": records})

    def tick(self, replay: bool = False) -> None:
        self.now += letters_module.ASK_INTERVAL_S
        self.letters.on_tick(self.now, replay=replay)

    def answered(self) -> list[tuple[int, str, int]]:
        sent, self.sent = self.sent, []
        return [(worker, m["kind"], m["id"]) for worker, m in sent]


def record(start: int, task: int = 1, **more: Any) -> Mapping[str, Any]:
    values = [f"v{start}"]
    return {"task": task, "partition": "a", "start": start, "stream": "s", "values": values, **more}


def test_letters_are_stored_before_they_are_answered():
    desk = Desk()
    desk.ask(7, 10, 11)
    assert desk.answered() == [(0, "dead_letters_stored", 7)]
    assert [x.record["start"] for x in desk.store.dead_letters()] == [10, 11]
    assert desk.letters.count == 2


def test_without_room_answers_are_withheld_until_letters_are_dropped():
    desk = Desk(letters_max=2)
    desk.ask(7, 10, 11)
    desk.ask(8, 12)
    desk.ask(9, 13)
    desk.tick()
    assert desk.answered() == [(0, "dead_letters_stored", 7)]
    assert "dead_letters_max" in desk.letters.blocked
    assert desk.store.dead_letter_count() == 2
    desk.store.drop_dead_letters([desk.store.dead_letters()[0].id])
    desk.tick()
    assert desk.answered() == [(0, "dead_letters_stored", 8)]
    desk.store.drop_dead_letters()
    desk.tick()
    assert desk.answered() == [(0, "dead_letters_stored", 9)]
    assert desk.letters.blocked == ""


def test_a_full_disk_withholds_answers_too():
    desk = Desk()
    desk.store.full = True
    desk.ask(7, 10)
    assert (desk.answered(), desk.letters.blocked) == ([], "disk full")
    desk.store.full = False
    desk.tick()
    assert desk.answered() == [(0, "dead_letters_stored", 7)]


def test_a_lost_worker_is_not_answered():
    desk = Desk()
    desk.store.full = True
    desk.ask(7, 10, worker=0)
    desk.ask(8, 11, worker=1)
    desk.store.full = False
    desk.letters.on_lost(0)
    desk.tick()
    assert desk.answered() == [(1, "dead_letters_stored", 8)]
    assert [x.record["start"] for x in desk.store.dead_letters()] == [11]


def test_positions_are_reserved_before_the_answer():
    desk = Desk()
    message = {
        "kind": "reserve", "epoch": 1, "id": 3, "task": 1, "positions": {"a": [100, []]},
        "messages": 40,
    }  # fmt: skip
    desk.letters.on_request(0, message)
    assert desk.answered() == [(0, "reserved", 3)]
    assert desk.store.positions() == {1: {"a": [100, []]}}
    assert desk.reserved == [(0, 1, 40)]


# --- another try --------------------------------------------------------------------------------


def replays(desk: Desk) -> list[tuple[int, dict[int, list[list[Any]]]]]:
    sent, desk.sent = desk.sent, []
    return [(worker, m["replays"]) for worker, m in sent]


@pytest.fixture
def marked() -> Desk:
    """Letters 1 and 2 of task 1, 3 of task 2, all marked for another try."""
    desk = Desk(letters_max=3)
    desk.ask(7, 10, 11)
    desk.ask(8, 20, task=2)
    desk.store.mark_replay()
    desk.sent.clear()
    return desk


def test_marked_letters_go_to_the_worker_of_their_spout_task(marked: Desk):
    assert marked.letters.replays(0) == {1: [[1, "s", ["v10"]], [2, "s", ["v11"]]]}
    assert marked.letters.replays(0) == {}
    assert marked.letters.replays(1) == {2: [[3, "s", ["v20"]]]}


def test_letters_marked_while_it_runs_are_sent_once(marked: Desk):
    marked.tick(replay=False)
    assert replays(marked) == []
    marked.tick(replay=True)
    assert [worker for worker, _ in replays(marked)] == [0, 1]
    marked.tick(replay=True)
    assert replays(marked) == []
    assert marked.letters.replaying


def test_letters_that_came_through_are_not_waited_for_any_more(marked: Desk):
    marked.tick(replay=True)
    marked.store.drop_dead_letters([1, 3])  # what the commit of a snapshot does
    marked.letters.on_replayed([1, 3])
    assert (marked.letters.count, marked.letters.replaying) == (1, True)
    marked.letters.on_replayed([2])
    assert not marked.letters.replaying
    assert (marked.letters.through, marked.letters.failed_again) == (3, 0)


def test_after_a_restore_letters_are_given_out_again_and_old_requests_are_void(marked: Desk):
    marked.tick(replay=True)
    before = replays(marked)
    rows = [letter.record for letter in marked.store.dead_letters()]
    for task in (1, 2):
        ends = {r["partition"]: [100, []] for r in rows if r["task"] == task}
        marked.store.commit_round(task, marked.store.epoch() or marked.store.next_epoch(),
                                  {task: ends}, [])  # fmt: skip
    marked.letters.on_restored()
    marked.tick(replay=True)
    assert replays(marked) == before


def test_a_letter_that_failed_again_is_kept_although_there_is_no_room(marked: Desk):
    marked.tick(replay=True)
    marked.sent.clear()
    marked.ask(9, 10, replay_of=1)
    assert marked.answered() == [(0, "dead_letters_stored", 9)]
    first = marked.store.dead_letters()[0]
    assert (first.id, first.status) == (1, "kept")
    assert (marked.letters.through, marked.letters.failed_again) == (0, 1)
    marked.tick(replay=True)
    assert replays(marked) == []


def test_what_a_lost_worker_was_to_replay_is_given_to_its_successor(marked: Desk):
    marked.tick(replay=True)
    marked.letters.on_lost(0)
    assert set(marked.letters.replays(0)) == {1}


def test_only_so_many_letters_are_tried_again_at_a_time(
    marked: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(letters_module, "REPLAYS_MAX", 1)
    assert marked.letters.replays(0) == {1: [[1, "s", ["v10"]]]}
    assert marked.letters.replays(0) == {}
    marked.store.drop_dead_letters([1])
    marked.letters.on_replayed([1])
    assert marked.letters.replays(0) == {1: [[2, "s", ["v11"]]]}


def test_a_request_that_is_said_again_is_answered_again_and_stored_once():
    """After a restart of the coordinator a worker cannot know what became of its request."""
    desk = Desk()
    message = {"kind": "dead_letters", "id": 7, "records": [{**record(1), "partition": None}]}
    for _ in range(2):
        desk.letters.on_request(0, message, 99)
    assert desk.answered() == [(0, "dead_letters_stored", 7)] * 2
    assert desk.letters.count == 1
    desk.letters.on_request(0, {**message, "id": 8}, 99)
    assert desk.letters.count == 2


def test_a_letter_with_a_name_takes_the_place_of_the_one_before():
    """After a restore the same call of a bolt is given up once more."""
    desk = Desk()
    for id, name in ((7, "a"), (8, "a"), (9, "b")):
        records = [{**record(1), "partition": None, "request": ["call", name, 0]}]
        desk.letters.on_request(0, {"kind": "dead_letters", "id": id, "records": records}, 99)
    assert desk.letters.count == 2


def test_a_request_that_is_said_again_while_it_waits_waits_once():
    desk = Desk()
    desk.store.full = True
    desk.ask(7, 10)
    desk.ask(7, 10)
    desk.store.full = False
    desk.tick()
    assert desk.answered() == [(0, "dead_letters_stored", 7)]


def test_a_reservation_that_is_asked_for_again_after_a_later_one_is_granted():
    desk = Desk()
    for number, end in ((1, 100), (2, 200), (1, 100), (2, 200)):
        message = {"kind": "reserve", "epoch": 1, "id": number, "task": 1, "messages": 9}
        desk.letters.on_request(0, {**message, "positions": {"a": [end, []]}})
    assert [id for _, _, id in desk.answered()] == [1, 2, 1, 2]
    assert desk.store.positions() == {1: {"a": [200, []]}}


def test_a_letter_of_a_task_that_is_gone_is_tried_by_the_first_task_of_its_component():
    desk = Desk()
    desk.store.add_dead_letters([record(1, task=0, component="lines")])
    desk.store.add_dead_letters([record(2, task=0, component="gone")])
    desk.store.mark_replay()
    desk.tick(replay=True)
    assert [(worker, message["replays"]) for worker, message in desk.sent] == [
        (1, {2: [[1, "s", ["v1"]]]})
    ]


def test_under_exactly_once_a_letter_waits_until_the_position_past_its_message_is_durable():
    desk = Desk()
    desk.letters = Letters(desk.store, WORKER_OF, 2, desk.send, desk, exact=True)  # type: ignore[arg-type]
    desk.ask(1, 5, end=6)
    desk.store.mark_replay()
    assert desk.letters.replays(0) == {}
    desk.store.commit_round(1, 1, {1: {"a": [5, []]}}, [])
    assert desk.letters.replays(0) == {}
    desk.store.commit_round(2, 1, {1: {"a": [6, []]}}, [])
    assert list(desk.letters.replays(0)) == [1]
