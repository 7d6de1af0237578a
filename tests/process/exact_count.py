"""A word count under exactly-once whose rows go to an SQLite table that has no key: a row that is
written twice is there twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from .word_count import Project

TOPOLOGY = """\
name: wordcount
guarantee: exactly-once
workers: 2
spouts:
  lines:
    class: Files
    args: {paths: "texts/*.txt"}
    parallelism: 2
bolts:
  split:
    class: components:Split
    args: {pause_s: 0.001}
    inputs: [lines]
    parallelism: 2
  count:
    class: Count
    args: {field: word, emit: final}
    inputs: [{from: split, grouping: fields, fields: [word]}]
    parallelism: 2
  write:
    class: SqliteTable
    args: {path: counts.sqlite, table: counts}
    inputs: [count]
settings: {checkpoint_interval: 100ms, max_pending: 100}
"""


class ExactProject(Project):
    """A project under exactly-once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "topology.yaml").write_text(TOPOLOGY)

    def change(self, old: str, new: str) -> None:
        """Change the topology."""
        path = self.folder / "topology.yaml"
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))

    def rows(self) -> list[tuple[str, int]]:
        """Return all rows of the table; none before the first commit."""
        path = self.folder / "counts.sqlite"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name='counts'").fetchall():
                return []
            return connection.execute("SELECT * FROM counts").fetchall()

    def exact(self, true: Counter[str]) -> None:
        """Every word is there once, with its true count."""
        rows = self.rows()
        assert len(rows) == len(true), "rows are missing, or there twice"
        assert dict(rows) == dict(true)
