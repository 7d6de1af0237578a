"""Everybody has to do what follows from a durable snapshot, and is told until it is done."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.durable_answers import DurableAnswers


class Board:
    """The answers of two workers."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        self.answers = DurableAnswers((0, 1), lambda w, m: self.sent.append((w, m["round"])))

    def done(self, worker: int, number: int, now: float = 0.0, **more: Any) -> None:
        self.answers.on_done(worker, {"round": number, **more}, now)


def test_it_is_complete_when_every_worker_did_it():
    board = Board()
    assert board.answers.complete
    board.answers.say(3)
    assert board.sent == [(0, 3), (1, 3)]
    board.done(0, 3)
    board.done(0, 3)
    assert not board.answers.complete
    board.done(1, 3)
    assert board.answers.complete


def test_answers_to_an_older_one_do_not_count():
    board = Board()
    board.answers.say(3)
    board.answers.say(4)
    board.done(0, 3)
    board.done(1, 3)
    assert not board.answers.complete


def test_who_failed_is_told_again_after_a_while_until_it_succeeds():
    board = Board()
    board.answers.say(3)
    board.done(0, 3)
    board.done(1, 3, 10.0, failed="sink: connection refused")
    assert board.answers.failure == "worker 1: sink: connection refused"
    board.sent.clear()
    board.answers.on_tick(10.9)
    assert board.sent == []
    board.answers.on_tick(11.0)
    board.answers.on_tick(11.1)
    assert board.sent == [(1, 3)]
    board.done(1, 3, 11.2)
    assert board.answers.complete and board.answers.failure == ""
    assert board.answers.failures == 1


def test_the_next_snapshot_covers_the_one_before():
    board = Board()
    board.answers.say(3)
    board.done(1, 3, failed="no")
    board.answers.say(4)
    assert (board.answers.failure, board.answers.failures) == ("", 0)
    board.sent.clear()
    board.answers.on_tick(99.0)
    assert board.sent == []


def test_positions_go_along_and_are_said_again_with_it():
    sent = []
    answers = DurableAnswers((0,), lambda worker, message: sent.append(message))
    answers.say(3, {1: {"p": [4, []]}})
    answers.on_done(0, {"round": 3, "failed": "x: y"}, 0.0)
    answers.on_tick(10.0)
    answers.say(4)
    told = {"kind": "durable", "round": 3, "positions": {1: {"p": [4, []]}}}
    assert sent == [told, told, {"kind": "durable", "round": 4}]
