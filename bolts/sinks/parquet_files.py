"""CommitParquet: Parquet files that appear when they are complete. Needs the extra ``parquet``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from waterspout.topology.component import Context
from waterspout.topology.errors import UserError

from .committed_files import CommittedFiles
from .extras import need_extra

#: Rows of a row group.
GROUP_ROWS = 65_536


class CommitParquet(CommittedFiles):
    """Write tuples into Parquet files, a column per field.

    A column's type is that of the first rows of its file; a row that does not fit it fails its
    message. A file per checkpoint and task: with an interval of 1 s that is many small files, with
    one of minutes few large ones.
    """

    suffix = ".parquet"

    _file: Path | None = None
    _writer: Any = None
    _schema: Any = None
    #: Tables that wait to be a row group.
    _rows: list[Any]

    def prepare(self, context: Context) -> None:
        """Look for the library.

        Raises:
            UserError: the extra is not installed.
        """
        need_extra(context.component, "CommitParquet", "pyarrow.parquet", "parquet")
        super().prepare(context)

    def open_file(self, path: Path, columns: tuple[str, ...]) -> None:
        """Begin a file; its schema comes with the first rows."""
        path.touch(exist_ok=False)
        self._file, self._writer, self._schema, self._rows = path, None, None, []

    def write_rows(self, columns: tuple[str, ...], rows: list[Any]) -> None:
        """Keep rows for a row group, after a look whether they fit the schema."""
        table = self._table(columns, rows)
        if self._schema is None:
            self._schema = table.schema
        self._rows.append(table)
        if sum(len(each) for each in self._rows) >= GROUP_ROWS:
            self._write_group()

    def _table(self, columns: tuple[str, ...], rows: list[Any]) -> Any:
        import pyarrow

        values = list(zip(*rows, strict=True))
        fields = [None] * len(columns) if self._schema is None else self._schema.types
        try:
            arrays = [
                pyarrow.array(column, type=kind)
                for column, kind in zip(values, fields, strict=True)
            ]
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError) as error:
            raise UserError(f"{self.context.component}: no column of one type: {error}") from None
        return pyarrow.Table.from_arrays(arrays, names=list(columns))

    def _write_group(self) -> None:
        import pyarrow
        import pyarrow.parquet

        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._file, self._schema)
        if self._rows:
            self._writer.write_table(pyarrow.concat_tables(self._rows))
            self._rows = []

    def close_file(self) -> None:
        """Write what is left, and have the file on disk."""
        assert self._file is not None
        self._write_group()
        self._writer.close()
        descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._writer = None

    def abandon_file(self) -> None:
        """Close it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._rows = []
