"""Bugs between coordinator and workers that the simulation must find; see bugs.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.supervisor.control_session import Session
from waterspout.supervisor.open_requests import OpenRequests

Patch = Callable[[Any, str, Any], None]
Bug = Callable[[Patch], None]


def open_requests_forgotten(patch: Patch) -> None:
    """A request whose answer died with the coordinator is not said again."""
    patch(OpenRequests, "all", lambda self: [])


def control_not_sent_again(patch: Patch) -> None:
    """What a broken control connection lost stays lost."""
    patch(Session, "due", lambda self, now: [])


#: Every bug by its name.
CONTROL_BUGS: dict[str, Bug] = {
    bug.__name__: bug for bug in (open_requests_forgotten, control_not_sent_again)
}
