"""Numbers under exactly-once: each is counted by key, and written once, where all hosts see it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing

from .hosts_cluster import Numbers

KEYS = 50

COMPONENTS = f"""\
import time


class Keyed:
    def __init__(self, pause_s):
        self.pause_s = pause_s

    def __call__(self, n):
        time.sleep(self.pause_s)
        return n, n % {KEYS}
"""

TOPOLOGY = """\
name: numbers
workers: 3
guarantee: exactly-once
spouts:
  numbers: {{class: Sequence, args: {{count: {count}, partitions: 3}}, parallelism: 3}}
bolts:
  key:
    class: Map
    args: {{function: "components:keyed", fields: [n, key]}}
    inputs: [numbers]
    parallelism: 3
  count:
    class: Count
    args: {{field: key, emit: final}}
    inputs: [{{from: key, grouping: fields, fields: [key]}}]
    parallelism: 3
    state: sqlite
  counts:
    class: SqliteTable
    args: {{path: {folder}/counts.sqlite, table: counts}}
    inputs: [count]
  rows:
    class: CommitJsonl
    args: {{folder: {folder}/rows, fields: [n]}}
    inputs: [key]
    parallelism: 3
settings: {{checkpoint_interval: 300ms, link_timeout: 4s, max_pending: 500}}
"""


class ExactNumbers(Numbers):
    """As Numbers, and none may come out twice."""

    def write(self, pause_s: float) -> None:
        text = COMPONENTS + f"\n\nkeyed = Keyed({pause_s})\n"
        (self.folder / "components.py").write_text(text)
        topology = TOPOLOGY.format(count=self.count, folder=self.folder)
        (self.folder / "numbers.yaml").write_text(topology)

    def noted(self) -> Counter[int]:
        """Return how often each number is in a file that was committed."""
        found: Counter[int] = Counter()
        for path in (self.folder / "rows").glob("part-*.jsonl"):
            found.update(json.loads(line)["n"] for line in path.read_text().splitlines())
        return found

    def exact(self) -> None:
        """Wait for the end: every number is there once, and so is every count."""
        self.whole()
        assert self.noted() == Counter(range(self.count)), "numbers came out twice"
        with closing(sqlite3.connect(self.folder / "counts.sqlite")) as connection:
            rows = connection.execute("SELECT * FROM counts").fetchall()
        true = Counter(n % KEYS for n in range(self.count))
        assert sorted(rows) == sorted(true.items())
