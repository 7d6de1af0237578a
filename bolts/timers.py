"""Timers of one bolt task: per key, in event and in processing time, part of its state. Pure.

What is set is kept in the keyed state map ``__timers`` and so is in every snapshot and moves with
its keys when a topology is rebalanced; the order in which timers fall due is worked out anew when
state is restored. There is one timer per (key, kind, name, time): setting it twice is setting it
once.

    state   key -> (kind, at, name, kind, at, name, ...)      flat: one tuple of scalars per key
    heaps   (at, n, key, name) by kind                         n keeps equal times in their order

A timer is taken out when it is called. One whose call raised is put back, into the state only: it
falls due again after a restore, and in this task when somebody takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from heapq import heapify, heappop, heappush
from typing import Any, Literal, NamedTuple

from waterspout.topology.errors import StateError
from waterspout.topology.event_time import TIME_MS_MAX, TIME_MS_MIN

from .records import Records
from .state_handles import NO_KEY

#: Name of the map in the task's state.
STATE_MAP = "__timers"
_NO_KEY_AT_WORK = "timers: no key is at work here; set them in process or on_timer"
#: Timers that one key may have.
KEY_TIMERS_MAX = 1000
#: A heap is made anew when it holds more than so many entries that were deleted, and than are set.
STALE_MIN = 1024

Kind = Literal["event", "processing"]
#: How a kind is kept.
_CODES: dict[Kind, int] = {"event": 0, "processing": 1}
_KINDS: tuple[Kind, Kind] = ("event", "processing")
_WIDTH = 3


class Timer(NamedTuple):
    """What ``on_timer`` gets.

    Attributes:
        key: the key it was set for; ``context.state.key`` is the same.
        at: the time it was set to, in milliseconds since 1970.
        name: as given; "" when none was.
        kind: ``event`` or ``processing``.
    """

    key: Any
    at: int
    name: str
    kind: Kind


class Timers:
    """What ``context.timers`` is.

    Args:
        entries: the map in the task's state, or a dict; what it holds was restored.
        key: returns the key of the tuple or timer at work.
        wall_ms: the clock of processing time: milliseconds since 1970.
    """

    def __init__(
        self, entries: MutableMapping[Any, Any], key: Callable[[], Any],
        wall_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._entries = entries if isinstance(entries, Records) else Records(entries)
        self._key, self._wall_ms = key, wall_ms
        #: False: no spout above has event time, so that no event timer would ever fire.
        self.event_time = True
        #: Why the bolt can have no timers; "": it can.
        self.refused = ""
        self._count = 0
        self._heaps: tuple[list[Any], list[Any]] = ([], [])
        #: (key, code, at, name) of timers that were put back.
        self._back: set[tuple[Any, int, int, str]] = set()
        #: Timers that are set, by kind.
        self._set = [0, 0]
        for code in (0, 1):
            self._rebuild(code)

    # What a bolt calls.

    def event(self, at: int, name: str = "") -> None:
        """Call ``on_timer`` for the key at work once the watermark has passed ``at``.

        Args:
            at: milliseconds since 1970, an int.
            name: tells timers of one key apart.

        Raises:
            StateError: no spout above this bolt has ``event_time``, no key is at work, or it has
                too many.
        """
        if not self.event_time:
            raise StateError(
                "timers.event: no spout above this bolt has 'event_time', so it would never fire; "
                "declare it there, or use timers.processing"
            )
        self._add(0, at, name)

    def processing(self, at: int, name: str = "") -> None:
        """Call ``on_timer`` for the key at work at ``at`` by the clock, or at once if that is over.

        The end of the input does not wait for it: it stays in the state, for a later run.

        Args:
            at: milliseconds since 1970, an int; ``now_ms() + 5000`` is in five seconds.
            name: tells timers of one key apart.

        Raises:
            StateError: no key is at work, or it has too many.
        """
        self._add(1, at, name)

    def delete(self, at: int, name: str = "", kind: Kind = "event") -> bool:
        """Take back a timer of the key at work; False: it is not set."""
        return self._remove(self._key(), _CODES[kind], _checked(at), name)

    def now_ms(self) -> int:
        """Return the time that processing timers go by, in milliseconds since 1970."""
        return self._wall_ms()

    # What the executor calls.

    def due(self, kind: Kind, until: int) -> Timer | None:
        """Take out and return the next timer of ``kind`` whose time is ``until`` or before."""
        code = _CODES[kind]
        heap = self._heaps[code]
        while heap and heap[0][0] <= until:
            at, _, key, name = heappop(heap)
            if self._back and (key, code, at, name) in self._back:
                continue
            if self._remove(key, code, at, name, popped=True):
                return Timer(key, at, name, kind)
        return None

    def put_back(self, timer: Timer) -> None:
        """Keep a timer whose call raised, without calling it."""
        code, known = _CODES[timer.kind], self._entries.get(timer.key, ())
        if _place(known, code, timer.at, timer.name) < 0:
            self._entries.put(timer.key, (*known, code, timer.at, timer.name))
            self._set[code] += 1
        self._back.add((timer.key, code, timer.at, timer.name))

    def take(self, timer: Timer) -> bool:
        """Take out a timer that was put back; False: it was deleted meanwhile."""
        code = _CODES[timer.kind]
        entry = timer.key, code, timer.at, timer.name
        return entry in self._back and self._remove(*entry, popped=True)

    def next_at(self, kind: Kind) -> int | None:
        """Return when the next timer of ``kind`` falls due, or a time before that; None: never."""
        heap = self._heaps[_CODES[kind]]
        return heap[0][0] if heap else None

    def counts(self) -> dict[str, int]:
        """Return how many timers are set, by kind."""
        return {kind: self._set[code] for kind, code in _CODES.items()}

    def _add(self, code: int, at: int, name: str) -> None:
        key, at = self._key(), _checked(at)
        if key is NO_KEY:
            raise StateError(self.refused or _NO_KEY_AT_WORK)
        if name.__class__ is not str:
            raise StateError(f"timers: a name is a text, got {name!r:.80}")
        known = self._entries.get(key, ())
        if _place(known, code, at, name) >= 0:
            return
        if len(known) >= _WIDTH * KEY_TIMERS_MAX:
            raise StateError(f"timers: key {key!r:.80} has {KEY_TIMERS_MAX} already")
        self._entries.put(key, (*known, code, at, name))
        self._count += 1
        heappush(self._heaps[code], (at, self._count, key, name))
        self._set[code] += 1

    def _remove(self, key: Any, code: int, at: int, name: str, *, popped: bool = False) -> bool:
        known = self._entries.get(key, ())
        place = _place(known, code, at, name)
        if place < 0:
            return False
        left = known[:place] + known[place + _WIDTH :]
        if left:
            self._entries.put(key, left)
        else:
            self._entries.drop(key)
        self._back.discard((key, code, at, name))
        self._set[code] -= 1
        if not popped and len(self._heaps[code]) > STALE_MIN + 2 * self._set[code]:
            self._rebuild(code)
        return True

    def _rebuild(self, code: int) -> None:
        """Make a heap from what is set: after a restore, or when most of it was deleted."""
        heap = self._heaps[code]
        heap[:] = [
            (at, n, key, name)
            for n, (key, kind, at, name) in enumerate(self._every())
            if kind == code and (key, kind, at, name) not in self._back
        ]  # fmt: skip
        heapify(heap)
        self._count += len(heap)
        self._set[code] = len(heap) + sum(code == each[1] for each in self._back)

    def _every(self) -> Iterator[tuple[Any, int, int, str]]:
        for key, known in self._entries.items():
            for place in range(0, len(known), _WIDTH):
                yield key, known[place], known[place + 1], known[place + 2]


class NoTimers:
    """What ``context.timers`` is in a bolt without ``on_timer``: says so when it is used.

    Args:
        refused: what is said.
    """

    def __init__(self, refused: str) -> None:
        self._refused = refused

    def __getattr__(self, name: str) -> Any:
        """Refuse whatever is asked for.

        Raises:
            StateError: always.
        """
        raise StateError(self._refused)


def _place(known: tuple[Any, ...], code: int, at: int, name: str) -> int:
    """Return where a timer stands among those of its key; -1: nowhere."""
    for place in range(0, len(known), _WIDTH):
        if known[place + 1] == at and known[place] == code and known[place + 2] == name:
            return place
    return -1


def _checked(at: int) -> int:
    if at.__class__ is not int:
        raise StateError(f"timers: 'at' is an int of milliseconds since 1970, got {at!r:.80}")
    if not TIME_MS_MIN <= at <= TIME_MS_MAX:
        raise StateError(f"timers: {at} ms is outside the years 1 to 9999; is 'at' in ms?")
    return at
