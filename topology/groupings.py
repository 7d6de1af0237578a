"""The groupings: how a row finds its target tasks. One class each, with Storm's names.

A route is made per (emitting task, stream, subscribing bolt). ``put`` takes one row,
``put_many`` the rows of one group (a list of rows, or columns), ``turn`` is called between
input runs (the moment to choose another target). They append to the open frames of their targets.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from xxhash import xxh3_64_intdigest

from .channels import OpenFrame, Rows
from .columns import Columns, types_of
from .errors import UserError
from .keys import KEY_GROUPS, group_owners, key_group, two_choices
from .wire_limits import INT_MAX, INT_MIN

Row = list[Any]
#: Rows of a channel's target: those that wait there, as far as the sender knows (``load_of``),
#: or those that a task elsewhere may have more of than an own one (``ahead_of``).
LoadOf = Callable[[OpenFrame], int]


class Route:
    """Base: all rows go to the first target (the global grouping, and every single target)."""

    #: Whether columns can stay columns here; where not, they are taken apart row by row.
    by_column = False
    #: Whether all rows, of whatever runs, go to the same tasks.
    whole = False

    def __init__(self, targets: Sequence[OpenFrame]) -> None:
        self.targets = list(targets)
        self.put: Callable[[Row], Any] = self.targets[0].rows.append

    def put_many(self, rows: Rows) -> None:
        """Route all rows of one group."""
        put = self.put
        for row in rows:
            put(row)

    def turn(self) -> None:
        """Choose anew; called between runs."""

    def chosen(self, row: Row) -> list[int]:
        """Return the ids of the tasks that ``put`` sends ``row`` to now (need_task_ids)."""
        before = [len(target.rows) for target in self.targets]
        self.put(row)
        return [
            target.key[2]
            for target, length in zip(self.targets, before, strict=True)
            if len(target.rows) > length
        ]


class GlobalRoute(Route):
    """All rows to the first task."""

    by_column = whole = True

    def put_many(self, rows: Rows) -> None:
        """Put the whole group."""
        self.targets[0].put_many(rows)


class ShuffleRoute(Route):
    """One target at a time, chosen between runs: the own worker's while it is not busier.

    All rows of a run go to one task, so that a root is in one frame, not in all.

    What another worker gets has to last until this one has time to send more; what an own task
    gets has not. So tasks elsewhere may have some rows more, by ``ahead_of``, at the same load.
    """

    by_column = True

    def __init__(
        self, targets: Sequence[OpenFrame], worker: int, load_of: LoadOf, rng: random.Random,
        ahead_of: LoadOf | None = None,
    ) -> None:  # fmt: skip
        super().__init__(targets)
        self._worker, self._load_of = worker, load_of
        self._own = next((t for t in self.targets if t.target_worker == worker), None)
        self._ahead_of = ahead_of
        self._next = rng.randrange(len(self.targets))
        self._target = self.targets[0]
        self.put = self._put
        self.turn()

    def _put(self, row: Row) -> None:
        self._target.rows.append(row)

    def put_many(self, rows: Rows) -> None:
        """Put the whole group to the chosen task."""
        self._target.put_many(rows)

    def turn(self) -> None:
        """Take the least loaded target; of equals the own worker's, then the next in turn."""
        count = len(self.targets)
        self._next = (self._next + 1) % count
        best, best_key = self._target, (1 << 60, 1, 0)
        ahead = self._ahead_of(self._own) if self._own is not None and self._ahead_of else 0
        for offset in range(count):
            target = self.targets[(self._next + offset) % count]
            load, away = self._load_of(target), target.target_worker != self._worker
            key = (max(load - ahead, 0) if away else load, away, offset)
            if key < best_key:
                best, best_key = target, key
        self._target = best


class FieldsRoute(Route):
    """Rows with equal key values go to the same task, by key group."""

    by_column = True

    def __init__(self, targets: Sequence[OpenFrame], positions: Sequence[int]) -> None:
        super().__init__(targets)
        self.whole = len(self.targets) == 1
        self._owners = owners = group_owners(len(self.targets))
        self.positions = tuple(positions)
        #: append of the owner of each key group.
        self.table = [self.targets[owners[group]].rows.append for group in range(KEY_GROUPS)]
        if self.whole:
            self.put = self._checked_put()
        else:
            self.put = self._one_put() if len(self.positions) == 1 else self._many_put()

    def _checked_put(self) -> Callable[[Row], None]:
        """One target: keys need no hash, but have to be keys."""
        positions, append, plain = self.positions, self.targets[0].rows.append, _KEYS

        def put(row: Row) -> None:
            for position in positions:
                value = row[position]
                if value.__class__ not in plain and not (
                    value.__class__ is int and INT_MIN <= value <= INT_MAX
                ):
                    key_group((value,))
            append(row)

        return put

    def _one_put(self) -> Callable[[Row], None]:
        (position,) = self.positions
        table, digest, mask = self.table, xxh3_64_intdigest, KEY_GROUPS - 1

        def put(row: Row) -> None:
            value = row[position]
            if value.__class__ is str:
                # The same as key_group([value]), without two calls: 60 ns instead of 200.
                table[digest(value.encode("utf-8", "surrogatepass")) & mask](row)
            else:
                table[key_group((value,))](row)

        return put

    def _many_put(self) -> Callable[[Row], None]:
        positions, table = self.positions, self.table

        def put(row: Row) -> None:
            table[key_group([row[position] for position in positions])](row)

        return put

    def put_many(self, rows: Rows) -> None:
        """Route a group: all of it or, when a value is no key, nothing."""
        if not isinstance(rows, Columns):
            super().put_many(rows)
            return
        keys = [rows.values[position] for position in self.positions]
        if self.whole:
            if not all(map(_are_keys, keys)):
                self._owners_of(keys)
            self.targets[0].put_many(rows)
            return
        parts = self._words_dealt(rows) or _dealt(rows, self._owners_of(keys), self.targets)
        for target, part in zip(self.targets, parts, strict=True):
            if part:
                target.put_many(part)

    def _words_dealt(self, rows: Columns) -> list[Columns]:
        """Deal out rows that are one text each, in a single loop: 67 ns a row instead of 92.

        Empty: they are something else, and ``_owners_of`` knows what to do.
        """
        if len(rows.values) != 1 or types_of(rows.values[0]) != {str}:
            return []
        parts: list[list[str]] = [[] for _ in self.targets]
        appends = [parts[owner].append for owner in self._owners]
        digest, mask = xxh3_64_intdigest, KEY_GROUPS - 1
        try:
            for word in rows.values[0]:
                appends[digest(word.encode()) & mask](word)
        except UnicodeEncodeError:  # a lone surrogate
            return []
        return [Columns.of((part,), len(part)) for part in parts]

    def _owners_of(self, keys: list[list[Any]]) -> list[int]:
        """Return the index of the target of each key."""
        owners, digest, mask = self._owners, xxh3_64_intdigest, KEY_GROUPS - 1
        if len(keys) == 1 and types_of(keys[0]) == {str}:
            with suppress(UnicodeEncodeError):  # a lone surrogate: key_group knows what to do
                return [owners[digest(key.encode()) & mask] for key in keys[0]]
        return [owners[key_group(values)] for values in zip(*keys, strict=True)]


#: Types that are keys whatever they hold.
_KEYS = frozenset({str, bytes, bool, float, type(None)})


def _are_keys(column: list[Any]) -> bool:
    """Say whether all values are plain keys, without a look at each: 7 ns a value, not 100."""
    types = types_of(column)
    return types <= _KEYS or (types == {int} and min(column) >= INT_MIN and max(column) <= INT_MAX)


def _dealt(columns: Columns, owners: list[int], targets: Sequence[Any]) -> list[Columns]:
    """Deal rows out by the index that stands for each in ``owners``."""
    dealt = []
    for column in columns.values:
        parts: list[list[Any]] = [[] for _ in targets]
        appends = [part.append for part in parts]
        for owner, value in zip(owners, column, strict=True):
            appends[owner](value)
        dealt.append(parts)
    return [Columns.of(part, len(part[0])) for part in zip(*dealt, strict=True)]


class PartialKeyRoute(Route):
    """Each key has two candidate tasks; the one this sender has used less gets the row."""

    def __init__(self, targets: Sequence[OpenFrame], positions: Sequence[int]) -> None:
        super().__init__(targets)
        self._positions = tuple(positions)
        self._sent = [0] * len(self.targets)
        self.put = self._put

    def _put(self, row: Row) -> None:
        values = [row[position] for position in self._positions]
        first, second = two_choices(values, len(self.targets))
        index = first if self._sent[first] <= self._sent[second] else second
        self._sent[index] += 1
        self.targets[index].rows.append(row)


class AllRoute(Route):
    """Every task gets every row."""

    by_column = whole = True

    def __init__(self, targets: Sequence[OpenFrame]) -> None:
        super().__init__(targets)
        appends = [target.rows.append for target in self.targets]

        def put(row: Row) -> None:
            for append in appends:
                append(row)

        self.put = put

    def put_many(self, rows: Rows) -> None:
        """Put the whole group to each task."""
        for target in self.targets:
            target.put_many(rows)


class DirectRoute(Route):
    """The emitter names the task; a plain emit on such a stream is an error."""

    def __init__(self, targets: Sequence[OpenFrame]) -> None:
        super().__init__(targets)
        self.by_task = {target.key[2]: target for target in self.targets}
        self.put = self._refuse

    def _refuse(self, row: Row) -> None:
        raise UserError("the stream is declared direct: name the task with direct_task=")


class CustomGrouping(Protocol):
    """What a class named by ``grouping: custom`` has to offer."""

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None:
        """Get the ids of the target tasks; called once."""

    def choose_tasks(self, values: list[Any]) -> list[int]:
        """Return the target tasks of one tuple, out of ``targets``."""


class CustomRoute(Route):
    """A class of the user chooses."""

    def __init__(self, targets: Sequence[OpenFrame], grouping: CustomGrouping) -> None:
        super().__init__(targets)
        self._by_task = {target.key[2]: target for target in self.targets}
        self._grouping = grouping
        self.put = self._put

    def _put(self, row: Row) -> None:
        targets = []
        for task in self._grouping.choose_tasks(row):
            target = self._by_task.get(task)
            if target is None:
                name = type(self._grouping).__name__
                raise UserError(f"{name}.choose_tasks gave {task!r}, not one of the targets")
            targets.append(target)
        for target in targets:
            target.rows.append(row)
