"""What sinks into tables of a database have in common: rows wait in the state for their checkpoint.

Rows since the last checkpoint are kept in memory and go into the task's state with it. Once it is
durable, each block of rows is written in one transaction of the database, together with its id in
the table ``waterspout_commits``: a block whose id is there was written before. So no prepared
transaction is left open in the database, whatever dies when, and nothing is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from waterspout.topology.argument_checks import Checks, checked, field_names, list_of_fields
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, listed, quote

from ..contract import Batch
from ..texts import json_text
from .transactional import TransactionalSink

#: Table that holds the ids of blocks that were written.
COMMITS_TABLE = "waterspout_commits"
#: Rows of one block; a state value may take 8 MiB.
BLOCK_ROWS = 2000
_SCALAR_SIZE = 16
#: Characters and bytes that a block may hold before it is closed.
BLOCK_SIZE = 4 * 1024 * 1024
#: Rows that may wait for a checkpoint.
ROWS_MAX = 1_000_000
#: Ids of older blocks are forgotten: no checkpoint that names them is kept so long.
COMMITS_DAYS = 30
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


#: What is wrong with a table that has to be there, and is not.
NO_TABLE = "there is no such table, and with create: false it is not made"
#: What is wrong with one whose rows cannot be told apart by the argument ``key``.
NO_KEY = "key: it has no primary key or unique index of {}"


class Table(TransactionalSink):
    """One table of a database; what differs between databases is ``write_block``."""

    rescalable = True

    def __init__(
        self, table: str, fields: list[str] | None, key: list[str] | None, create: bool
    ) -> None:
        """Check names; they go into SQL as they are.

        Raises:
            WrongArguments: a name is not letters, digits and ``_``, or the key is not among the
                fields.
        """
        kind, check = type(self).__name__, Checks()
        self.table = check(_checked_name, f"{kind}: table", table)
        self.columns: tuple[str, ...] = check(_checked_names, kind, "fields", fields)
        self.key = check(_checked_names, kind, "key", key)
        check.end()
        for at, name in enumerate(self.key if fields else ()):
            if name not in self.columns:
                check(_not_written, f"{kind}: key[{at}]", name, self.columns)
        check.end()
        self._named = fields is not None
        self.create = create
        self._ready = False
        self._blocks: list[list[list[Any]]] = []
        self._size = 0
        self._rows = 0

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return nothing, after checking ``args``."""
        checked(cls, args)
        return cls.outputs

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the fields that are written, and those of the key."""
        key = field_names("key", args.get("key"))
        return Needs({**key, **field_names("fields", args.get("fields"))})

    def prepare(self, context: Context) -> None:
        """Look whether the rows of the input fit into the table, then commit what was restored.

        Raises:
            UserError: they do not fit; names the table.
        """
        streams = dict.fromkeys(context.inputs.values())
        if not self.columns and len(streams) == 1:
            self._begin_columns(*streams)
        elif not self.columns and streams:
            shown = " and ".join(str(list(names)) for names in streams)
            raise UserError(
                f"{context.component}: table {self.table}: the inputs have different fields, "
                f"{shown}; say which to write with fields: [...]"
            )
        self.check_table()
        super().prepare(context)

    def check_table(self) -> None:
        """Look whether the table takes rows of ``columns``, if it is there; called in prepare.

        Without columns they are not known yet. A database that is away is no reason to raise,
        where it may be back when rows are written.

        Raises:
            UserError: it does not, or it is missing and not to be made.
        """

    def wrong(self, where: str, what: str) -> UserError:
        """Return the error for a table that does not fit."""
        at = f": {where}" if where else ""
        return UserError(f"{self.context.component}: table {self.table}{at}: {what}")

    def misfit(self, found: Sequence[str]) -> str:
        """Say which columns are missing in those ``found`` in the database; "": none is."""
        missing = [name for name in self.columns if name not in found]
        if not missing:
            return ""
        columns = "column" if len(missing) == 1 else "columns"
        return (
            f"it has no {columns} {listed(map(quote, missing))}, it has {listed(found)}; write to "
            "another table, or say which fields to write with fields: [...]"
        )

    def begin(self, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        """Make the tables that are missing, with types that suit ``block``; once per task.

        Raises what the database does.
        """
        raise NotImplementedError

    def write_block(self, id: str, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        """Write a block and its id in one transaction; nothing, when the id is there already."""
        raise NotImplementedError

    def write(self, batch: Batch) -> None:
        """Keep a batch for its checkpoint.

        Raises:
            UserError: another stream than before, or too many rows wait.
        """
        names = batch[0].fields
        columns = self.columns if self._named else names
        if not self.columns:
            self._begin_columns(names)
        missing = [name for name in self.columns if name not in names]
        if missing or (not self._named and names != self.columns):
            raise UserError(
                f"{self.context.component}: table {self.table} has the columns "
                f"{list(self.columns)}, this stream has {list(names)}"
            )
        if self._rows + len(batch) > ROWS_MAX:
            raise UserError(
                f"{self.context.component}: more than {ROWS_MAX} rows wait for a checkpoint; "
                "shorten checkpoint_interval"
            )
        self._add([list(row) for row in zip(*map(batch.column, columns), strict=True)])

    def _begin_columns(self, names: tuple[str, ...]) -> None:
        bad = [name for name in names if not _NAME.fullmatch(name)]
        lost = [name for name in self.key if name not in names]
        if bad or lost:
            what = f"field {bad[0]!r} cannot name a column" if bad else f"no field {lost[0]!r}"
            raise UserError(f"{self.context.component}: table {self.table}: {what}")
        self.columns = names

    def _add(self, rows: list[list[Any]]) -> None:
        for row in rows:
            size = _size_of(row)
            last = self._blocks[-1] if self._blocks else None
            if last is None or len(last) >= BLOCK_ROWS or self._size + size > BLOCK_SIZE:
                self._blocks.append([row])
                self._size = size
            else:
                last.append(row)
                self._size += size
        self._rows += len(rows)

    def pre_commit(self, number: int) -> list[Any]:
        """Put all rows into the state."""
        blocks, self._blocks, self._size, self._rows = self._blocks, [], 0, 0
        return [[list(self.columns), block] for block in blocks]

    def insert(self, columns: tuple[str, ...], values: str) -> str:
        """Return the INSERT of ``values``: a row takes the place of the one with the same key."""
        into = f'INSERT INTO "{self.table}" ({quoted(columns)}) {values}'
        if not self.key:
            return into
        rest = [name for name in columns if name not in self.key]
        if not rest:
            return f"{into} ON CONFLICT ({quoted(self.key)}) DO NOTHING"
        sets = ", ".join(f'"{name}" = excluded."{name}"' for name in rest)
        return f"{into} ON CONFLICT ({quoted(self.key)}) DO UPDATE SET {sets}"

    def commit(self, id: str, handle: Any) -> None:
        """Write a block.

        Raises:
            Exception: of the database: it is away, full, or refuses a row.
        """
        columns, block = tuple(handle[0]), handle[1]
        if not self._ready:
            self.begin(columns, block)
            self._ready = True
        self.write_block(id, columns, block)


def quoted(names: Iterable[str]) -> str:
    """Return names of columns as they stand in SQL."""
    return ", ".join(f'"{name}"' for name in names)


def plain(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows of values that every database takes: lists and dicts become JSON."""
    return [
        [json_text(value) if isinstance(value, (list, tuple, dict)) else value for value in row]
        for row in rows
    ]


def _size_of(row: list[Any]) -> int:
    """Return about what a row takes in the state: lists and dicts by their text."""
    return sum(map(_value_size, row))


def _value_size(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    return len(json_text(value)) if isinstance(value, (list, tuple, dict)) else _SCALAR_SIZE


def _checked_name(where: str, name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(f"{where}: letters, digits and _ expected, got {name!r:.80}")
    return name


def _checked_names(kind: str, argument: str, names: Any) -> tuple[str, ...]:
    if names is None:
        return ()
    check = Checks()
    for at, name in enumerate(list_of_fields(kind, argument, names)):
        check(_checked_name, f"{kind}: {argument}[{at}]", name)
    check.end()
    return tuple(names)


def _not_written(where: str, name: str, fields: tuple[str, ...]) -> None:
    near = did_you_mean(name, fields)
    raise UserError(f"{where}: {quote(name)} is not one of the fields {listed(fields)}{near}")
