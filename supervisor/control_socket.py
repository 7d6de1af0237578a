"""The coordinator's end of the control sessions of its workers, over one socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .control_router import ControlRouter
from .control_session import Session
from .control_wire import unpack
from .sockets import Context


class FromWorker(NamedTuple):
    """A message of a worker."""

    worker: int
    incarnation: int
    message: dict[str, Any]


class ControlSocket:
    """Knows workers by (number, incarnation); each has a session.

    Args:
        context: of this process.
        endpoint: where workers connect to.
        boot: see Session.
    """

    def __init__(self, context: Context, endpoint: str, boot: int = 1) -> None:
        self._router = ControlRouter(context, endpoint)
        self.socket = self._router.socket
        self._boot = boot
        self._sessions: dict[tuple[int, int], Session] = {}
        #: Envelopes that made no sense.
        self._nonsense = 0

    @property
    def refused(self) -> int:
        """Messages that were not ours."""
        return self._router.refused + self._nonsense

    def receive(self, now: float) -> list[FromWorker]:
        """Return what has arrived; ``handled`` is called when all of it has been dealt with."""
        found: list[FromWorker] = []
        for worker, incarnation, data in self._router.receive():
            try:
                session = self._session(worker, incarnation)
                message = session.receive(unpack(data), now)
            except ValueError:
                self._nonsense += 1
                continue
            if message is not None:
                del message["worker"], message["incarnation"]
                found.append(FromWorker(worker, incarnation, message))
        return found

    def handled(self) -> None:
        """What was received has been dealt with: it may be confirmed."""
        for session in self._sessions.values():
            session.handled()

    def _session(self, worker: int, incarnation: int) -> Session:
        session = self._sessions.get((worker, incarnation))
        if session is None:
            session = self._sessions[worker, incarnation] = Session(self._boot)
        return session

    def send(self, worker: int, incarnation: int, message: Mapping[str, Any], now: float) -> bool:
        """Send a message; False: too much was not confirmed, this worker is lost.

        To a worker that never said anything, or is gone, nothing is sent.
        """
        if not self._router.known(worker, incarnation):
            return True
        session = self._session(worker, incarnation)
        data = session.send(message, now)
        return self._router.send(worker, incarnation, data) and not session.full

    def turn(self, now: float) -> None:
        """Confirm, send again what was lost, and try again what waits; called in every turn."""
        for (worker, incarnation), session in self._sessions.items():
            if session.next_at <= now and not self._router.waiting(worker, incarnation):
                for data in session.due(now):
                    self._router.send(worker, incarnation, data)
        self._router.flush()

    def forget(self, worker: int, incarnation: int) -> None:
        """This process has ended."""
        self._router.forget(worker, incarnation)
        self._sessions.pop((worker, incarnation), None)

    def close(self) -> None:
        """Close the socket."""
        self._router.close()
