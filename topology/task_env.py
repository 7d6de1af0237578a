"""What every executor of a worker shares: tracking in, errors out, no clock but a handed-in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .channels import Draw, draw_edge
from .control_frames import Failure
from .settings import Settings
from .tuples import unknown_attribute

#: Errors of one component and text that wait for the next report; more are only counted.
ERRORS_MAX = 50
_LOW_BITS = 48
#: Bit of a root whose message was tried before: ``process_batch`` takes its run alone, so that a
#: row that fails below fails nobody else's message again.
AGAIN = 1 << 47
#: Bit of a root whose group asks for trails (trails.py): other groups of its spout were tried again
#: because nobody knew which of their messages had failed.
TRACED = 1 << 46


class Opens(Protocol):
    """The part of the acker that an executor needs."""

    def open(self, root: int, guard: int, now: float) -> None:
        """Track a fresh root under a guard edge."""


class RootSource:
    """Draws the root ids of one task.

        63       48    47      46     45            0
        +----------+-------+--------+---------------+
        | task id  | AGAIN | TRACED |    counter    |
        +----------+-------+--------+---------------+

    The acker of a root is so found from the root itself. The counter starts at a random
    place and never repeats within an incarnation; roots of earlier incarnations are fenced
    by the epoch.
    """

    def __init__(self, task: int, draw: Draw) -> None:
        self._base = task << _LOW_BITS
        self._count = draw(_LOW_BITS - 2)

    def next(self, again: bool = False, traced: bool = False) -> int:
        """Return a fresh root; never 0, since task ids start at 1.

        Args:
            again: its message was tried before.
            traced: its group asks for trails.
        """
        self._count = (self._count + 1) & (TRACED - 1)
        return self._base | self._count | (AGAIN if again else 0) | (TRACED if traced else 0)


def root_number(root: int) -> int:
    """Return the number of ``root`` among those of its task: they follow on each other."""
    return root & (TRACED - 1)


def root_task(root: int) -> int:
    """Return the task that drew ``root``."""
    return root >> _LOW_BITS


@dataclass
class TaskEnv:
    """Handed to every executor by its worker core.

    Attributes:
        clock: monotonic seconds; called between slices, never per tuple.
        draw: random bits, from the worker's own generator.
        tracked: False under at-most-once.
        acker: opens roots.
        toggles: XORs by root that wait for the end of the turn.
        fails: failures that wait for the end of the turn.
        credit: called with the channel of a remote frame that was worked through.
        exact: True under exactly-once: nothing is emitted again within an epoch.
    """

    settings: Settings
    tracked: bool
    clock: Callable[[], float]
    draw: Draw
    acker: Opens
    toggles: dict[int, int] = field(default_factory=dict)
    fails: list[Failure] = field(default_factory=list)
    credit: Callable[[tuple[int, int, int]], None] = lambda channel: None
    #: Milliseconds since 1970: what a ttl and timers of processing time go by.
    wall_ms: Callable[[], int] = lambda: 0
    errors: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    exact: bool = False

    def open_root(self, root: int, now: float) -> int:
        """Start tracking a root; returns the guard edge to toggle out when its group is routed."""
        guard = self.draw(64) or draw_edge(self.draw)
        self.acker.open(root, guard, now)
        return guard

    def drop_guard(self, root: int, guard: int) -> None:
        """Toggle the guard out: the group was routed."""
        self.toggles[root] = self.toggles.get(root, 0) ^ guard

    def fail_roots(
        self, roots: tuple[int, ...], component: str, task: int, reason: str, details: str = "",
        culprit: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        """Fail these roots at the end of the turn; ``culprit``: of one, this row of so many."""
        for root in roots:
            self.fails.append(Failure(root, component, task, reason, details, *culprit))

    def note_error(self, component: str, task: int, text: str, details: str = "") -> None:
        """Keep an error for the next report; the same text of a component is counted."""
        known = self.errors.get((component, text))
        if known is not None:
            known["count"] += 1
        elif len(self.errors) < ERRORS_MAX:
            self.errors[component, text] = {
                "component": component, "task": task, "text": text, "traceback": details,
                "count": 1,
            }  # fmt: skip

    def take_errors(self) -> list[dict[str, Any]]:
        """Return the errors since the last call."""
        errors, self.errors = list(self.errors.values()), {}
        return errors


def reason_of(error: BaseException) -> str:
    """Return one line for an error that user code raised."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r:.40}); raise FailTuple to fail a tuple"
    try:
        text = " ".join((unknown_attribute(error) or str(error)).split())
    except Exception as broken:
        text = f"its text raised {type(broken).__name__}"
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
