"""WriteLines, WriteCsv, WriteJsonl: tuples to a file, on disk before they count as durable.

Files are appended to; with ``begin: new`` they are emptied when a run begins from the start,
and never when it goes on. After the loss of a worker (and after Ctrl-C, when the run is taken
up again) messages that were not durable are replayed and their lines may come again; a line
that was cut off in the middle may be left. No line of a message that counted as durable is
missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from waterspout.topology.argument_checks import Checks, checked, field_names
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError

from .append_file import AppendFile
from .contract import Batch, Bolt
from .disk import why_not
from .encodings import csv_records, jsonl, lines
from .written_rows import (
    Begin,
    checked_begin,
    checked_fields,
    checked_path,
    other_columns,
    written_rows,
)


class FileWriter(Bolt):
    """What the three have in common: one file per task, flushed in each round."""

    sink = True
    sink_kind = "append"
    #: A newline inside double quotes ends no record.
    quoted = False

    def __init__(
        self, path: str, fields: list[str] | None = None, begin: Begin = "append"
    ) -> None:
        """Choose the file.

        Args:
            path: a file, relative to the folder the worker runs in; made with its folders when
                missing. ``{index}`` and ``{task}`` in it become the task's number among its
                bolt's and its id; with a parallelism over 1 one of them has to be there.
            fields: fields that are written, in this order; all when None.
            begin: ``append``: what is in the file stays; ``new``: it is emptied when a run
                begins from the start (for the first time, with --fresh, or after one that
                finished), not when a run or a lost worker goes on.

        Raises:
            WrongArguments: ``path`` is empty, ``fields`` no list of fields, or ``begin`` neither.
        """
        name, check = type(self).__name__, Checks()
        self._begin = check(checked_begin, name, begin)
        self._path = check(checked_path, name, "path", path)
        self._fields = check(checked_fields, name, fields)
        check.end()
        self._file: AppendFile | None = None

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return nothing, after checking ``args``."""
        checked(cls, args)
        return cls.outputs

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the fields that are written."""
        path = args.get("path")
        shared = isinstance(path, str) and path and not _is_per_task(path)
        return Needs(
            field_names("fields", args.get("fields")),
            one_task=("path", _not_shared(str(path))) if shared else None,
        )

    def prepare(self, context: Context) -> None:
        """Open this task's file.

        Raises:
            UserError: several tasks would share it, it cannot be opened, or it is no regular
                file.
        """
        name = self._path
        if context.parallelism > 1 and not _is_per_task(name):
            raise UserError(f"{context.component}: path: {_not_shared(name)}")
        name = name.replace("{index}", str(context.index)).replace("{task}", str(context.task))
        path = Path(os.path.expanduser(name))
        anew = self._begin == "new" and context.fresh
        try:
            self._file = AppendFile(path, context.log, quoted=self.quoted, anew=anew)
            context.at_go.append(self._file.begin)
        except OSError as error:
            what = f"{str(path)!r} cannot be written: {why_not(error, path)}"
            raise UserError(f"{context.component}: path: {what}") from None

    def process_batch(self, batch: Batch) -> None:
        """Take over a batch: all of it or, when it raises, nothing."""
        assert self._file is not None
        self._file.add(self.encode(*written_rows(self.context.component, batch, self._fields)))

    def encode(self, names: tuple[str, ...], rows: Iterable[Any]) -> bytes:
        """Return ``rows`` as whole lines."""
        raise NotImplementedError

    def flush(self) -> None:
        """Write and fsync everything so far; called in each round.

        Raises:
            OSError: disk full or failing. The round fails, nothing is lost, the next one tries
                again; when enough waits, messages wait at their spouts.
        """
        assert self._file is not None
        self._file.flush()

    def cleanup(self) -> None:
        """Close the file. What was not flushed belongs to messages that are replayed."""
        if self._file is not None:
            self._file.close()


class WriteLines(FileWriter):
    """Write each tuple as a line of text, its values separated by ``separator``.

    Bytes are written as they are. A newline in a value makes a line of its own.
    """

    def __init__(
        self, path: str, fields: list[str] | None = None, separator: str = "\t",
        begin: Begin = "append",
    ) -> None:  # fmt: skip
        """Choose the file.

        Args:
            path: see ``FileWriter``.
            fields: see ``FileWriter``.
            separator: what stands between two values of a line.
            begin: see ``FileWriter``.
        """
        super().__init__(path, fields, begin)
        self._separator = separator

    def encode(self, names: tuple[str, ...], rows: Iterable[Any]) -> bytes:
        """Return a line per row."""
        return lines(rows, self._separator)


class WriteCsv(FileWriter):
    """Write each tuple as a row of CSV, quoted where it has to be, lines ended by a newline.

    The columns are ``fields``, else those of the first stream that comes; a stream with others
    is refused. None is an empty cell, lists and dicts are JSON, bytes are text.
    """

    quoted = True

    def __init__(
        self, path: str, fields: list[str] | None = None, header: bool = True,
        begin: Begin = "append",
    ) -> None:  # fmt: skip
        """Choose the file.

        Args:
            path: see ``FileWriter``.
            fields: see ``FileWriter``.
            header: write the names of the fields first, when the file is empty.
            begin: see ``FileWriter``.
        """
        super().__init__(path, fields, begin)
        self._header = header
        self._columns: tuple[str, ...] | None = self._fields

    def encode(self, names: tuple[str, ...], rows: Iterable[Any]) -> bytes:
        """Return a record per row."""
        if self._columns is None:
            self._columns = names
        elif names != self._columns:
            raise other_columns(self.context.component, "the file has", self._columns, names)
        if self._header and self._file is not None and not self._file.header:
            self._file.header = csv_records([names])
        return csv_records(rows)


class WriteJsonl(FileWriter):
    """Write each tuple as a JSON object on a line of its own, keyed by field.

    Bytes are text (``\\xNN`` for what is not UTF-8), NaN and infinity are null.
    """

    def encode(self, names: tuple[str, ...], rows: Iterable[Any]) -> bytes:
        """Return an object per row."""
        return jsonl(names, rows)


def _is_per_task(path: str) -> bool:
    return "{index}" in path or "{task}" in path


def _not_shared(path: str) -> str:
    """Say why several tasks cannot have a path, and what they can have."""
    with_index = f"{Path(path).stem}-{{index}}{Path(path).suffix}"
    return (
        f"several tasks cannot write to one file {path!r:.80}; put {{index}} into its name, as in "
        f"{with_index!r:.80}"
    )
