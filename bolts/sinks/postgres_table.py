"""PostgresTable: rows into a table of PostgreSQL, each exactly once. Extra: ``postgres``."""

from __future__ import annotations

from typing import Any

from waterspout.topology.component import Context
from waterspout.topology.problems import listed

from .extras import need_extra
from .tables import COMMITS_DAYS, COMMITS_TABLE, NO_KEY, NO_TABLE, Table, plain, quoted

#: Type of a new column by the Python type of its values; text where there are several or none.
_TYPES = {int: "bigint", float: "double precision", bool: "boolean", bytes: "bytea", str: "text"}
#: Seconds to wait for a server that does not answer.
CONNECT_S = 5
#: A statement that takes longer is given up, and tried again with the next checkpoint.
STATEMENT_S = 60


class PostgresTable(Table):
    """Write each tuple as a row of a table.

    With ``key`` a row takes the place of the one with the same key, without it rows are added.
    Lists and dicts are stored as JSON text. No two-phase setting of the server is needed.
    """

    def __init__(
        self,
        dsn: str,
        table: str,
        fields: list[str] | None = None,
        key: list[str] | None = None,
        create: bool = True,
    ) -> None:
        """Choose the table.

        Args:
            dsn: how to connect: ``postgresql://user@host/database`` or ``host=... dbname=...``;
                a password is better kept in a secret (``secret://``) or a password file.
            table: its name: letters, digits and ``_``.
            fields: fields that are written, by the names of their columns; all when None.
            key: fields of the primary key (or of a unique index).
            create: make the table when it is missing, with types after its first rows.
        """
        super().__init__(table, fields, key, create)
        self._dsn = dsn
        self._connection: Any = None

    def prepare(self, context: Context) -> None:
        """Look for the library and, when the server is there, whether the table takes our rows.

        Then commit what was restored.

        Raises:
            UserError: the extra is not installed, ``dsn`` cannot be read, or the table does not
                fit.
        """
        need_extra(context.component, "PostgresTable", "psycopg", "postgres")
        super().prepare(context)

    def check_table(self) -> None:
        """Look whether the table takes our rows, if the server is there to say it."""
        import psycopg

        try:
            psycopg.conninfo.conninfo_to_dict(self._dsn)
        except psycopg.ProgrammingError:
            # Its text would hold a part of the dsn, which may be the password.
            raise self.wrong("", "dsn: that is no connection string or URI") from None
        try:
            what = self._misfit_in(self._connect())
        except psycopg.errors.InvalidColumnReference:
            what = NO_KEY.format(listed(self.key))
        except psycopg.Error as error:
            # Class 42: a mistake in what was asked for, or no right to it; it will not pass.
            if not (error.sqlstate or "").startswith("42"):
                self.context.log.warning("table not checked table=%s error=%s", self.table, error)
                return
            what = str(error).partition("\n")[0]
        if what:
            raise self.wrong("", what)

    def _misfit_in(self, connection: Any) -> str:
        """Say what is wrong with the table; "": nothing, or it is to be made.

        Raises:
            psycopg.Error: the server is away, or the table takes no such INSERT, which is only
                planned.
        """
        columns = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum", (f'"{self.table}"',),
        )  # fmt: skip
        found = [name for (name,) in columns]
        if not found:
            return "" if self.create else NO_TABLE
        what = self.misfit(found)
        if self.columns and not what:
            places = ", ".join(["NULL"] * len(self.columns))
            connection.execute(f"EXPLAIN {self.insert(self.columns, f'VALUES ({places})')}")
        return what

    def begin(self, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        """Make the tables."""
        connection = self._connect()
        with connection.transaction():
            # Tasks that create the same table at once would disturb each other.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (COMMITS_TABLE,))
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {COMMITS_TABLE} "
                "(id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
            )
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {COMMITS_TABLE}_at ON {COMMITS_TABLE} (at)"
            )
            if self.create:
                typed = ", ".join(
                    f'"{name}" {_type_of([row[at] for row in block])}'
                    for at, name in enumerate(columns)
                )
                primary = f", PRIMARY KEY ({quoted(self.key)})" if self.key else ""
                connection.execute(f'CREATE TABLE IF NOT EXISTS "{self.table}" ({typed}{primary})')

    def write_block(self, id: str, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        """Write a block in one transaction."""
        connection = self._connect()
        with connection.transaction():
            old = f"at < now() - interval '{COMMITS_DAYS} days'"
            connection.execute(f"DELETE FROM {COMMITS_TABLE} WHERE {old}")
            inserted = connection.execute(
                f"INSERT INTO {COMMITS_TABLE} (id) VALUES (%s) ON CONFLICT DO NOTHING", (id,)
            )
            if inserted.rowcount == 1:
                self._copy(connection, columns, block)

    def _copy(self, connection: Any, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        """COPY takes a tenth of the time of INSERTs; an upsert goes over a table of its own."""
        target = f'"{self.table}"'
        if self.key:
            # Of rows with the same key the last one counts, and a statement may touch a row once.
            places = [columns.index(name) for name in self.key]
            block = list({tuple(row[at] for at in places): row for row in block}.values())
            target = '"waterspout_block"'
            connection.execute(
                f"CREATE TEMPORARY TABLE {target} ON COMMIT DROP AS SELECT {quoted(columns)} "
                f'FROM "{self.table}" WITH NO DATA'
            )
        with connection.cursor().copy(f"COPY {target} ({quoted(columns)}) FROM STDIN") as copy:
            for row in plain(block):
                copy.write_row(row)
        if self.key:
            connection.execute(self.insert(columns, f"SELECT {quoted(columns)} FROM {target}"))

    def _connect(self) -> Any:
        import psycopg

        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = psycopg.connect(
                self._dsn, autocommit=True, connect_timeout=CONNECT_S,
                options=f"-c statement_timeout={STATEMENT_S * 1000}",
            )  # fmt: skip
        return self._connection

    def cleanup(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        super().cleanup()


def _type_of(values: list[Any]) -> str:
    types = {type(value) for value in values if value is not None}
    return _TYPES.get(types.pop(), "text") if len(types) == 1 else "text"
