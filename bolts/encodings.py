"""Rows as bytes of the formats that people read: lines, CSV, JSONL."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from itertools import chain
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

from .texts import json_text, text_of, utf8


def lines(rows: Iterable[Any], separator: str) -> bytes:
    """Return a line per row, its values separated; bytes are written as they are."""
    columns = list(zip(*rows, strict=True))
    if any(bytes in set(map(type, column)) for column in columns):
        between = utf8(separator)
        return b"".join(between.join(map(_raw, row)) + b"\n" for row in rows)
    texts = map(separator.join, zip(*map(_texts, columns), strict=True))
    return utf8("\n".join(texts) + "\n")


def csv_records(rows: Iterable[Any]) -> bytes:
    """Return a CSV record per row, quoted where it has to be, ended by a newline.

    None is an empty cell, lists and dicts are JSON, bytes are text.
    """
    rows = list(rows)
    if not set(map(type, chain.from_iterable(rows))) <= _CELLS:
        rows = [list(map(text_of, row)) for row in rows]
    return utf8(_csv_text(rows))


def jsonl(names: tuple[str, ...], rows: Iterable[Any]) -> bytes:
    """Return a JSON object per row on a line of its own, keyed by name.

    Bytes are text (``\\xNN`` for what is not UTF-8), NaN and infinity are null. Column by
    column: about half the time of a ``json.dumps`` per row.
    """
    # '%' is doubled: the names go into a format string.
    keys = [encode_basestring(name).replace("%", "%%") for name in names]
    form = "{" + ",".join(f"{key}:%s" for key in keys) + "}\n"
    columns = [map(_json_of(column), column) for column in zip(*rows, strict=True)]
    return utf8("".join(map(form.__mod__, zip(*columns, strict=True))))


#: Types that the csv module writes as ``text_of`` would.
_CELLS = frozenset({str, int, float, bool, type(None)})


def _json_of(column: tuple[Any, ...]) -> Callable[[Any], str]:
    """Return what makes JSON of the values of a column."""
    types = set(map(type, column))
    if types == {str}:
        return encode_basestring
    if types == {int}:
        return int.__repr__
    return float.__repr__ if types == {float} and all(map(isfinite, column)) else json_text


def _texts(column: tuple[Any, ...]) -> Iterable[str]:
    """Return the values of a column as text."""
    types = set(map(type, column))
    if types == {str}:
        return column
    return map(int.__repr__ if types == {int} else text_of, column)


def _csv_text(rows: Iterable[Any]) -> str:
    text = _csv_quoted(rows, csv.QUOTE_MINIMAL)
    # A bare carriage return would end a record for readers; Python < 3.13 does not quote it.
    return _csv_quoted(rows, csv.QUOTE_NONNUMERIC) if "\r" in text else text


def _csv_quoted(rows: Iterable[Any], quoting: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=quoting).writerows(rows)
    return out.getvalue()


def _raw(value: Any) -> bytes:
    return value if type(value) is bytes else utf8(text_of(value))
