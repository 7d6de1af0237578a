"""CommitJsonl, CommitCsv: files that appear when they are complete, and are never changed again.

Every checkpoint makes at most one file per task: ``part-0000000012-0000-9f3a6c21.jsonl`` is of
checkpoint 12 and task 0. Until then its rows are in a file whose name begins with a dot:

    .part-0000-9f3a6c21.tmp               being written
    .part-0000000012-0000-9f3a6c21.ready  on disk, waits for checkpoint 12
    part-0000000012-0000-9f3a6c21.jsonl   committed

Renames do the rest: a crash at any moment leaves one of the three. In a cluster the folder has to
be one that every host sees, as a task may be started again elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from waterspout.topology.argument_checks import Checks, checked, field_names
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError

from ..contract import Batch
from ..disk import fsync_folder, why_not
from ..encodings import csv_records, jsonl
from ..written_rows import (
    Begin,
    checked_begin,
    checked_fields,
    checked_path,
    other_columns,
    written_rows,
)
from .transactional import TransactionalSink

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
#: Of a file's own random name; no two processes of a task draw the same (Context.random).
_NAME_BITS = 32
#: Bytes that are collected before they are written.
WRITE_BYTES = 1 << 20


class CommittedFiles(TransactionalSink):
    """What file sinks have in common; a format is how rows are written into one file."""

    #: Of the committed files.
    suffix = ""
    rescalable = True

    def __init__(
        self,
        folder: str,
        prefix: str = "part",
        fields: list[str] | None = None,
        begin: Begin = "append",
    ) -> None:
        """Choose the folder.

        Args:
            folder: relative to the folder the worker runs in; made when missing.
            prefix: what names of files begin with: letters, digits, ``-`` and ``_``.
            fields: fields that are written, in this order; those of the input when None.
            begin: ``append``: files of earlier runs stay; ``new``: they are removed when a run
                begins from the start.

        Raises:
            WrongArguments: one of them is not as it has to be.
        """
        name, check = type(self).__name__, Checks()
        self._folder = Path(os.path.expanduser(check(checked_path, name, "folder", folder) or ""))
        self._prefix = check(_checked_prefix, name, prefix)
        self._begin = check(checked_begin, name, begin)
        self._fields = check(checked_fields, name, fields)
        check.end()
        self._columns: tuple[str, ...] | None = self._fields
        self._path: Path | None = None

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return nothing, after checking ``args``."""
        checked(cls, args)
        return cls.outputs

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the fields that are written."""
        return Needs(field_names("fields", args.get("fields")))

    def open_file(self, path: Path, columns: tuple[str, ...]) -> None:
        """Begin a file. Called when the first rows since a checkpoint come."""
        raise NotImplementedError

    def write_rows(self, columns: tuple[str, ...], rows: list[Any]) -> None:
        """Write rows into the file: all of them or, when this raises, none."""
        raise NotImplementedError

    def close_file(self) -> None:
        """End the file, and have it on disk."""
        raise NotImplementedError

    def abandon_file(self) -> None:
        """End the file; nobody wants it."""
        raise NotImplementedError

    def prepare(self, context: Context) -> None:
        """Make the folder, then commit and discard.

        Raises:
            UserError: the folder cannot be made, or not be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            why = "" if os.access(self._folder, os.W_OK | os.X_OK) else "cannot be written to"
        except OSError as error:
            why = f"cannot be made: {why_not(error, self._folder)}"
        if why:
            raise UserError(f"{context.component}: folder {str(self._folder)!r} {why}")
        if self._begin == "new" and context.fresh and context.index == 0:
            context.at_go.append(self._begin_anew)
        super().prepare(context)

    def _begin_anew(self) -> None:
        """Remove the files of earlier runs, once; no checkpoint of this one is complete yet."""
        self.context.at_go.remove(self._begin_anew)
        for path in self._folder.glob(f"{self._prefix}-*{self.suffix}"):
            path.unlink(missing_ok=True)

    def write(self, batch: Batch) -> None:
        """Write a batch into the file of the next checkpoint."""
        component = self.context.component
        names, rows = written_rows(component, batch, self._fields)
        if self._columns is None:
            self._columns = names
        elif names != self._columns:
            raise other_columns(component, "the files have", self._columns, names)
        if self._path is None:
            name = f"{self.context.random.getrandbits(_NAME_BITS):0{_NAME_BITS // 4}x}"
            path = self._folder / f".{self._prefix}-{self.context.index:04d}-{name}.tmp"
            self.open_file(path, names)
            self._path = path
        self.write_rows(names, rows)

    def pre_commit(self, number: int) -> list[Any]:
        """Have the file on disk under the name that waits for its checkpoint."""
        path = self._path
        if path is None:
            return []
        self.close_file()
        name = path.name.removesuffix(".tmp").rpartition("-")[2]
        stem = f"{self._prefix}-{number:010d}-{self.context.index:04d}-{name}"
        os.replace(path, self._folder / f".{stem}.ready")
        self._path = None
        fsync_folder(self._folder)
        return [stem]

    def commit(self, id: str, handle: Any) -> None:
        """Give the file its name; one that has it already was committed before.

        Raises:
            UserError: the file is gone.
        """
        ready, final = self._folder / f".{handle}.ready", self._folder / f"{handle}{self.suffix}"
        try:
            os.replace(ready, final)
        except FileNotFoundError:
            if not final.exists():
                raise UserError(
                    f"{self.context.component}: neither {ready.name} nor {final.name} is in "
                    f"{self._folder}; its rows are lost unless the folder is put back"
                ) from None
        fsync_folder(self._folder)

    def discard(self, restored: int | None) -> None:
        """Remove files that no checkpoint knows, of this task and of tasks that are no more."""
        for path in self._folder.glob(f".{self._prefix}-*"):
            if self._is_void(path.name, restored):
                path.unlink(missing_ok=True)

    def _is_void(self, name: str, restored: int | None) -> bool:
        form = rf"\.{re.escape(self._prefix)}-(?:(\d{{10}})-)?(\d{{4,}})-[0-9a-f]+\.(tmp|ready)"
        match = re.fullmatch(form, name)
        if match is None or (match[3] == "ready") != (match[1] is not None):
            return False
        index, own = int(match[2]), self.context.index
        if index != own and not (own == 0 and index >= self.context.parallelism):
            return False
        # What waits for the restored checkpoint, or an earlier one, is in somebody's state.
        return match[1] is None or restored is None or int(match[1]) > restored

    def cleanup(self) -> None:
        """Close and remove what no checkpoint covers: its messages are replayed."""
        if self._path is not None:
            path, self._path = self._path, None
            self.abandon_file()
            path.unlink(missing_ok=True)


def _checked_prefix(kind: str, prefix: Any) -> str:
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise UserError(f"{kind}: prefix: letters, digits, - and _ expected, got {prefix!r:.80}")
    return prefix


class _ByteFiles(CommittedFiles):
    """Formats that are bytes after bytes."""

    _descriptor = -1
    #: Rows that are not in the file yet, and how many bytes are.
    _waiting: bytearray
    _size = 0

    def encode(self, columns: tuple[str, ...], rows: Iterable[Any]) -> bytes:
        """Return the rows as whole lines."""
        raise NotImplementedError

    def head(self, columns: tuple[str, ...]) -> bytes:
        """Return what a file begins with."""
        return b""

    def open_file(self, path: Path, columns: tuple[str, ...]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        self._size = 0
        self._waiting = bytearray(self.head(columns))

    def write_rows(self, columns: tuple[str, ...], rows: list[Any]) -> None:
        data = self.encode(columns, rows)
        if len(self._waiting) >= WRITE_BYTES:
            self._flush()
        self._waiting += data

    def _flush(self) -> None:
        """Write what waits; when the disk fails, all of it waits on, and is written over."""
        done = 0
        while done < len(self._waiting):
            try:
                with memoryview(self._waiting) as view:
                    done += os.pwrite(self._descriptor, view[done:], self._size + done)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(self._folder)) from error
        self._size += done
        self._waiting.clear()

    def close_file(self) -> None:
        self._flush()
        os.fsync(self._descriptor)
        self.abandon_file()

    def abandon_file(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        self._waiting.clear()
        os.close(descriptor)


class CommitJsonl(_ByteFiles):
    """Write each tuple as a JSON object on a line of its own, keyed by field.

    Bytes are text (``\\xNN`` for what is not UTF-8), NaN and infinity are null.
    """

    suffix = ".jsonl"

    def encode(self, columns: tuple[str, ...], rows: Iterable[Any]) -> bytes:
        """Return an object per row."""
        return jsonl(columns, rows)


class CommitCsv(_ByteFiles):
    """Write each tuple as a row of CSV; every file begins with the names of its columns.

    None is an empty cell, lists and dicts are JSON, bytes are text.
    """

    suffix = ".csv"

    def encode(self, columns: tuple[str, ...], rows: Iterable[Any]) -> bytes:
        """Return a record per row."""
        return csv_records(rows)

    def head(self, columns: tuple[str, ...]) -> bytes:
        """Return the names of the columns."""
        return csv_records([columns])
