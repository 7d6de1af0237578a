"""Bugs in how a row is traced to its message, each of which the simulation must find."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from waterspout.bolts.tracing import Tracing
from waterspout.topology.trails import Trail

from .retry_bugs import Bug, Patch


def trail_begins_with_its_frame(patch: Patch) -> None:
    """A trail counts the rows that were in the frame before its run."""

    def message(self: Trail, row: int, length: int) -> tuple[int, int] | None:
        at = self.first + bisect_right(self.ends, row)
        if length != self.length or at >= self.rows:
            return None
        return (at, self.rows) if self.above is None else self.above.message(at, self.rows)

    patch(Trail, "message", message)


def slices_begin_with_their_run(patch: Patch) -> None:
    """The first row of a slice is taken for the first of its run."""
    original = Tracing.__init__

    def init(self: Tracing, rows: int, above: Any, first: int, frames: Any) -> None:
        original(self, rows, above, 0, frames)

    patch(Tracing, "__init__", init)


def trails_go_on_whatever_comes(patch: Patch) -> None:
    """Rows that follow under the same root are taken for those of the same run."""

    def go_on(self: Trail, later: Trail) -> bool:
        self.ends += [end - later.base + self.ends[-1] for end in later.ends]
        return True

    patch(Trail, "go_on", go_on)


def only_the_last_step_is_known(patch: Patch) -> None:
    """The row of the bolt above is taken for the message with its number."""
    original = Trail.message

    def message(self: Trail, row: int, length: int) -> tuple[int, int] | None:
        found = original(self, row, length)
        if found is None or self.above is None:
            return found
        at = self.first + bisect_right(self.ends, row + self.base)
        return (at % found[1], found[1])

    patch(Trail, "message", message)


BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        trail_begins_with_its_frame, slices_begin_with_their_run, trails_go_on_whatever_comes,
        only_the_last_step_is_known,
    )
}  # fmt: skip
