"""Asks a run that is going on, from another process. See status_server for the requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import zmq
from waterspout.topology.errors import WaterspoutError
from waterspout.topology.problems import did_you_mean, listed

from .control_wire import CONTROL_BYTES_MAX, pack, unpack
from .run_folder import RunInfo, find_runs
from .sockets import Context, dealer

__all__ = ["NoAnswer", "RunInfo", "ask", "find_runs"]


class NoAnswer(WaterspoutError):
    """The run did not answer in time: it has just ended, or its process is stopped."""

    def __init__(self, run: RunInfo, timeout_s: float) -> None:
        super().__init__(f"{run.name} (pid {run.pid}) did not answer within {timeout_s:g} s")
        self.run = run


def ask(run: RunInfo, request: Mapping[str, Any], timeout_s: float = 2.0) -> dict[str, Any]:
    """Send one request to a run and return its answer: a dict with ``ok``.

    Args:
        run: from ``find_runs``.
        request: such as {"kind": "status"}.
        timeout_s: how long the answer may take.

    Raises:
        NoAnswer: none came.
    """
    context: Context = zmq.Context()
    socket = dealer(context, run.endpoint, CONTROL_BYTES_MAX)
    socket.setsockopt(zmq.LINGER, 0)
    timeout_ms = max(1, int(timeout_s * 1000))
    socket.setsockopt(zmq.SNDTIMEO, timeout_ms)
    socket.setsockopt(zmq.RCVTIMEO, timeout_ms)
    try:
        socket.send(pack(request))
        return unpack(socket.recv())
    except (zmq.Again, ValueError):
        raise NoAnswer(run, timeout_s) from None
    finally:
        socket.close()
        context.term()


def not_running(name: str, running: Iterable[str]) -> str:
    """Return what is said of a name that no run on this machine has."""
    names = sorted(set(running))
    near = did_you_mean(name, names)
    others = f"; running: {listed(names)}" if names else ", nor any other"
    return f"no topology {name!r:.80} is running on this machine{near}{others}"
