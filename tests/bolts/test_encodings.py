"""Lines, CSV, JSONL as bytes; test_writers reads them back from files."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from waterspout.bolts.encodings import csv_records, jsonl, lines


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([["a", 1], ["b", None]], b"a\t1\nb\t\n"),
        ([[b"\xff", "x"]], b"\xff\tx\n"),
        ([[[1, "x"]], [1.5]], b'[1,"x"]\n1.5\n'),
    ],
)
def test_lines(rows: list[Any], text: bytes) -> None:
    assert lines(rows, "\t") == text


def test_csv_is_read_back_by_the_csv_module() -> None:
    rows = [["a,b", 'say "x"', "two\nlines", "\r", ""], [1, 1.5, True, None, [1]]]
    data = csv_records(iter(rows)).decode()
    assert list(csv.reader(io.StringIO(data, newline=""))) == [
        ["a,b", 'say "x"', "two\nlines", "\r", ""],
        ["1", "1.5", "True", "", "[1]"],
    ]


def test_jsonl_is_read_back_by_the_json_module() -> None:
    names = ("plain", "50%", 'q"')
    rows = [["ü", 1, 1.5], [None, True, float("nan")], [b"\xff", [1], {"k": "v"}]]
    found = [json.loads(line) for line in jsonl(names, rows).splitlines()]
    assert [tuple(each) for each in found] == [names] * 3
    assert [list(each.values()) for each in found] == [
        ["ü", 1, 1.5], [None, True, None], ["\\xff", [1], {"k": "v"}],
    ]  # fmt: skip
