"""Rows stored by field: what whole groups of tuples travel as within a worker.

A list of rows costs a list per row (40 ns to make, 20 to take apart); a list per field costs
1 ns per value to hand on. Where many rows are made or worked on at once (a source's read, a
``process_batch``, ``Map``) they stay columns all the way, and become tuples only where a bolt
takes them one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, ClassVar, overload

Row = list[Any]
_LIST = {list}


class Columns(Sequence[Row]):
    """Rows of one stream, by column: ``values[0]`` is the list of their first values.

    A sequence of rows (``len``, iteration, index, slices, comparison with a list of rows), so
    that it can stand wherever rows are expected.

    Args:
        values: a list per field, all of one length. They are not copied and not to be changed
            afterwards. What is no list is made one; an array (numpy, pandas) gives its values as
            Python objects.

    Raises:
        ValueError: no column, or columns of different lengths.
    """

    __slots__ = ("height", "normal", "values")
    #: Fewer rows than this are not worth being made columns of, or being kept as such.
    height_min: ClassVar[int] = 16

    def __init__(self, values: Iterable[Any]) -> None:
        self.values: tuple[list[Any], ...] = tuple(values)
        if set(map(type, self.values)) != _LIST:
            self.values = tuple(map(_as_list, self.values))
        heights = set(map(len, self.values))
        if len(heights) != 1:
            raise ValueError(
                f"columns of different lengths: {list(map(len, self.values))}"
                if heights else "at least one column is needed"
            )  # fmt: skip
        (self.height,) = heights
        #: Whether all values are known to be in normal form (see ``wire_values``).
        self.normal = False

    @classmethod
    def of(cls, values: tuple[list[Any], ...], height: int, *, normal: bool = False) -> Columns:
        """Return columns of ``height`` rows that are known to be right: a third of the price."""
        columns = object.__new__(cls)
        columns.values, columns.height, columns.normal = values, height, normal
        return columns

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[Any]], width: int) -> Columns:
        """Return ``rows``, which all have ``width`` values, as columns."""
        if width == 1:
            # 8 ns a row where chain.from_iterable takes 20.
            return cls.of(([value for (value,) in rows],), len(rows))
        columns = tuple([list(map(itemgetter(at), rows)) for at in range(width)])
        return cls.of(columns, len(rows))

    def tuples(self) -> list[tuple[Any, ...]]:
        """Return the rows as tuples: 20 ns each."""
        return list(zip(*self.values, strict=True)) if self.values else [()] * self.height

    def flat(self) -> list[Any]:
        """Return the values row after row, as a frame has them."""
        if len(self.values) == 1:
            return self.values[0]
        return list(chain.from_iterable(zip(*self.values, strict=True)))

    def __len__(self) -> int:
        return self.height

    def __iter__(self) -> Iterator[Row]:
        return map(list, self.tuples())

    @overload
    def __getitem__(self, position: int) -> Row: ...
    @overload
    def __getitem__(self, position: slice) -> Columns: ...
    def __getitem__(self, position: int | slice) -> Row | Columns:
        if isinstance(position, slice):
            height = len(range(*position.indices(self.height)))
            values = tuple([column[position] for column in self.values])
            return Columns.of(values, height, normal=self.normal)
        return [column[position] for column in self.values]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Columns):
            return (self.values, self.height) == (other.values, other.height)
        return isinstance(other, list) and self.tuples() == list(map(tuple, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Columns({list(self.values)!r:.200})"


def _as_list(column: Any) -> list[Any]:
    tolist = getattr(column, "tolist", None)
    return list(column) if tolist is None else tolist()


def types_of(values: Sequence[Any]) -> set[type]:
    """Return the types of some values: 7 ns each where all have the same, as almost always."""
    types = list(map(type, values))
    if types and types.count(types[0]) == len(types):
        return {types[0]}
    return set(types)


def joined(blocks: Sequence[Columns]) -> Columns:
    """Return the rows of all blocks, in order; they have the same number of columns."""
    if len(blocks) == 1:
        return blocks[0]
    merged = []
    for position, column in enumerate(blocks[0].values):
        values = column[:]
        for block in blocks[1:]:
            values.extend(block.values[position])
        merged.append(values)
    normal = all(block.normal for block in blocks)
    return Columns.of(tuple(merged), sum(block.height for block in blocks), normal=normal)


class ColumnCursor:
    """What is left of columns that are taken from the front, some rows at a time."""

    __slots__ = ("_columns", "_position")

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._position = 0

    def take(self, count: int) -> Columns:
        """Return the next ``count`` rows, or as many as there are."""
        start, self._position = self._position, min(self._position + count, self._columns.height)
        if not start and self._position == self._columns.height:
            return self._columns
        return self._columns[start : self._position]

    def __length_hint__(self) -> int:
        return self._columns.height - self._position

    def __iter__(self) -> ColumnCursor:
        return self

    def __next__(self) -> Row:
        if self._position == self._columns.height:
            raise StopIteration
        self._position += 1
        return self._columns[self._position - 1]
