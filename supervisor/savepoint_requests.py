"""Savepoints that were asked for: each is a snapshot that is made for it, and held until copied.

    WAITING -a snapshot begins-> CUTTING -it is durable-> STORED -sinks have committed it-> HELD
       ^                            |                                                        |
       +--- it failed, or a worker was lost; too often: FAILED       copied, or nobody came: gone

A savepoint commits nothing that its snapshot would not commit. Whoever begins from one need not
commit what it holds, which another task may have to do there, in another run; only a sink that
cannot commit for long is not waited for. Files are kept from pruning from STORED on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .store import Part, TaskPositions

#: Savepoints of one topology that may be asked for at once.
SAVEPOINTS_MAX = 16
#: Snapshots that are begun for one savepoint.
TRIES_MAX = 3
#: What is held and not asked after for so long is let go.
HOLD_S = 1800.0
#: How long sinks are waited for.
COMMIT_WAIT_S = 30.0


class SavepointState(StrEnum):
    """Where a savepoint stands."""

    WAITING = "waiting"
    CUTTING = "cutting"
    STORED = "stored"
    HELD = "held"
    FAILED = "failed"


@dataclass(slots=True)
class SavepointRequest:
    """One savepoint.

    Attributes:
        round: number of its snapshot, once that is complete.
        positions, parts: what the snapshot holds; its files are held.
        why: it failed.
        seen_at: when somebody asked after it last.
    """

    id: int
    seen_at: float
    #: When it was seen to be stored.
    stored_at: float | None = None
    state: SavepointState = SavepointState.WAITING
    round: int = 0
    tries: int = 0
    positions: Mapping[int, TaskPositions] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    why: str = ""


class TooManySavepoints(Exception):
    """SAVEPOINTS_MAX are asked for already."""

    def __init__(self) -> None:
        super().__init__(f"{SAVEPOINTS_MAX} savepoints are under way already")


class SavepointRequests:
    """The savepoints of one topology that are asked for. Fed by the coordinator."""

    def __init__(self) -> None:
        self._requests: dict[int, SavepointRequest] = {}
        self._ids = 0

    def ask(self, now: float) -> int:
        """Have a savepoint made; return the id to ask after it with.

        Raises:
            TooManySavepoints: later, perhaps.
        """
        if len(self._requests) >= SAVEPOINTS_MAX:
            raise TooManySavepoints
        self._ids += 1
        self._requests[self._ids] = SavepointRequest(self._ids, now)
        return self._ids

    def look(self, id: int, now: float) -> SavepointRequest | None:
        """Return how a savepoint stands; None: there is none of that id (any more)."""
        request = self._requests.get(id)
        if request is not None:
            request.seen_at = now
        return request

    def release(self, id: int) -> None:
        """It was copied, or is not wanted any more."""
        self._requests.pop(id, None)

    @property
    def wanted(self) -> bool:
        """Some wait for a snapshot."""
        return any(r.state is SavepointState.WAITING for r in self._requests.values())

    @property
    def files(self) -> frozenset[str]:
        """Files that must not be deleted yet."""
        return frozenset(part.file for r in self._requests.values() for part in r.parts)

    def began(self) -> None:
        """A snapshot begins for all that wait."""
        for request in self._in(SavepointState.WAITING):
            request.state = SavepointState.CUTTING
            request.tries += 1

    @property
    def cutting(self) -> bool:
        """The snapshot that is under way is that of a savepoint."""
        return bool(self._in(SavepointState.CUTTING))

    def complete(
        self, round: int, positions: Mapping[int, TaskPositions], parts: Sequence[Part]
    ) -> None:
        """The snapshot that began is durable."""
        for request in self._in(SavepointState.CUTTING):
            request.state, request.round = SavepointState.STORED, round
            request.positions, request.parts = positions, parts

    def committed(self) -> None:
        """All sinks have committed what is durable."""
        for request in self._in(SavepointState.STORED):
            request.state = SavepointState.HELD

    def broken(self, why: str) -> None:
        """The snapshot that began was given up: another one is made, unless it was the last."""
        for request in self._in(SavepointState.CUTTING):
            if request.tries >= TRIES_MAX:
                self._fail(request, why)
            else:
                request.state = SavepointState.WAITING

    def over(self, why: str) -> None:
        """No more snapshots are begun; one that is under way may still complete."""
        for request in self._in(SavepointState.WAITING):
            self._fail(request, why)

    def on_tick(self, now: float) -> None:
        """Wait for sinks no longer; let go what nobody asks after."""
        for request in self._in(SavepointState.STORED):
            if request.stored_at is None:
                request.stored_at = now
            elif now - request.stored_at > COMMIT_WAIT_S:
                request.state = SavepointState.HELD
        for id, request in list(self._requests.items()):
            if now - request.seen_at > HOLD_S:
                del self._requests[id]

    def _in(self, state: SavepointState) -> list[SavepointRequest]:
        return [request for request in self._requests.values() if request.state is state]

    @staticmethod
    def _fail(request: SavepointRequest, why: str) -> None:
        request.state, request.why = SavepointState.FAILED, why
