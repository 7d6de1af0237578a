"""Streams go on when the coordinator was started again, and end when it stays away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from waterspout.supervisor.cluster.client import RequestRefused, StreamLost, Unreachable
from waterspout.supervisor.cluster.following import AWAY_S, RETRY_S, follow

Capture = pytest.CaptureFixture[str]


class Coordinators:
    """Gives, for each request, answers and then an error, if there is one."""

    def __init__(self, *streams: list[Any]) -> None:
        self.streams = list(streams)
        self.asked: list[Mapping[str, Any]] = []
        self.now = 0.0

    def ask(self, request: Mapping[str, Any], timeout_s: float = 10.0) -> dict[str, Any]:
        raise AssertionError(request)

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        self.asked.append(request)
        for each in self.streams.pop(0) if len(self.streams) > 1 else self.streams[0]:
            if isinstance(each, Exception):
                raise each
            yield {"n": each}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def followed(self) -> list[int]:
        found: list[int] = []

        def request() -> Mapping[str, Any]:
            return {"from": len(found)}

        for answer in follow(self, request, clock=lambda: self.now, sleep=self.sleep):
            found.append(answer["n"])
        return found


def test_a_stream_that_was_lost_is_asked_for_anew_from_where_it_was():
    asker = Coordinators([1, 2, StreamLost("gone")], [3])
    assert asker.followed() == [1, 2, 3]
    assert asker.asked == [{"from": 0}, {"from": 2}]


def test_a_coordinator_that_is_away_is_waited_for_and_both_is_said(capsys: Capture):
    asker = Coordinators([1, Unreachable("nobody")], [Unreachable("nobody")], [2])
    assert asker.followed() == [1, 2]
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "waterspout: nobody; it is waited for, 60 s",
        "waterspout: the coordinator is back",
    ]


def test_it_is_not_waited_for_longer_than_the_limit():
    asker = Coordinators([1, Unreachable("nobody")], [Unreachable("nobody")])
    with pytest.raises(Unreachable):
        asker.followed()
    assert AWAY_S < asker.now <= AWAY_S + 2 * RETRY_S


def test_one_that_never_answered_is_not_waited_for():
    asker = Coordinators([Unreachable("nobody")])
    with pytest.raises(Unreachable):
        asker.followed()
    assert len(asker.asked) == 1


def test_a_refusal_ends_it():
    asker = Coordinators([1, StreamLost("gone")], [RequestRefused("E_STATE", "it has ended")])
    with pytest.raises(RequestRefused):
        asker.followed()
