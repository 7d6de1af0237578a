"""Requests with many answers: numbers, ends, and clients that are gone."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.cluster.client_protocol import FOLLOW_S
from waterspout.supervisor.cluster.streams import Streams


class Script:
    """A stream that says what a test wants."""

    def __init__(self, *turns: tuple[list[dict[str, Any]], bool]) -> None:
        self.turns = list(turns)
        self.closed = 0

    def turn(self, now: float) -> tuple[list[dict[str, Any]], bool]:
        return self.turns.pop(0) if self.turns else ([], False)

    def close(self, now: float) -> None:
        self.closed += 1


def test_all_answers_have_the_number_of_the_request_and_the_last_one_says_so():
    streams = Streams()
    script = Script(([{"x": 1}, {"x": 2}], False), ([{"x": 3}, {"x": 4}], True))
    streams.open(b"r", 7, script, 0.0)
    found = [*streams.turn(0.1), *streams.turn(0.2), *streams.turn(0.3)]
    assert {(route, answer["id"], answer["ok"]) for route, answer in found} == {(b"r", 7, True)}
    assert [(answer["x"], answer["more"]) for _, answer in found] == [
        (1, True),
        (2, True),
        (3, True),
        (4, False),
    ]
    assert [answer["said"] for _, answer in found] == [1, 2, 3, 4], "one that is lost is missed"
    assert script.closed == 1
    assert len(streams) == 0


def test_a_stream_that_nobody_wants_any_more_ends():
    streams, script = Streams(), Script()
    streams.open(b"r", 7, script, 0.0)
    streams.more(b"r", 7, 8.0)
    streams.more(b"other", 7, 30.0)
    streams.turn(8.0 + FOLLOW_S)
    assert script.closed == 0
    streams.turn(8.1 + FOLLOW_S)
    assert script.closed == 1


def test_the_same_request_again_ends_the_first_one():
    streams, first = Streams(), Script()
    streams.open(b"r", 7, first, 0.0)
    streams.open(b"r", 7, Script(), 0.0)
    assert (first.closed, len(streams)) == (1, 1)


def test_whether_a_stream_lives_is_said_to_who_wants_more():
    streams = Streams()
    streams.open(b"r", 7, Script(([], True)), 0.0)
    assert streams.more(b"r", 7, 1.0) == 0
    assert streams.more(b"r", 8, 1.0) is None
    streams.turn(1.1)
    assert streams.more(b"r", 7, 1.2) is None
