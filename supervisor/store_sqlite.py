"""The coordinator's store as one SQLite file: every change is one transaction, fsynced.

``waterspout dead-letters`` reads and marks rows from another process while a run is going.
Payloads of dead letters are in the file, so it is readable by its owner only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import msgpack

from .sqlite_file import SqliteFile
from .store import (
    EVENTS_MAX,
    SUSPECTS_MAX,
    DeadLetter,
    Home,
    Part,
    PositionWentBack,
    StaleEpoch,
    Store,
    Suspect,
    TaskPositions,
    TopologyChanged,
    covered,
    moved,
    one_covers,
)

_TABLES = (
    "CREATE TABLE IF NOT EXISTS positions (task INTEGER, partition TEXT, first INTEGER,"
    " ahead BLOB, PRIMARY KEY (task, partition)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS parts (task INTEGER PRIMARY KEY, file TEXT, bytes INTEGER,"
    " sha256 TEXT)",
    "CREATE TABLE IF NOT EXISTS suspects (id INTEGER PRIMARY KEY AUTOINCREMENT, task INTEGER,"
    " partition TEXT, start INTEGER, stop INTEGER, attempts INTEGER,"
    " UNIQUE (task, partition, start))",
    "CREATE TABLE IF NOT EXISTS dead_letters (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL,"
    " status TEXT, task INTEGER, partition TEXT, start INTEGER, record BLOB)",
    "CREATE UNIQUE INDEX IF NOT EXISTS letter_position ON dead_letters (task, partition, start)"
    " WHERE partition IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS letter_status ON dead_letters (status, id)",
    "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL,"
    " name TEXT, fields BLOB)",
)
#: What leads from each format of the file to the next; tables and columns are added at its end.
_FORMATS = (
    _TABLES,
    (
        # A part may have several files, and several tasks may begin with the same one.
        "CREATE TABLE files (id INTEGER PRIMARY KEY, task INTEGER, file TEXT, bytes INTEGER,"
        " sha256 TEXT)",
        "INSERT INTO files (task, file, bytes, sha256)"
        " SELECT task, file, bytes, sha256 FROM parts ORDER BY task",
        "DROP TABLE parts",
        # Rounds before the newest one that are kept.
        "CREATE TABLE older (round INTEGER PRIMARY KEY, positions BLOB, parts BLOB)",
    ),
)
#: What ``clear`` empties; epoch and round stay in ``meta`` and go on rising.
_CLEARED = ("positions", "files", "older", "suspects", "dead_letters", "events")


class SqliteStore(Store):
    """A store in the file ``path``, made when it is not there.

    Args:
        path: the database file.
        owner: this process runs the topology; refused when another one does.
        wall: wall clock for the time stamps of letters and events.

    Raises:
        StateInUse: ``owner`` and another process owns the store.
        StoreError: the file cannot be opened, is damaged, is no store, or is of a later format.
    """

    def __init__(
        self, path: Path | str, *, owner: bool = False, wall: Callable[[], float] = time.time
    ) -> None:
        self._wall = wall
        who = "run" if owner else ""
        self._file = SqliteFile(Path(path), what="state store", formats=_FORMATS, owner=who)

    # Whose state, and its epoch.

    def bind(self, fingerprint: str) -> None:
        known = self._file.meta("fingerprint", None)
        if known not in (None, fingerprint):
            raise TopologyChanged
        if known is None:
            with self._file.change():
                self._file.set_meta("fingerprint", fingerprint)

    def epoch(self) -> int:
        return int(self._file.meta("epoch", 0))

    def next_epoch(self) -> int:
        with self._file.change():
            self._file.set_meta("epoch", epoch := self.epoch() + 1)
        return epoch

    # Rounds and positions.

    def last_round(self) -> int:
        return int(self._file.meta("round", 0))

    def restore_round(self) -> int | None:
        found: int | None = self._file.meta("restore", None)
        return found

    def next_rounds(self, count: int) -> int:
        with self._file.change():
            first = max(int(self._file.meta("numbers", 0)), self.last_round()) + 1
            self._file.set_meta("numbers", first + count - 1)
        return first

    def parts(self) -> list[Part]:
        statement = "SELECT task, file, bytes, sha256 FROM files ORDER BY task, id"
        return [Part(*row) for row in self._file.rows(statement)]

    def files(self) -> frozenset[str]:
        older = self._file.rows("SELECT parts FROM older")
        found = {part[1] for (parts,) in older for part in msgpack.unpackb(parts)}
        return frozenset(found.union(part.file for part in self.parts()))

    def fall_back(self) -> int | None:
        with self._file.change():
            rows = self._file.rows("SELECT * FROM older ORDER BY round DESC LIMIT 1")
            if not rows:
                return None
            ((round, positions, parts),) = rows
            self._file.db.execute("DELETE FROM older WHERE round = ?", (round,))
            self._file.db.execute("DELETE FROM positions")
            for task, of_task in msgpack.unpackb(positions, strict_map_key=False).items():
                self._upsert(task, of_task)
            self._put_parts(Part(*part) for part in msgpack.unpackb(parts))
            self._file.set_meta("restore", round)
            self._file.set_meta("final", 0)
        return int(round)

    def final(self) -> bool:
        return bool(self._file.meta("final", 0))

    def positions(self) -> dict[int, dict[str, list[Any]]]:
        found: dict[int, dict[str, list[Any]]] = {}
        for task, partition, first, ahead in self._file.rows("SELECT * FROM positions"):
            found.setdefault(task, {})[partition] = [first, msgpack.unpackb(ahead)]
        return found

    def commit_round(
        self,
        round: int,
        epoch: int,
        positions: Mapping[int, TaskPositions],
        parts: Iterable[Part],
        letters: Iterable[int] = (),
        final: bool = False,
        retained: int = 1,
    ) -> None:
        with self._file.change():
            if epoch != self.epoch() or round < self.last_round():
                raise StaleEpoch(f"round {round} of epoch {epoch}: the newest is {self.epoch()}")
            if round == self.last_round():
                return
            self._retain(retained)
            for task, of_task in positions.items():
                self._upsert(task, of_task)
            self._put_parts(parts)
            for id in letters:
                self._file.db.execute("DELETE FROM dead_letters WHERE id = ?", (id,))
            for name, value in (("round", round), ("restore", round), ("final", int(final))):
                self._file.set_meta(name, value)

    def _retain(self, retained: int) -> None:
        """Keep the newest round, which is about to be replaced, and forget too old ones."""
        newest = self.restore_round()
        if retained > 1 and newest is not None:
            parts = [astuple(part) for part in self.parts()]
            row = (newest, msgpack.packb(self.positions()), msgpack.packb(parts))
            self._file.db.execute("INSERT OR REPLACE INTO older VALUES (?, ?, ?)", row)
        self._file.db.execute(
            "DELETE FROM older WHERE round NOT IN"
            " (SELECT round FROM older ORDER BY round DESC LIMIT ?)",
            (retained - 1,),
        )

    def _put_parts(self, parts: Iterable[Part]) -> None:
        self._file.db.execute("DELETE FROM files")
        self._file.db.executemany(
            "INSERT INTO files (task, file, bytes, sha256) VALUES (?, ?, ?, ?)",
            [astuple(part) for part in parts],
        )

    def reserve(self, epoch: int, task: int, positions: TaskPositions) -> None:
        with self._file.change():
            if epoch > self.epoch():
                raise StaleEpoch(f"reservation of epoch {epoch}: the newest is {self.epoch()}")
            self._upsert(task, positions)

    def _upsert(self, task: int, of_task: TaskPositions) -> None:
        suspected = {
            partition
            for (partition,) in self._file.rows(
                "SELECT DISTINCT partition FROM suspects WHERE task = ?", task
            )
        }
        for partition, (first, ahead) in of_task.items():
            changed = self._file.db.execute(
                "INSERT INTO positions VALUES (?, ?, ?, ?) ON CONFLICT (task, partition)"
                " DO UPDATE SET first = excluded.first, ahead = excluded.ahead"
                " WHERE excluded.first >= first",
                (task, partition, first, msgpack.packb(ahead)),
            )
            if not changed.rowcount:
                raise PositionWentBack(f"task {task}, {partition!r}: back to {first}")
            if partition in suspected:
                self._forget_suspects(task, partition, (first, ahead))

    # Suspects.

    def _forget_suspects(self, task: int, partition: str, position: Any) -> None:
        where = "SELECT id, start FROM suspects WHERE task = ? AND partition = ?"
        for id, start in self._file.rows(where, task, partition):
            if covered(start, position):
                self._file.db.execute("DELETE FROM suspects WHERE id = ?", (id,))

    def note_suspects(self, suspects: Iterable[Suspect]) -> None:
        with self._file.change():
            self._put_suspects(suspects)
            self._keep_newest("suspects", SUSPECTS_MAX)

    def _put_suspects(self, suspects: Iterable[Suspect]) -> None:
        self._file.db.executemany(
            "INSERT INTO suspects (task, partition, start, stop, attempts)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (task, partition, start)"
            " DO UPDATE SET stop = excluded.stop, attempts = excluded.attempts"
            " WHERE excluded.attempts > attempts",
            [(s.task, s.partition, s.start, s.end, s.attempts) for s in suspects],
        )

    def _keep_newest(self, table: str, rows_max: int) -> None:
        self._file.db.execute(
            f"DELETE FROM {table} WHERE id <="
            f" (SELECT id FROM {table} ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (rows_max,),
        )

    def suspects(self) -> list[Suspect]:
        columns = "task, partition, start, stop, attempts"
        return [
            Suspect(*row) for row in self._file.rows(f"SELECT {columns} FROM suspects ORDER BY id")
        ]

    # Another plan.

    def replace_plan(
        self,
        fingerprint: str,
        positions: Mapping[int, TaskPositions],
        parts: Iterable[Part],
        home: Home,
    ) -> None:
        with self._file.change():
            self._file.set_meta("fingerprint", fingerprint)
            suspects = moved(self.suspects(), home)
            for table in ("positions", "suspects", "older"):
                self._file.db.execute(f"DELETE FROM {table}")
            for task, of_task in positions.items():
                self._upsert(task, of_task)
            self._put_suspects(suspects)
            self._put_parts(parts)
            self._file.set_meta("final", 0)
            if self.restore_round() is None and self.parts():
                self._file.set_meta("restore", self.last_round())
            self._move_letters(home)

    def _move_letters(self, home: Home) -> None:
        """Give letters their new tasks; none is in the way of another meanwhile."""
        rows = self._file.rows("SELECT id, task, partition, record FROM dead_letters")
        self._file.db.execute("UPDATE dead_letters SET partition = NULL")
        for id, old, partition, blob in rows:
            record = msgpack.unpackb(blob, strict_map_key=False)
            task = record["task"] = home(old, record.get("partition")) or 0
            self._file.db.execute(
                "UPDATE dead_letters SET task = ?, partition = ?, record = ? WHERE id = ?",
                (task, partition if task else None, msgpack.packb(record), id),
            )

    # Dead letters.

    def add_dead_letters(self, records: Iterable[Mapping[str, Any]]) -> None:
        with self._file.change():
            for record in records:
                self._add_letter(record)

    def _add_letter(self, record: Mapping[str, Any]) -> None:
        again = self.dead_letter(record.get("replay_of", -1))
        if again is not None:
            self._file.db.execute(
                "UPDATE dead_letters SET at = ?, status = 'kept', record = ? WHERE id = ?",
                (self._wall(), msgpack.packb({**again.record, **record}), again.id),
            )
            return
        key = [record.get(name) for name in ("task", "partition", "start")]
        if record.get("partition") is None and "request" in record:
            incarnation, request, number = record["request"]
            key[1:] = f"request {incarnation}/{request}", number
        self._file.db.execute(
            "INSERT INTO dead_letters (at, status, task, partition, start, record)"
            " VALUES (?, 'kept', ?, ?, ?, ?) ON CONFLICT (task, partition, start)"
            " WHERE partition IS NOT NULL"
            " DO UPDATE SET at = excluded.at, status = 'kept', record = excluded.record",
            (self._wall(), *key, msgpack.packb(dict(record))),
        )

    def drop_uncovered(self, tasks_of: Mapping[int, Collection[int]]) -> int:
        # What has no position has the name of its request (see _add_letter).
        named = "partition IS NOT NULL AND partition NOT LIKE 'request %/%'"
        rows = self._file.rows(f"SELECT id, task, partition, start FROM dead_letters WHERE {named}")
        known = self.positions() if rows else {}
        return self.drop_dead_letters(
            id for id, *letter in rows if not one_covers(known, tasks_of, *letter)
        )

    def dead_letter_count(self) -> int:
        return int(self._file.rows("SELECT count(*) FROM dead_letters")[0][0])

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        return self._letters("id > ?", after, limit)

    def dead_letter(self, id: int) -> DeadLetter | None:
        return next(iter(self._letters("id = ?", id, 1)), None)

    def replays(self, *, after: int = 0, limit: int = 1000) -> list[DeadLetter]:
        return self._letters("status = 'replay' AND id > ?", after, limit)

    def _letters(self, where: str, id: int, limit: int) -> list[DeadLetter]:
        statement = f"SELECT id, at, status, record FROM dead_letters WHERE {where}"
        rows = self._file.rows(f"{statement} ORDER BY id LIMIT ?", id, limit)
        return [
            DeadLetter(id, at, status, msgpack.unpackb(record, strict_map_key=False))
            for id, at, status, record in rows
        ]

    def mark_replay(self, ids: Iterable[int] | None = None) -> int:
        return self._each("UPDATE dead_letters SET status = 'replay'", ids)

    def keep_letters(self, ids: Iterable[int]) -> None:
        self._each("UPDATE dead_letters SET status = 'kept'", ids)

    def drop_dead_letters(self, ids: Iterable[int] | None = None) -> int:
        return self._each("DELETE FROM dead_letters", ids)

    def _each(self, statement: str, ids: Iterable[int] | None) -> int:
        with self._file.change():
            if ids is None:
                return self._file.db.execute(statement).rowcount
            one = statement + " WHERE id = ?"
            return sum(self._file.db.execute(one, (id,)).rowcount for id in set(ids))

    # History and the end.

    def add_event(self, name: str, fields: Mapping[str, Any]) -> None:
        with self._file.change():
            self._file.db.execute(
                "INSERT INTO events (at, name, fields) VALUES (?, ?, ?)",
                (self._wall(), name, msgpack.packb(dict(fields))),
            )
            self._keep_newest("events", EVENTS_MAX)

    def events(self, limit: int = 100) -> list[tuple[float, str, dict[str, Any]]]:
        statement = "SELECT at, name, fields FROM events ORDER BY id DESC LIMIT ?"
        newest = self._file.rows(statement, limit)
        return [(at, name, msgpack.unpackb(fields)) for at, name, fields in reversed(newest)]

    def mark_finished(self) -> None:
        with self._file.change():
            self._file.set_meta("finished", self.epoch())
            self._file.set_meta("final", 0)

    def finished(self) -> bool:
        return 0 < self.epoch() == int(self._file.meta("finished", 0))

    def clear(self) -> int:
        with self._file.change():
            dropped = self.dead_letter_count()
            for table in _CLEARED:
                self._file.db.execute(f"DELETE FROM {table}")
            self._file.db.execute(
                "DELETE FROM meta WHERE name IN ('fingerprint', 'restore', 'finished', 'final')"
            )
        return dropped

    def close(self) -> None:
        self._file.close()
