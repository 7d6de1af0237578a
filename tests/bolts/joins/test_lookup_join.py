"""LookupJoin: a table that is a file, and changes."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.joins.lookup_join import LookupJoin
from waterspout.topology.errors import UserError

from ...each_case import each_case

SELECT = {"id": "row.id", "name": "table.name", "size": "table.size"}


def write(path: Path, text: str, ns: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(ns, ns))


def test_rows_get_what_the_table_says(task, table: Path) -> None:
    write(table, "id,name,size\n1,one,\n2,two,big\n", 1)
    step = task(lambda: LookupJoin(str(table), "id", SELECT))
    for id in (1, "2", 3):
        step.row("in", None, id=id)
    assert step.emitted == [[1, "one", ""], ["2", "two", "big"]]
    assert step.count("unmatched") == 1


def test_jsonl_has_types_and_left_keeps_rows_without_an_entry(task, table: Path) -> None:
    path = table.with_suffix(".jsonl")
    write(path, '{"k": 1, "name": null, "size": [1]}\n\n{"k": "1", "name": "x", "size": 2}\n', 1)
    step = task(lambda: LookupJoin(str(path), {"row": "id", "table": "k"}, SELECT, kind="left"))
    for id in (1, "1", 2):
        step.row("in", None, id=id)
    assert step.emitted == [[1, None, [1]], ["1", "x", 2], [2, None, None]]


def test_a_file_that_changed_is_read_again_after_a_while(
    task, table: Path, caplog, monkeypatch
) -> None:
    write(table, "id,name,size\n1,old,\n", 1)
    step = task(lambda: LookupJoin(str(table), "id", SELECT, refresh="10s"))
    write(table, "id,name,size\n1,new,\n", 2)
    step.row("in", None, id=1)
    step.seconds = 10.0
    step.row("in", None, id=1)
    assert [row[1] for row in step.emitted] == ["old", "new"]
    caplog.set_level(logging.ERROR)
    for second, break_it in ((20.0, lambda: write(table, "id\n1\n", 3)), (30.0, table.unlink)):
        break_it()
        step.seconds = second
        step.row("in", None, id=1)
    assert [row[1] for row in step.emitted] == ["old", "new", "new", "new"]
    assert [record.message.count("the table stays as it was") for record in caplog.records] == [
        1,
        1,
    ]
    write(table, "id,name,size\n1,back,\n", 4)
    step.seconds = 40.0
    step.row("in", None, id=1)
    assert step.emitted[-1][1] == "back"
    monkeypatch.setattr(step.bolt, "_read", lambda: pytest.fail("it has not changed"))
    step.seconds = 50.0
    step.row("in", None, id=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,nam,size\n1,one,x\n", "row 1 has no 'name', did you mean 'nam'"),
        ("", None),
        (None, "No such file"),
    ],
)
def test_a_table_that_cannot_be_read_at_the_start_is_an_error(
    task, table: Path, text: str | None, message: str | None
) -> None:
    if text is not None:
        table.write_text(text)
    if message is None:
        task(lambda: LookupJoin(str(table), "id", SELECT))
        return
    with pytest.raises(UserError) as caught:
        task(lambda: LookupJoin(str(table), "id", SELECT))
    assert str(caught.value).startswith(f"step: table {table}: ") and message in str(caught.value)


def test_broken_json_and_too_many_rows_are_errors(task, table: Path) -> None:
    path = table.with_suffix(".jsonl")
    for text in ("{", "[1]\n", '{"id": [1], "name": 1, "size": 1}\n'):
        path.write_text(text)
        with pytest.raises(UserError, match="step: table"):
            task(lambda: LookupJoin(str(path), "id", SELECT))
    table.write_text("id,name,size\n1,a,\n2,b,\n")
    with pytest.raises(UserError, match="more than 1 rows; raise rows_max"):
        task(lambda: LookupJoin(str(table), "id", SELECT, rows_max=1))


@each_case(
    "args, text",
    [
        (["x.txt", "id", SELECT], "table: a .csv or .jsonl file expected, got 'x.txt'"),
        (["x.csv", 1, SELECT], "key: a field, or {row: field, table: field} expected"),
        (["x.csv", {"row": "a"}, SELECT], "key: 'table' is missing"),
        (["x.csv", "id", {"a": "left.x"}], "row.field or table.field expected"),
        (["x.csv", "id", SELECT, "outer"], "kind: one of inner, left"),
        (["x.csv", "id", SELECT, "inner", "often"], "refresh: a span"),
    ],
)
def test_arguments_that_cannot_be_are_refused(args: list[Any], text: str) -> None:
    with pytest.raises(UserError) as caught:
        LookupJoin(*args)
    assert text in str(caught.value)


def test_its_outputs_are_those_of_select() -> None:
    args = {"table": "x.csv", "key": "id", "select": SELECT}
    assert LookupJoin.declare_outputs(args) == ["id", "name", "size"]
