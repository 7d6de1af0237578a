"""What of a batch is written, for all bolts that write files."""

from __future__ import annotations

from typing import Any, Literal, get_args

from waterspout.topology.argument_checks import list_of_fields
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, quote

from .contract import Batch

#: What becomes of what is there already.
Begin = Literal["append", "new"]


def checked_begin(kind: str, begin: Any) -> Begin:
    """Return the argument ``begin`` of a bolt.

    Raises:
        UserError: it is neither ``append`` nor ``new``; ``kind`` is named.
    """
    if begin not in get_args(Begin):
        near = did_you_mean(begin, get_args(Begin)) if isinstance(begin, str) else ""
        raise UserError(f"{kind}: begin: append or new expected, got {begin!r:.80}{near}")
    checked: Begin = begin
    return checked


def checked_path(kind: str, argument: str, path: Any) -> str:
    """Return an argument that is the path of a file or folder.

    Raises:
        UserError: it is none; ``kind`` is named.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        raise UserError(f"{kind}: {argument}: a path expected, got {path!r:.80}")
    return path


def checked_fields(kind: str, fields: Any) -> tuple[str, ...] | None:
    """Return the argument ``fields``: each once, at least one; None: all of the input.

    Raises:
        UserError: it is not so.
    """
    if fields is None:
        return None
    names = list_of_fields(kind, "fields", fields)
    if not names:
        raise UserError(f"{kind}: fields: at least one expected, or leave it out for all")
    for at, name in enumerate(names):
        if name in names[:at]:
            raise UserError(f"{kind}: fields[{at}]: {quote(name)} is there twice")
    return names


def written_rows(
    component: str, batch: Batch, fields: tuple[str, ...] | None
) -> tuple[tuple[str, ...], list[Any]]:
    """Return the names and rows of ``fields``, in their order; all of the batch when None.

    Raises:
        UserError: the stream lacks one of them.
    """
    names: tuple[str, ...] = batch[0].fields
    if fields is None:
        return names, batch.rows
    missing = [name for name in fields if name not in names]
    if missing:
        raise UserError(
            f"{component}: fields: the input has no field {missing[0]!r}; it has {list(names)}"
        )
    return fields, list(zip(*map(batch.column, fields), strict=True))


def other_columns(
    component: str, what: str, columns: tuple[str, ...], names: tuple[str, ...]
) -> UserError:
    """Return the error for a stream with other fields than what was begun with.

    ``what`` ("the file has") says what was begun.
    """
    return UserError(
        f"{component}: {what} the columns {list(columns)}, this stream has {list(names)}; "
        "say which to write with fields: [...]"
    )
