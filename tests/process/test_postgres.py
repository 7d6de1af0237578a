"""PostgresTable against a real server that the tests start: every row once, also over its crash."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.contract import Batch
from waterspout.bolts.sinks.postgres_table import PostgresTable
from waterspout.bolts.sinks.tables import BLOCK_ROWS
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.topology.component import Context
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import tuple_class

from .exact_count import ExactProject
from .postgres import Server, binaries, running
from .word_count import LIMIT_S, wait_for, workers_of

psycopg = pytest.importorskip("psycopg", reason="needs the extra: pip install -e '.[postgres]'")
pytestmark = pytest.mark.skipif(
    binaries() is None, reason="needs a PostgreSQL server: apt-get install postgresql"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    bin = binaries()
    assert bin is not None
    with running(bin) as made:
        yield made


@pytest.fixture(autouse=True)
def empty(server: Server) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS counts, waterspout_commits")


def start(server: Server, part: bytes | None = None, seed: int = 1, **args: Any) -> PostgresTable:
    state = TaskState("store")
    if part is not None:
        state.restore([decode_part(part)])
    sink = PostgresTable(server.dsn, "counts", **args)
    sink.context = Context(
        topology="t", component="store", task=1, index=0, parallelism=1, settings={},
        clock=lambda: 0.0, random=random.Random(seed), restored=None if part is None else 1,
        state=state, log=logging.getLogger("waterspout.test"),
    )  # fmt: skip
    sink.prepare(sink.context)
    return sink


def write(sink: PostgresTable, fields: list[str], rows: list[Any]) -> None:
    sink.process_batch(Batch(tuple_class("source", "default", tuple(fields)), rows))


def cut(sink: PostgresTable, number: int) -> bytes:
    sink.before_snapshot(number)
    return b"".join(encode_part(sink.context.state.snapshot_begin()))


def select(server: Server, what: str = "SELECT * FROM counts ORDER BY 1") -> list[Any]:
    with psycopg.connect(server.dsn) as connection:
        return connection.execute(what).fetchall()


def test_a_table_is_made_with_types_and_rows_come_back(server: Server) -> None:
    sink = start(server)
    rows = [["a", 1, 1.5, True, b"\0x", [1, "ü"]], ["b\tc\\n", None, None, None, None, None]]
    write(sink, ["w", "n", "x", "flag", "data", "more"], rows)
    cut(sink, 1)
    sink.on_durable(1)
    assert select(server) == [
        ("a", 1, 1.5, True, b"\0x", '[1,"ü"]'),
        ("b\tc\\n", None, None, None, None, None),
    ]


def test_many_rows_go_in_several_blocks(server: Server) -> None:
    sink = start(server)
    write(sink, ["n"], [[n] for n in range(3 * BLOCK_ROWS + 7)])
    cut(sink, 1)
    sink.on_durable(1)
    assert select(server, "SELECT count(*), sum(n) FROM counts") == [
        (3 * BLOCK_ROWS + 7, sum(range(3 * BLOCK_ROWS + 7)))
    ]
    assert select(server, "SELECT count(*) FROM waterspout_commits") == [(4,)]


def test_with_a_key_the_last_row_counts(server: Server) -> None:
    sink = start(server, key=["w"])
    for number, rows in enumerate([[["a", 1], ["b", 1], ["a", 2]], [["b", 5], ["c", 1]]], 1):
        write(sink, ["w", "n"], rows)
        cut(sink, number)
        sink.on_durable(number)
    assert select(server) == [("a", 2), ("b", 5), ("c", 1)]


def test_a_restored_task_writes_what_was_not_written_and_nothing_twice(server: Server) -> None:
    sink = start(server)
    write(sink, ["n"], [[n] for n in range(BLOCK_ROWS + 5)])
    part = cut(sink, 1)
    # The task dies after the first of two blocks.
    (id, (_, handle)), *_ = sink.context.state.records("__transactions").items()
    sink.commit(id, handle)
    start(server, part, seed=2)
    start(server, part, seed=3)
    assert select(server) == [(n,) for n in range(BLOCK_ROWS + 5)]


def test_a_table_that_does_not_fit_is_refused_at_the_start(server: Server) -> None:
    with pytest.raises(UserError, match="store: table counts: there is no such table, and with"):
        start(server, create=False)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute('CREATE TABLE counts (w text NOT NULL, "N" bigint)')
    with pytest.raises(UserError, match="store: table counts: it has no column 'n', it has w, N;"):
        start(server, fields=["w", "n"])
    with pytest.raises(UserError, match="key: it has no primary key or unique index of w"):
        start(server, fields=["w", "N"], key=["w"])
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE counts ADD g int GENERATED ALWAYS AS (1) STORED")
    with pytest.raises(UserError, match=r'table counts: cannot insert .* column "g"$'):
        start(server, fields=["g"])
    start(server, fields=["w", "N"])
    assert select(server) == []


def test_a_server_that_crashes_gets_the_rows_when_it_is_back(server: Server) -> None:
    sink = start(server)
    write(sink, ["n"], [[1]])
    cut(sink, 1)
    sink.on_durable(1)
    write(sink, ["n"], [[2]])
    cut(sink, 2)
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        sink.on_durable(2)
    write(sink, ["n"], [[3]])
    cut(sink, 3)
    server.start()
    sink.on_durable(3)
    assert select(server) == [(1,), (2,), (3,)]


def test_a_row_that_the_table_refuses_leaves_nothing_of_its_block(server: Server) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE counts (n bigint CHECK (n < 10))")
    sink = start(server)
    write(sink, ["n"], [[1], [100]])
    cut(sink, 1)
    with pytest.raises(psycopg.errors.CheckViolation):
        sink.on_durable(1)
    assert select(server) == [] == select(server, "SELECT * FROM waterspout_commits")


def test_a_run_whose_worker_and_database_die_has_every_row_once(
    server: Server, tmp_path: Path
) -> None:
    project = ExactProject(tmp_path)
    project.change("class: SqliteTable", "class: PostgresTable")
    project.change("path: counts.sqlite, table: counts", f'dsn: "{server.dsn}", table: counts')
    project.change("inputs: [count]", "inputs: [split]")
    true = project.write_texts(lines=3000)
    run = project.start()
    try:
        wait_for(lambda: rows_so_far(server) > 1000, "some rows")
        workers_of(run.pid)[1].kill()
        server.kill()
        wait_for(lambda: "OperationalError" in json.dumps(project.status(run.pid)), "a lost commit")
        server.start()
        _, err = run.communicate(timeout=2 * LIMIT_S)
        assert run.returncode == 0, err
    finally:
        run.kill()
        if not server.runs:
            server.start()
    counted = "SELECT word, count(*) FROM counts GROUP BY word"
    assert dict(select(server, counted)) == dict(true)


def rows_so_far(server: Server) -> int:
    """Return the number of rows; 0 without a table."""
    if select(server, "SELECT to_regclass('counts')") == [(None,)]:
        return 0
    ((rows,),) = select(server, "SELECT count(*) FROM counts")
    return int(rows)
