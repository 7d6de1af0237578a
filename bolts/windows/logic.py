"""What all window logics have in common: rows in, firings out, records in maps of the state.

A logic is pure: it gets keys, times and columns, and is told how far time has come. What it keeps
is in maps; the schedule of what comes when is in memory and made anew from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.marks import MAX_WATERMARK

from ..records import Records
from .aggregates import Aggregate, Inputs
from .folding import Accs, lift_all, merger


class Unmerged:
    """The accs of the panes of a window, in place of its own: to merge them has raised.

    Attributes:
        panes: accs of each, the first one first.
    """

    __slots__ = ("panes",)

    def __init__(self, panes: Sequence[Accs]) -> None:
        self.panes = panes


#: What comes out of a window: the key, its start and end in ms, the accs of all its rows; or
#: ``Unmerged``.
Firing = tuple[Any, int, int, Any]
#: Returns the map of this name of the state.
MapNamed = Callable[[str], Records]
#: Panes or sessions that a key may have at once.
PANES_MAX = 10_000
#: Keys that fire in one step.
STEP_KEYS = 1024


@dataclass(slots=True)
class Rows:
    """Some rows to be added, by column.

    Attributes:
        keys: of each row.
        times: of each row, in ms; empty where rows are counted.
        inputs: for each aggregate, the columns of its fields.
    """

    keys: list[Any]
    times: list[int]
    inputs: Sequence[Inputs]

    def at(self, places: Sequence[int]) -> Rows:
        """Return the rows at some places, in this order."""
        return Rows(
            [self.keys[place] for place in places],
            [self.times[place] for place in places],
            [[[column[place] for place in places] for column in each] for each in self.inputs],
        )


@dataclass(slots=True)
class Added:
    """What came of adding rows.

    Attributes:
        firings: windows that fire at once: late rows, counts, early firings; in order.
        late: places of the rows that came too late for all their windows.
        outside: how many rows are in no window (``slide`` above ``size``).
    """

    firings: list[Firing] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    outside: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What the logics are made with besides their windower.

    Attributes:
        lateness_ms: how long after its end a window takes late rows.
        early_every: fire before the end after so many rows; 0: do not.
        early_ms: fire before the end every so often, by the clock of the windows; 0: do not.
        panes_max: panes or sessions that a key may have at once.
        step_keys: keys that fire in one step, whose rows go out together.
    """

    lateness_ms: int = 0
    early_every: int = 0
    early_ms: int = 0
    panes_max: int = PANES_MAX
    step_keys: int = STEP_KEYS


class WindowLogic:
    """Base of the logics.

    Args:
        aggregates: at least one.
        watermark: how far time had come when the state was copied.
    """

    def __init__(
        self, aggregates: Sequence[Aggregate], options: Options, watermark: int
    ) -> None:
        assert aggregates
        self.aggregates, self.options = aggregates, options
        self.merge = merger(aggregates)
        #: How far time has come.
        self.watermark = watermark
        #: Whether any acc has a limit.
        self.limited = any(type(each).check is not Aggregate.check for each in aggregates)
        #: How many keys have come.
        self.number = 0

    def add(self, rows: Rows) -> Added:
        """Add rows: all of them or, when it raises, none."""
        raise NotImplementedError

    def advance(self, watermark: int) -> Iterator[list[Firing]]:
        """Let time go on to ``watermark``; yield what fires, step by step.

        Between two steps the state is whole: it may be copied, and may be left there. What is due
        then fires when this is called the next time, whatever the watermark.
        """
        raise NotImplementedError

    def close(self) -> Iterator[list[Firing]]:
        """Fire all that is open: the input has ended."""
        return self.advance(MAX_WATERMARK)

    def overdue(self) -> bool:
        """Say whether steps are left of a watermark that has been reached."""
        due = self.next_due()
        return due is not None and due - 1 <= self.watermark

    def steps(self, firings: list[Firing]) -> Iterator[list[Firing]]:
        """Yield firings that change nothing in the state."""
        for start in range(0, len(firings), self.options.step_keys):
            yield firings[start : start + self.options.step_keys]

    def next_due(self) -> int | None:
        """Return the time at which something may fire next, for clocks that have to be set."""
        return None

    def open_keys(self) -> int:
        """Return how many keys have an open window."""
        raise NotImplementedError

    def lifted(self, rows: Rows) -> list[Accs]:
        """Return the accs of each row alone."""
        return lift_all(self.aggregates, rows.inputs, rows.times)

    def check(self, accs: Accs) -> None:
        """Refuse accs that are over a limit of their aggregate.

        Raises:
            UserError: one is.
        """
        for aggregate, acc in zip(self.aggregates, accs, strict=True):
            aggregate.check(acc)

    def too_many(self, key: Any) -> UserError:
        """Return the error for a key with too many panes."""
        return UserError(
            f"key {key!r:.80} has more than panes_max = {self.options.panes_max} open panes; are "
            "its times spread so far?"
        )
