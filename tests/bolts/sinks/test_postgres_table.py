"""PostgresTable, as far as it needs no server; tests/process/test_postgres.py starts a real one."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from waterspout.bolts.sinks import postgres_table
from waterspout.bolts.sinks.postgres_table import PostgresTable
from waterspout.topology.errors import UserError

from ...each_case import each_case


@each_case(
    "values, kind",
    [
        ([1, None], "bigint"),
        ([1.5], "double precision"),
        ([True], "boolean"),
        ([b"x"], "bytea"),
        (["x"], "text"),
        ([[1]], "text"),
        ([1, "x"], "text"),
        ([None], "text"),
    ],
)
def test_a_new_column_has_the_type_of_its_first_values(values: list[Any], kind: str) -> None:
    assert postgres_table._type_of(values) == kind


def test_without_the_library_it_says_what_to_install(bench, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError, match=r"step: .*pip install 'waterspout\[postgres\]'"):
        bench.start(PostgresTable("dbname=x", "t"))


def test_a_server_that_is_away_fails_the_commit_and_keeps_the_rows(bench, tmp_path) -> None:
    sink = bench.start(PostgresTable(f"host={tmp_path} dbname=x", "t"))
    sink.process_batch(bench.batch(["a"], [[1]]))
    sink.before_snapshot(1)
    with pytest.raises(Exception, match="connection"):
        sink.on_durable(1)
    assert len(sink.context.state.records("__transactions")) == 1
    sink.cleanup()


def test_a_dsn_that_cannot_be_read_is_refused_at_the_start_and_not_shown(bench) -> None:
    with pytest.raises(UserError, match="step: table t: dsn: that is no connection") as refused:
        bench.start(PostgresTable("postgresql:/me:geheim@host", "t"))
    assert "geheim" not in str(refused.value)
