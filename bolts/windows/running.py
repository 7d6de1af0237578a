"""The value of a window that slides: panes come in at one end and go out at the other.

Either way a pane costs the same however many panes the window has:

- *subtraction*, where all values are ints: come in adds, go out subtracts. Floats are not taken
  away again: (1e16 + 1.0) - 1e16 is 0.
- *two stacks*, for all else: panes that came in are one value at the back; when the front is
  empty, the front is made of all panes, each merged with those after it, and taking out a pane
  is to drop one of these values. A pane is merged three times in all.

Source of the two stacks: Tangwongsan, Hirzel, Schneider, Low-Latency Sliding-Window Aggregation,
DEBS 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

#: The values of all aggregates of one pane.
Accs = tuple[Any, ...]
Merge = Callable[[Accs, Accs], Accs]
_INT = {int}


class RunningSum:
    """By subtraction; every value of every pane is an int."""

    __slots__ = ("_value",)

    def __init__(self, panes: Sequence[Accs]) -> None:
        self._value = tuple(map(sum, zip(*panes, strict=True))) if panes else ()

    def push(self, accs: Accs) -> None:
        """Let a pane come in."""
        if not self._value:
            self._value = accs
        elif len(accs) == 1:
            self._value = (self._value[0] + accs[0],)
        else:
            self._value = tuple([a + b for a, b in zip(self._value, accs, strict=True)])

    def pop(self, accs: Accs) -> None:
        """Let the oldest pane go out."""
        if len(accs) == 1:
            self._value = (self._value[0] - accs[0],)
        else:
            self._value = tuple([a - b for a, b in zip(self._value, accs, strict=True)])

    def value(self) -> Accs:
        """Return the merged values of all panes."""
        return self._value


class TwoStacks:
    """By merging alone.

    Args:
        merge: merges the values of an earlier and a later stretch.
    """

    __slots__ = ("_back", "_front", "_merge", "_waiting")

    def __init__(self, merge: Merge, panes: Sequence[Accs]) -> None:
        self._merge = merge
        #: Panes from the newest to the oldest of the front, each merged with those after it.
        self._front: list[Accs] = []
        #: Panes behind the front, oldest first, and all of them merged.
        self._waiting: list[Accs] = list(panes)
        self._back: Accs | None = None
        for accs in panes:
            self._back = accs if self._back is None else merge(self._back, accs)

    def push(self, accs: Accs) -> None:
        """Let a pane come in."""
        self._waiting.append(accs)
        self._back = accs if self._back is None else self._merge(self._back, accs)

    def pop(self, accs: Accs) -> None:
        """Let the oldest pane, which is ``accs``, go out."""
        if not self._front:
            merge, front = self._merge, self._front
            after: Accs | None = None
            while self._waiting:
                pane = self._waiting.pop()
                after = pane if after is None else merge(pane, after)
                front.append(after)
            self._back = None
        self._front.pop()

    def value(self) -> Accs:
        """Return the merged values of all panes; there is at least one."""
        if self._back is None:
            return self._front[-1]
        return self._merge(self._front[-1], self._back) if self._front else self._back


def ints(accs: Accs) -> bool:
    """Say whether all values are ints."""
    return type(accs[0]) is int if len(accs) == 1 else set(map(type, accs)) == _INT
