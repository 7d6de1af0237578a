"""The examples with windows find in real processes what was planted."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from waterspout.configs.anomaly.anomaly import made as packets
from waterspout.configs.trending.trending import made as posts
from waterspout.configs.trending.trending import ranking

from .word_count import LIMIT_S, WATERSPOUT

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"


def run(example: str, folder: Path, *sets: str) -> list[Any]:
    """Run an example; return the rows of its table."""
    args = [each for one in sets for each in ("--set", one)]
    path = CONFIGS / example / f"{example}.yaml"
    done = subprocess.run(
        [*WATERSPOUT, "run", str(path), *args], cwd=folder, timeout=2 * LIMIT_S,
        capture_output=True, text=True,
        env={**os.environ, "OUT": str(folder / "out.db"), "XDG_STATE_HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    table = {"trending": "top", "anomaly": "alerts"}[example]
    with closing(sqlite3.connect(folder / "out.db")) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_trending_words_are_those_of_a_direct_count(tmp_path: Path, guarantee: str) -> None:
    rows, planted = posts(words=20_000, rate=100, bursts=2, seed=1, jitter_s=5)
    sets = [f"spouts.posts.args.args.{each}" for each in ("words=20000", "bursts=2")]
    sets.append(f"guarantee={guarantee}")
    found = {end: json.loads(top) for end, top in run("trending", tmp_path, *sets)}
    assert found == ranking(rows, 5)
    assert {top[0][0] for top in found.values()} >= set(planted)


def test_alerts_are_the_attacks_that_were_planted(tmp_path: Path) -> None:
    _, planted = packets(sources=60, seconds=120, attacks=2, seed=1, jitter_s=2)
    args = ("sources=60", "seconds=120", "attacks=2")
    sets = [f"spouts.packets.args.args.{each}" for each in args]
    assert {row[:2] for row in run("anomaly", tmp_path, *sets)} == planted
