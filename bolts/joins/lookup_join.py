"""LookupJoin: rows with what a reference table says of them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from waterspout.topology.argument_checks import Checks, checked, field_names
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, listed, quote
from waterspout.topology.tuples import Tuple

from ..contract import Bolt
from .sides import above_0, of_kind, read_select, selected_fields
from .spans import one_or_each, span_ms

#: Rows that a table may have; it is held in memory.
ROWS_MAX = 1_000_000
KINDS = ("inner", "left")
SUFFIXES = (".csv", ".jsonl")
#: What names a field in ``key`` and ``select``.
SIDES = ("row", "table")


class LookupJoin(Bolt):
    """Look each row up in a table that is a file, and emit both together.

    The table is read when the task starts, and again when the file has changed. A file that cannot
    be read then leaves the table as it was, with a line in the log. CSV needs a header; its values
    are text, so they are compared with the text of the key.
    """

    def __init__(
        self,
        table: str,
        key: str | dict[str, str],
        select: dict[str, str],
        kind: str = "inner",
        refresh: str = "10s",
        rows_max: int = ROWS_MAX,
    ) -> None:
        """Check the arguments.

        Args:
            table: a ``.csv`` or ``.jsonl`` file, relative to the folder the worker runs in.
            key: field that both have, or ``{row: f, table: g}``.
            select: output fields: ``{name: table.name, price: row.price}``.
            kind: a row that is not in the table: ``inner``: is dropped and counted; ``left``: is
                emitted with None for the table's fields.
            refresh: how often it is looked whether the file has changed.
            rows_max: rows that the table may have.

        Raises:
            UserError: an argument is wrong; it is named.
        """
        name = type(self).__name__
        check = Checks()
        check(_check_table, name, table)
        keys = check(one_or_each, name, "key", key, SIDES)
        self.fields, places = check(read_select, name, select, SIDES) or ([], [])
        self._outer = check(of_kind, name, "kind", kind, KINDS) == "left"
        refresh_ms = check(span_ms, name, "refresh", refresh, least=1)
        self._rows_max = check(above_0, name, "rows_max", rows_max)
        check.end()
        self._path = Path(os.path.expanduser(table))
        self._refresh_s = refresh_ms / 1000
        self._row_key, self._table_key = keys["row"], keys["table"]
        #: (of the table, field) of each output field.
        self._places = [(bool(of), field) for of, field in places]
        self._texts = table.endswith(".csv")
        self._table: dict[Any, tuple[Any, ...]] = {}
        self._seen: tuple[int, int] = (0, 0)
        self._look_at = 0.0

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the selected fields."""
        return checked(cls, args).fields

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the key of a row, and what is selected of it."""
        key = args.get("key")
        fields = field_names("key", key) if isinstance(key, str) else {}
        if isinstance(key, Mapping) and isinstance(key.get("row"), str):
            fields = {key["row"]: "key.row"}
        return Needs({**selected_fields(args.get("select"), "row"), **fields})

    def prepare(self, context: Context) -> None:
        """Read the table.

        Raises:
            UserError: it cannot be read, or lacks a field.
        """
        super().prepare(context)
        self._seen = self._state_of_file()
        self._table = self._read()
        self._look_at = context.clock() + self._refresh_s

    def process(self, tup: Tuple) -> None:
        """Look a row up."""
        if self.context.clock() >= self._look_at:
            self._refresh()
        key = tup[self._row_key]
        if self._texts and not isinstance(key, str):
            key = str(key)
        found = self._table.get(key)
        if found is None and not self._outer:
            self.context.metrics.count("unmatched")
            return
        of_table = iter(found) if found is not None else None
        self.emit([
            tup[field] if not is_table else None if of_table is None else next(of_table)
            for is_table, field in self._places
        ])  # fmt: skip

    def _refresh(self) -> None:
        self._look_at = self.context.clock() + self._refresh_s
        try:
            seen = self._state_of_file()
            if seen == self._seen:
                return
            self._table = self._read()
            self._seen = seen
        except UserError as error:
            self.context.log.error("the table stays as it was: %s", error)

    def _state_of_file(self) -> tuple[int, int]:
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise self._wrong(error.strerror or str(error)) from None
        return found.st_mtime_ns, found.st_size

    def _read(self) -> dict[Any, tuple[Any, ...]]:
        names = [self._table_key, *(field for is_table, field in self._places if is_table)]
        table: dict[Any, tuple[Any, ...]] = {}
        try:
            with open(self._path, encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file) if self._texts else _json_rows(file)
                for number, row in enumerate(rows, 1):
                    key, *values = (self._value(row, name, number) for name in names)
                    table[key] = tuple(values)
                    if len(table) > self._rows_max:
                        raise self._wrong(f"more than {self._rows_max} rows; raise rows_max")
        except (OSError, ValueError, csv.Error, TypeError) as error:
            raise self._wrong(str(error)) from None
        return table

    def _value(self, row: Any, name: str, number: int) -> Any:
        if not isinstance(row, dict) or (row.get(name) is None and name not in row):
            has = list(row) if isinstance(row, dict) else []
            hint = did_you_mean(name, has)
            raise self._wrong(f"row {number} has no {quote(name)}{hint}; it has {listed(has)}")
        return row[name]

    def _wrong(self, what: str) -> UserError:
        return UserError(f"{self.context.component}: table {self._path}: {what}")


def _check_table(kind: str, table: Any) -> None:
    if not isinstance(table, str) or not table.endswith(SUFFIXES):
        forms = " or ".join(SUFFIXES)
        raise UserError(f"{kind}: table: a {forms} file expected, got {table!r:.80}")


def _json_rows(lines: Iterator[str]) -> Iterator[Any]:
    for line in lines:
        if line.strip():
            yield json.loads(line)
