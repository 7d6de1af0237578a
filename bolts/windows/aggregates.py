"""Aggregates that keep no rows: a value per pane and key, to which rows are added.

An aggregate's *acc* is what it keeps of some rows of one group (a pane of a key). Accs have a wire
form and are never changed once they are made: a snapshot may hold them, and a call that raises
half way has changed nothing. ``merge`` is associative; rows of one group come in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import add
from typing import Any, ClassVar

from waterspout.topology.errors import UserError

#: A group of rows: (key, pane), or the key where all rows are of one pane.
Groups = Sequence[Any]
#: The columns of an aggregate's fields, in its order.
Inputs = Sequence[list[Any]]
Folded = dict[Any, Any]

#: Types that count as numbers.
NUMBERS = frozenset({int, float, bool})
_TEXT = frozenset({str})


class Aggregate:
    """What one output field of a window is made with.

    Attributes:
        name: of the output field.
        fields: input fields, of which ``fold`` gets the columns.
        invertible: accs are numbers, merging adds them, and the result is made of their sum.
    """

    invertible: ClassVar[bool] = False

    def __init__(self, name: str, fields: Sequence[str] = ()) -> None:
        self.name = name
        self.fields = tuple(fields)

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Return the acc of each group of some rows, groups in the order they first came in.

        Raises:
            UserError: a value cannot be aggregated so.
            TypeError: a group or item cannot be hashed.
        """
        raise NotImplementedError

    def lift(self, inputs: Inputs, times: Sequence[int]) -> list[Any]:
        """Return the acc of each row alone.

        Raises:
            UserError, TypeError: as ``fold``.
        """
        places = range(len(times))
        return list(self.fold(places, inputs, times).values())

    def merge(self, one: Any, other: Any) -> Any:
        """Return the acc of both together; neither is changed."""
        raise NotImplementedError

    def result(self, acc: Any) -> Any:
        """Return what is emitted for an acc."""
        return acc

    def check(self, acc: Any) -> None:
        """Refuse an acc that is over its limit, before it is put into the state.

        Raises:
            UserError: it is; names the limit.
        """

    def wrong(self, what: str) -> UserError:
        """Return the error that names this aggregate."""
        return UserError(f"aggregate {self.name!r}: {what}")


class CountRows(Aggregate):
    """``count``: the number of rows."""

    invertible = True

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Count in C: 45 ns a row."""
        return Counter(groups)

    def lift(self, inputs: Inputs, times: Sequence[int]) -> list[Any]:
        """Return ones."""
        return [1] * len(times)

    merge = staticmethod(add)  # type: ignore[assignment]


class Sum(Aggregate):
    """``{sum: field}`` of numbers."""

    invertible = True

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Add up in one loop."""
        (column,) = inputs
        self._check_numbers(column)
        sums: Folded = {}
        get = sums.get
        for group, value in zip(groups, column, strict=True):
            sums[group] = get(group, 0) + value
        return sums

    def lift(self, inputs: Inputs, times: Sequence[int]) -> list[Any]:
        """Return the values."""
        self._check_numbers(inputs[0])
        return inputs[0]

    merge = staticmethod(add)  # type: ignore[assignment]

    def _check_numbers(self, column: list[Any]) -> None:
        if not set(map(type, column)) <= NUMBERS:
            wrong = next(value for value in column if type(value) not in NUMBERS)
            raise self.wrong(f"field {self.fields[0]!r} holds {wrong!r:.60}; a number expected")


class Mean(Sum):
    """``{mean: field}``: the sum of numbers by their count."""

    invertible = False

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Add up and count."""
        sums = super().fold(groups, inputs, times)
        counts = Counter(groups)
        return {group: (total, counts[group]) for group, total in sums.items()}

    def lift(self, inputs: Inputs, times: Sequence[int]) -> list[Any]:
        """Return the values, each with a count of one."""
        return [(value, 1) for value in super().lift(inputs, times)]

    def merge(self, one: Any, other: Any) -> Any:
        """Add both."""
        return (one[0] + other[0], one[1] + other[1])

    def result(self, acc: Any) -> Any:
        """Divide."""
        return acc[0] / acc[1]


class Extreme(Aggregate):
    """What Min and Max have in common: values are numbers or texts, a text is above a number."""

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Compare in one loop."""
        column = self.lift(inputs, times)
        found: Folded = {}
        merge = self.merge
        for group, value in zip(groups, column, strict=True):
            found[group] = merge(found[group], value) if group in found else value
        return found

    def lift(self, inputs: Inputs, times: Sequence[int]) -> list[Any]:
        """Return the values."""
        (column,) = inputs
        types = set(map(type, column))
        if not (types <= NUMBERS or types <= _TEXT):
            for value in column:
                if type(value) not in NUMBERS and type(value) is not str:
                    raise self.wrong(
                        f"field {self.fields[0]!r} holds {value!r:.60}; a number or text expected"
                    )
        return column


class Min(Extreme):
    """``{min: field}``."""

    def merge(self, one: Any, other: Any) -> Any:
        """Return the smaller; the earlier of two that are equal."""
        return other if _less(other, one) else one


class Max(Extreme):
    """``{max: field}``."""

    def merge(self, one: Any, other: Any) -> Any:
        """Return the larger; the earlier of two that are equal."""
        return other if _less(one, other) else one


def _less(one: Any, other: Any) -> bool:
    try:
        return bool(one < other)
    except TypeError:
        return type(one) is not str


class First(Aggregate):
    """``{first: field}``: the value of the earliest row; of several, of the one that came first."""

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Keep (time, value) of the earliest."""
        found: Folded = {}
        for group, time, value in zip(groups, times, inputs[0], strict=True):
            known = found.get(group)
            if known is None or time < known[0]:
                found[group] = (time, value)
        return found

    def lift(self, inputs: Inputs, times: Sequence[int]) -> list[Any]:
        """Return the values, each with its time."""
        return list(zip(times, inputs[0], strict=True))

    def merge(self, one: Any, other: Any) -> Any:
        """Return the earlier."""
        return other if other[0] < one[0] else one

    def result(self, acc: Any) -> Any:
        """Return the value."""
        return acc[1]


class Last(First):
    """``{last: field}``: the value of the latest row; of several, of the one that came last."""

    def fold(self, groups: Groups, inputs: Inputs, times: Sequence[int]) -> Folded:
        """Keep (time, value) of the latest."""
        found: Folded = {}
        for group, time, value in zip(groups, times, inputs[0], strict=True):
            known = found.get(group)
            if known is None or time >= known[0]:
                found[group] = (time, value)
        return found

    def merge(self, one: Any, other: Any) -> Any:
        """Return the later."""
        return other if other[0] >= one[0] else one
