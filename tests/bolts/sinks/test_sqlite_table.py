"""SqliteTable: every row once, whatever is repeated."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.sinks.sqlite_table import SqliteTable
from waterspout.topology.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "out.db"


def select(path: Path, what: str = "SELECT * FROM counts") -> list[Any]:
    with sqlite3.connect(path) as connection:
        return connection.execute(what).fetchall()


def durable(sink: Any, number: int) -> None:
    sink.before_snapshot(number)
    sink.on_durable(number)


def test_rows_are_added_once_each(bench, path: Path) -> None:
    sink = bench.start(SqliteTable(str(path), "counts"))
    sink.process_batch(bench.batch(["w", "n"], [["a", 1], ["b", [1, None]], ["ü", b"\0"]]))
    sink.before_snapshot(1)
    ((id, (_, handle)),) = sink.context.state.records("__transactions").items()
    for _ in range(3):
        sink.commit(id, handle)
    assert select(path) == [("a", 1), ("b", "[1,null]"), ("ü", b"\0")]


def test_with_a_key_the_last_row_counts(bench, path: Path) -> None:
    sink = bench.start(SqliteTable(str(path), "counts", key=["w"]))
    sink.process_batch(bench.batch(["w", "n"], [["a", 1], ["b", 1], ["a", 2]]))
    durable(sink, 1)
    sink.process_batch(bench.batch(["w", "n"], [["b", 5]]))
    durable(sink, 2)
    assert select(path) == [("a", 2), ("b", 5)]


def test_a_table_that_is_there_is_used_as_it_is(bench, path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE counts (n INTEGER, w TEXT UNIQUE, more DEFAULT 7)")
    sink = bench.start(SqliteTable(str(path), "counts", key=["w"], create=False))
    sink.process_batch(bench.batch(["w", "n"], [["a", 1], ["a", 2]]))
    durable(sink, 1)
    assert select(path) == [(2, "a", 7)]


def test_a_row_that_the_table_refuses_leaves_nothing_of_its_block(bench, path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE counts (w TEXT NOT NULL)")
    sink = bench.start(SqliteTable(str(path), "counts"))
    sink.process_batch(bench.batch(["w"], [["a"], [None]]))
    sink.before_snapshot(1)
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        sink.on_durable(1)
    assert select(path) == [] and select(path, "SELECT * FROM waterspout_commits") == []


def test_old_ids_are_found_by_an_index(bench, path: Path) -> None:
    sink = bench.start(SqliteTable(str(path), "counts"))
    sink.process_batch(bench.batch(["w"], [["a"]]))
    durable(sink, 1)
    plan = select(path, "EXPLAIN QUERY PLAN DELETE FROM waterspout_commits WHERE at < 1")
    assert "waterspout_commits_at (at<?)" in plan[0][-1]


def test_two_tasks_write_to_one_file(bench, path: Path) -> None:
    sinks = [
        bench.start(SqliteTable(str(path), "counts"), index=index, parallelism=2, draws=index)
        for index in range(2)
    ]
    for number in (1, 2):
        for index, sink in enumerate(sinks):
            sink.process_batch(bench.batch(["w"], [[f"{index}.{number}"]]))
            durable(sink, number)
    assert sorted(select(path)) == [("0.1",), ("0.2",), ("1.1",), ("1.2",)]


def test_ids_of_long_ago_are_forgotten(bench, path: Path) -> None:
    sink = bench.start(SqliteTable(str(path), "counts"))
    sink.process_batch(bench.batch(["w"], [["a"]]))
    durable(sink, 1)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE waterspout_commits SET at = at - 40 * 86400")
    sink.process_batch(bench.batch(["w"], [["b"]]))
    durable(sink, 2)
    ((count,),) = select(path, "SELECT count(*) FROM waterspout_commits")
    assert count == 1


def test_a_file_that_cannot_be_had_is_refused_at_the_start(bench, path: Path) -> None:
    path.parent.touch()
    with pytest.raises(UserError, match=f"step: table counts: {path}: .* is no folder"):
        bench.start(SqliteTable(str(path), "counts"))
    path.parent.unlink()
    path.mkdir(parents=True)
    with pytest.raises(UserError, match=f"step: table counts: {path}: unable to open"):
        bench.start(SqliteTable(str(path), "counts"))
    path.rmdir()
    path.write_text("no database " * 100)
    with pytest.raises(UserError, match=f"step: table counts: {path}: file is not a database"):
        bench.start(SqliteTable(str(path), "counts"))


def made(path: Path, columns: str) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE counts ({columns})")


def test_a_table_with_other_columns_is_refused_at_the_start(bench, path: Path) -> None:
    made(path, "w, m")
    with pytest.raises(UserError, match=f"step: table counts: {path}: it has no column 'n', it"):
        bench.start(SqliteTable(str(path), "counts", fields=["w", "n"]))
    with pytest.raises(UserError, match="it has no columns 'n', 'o', it has w, m"):
        bench.start(SqliteTable(str(path), "counts"), inputs={("s", "default"): ("n", "w", "o")})
    bench.start(SqliteTable(str(path), "counts", fields=["m", "W"]))


def test_a_table_that_is_missing_is_refused_at_the_start_if_it_is_not_made(
    bench, path: Path
) -> None:
    with pytest.raises(UserError, match=f"{path}: there is no such table, and with create: false"):
        bench.start(SqliteTable(str(path), "counts", create=False))
    bench.start(SqliteTable(str(path), "counts", ["w"]))


def test_a_key_by_which_the_table_cannot_find_a_row_is_refused_at_the_start(
    bench, path: Path
) -> None:
    made(path, "w, n")
    with pytest.raises(UserError, match="key: it has no primary key or unique index of w"):
        bench.start(SqliteTable(str(path), "counts", ["w", "n"], key=["w"]))


def test_a_column_that_takes_no_value_is_refused_at_the_start(bench, path: Path) -> None:
    made(path, "w, n AS (w + 1)")
    with pytest.raises(UserError, match='cannot INSERT into generated column "n"'):
        bench.start(SqliteTable(str(path), "counts", ["w", "n"]))


def test_looking_at_a_table_writes_nothing(bench, path: Path) -> None:
    made(path, "w")
    bench.start(SqliteTable(str(path), "counts", ["w"]))
    assert select(path) == []
