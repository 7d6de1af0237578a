"""A session: once, in order, over anything that loses, repeats, and restarts."""

from __future__ import annotations

import random
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor import control_session
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.control_wire import peek, unpack

from ..each_case import each_case


def pair() -> tuple[Session, Session]:
    return Session(1, head={"worker": 3, "incarnation": 77}), Session(9)


def test_a_message_comes_out_as_it_went_in_with_its_sender() -> None:
    worker, coordinator = pair()
    data = worker.send({"kind": "ready", "epoch": 4}, 0.0)
    names = ("worker", "incarnation", "n", "kind")
    assert peek(data, names) == {"worker": 3, "incarnation": 77, "n": 1, "kind": "ready"}
    assert coordinator.receive(unpack(data), 0.0) == {
        "kind": "ready", "epoch": 4, "worker": 3, "incarnation": 77,
    }  # fmt: skip
    assert coordinator.peer_boot == 1


def test_what_came_before_or_too_early_is_not_taken() -> None:
    worker, coordinator = pair()
    first, second, third = (worker.send({"kind": k}, 0.0) for k in ("a", "b", "c"))
    taken = [coordinator.receive(unpack(d), 0.0) for d in (first, third, first, second, second)]
    assert [m and m["kind"] for m in taken] == ["a", None, None, "b", None]


def test_what_is_not_numbered_needs_no_turn_and_no_confirmation() -> None:
    worker, coordinator = pair()
    worker.send({"kind": "lost"}, 0.0)
    data = worker.send({"kind": "report"}, 0.0, numbered=False)
    message = coordinator.receive(unpack(data), 0.0)
    assert message is not None
    assert message["kind"] == "report"
    coordinator.handled()
    assert coordinator.next_at == inf
    assert worker.unacked == 1


def test_a_confirmation_goes_along_or_waits_a_little() -> None:
    worker, coordinator = pair()
    for kind in ("a", "b"):
        coordinator.receive(unpack(worker.send({"kind": kind}, 0.0)), 10.0)
        coordinator.handled()
    assert coordinator.due(10.0) == []
    assert coordinator.next_at == 10.25
    (alone,) = coordinator.due(10.25)
    assert coordinator.due(99.0) == []
    assert worker.receive(unpack(alone), 1.0) is None
    assert worker.unacked == worker.unacked_bytes == 0
    assert worker.next_at == inf
    coordinator.receive(unpack(worker.send({"kind": "c"}, 1.0)), 11.0)
    coordinator.handled()
    assert worker.receive(unpack(coordinator.send({"kind": "go"}, 11.0)), 1.0) == {"kind": "go"}
    assert worker.unacked == 0
    # It went along: the coordinator only waits for the confirmation of its own.
    assert coordinator.next_at == 12.0


def test_nothing_is_confirmed_before_it_was_handled() -> None:
    worker, coordinator = pair()
    coordinator.receive(unpack(worker.send({"kind": "dead_letters"}, 0.0)), 0.0)
    worker.receive(unpack(coordinator.send({"kind": "go"}, 0.1)), 0.1)
    assert worker.unacked == 1
    coordinator.handled()
    worker.receive(unpack(coordinator.send({"kind": "go"}, 0.2)), 0.2)
    assert worker.unacked == 0


def test_what_is_not_confirmed_is_sent_again_ever_less_often() -> None:
    worker, _ = pair()
    worker.send({"kind": "a"}, 0.0)
    worker.send({"kind": "b"}, 0.9)
    again = []
    for tick in range(260):
        now = tick / 10
        numbers = [unpack(data)["n"] for data in worker.due(now)]
        if numbers:
            again.append((now, numbers))
    assert again == [(t, [1, 2]) for t in (1.0, 3.0, 7.0, 12.0, 17.0, 22.0)]


def test_who_is_heard_again_gets_what_it_missed_at_once() -> None:
    worker, coordinator = pair()
    worker.receive(unpack(coordinator.send({"kind": "go"}, 0.0)), 0.0)
    worker.send({"kind": "a"}, 0.0)
    for now in (1.0, 3.0, 7.0):
        assert worker.due(now)
    assert worker.next_at == 12.0
    worker.receive(unpack(coordinator.send({"kind": "x"}, 9.0, numbered=False)), 9.0)
    assert worker.next_at == 8.0
    # A message that has just been sent is not sent again for that.
    worker.due(9.0)
    worker.receive(unpack(coordinator.send({"kind": "x"}, 9.1, numbered=False)), 9.1)
    assert worker.next_at == 10.0


def test_a_reconnection_sends_all_again() -> None:
    worker, _ = pair()
    for kind in ("a", "b"):
        worker.send({"kind": kind}, 0.0)
    assert worker.due(0.1) == []
    worker.on_reconnect()
    assert [unpack(data)["n"] for data in worker.due(0.1)] == [1, 2]
    assert worker.due(0.1) == []


def test_a_new_coordinator_goes_on_where_the_old_one_confirmed() -> None:
    worker, old = pair()
    for number in range(1, 6):
        old.receive(unpack(worker.send({"kind": "m", "number": number}, 0.0)), 0.0)
        if number == 3:
            old.handled()
    worker.receive(unpack(old.send({"kind": "go"}, 0.0)), 0.0)
    assert worker.unacked == 2
    new = Session(10)
    assert worker.receive(unpack(new.send({"kind": "who"}, 0.5)), 0.5) == {"kind": "who"}
    found = [new.receive(unpack(data), 0.5) for data in worker.due(0.5)]
    assert [m and m["number"] for m in found] == [4, 5]
    new.handled()
    worker.receive(unpack(new.due(1.0)[0]), 1.0)
    assert worker.unacked == 0


def test_late_words_of_an_old_coordinator_are_not_taken() -> None:
    worker, old = pair()
    late = old.send({"kind": "freeze"}, 0.0)
    new = Session(10)
    assert worker.receive(unpack(new.send({"kind": "who"}, 0.0)), 0.0)
    assert worker.receive(unpack(late), 0.0) is None
    assert worker.receive(unpack(new.send({"kind": "go"}, 0.0)), 0.0) == {"kind": "go"}


def test_a_confirmation_meant_for_the_old_coordinator_confirms_nothing_of_the_new() -> None:
    worker, old = pair()
    worker.receive(unpack(old.send({"kind": "go"}, 0.0)), 0.0)
    worker.handled()
    late = worker.send({"kind": "ready"}, 0.0)
    new = Session(10)
    new.send({"kind": "who"}, 0.0)
    new.receive(unpack(late), 0.0)
    assert new.unacked == 1


def test_a_number_of_a_late_duplicate_does_not_stop_what_comes_after() -> None:
    worker, old = pair()
    ghost = worker.send({"kind": "register"}, 0.0)
    old.receive(unpack(ghost), 0.0)
    old.handled()
    worker.receive(unpack(old.send({"kind": "go"}, 0.0)), 0.0)
    fresh = worker.send({"kind": "frozen"}, 0.0)
    new = Session(10)
    assert new.receive(unpack(ghost), 0.0)
    assert new.receive(unpack(fresh), 0.0)


@each_case(
    "broken",
    [{"boot": 0}, {"n": -1}, {"ack": "1"}, {"low": None}, {"peer_boot": 1.5}, {"n": True},
     {"ack": 5, "peer_boot": 9}],
)  # fmt: skip
def test_an_envelope_that_makes_no_sense_is_refused(broken: dict[str, Any]) -> None:
    envelope = {"boot": 1, "n": 1, "ack": 0, "low": 1, "peer_boot": 0, "kind": "go", **broken}
    session = Session(9)
    with pytest.raises(ValueError, match=r"session|confirms"):
        session.receive(envelope, 0.0)
    assert session.peer_boot == 0


def test_too_much_that_waits_makes_it_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_session, "UNACKED_MAX", 3)
    worker, _ = pair()
    for number in range(4):
        assert not worker.full
        worker.send({"kind": "m", "number": number}, 0.0)
    assert worker.full
    monkeypatch.setattr(control_session, "UNACKED_BYTES_MAX", 1000)
    large = Session(1)
    large.send({"kind": "assign", "plan": b"x" * 5000}, 0.0)
    assert not large.full, "a single one may be large"
    large.send({"kind": "go"}, 0.0)
    assert large.full


def test_one_call_sends_a_bounded_part_again_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_session, "RESENT_MAX", 2)
    monkeypatch.setattr(control_session, "RESENT_BYTES_MAX", 100)
    worker, _ = pair()
    for size in (1, 1, 1, 500, 1):
        worker.send({"kind": "m", "x": b"x" * size}, 0.0)
    worker.on_reconnect()
    parts = []
    while worker.next_at == -inf:
        parts.append([unpack(data)["n"] for data in worker.due(0.0)])
    assert parts == [[1, 2], [3], [4], [5]]


class Pipe:
    """One direction that delays, loses, repeats and now and then overtakes itself."""

    def __init__(self, rng: random.Random, loss: float) -> None:
        self.rng, self.loss = rng, loss
        self.under_way: list[tuple[float, bytes]] = []
        self.last_at = 0.0

    def put(self, data: bytes, now: float) -> None:
        for _ in range(1 + (self.rng.random() < 0.1)):
            if self.rng.random() >= self.loss:
                at = self.last_at = max(self.last_at, now + self.rng.random() * 0.5)
                self.under_way.append((at + 2.0 * (self.rng.random() < 0.05), data))

    def take(self, now: float) -> list[bytes]:
        if not self.under_way:
            return []
        ready = [each for each in self.under_way if each[0] <= now]
        self.under_way = [each for each in self.under_way if each[0] > now]
        return [data for _, data in sorted(ready, key=lambda each: each[0])]


@given(st.integers(0, 1 << 32), st.floats(0, 0.5), st.integers(0, 3))
def test_over_a_bad_pipe_everything_is_handed_over_once_and_in_order(
    seed: int, loss: float, restarts: int
) -> None:
    """Worker and coordinator talk, the coordinator restarts; what it has handled is durable.

    worker      1 2 3 4 5 6 7 8 ..
    process 1   1 2 3|            handled and durable up to 2, then it dies
    process 2       3 4 5 6 ..    each process: once, in order; together: nothing is missing
    """
    rng = random.Random(seed)
    up, down = Pipe(rng, loss), Pipe(rng, loss)
    worker = Session(1, head={"worker": 0, "incarnation": 1})
    boots = [Session(1)]
    said, told = [0], [[0]]
    taken: list[list[int]] = [[]]
    heard: list[tuple[int, int]] = []
    restart_at = sorted(rng.randrange(10, 60) for _ in range(restarts))
    durable = 0
    now = 0.0
    for tick in range(2000):
        now += 0.2
        if restart_at and tick >= restart_at[0]:
            restart_at.pop(0)
            boots.append(Session(len(boots) + 1))
            taken.append([])
            told.append([0])
            # A coordinator asks who is there, by what it knows from its store.
            down.put(boots[-1].send({"kind": "m", "of": len(boots), "number": 0}, now), now)
        coordinator = boots[-1]
        if tick < 80 and rng.random() < 0.4:
            said.append(said[-1] + 1)
            up.put(worker.send({"kind": "m", "number": said[-1]}, now), now)
        if tick < 80 and rng.random() < 0.4:
            told[-1].append(told[-1][-1] + 1)
            body = {"kind": "m", "of": len(boots), "number": told[-1][-1]}
            down.put(coordinator.send(body, now), now)
        for data in up.take(now):
            message = coordinator.receive(unpack(data), now)
            if message is not None:
                taken[-1].append(message["number"])
                if rng.random() < 0.8:
                    durable = max(durable, taken[-1][-1])
                    coordinator.handled()
        if taken[-1] and rng.random() < 0.5:
            durable = max(durable, taken[-1][-1])
            coordinator.handled()
        for data in down.take(now):
            message = worker.receive(unpack(data), now)
            if message is not None:
                heard.append((message["of"], message["number"]))
            worker.handled()
        for data in worker.due(now):
            up.put(data, now)
        for data in coordinator.due(now):
            down.put(data, now)
        if tick > 80 and not (worker.unacked or coordinator.unacked):
            break
    assert durable == said[-1]
    assert worker.unacked == boots[-1].unacked == 0
    for numbers in taken:
        # Runs without gaps, but where an older coordinator had confirmed what lies between.
        assert numbers == sorted(set(numbers))
    assert set(range(1, said[-1] + 1)) == {n for numbers in taken for n in numbers}
    assert heard == sorted(set(heard))
    last = [number for of, number in heard if of == len(boots)]
    assert last == (told[-1] if len(boots) > 1 else told[-1][1:])
