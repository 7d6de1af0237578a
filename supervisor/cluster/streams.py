"""Requests that have many answers: who gets them, and that they end when nobody wants them.

A stream lives while its client says ``more``; a client that is gone says nothing, and what it
asked for stops. Each ``more`` is answered, so that the client knows the same of us. Answers are
numbered: what a connection that broke took along is missed by its number, and asked for anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .client_protocol import FOLLOW_S

#: Streams that live at once.
STREAMS_MAX = 100


class Stream(Protocol):
    """Something that has more to say, now and then."""

    def turn(self, now: float) -> tuple[list[dict[str, Any]], bool]:
        """Return the fields of answers that are due, and whether that was all."""

    def close(self, now: float) -> None:
        """Nobody wants it any more; called once, also when it came to its end by itself."""


@dataclass(slots=True)
class _Open:
    stream: Stream
    wanted_at: float
    #: Answers so far.
    said: int = 0


class Streams:
    """All streams that live, by the connection and the number of their request."""

    def __init__(self) -> None:
        self._open: dict[tuple[bytes, int], _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """No more can be opened now."""
        return len(self._open) >= STREAMS_MAX

    def open(self, route: bytes, id: int, stream: Stream, now: float) -> None:
        """Begin a stream; another one of this request ends."""
        self._end((route, id), now)
        self._open[route, id] = _Open(stream, now)

    def more(self, route: bytes, id: int, now: float) -> int | None:
        """Its client is still there: return how many answers it was given.

        None: there is no such stream, or no more.
        """
        found = self._open.get((route, id))
        if found is None:
            return None
        found.wanted_at = now
        return found.said

    def turn(self, now: float) -> list[tuple[bytes, Mapping[str, Any]]]:
        """Return (connection, answer) of all that is due."""
        found: list[tuple[bytes, Mapping[str, Any]]] = []
        for key, each in list(self._open.items()):
            route, id = key
            if now - each.wanted_at > FOLLOW_S:
                self._end(key, now)
                continue
            answers, done = each.stream.turn(now)
            for number, fields in enumerate(answers, 1):
                more = not (done and number == len(answers))
                each.said += 1
                answer = {"id": id, "ok": True, "more": more, "said": each.said, **fields}
                found.append((route, answer))
            if done:
                self._end(key, now)
        return found

    def _end(self, key: tuple[bytes, int], now: float) -> None:
        ended = self._open.pop(key, None)
        if ended is not None:
            ended.stream.close(now)
