"""A mark in the queue of a task, between the frames that came before and after it."""

from __future__ import annotations

from typing import Any

from waterspout.topology.frames import Channel
from waterspout.topology.marks import Mark


class QueuedMark:
    """Stands in a queue where a frame stands that has no rows and no runs."""

    __slots__ = ("channel", "mark")

    run_left = unread = 0
    runs: tuple[Any, ...] = ()
    counter: tuple[Any, ...] = ()

    def __init__(self, channel: Channel, mark: Mark) -> None:
        self.channel = channel
        self.mark = mark

    def next_run(self) -> int:
        """Return 0: there is none."""
        return 0

    def all_roots(self) -> set[int]:
        """Return no root: there is none."""
        return set()
