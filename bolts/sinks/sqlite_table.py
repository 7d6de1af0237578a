"""SqliteTable: rows into a table of an SQLite file, each exactly once."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from waterspout.topology.argument_checks import Checks
from waterspout.topology.problems import listed

from ..disk import why_not
from ..written_rows import checked_path
from .tables import COMMITS_DAYS, COMMITS_TABLE, NO_KEY, NO_TABLE, Table, plain, quoted

#: How long a commit waits for other writers of the file.
BUSY_S = 5.0


class SqliteTable(Table):
    """Write each tuple as a row of a table.

    With ``key`` a row takes the place of the one with the same key, without it rows are added.
    Lists and dicts are stored as JSON. Several tasks may write to one file: they take turns.
    """

    def __init__(
        self,
        path: str,
        table: str,
        fields: list[str] | None = None,
        key: list[str] | None = None,
        create: bool = True,
    ) -> None:
        """Choose the table.

        Args:
            path: the SQLite file, relative to the folder the worker runs in.
            table: its name: letters, digits and ``_``.
            fields: fields that are written, by the names of their columns; all when None.
            key: fields of the primary key.
            create: make the table when it is missing.

        Raises:
            WrongArguments: a name cannot be one of SQL, or the key is not among the fields.
        """
        name, check = type(self).__name__, Checks()
        check(super().__init__, table, fields, key, create)
        self._path = Path(os.path.expanduser(check(checked_path, name, "path", path) or ""))
        check.end()

    def check_table(self) -> None:
        """Look whether the file can be had, and its table takes our rows.

        Raises:
            UserError: it cannot; names file and table.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as connection:
                what = self._misfit_in(connection)
        except OSError as error:
            what = why_not(error, self._path)
        except sqlite3.Error as error:
            what = str(error)
        if what:
            raise self.wrong(str(self._path), what)

    def _misfit_in(self, connection: sqlite3.Connection) -> str:
        """Say what is wrong with the table; "": nothing, or it is to be made.

        Raises:
            sqlite3.Error: it takes no such INSERT, which is only compiled.
        """
        found = [str(name) for _, name, *_ in connection.execute(
            f'PRAGMA table_xinfo("{self.table}")'
        )]  # fmt: skip
        if not found:
            return "" if self.create else NO_TABLE
        # Names of columns are the same in any case there.
        asked = {name.lower(): name for name in self.columns}
        what = self.misfit([asked.get(name.lower(), name) for name in found])
        if what or not self.columns:
            return what
        places = ", ".join("?" * len(self.columns))
        insert = self.insert(self.columns, f"VALUES ({places})")
        try:
            connection.execute(f"EXPLAIN {insert}", [None] * len(self.columns))
        except sqlite3.OperationalError as error:
            return NO_KEY.format(listed(self.key)) if "ON CONFLICT" in str(error) else str(error)
        return ""

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def begin(self, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        """Make the tables."""
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {COMMITS_TABLE} "
                "(id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID"
            )
            # Old ids are looked for with every block.
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {COMMITS_TABLE}_at ON {COMMITS_TABLE} (at)"
            )
            if self.create:
                primary = f", PRIMARY KEY ({quoted(self.key)})" if self.key else ""
                connection.execute(
                    f'CREATE TABLE IF NOT EXISTS "{self.table}" ({quoted(columns)}{primary})'
                )

    def write_block(self, id: str, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        """Write a block in one transaction."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._is_new(connection, id):
                    places = ", ".join("?" * len(columns))
                    connection.executemany(self.insert(columns, f"VALUES ({places})"), plain(block))
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _is_new(self, connection: sqlite3.Connection, id: str) -> bool:
        now = "CAST(strftime('%s', 'now') AS INTEGER)"
        old = f"at < {now} - {COMMITS_DAYS * 86_400}"
        connection.execute(f"DELETE FROM {COMMITS_TABLE} WHERE {old}")
        inserted = connection.execute(
            f"INSERT OR IGNORE INTO {COMMITS_TABLE} VALUES (?, {now})", (id,)
        )
        return inserted.rowcount == 1
