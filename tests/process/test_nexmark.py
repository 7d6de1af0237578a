"""Nexmark's queries give what DuckDB gives for the same events; also when a worker is killed."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from waterspout.configs.nexmark.nexmark import Auctions, Bids, Persons

from .word_count import LIMIT_S, wait_for, workers_of

pytestmark = pytest.mark.skipif(
    find_spec("duckdb") is None, reason="needs DuckDB to compare with: pip install duckdb"
)

QUERIES = Path(__file__).resolve().parent.parent.parent / "configs" / "nexmark"
KINDS = {"persons": Persons, "auctions": Auctions, "bids": Bids}
EVENTS, JITTER_MS = 20_000, 200

#: The queries over all events at once, and the columns of our results to compare with.
SQL: dict[int, tuple[str, str]] = {
    0: ("SELECT auction, bidder, price, date_time FROM bids", "auction, bidder, price, date_time"),
    1: (
        "SELECT auction, bidder, round(0.908::DOUBLE * price, 2), date_time FROM bids",
        "auction, bidder, round(price, 2), date_time",
    ),
    2: ("SELECT auction, price FROM bids WHERE auction % 123 = 0", "auction, price"),
    3: (
        "SELECT name, city, state, a.id FROM auctions a JOIN persons p ON a.seller = p.id "
        "WHERE category = 10 AND state IN ('OR', 'ID', 'CA')",
        "name, city, state, auction",
    ),
    4: (
        "SELECT category, round(avg(price), 3) FROM (SELECT category, max(price) AS price "
        "FROM auctions a JOIN bids b ON a.id = b.auction "
        "WHERE b.date_time BETWEEN a.date_time AND expires GROUP BY a.id, category) GROUP BY 1",
        "category, round(mean, 3)",
    ),
    5: (
        "WITH counts AS (SELECT auction, date_time // 2000 * 2000 - 2000 * i + 10000 AS w, "
        "count(*) AS n FROM bids, range(5) r(i) GROUP BY 1, 2) "
        "SELECT auction, n, w FROM counts c WHERE n = (SELECT max(n) FROM counts WHERE w = c.w)",
        "auction, bids, window_end",
    ),
    7: (
        "WITH w AS (SELECT *, date_time // 10000 * 10000 + 10000 AS w FROM bids) "
        "SELECT auction, bidder, price, date_time, w FROM w a "
        "WHERE price = (SELECT max(price) FROM w WHERE w.w = a.w)",
        "auction, bidder, price, date_time, window_end",
    ),
    8: (
        "SELECT DISTINCT p.id, name, p.date_time // 10000 * 10000 FROM persons p JOIN auctions a "
        "ON p.id = seller AND p.date_time // 10000 = a.date_time // 10000",
        "id, name, window_start",
    ),
    9: (
        "SELECT a.id, category, seller, bidder, price, b.date_time FROM auctions a JOIN bids b "
        "ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND expires "
        "QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY price DESC, b.date_time) = 1",
        "auction, category, seller, bidder, price, date_time",
    ),
    11: (
        "WITH s AS (SELECT bidder, date_time, sum(CASE WHEN pause > 10000 THEN 1 ELSE 0 END) "
        "OVER (PARTITION BY bidder ORDER BY date_time ROWS UNBOUNDED PRECEDING) AS session FROM "
        "(SELECT *, date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time) "
        "AS pause FROM bids)) "
        "SELECT bidder, min(date_time), max(date_time) + 10000, count(*) "
        "FROM s GROUP BY bidder, session",
        "bidder, window_start, window_end, bids",
    ),
    # Whose windows are of the clock: only their sums are the same in every run.
    12: ("SELECT bidder, count(*) FROM bids GROUP BY 1", "bidder, sum(bids)"),
}
GROUP = {12: "GROUP BY bidder"}
#: Sessions need pauses.
RATES = {11: 50}


#: In a process of its own: the library complains on stderr when its interpreter ends.
ASK = """
import duckdb, json, sys
tables, query = json.load(sys.stdin)
connection = duckdb.connect()
for name, path in tables.items():
    connection.execute(f"CREATE TABLE {name} AS FROM read_csv('{path}')")
json.dump(connection.execute(query).fetchall(), sys.stdout)
"""


def expected(query: int, folder: Path, events: int = EVENTS) -> list[Any]:
    """Ask DuckDB."""
    tables = {}
    for name, kind in KINDS.items():
        source: Any = kind(events=events, rate=RATES.get(query, 1000), jitter_ms=JITTER_MS)
        tables[name] = str(folder / f"{name}.csv")
        with open(tables[name], "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(source.outputs)
            reader = source.reader("part-0", None)
            while got := reader.read(1000):
                writer.writerows(got[0].tuples())
    asked = json.dumps([tables, SQL[query][0]])
    done = subprocess.run(
        [sys.executable, "-c", ASK], input=asked, capture_output=True, text=True, check=False,
        timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return sorted(map(tuple, json.loads(done.stdout)), key=repr)


def command(query: int, folder: Path, *more: str, events: int = EVENTS) -> list[str]:
    """Return the command that runs a query over the same events."""
    path = QUERIES / f"q{query}.yaml"
    text = path.read_text()
    sets = [
        part
        for name in KINDS
        if f"  {name}:\n    class: nexmark:" in text
        for part in (
            "--set", f"spouts.{name}.args.events={events}",
            "--set", f"spouts.{name}.args.rate={RATES.get(query, 1000)}",
        )
    ]  # fmt: skip
    return [
        sys.executable, "-m", "waterspout.supervisor", "run", str(path), "--json",
        "--state-dir", str(folder / "state"), *sets, *more,
    ]  # fmt: skip


def results(query: int, folder: Path) -> list[Any]:
    """Read what a run has written."""
    with sqlite3.connect(folder / "out.db") as connection:
        rows = connection.execute(f"SELECT {SQL[query][1]} FROM q{query} {GROUP.get(query, '')}")
        return sorted(rows.fetchall(), key=repr)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "OUT": str(folder / "out.db")}


@pytest.mark.parametrize("query", SQL)
def test_a_query_gives_what_duckdb_gives(query: int, tmp_path: Path) -> None:
    done = subprocess.run(
        command(query, tmp_path, "--in-process"), cwd=tmp_path, env=environment(tmp_path),
        capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = results(query, tmp_path)
    assert found == expected(query, tmp_path)
    assert len(found) >= 3, "a query without results compares nothing"


def test_frequent_marks_and_checkpoints_change_nothing(tmp_path: Path) -> None:
    """Two tasks end their windows one after the other: the next stage waits for both."""
    often = (
        "--set", "settings.checkpoint_interval=20ms", "--set", "settings.watermark_interval=5ms"
    )
    done = subprocess.run(
        command(5, tmp_path, "--in-process", *often), cwd=tmp_path, env=environment(tmp_path),
        capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sum(row["late"] for row in json.loads(done.stdout)["components"]) == 0
    assert results(5, tmp_path) == expected(5, tmp_path)


def test_with_a_worker_killed_hot_items_are_the_same(tmp_path: Path) -> None:
    # So many that the run lasts while the first checkpoint is waited for.
    events = 4 * EVENTS
    slow = ("--workers", "2", "--set", "settings.max_pending=500",
            "--set", "settings.checkpoint_interval=200ms")  # fmt: skip
    run = subprocess.Popen(
        command(5, tmp_path, *slow, events=events), cwd=tmp_path, env=environment(tmp_path),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for(lambda: any(tmp_path.rglob("epoch-*.part*")), "the first checkpoint")
        workers_of(run.pid)[1].kill()
        out, err = run.communicate(timeout=LIMIT_S)
    finally:
        run.kill()
    assert run.returncode == 0, err
    assert json.loads(out)["restarts"] == 1
    assert results(5, tmp_path) == expected(5, tmp_path, events)
