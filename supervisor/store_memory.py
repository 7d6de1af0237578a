"""The store for simulations and tests: the same rules as SqliteStore, kept in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

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


class MemoryStore(Store):
    """Keeps everything in dicts. ``wall`` gives the time stamps of letters and events."""

    def __init__(self, wall: Callable[[], float] = lambda: 0.0) -> None:
        self._wall = wall
        self._epoch = 0
        self._round = 0
        self._letter_id = 0
        self._finished_epoch = 0
        self._numbers = 0
        self._reset()

    def _reset(self) -> None:
        self._fingerprint: str | None = None
        self._restore: int | None = None
        self._final = False
        #: Older rounds that are kept, oldest first: (round, positions, parts).
        self._older: list[tuple[int, dict[int, dict[str, list[Any]]], list[Part]]] = []
        self._parts: list[Part] = []
        self._positions: dict[int, dict[str, list[Any]]] = {}
        self._suspects: dict[tuple[int, str, int], Suspect] = {}
        self._letters: dict[int, DeadLetter] = {}
        self._events: deque[tuple[float, str, dict[str, Any]]] = deque(maxlen=EVENTS_MAX)

    def bind(self, fingerprint: str) -> None:
        if self._fingerprint not in (None, fingerprint):
            raise TopologyChanged
        self._fingerprint = fingerprint

    def epoch(self) -> int:
        return self._epoch

    def next_epoch(self) -> int:
        self._epoch += 1
        return self._epoch

    # Rounds and positions.

    def last_round(self) -> int:
        return self._round

    def next_rounds(self, count: int) -> int:
        first = max(self._numbers, self._round) + 1
        self._numbers = first + count - 1
        return first

    def restore_round(self) -> int | None:
        return self._restore

    def files(self) -> frozenset[str]:
        every = [self._parts, *(parts for _, _, parts in self._older)]
        return frozenset(part.file for parts in every for part in parts)

    def fall_back(self) -> int | None:
        if not self._older:
            return None
        self._restore, self._positions, self._parts = self._older.pop()
        self._final = False
        return self._restore

    def final(self) -> bool:
        return self._final

    def parts(self) -> list[Part]:
        return sorted(self._parts, key=lambda part: part.task)

    def positions(self) -> dict[int, dict[str, list[Any]]]:
        return {task: dict(of_task) for task, of_task in self._positions.items()}

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
        if epoch != self._epoch or round < self._round:
            raise StaleEpoch(f"round {round} of epoch {epoch}: the newest is {self._epoch}")
        if round == self._round:
            return
        for task, of_task in positions.items():
            self._check(task, of_task)
        if self._restore is not None:
            self._older.append((self._restore, self.positions(), self._parts))
        self._older = self._older[max(len(self._older) + 1 - retained, 0) :]
        for task, of_task in positions.items():
            self._upsert(task, of_task)
        for id in self._chosen(letters):
            del self._letters[id]
        self._round = self._restore = round
        self._parts, self._final = list(parts), final

    def reserve(self, epoch: int, task: int, positions: TaskPositions) -> None:
        if epoch > self._epoch:
            raise StaleEpoch(f"reservation of epoch {epoch}: the newest is {self._epoch}")
        self._check(task, positions)
        self._upsert(task, positions)

    def _check(self, task: int, of_task: TaskPositions) -> None:
        stored = self._positions.get(task, {})
        for partition, (first, _) in of_task.items():
            if partition in stored and first < stored[partition][0]:
                raise PositionWentBack(
                    f"task {task}, {partition!r}: from {stored[partition][0]} back to {first}"
                )

    def _upsert(self, task: int, of_task: TaskPositions) -> None:
        kept = self._positions.setdefault(task, {})
        for partition, (first, ahead) in of_task.items():
            kept[partition] = [first, [list(pair) for pair in ahead]]
        for key in [key for key in self._suspects if key[0] == task and key[1] in of_task]:
            if covered(key[2], of_task[key[1]]):
                del self._suspects[key]

    # Suspects.

    def note_suspects(self, suspects: Iterable[Suspect]) -> None:
        for suspect in suspects:
            key = (suspect.task, suspect.partition, suspect.start)
            known = self._suspects.get(key)
            if known is None or known.attempts < suspect.attempts:
                self._suspects[key] = suspect
        while len(self._suspects) > SUSPECTS_MAX:
            del self._suspects[next(iter(self._suspects))]

    def suspects(self) -> list[Suspect]:
        return list(self._suspects.values())

    # Dead letters.

    def add_dead_letters(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            old = self._same_letter(record)
            if old is None:
                self._letter_id += 1
                old = self._letter_id
            before = self._letters[old].record if old == record.get("replay_of") else {}
            self._letters[old] = DeadLetter(old, self._wall(), "kept", {**before, **record})

    def _same_letter(self, record: Mapping[str, Any]) -> int | None:
        if record.get("replay_of") in self._letters:
            return int(record["replay_of"])
        names: tuple[str, ...] = ("task", "partition", "start")
        if not record.get("task"):
            return None
        if record.get("partition") is None:
            if "request" not in record:
                return None
            names = ("task", "request")
        key = [record[name] for name in names]
        for letter in self._letters.values():
            if [letter.record.get(name) for name in names] == key:
                return letter.id
        return None

    def drop_uncovered(self, tasks_of: Mapping[int, Collection[int]]) -> int:
        gone = [
            letter.id
            for letter in self._letters.values()
            if letter.record.get("partition") is not None
            and not self._is_covered(letter.record, tasks_of)
        ]
        for id in gone:
            del self._letters[id]
        return len(gone)

    def _is_covered(
        self, record: Mapping[str, Any], tasks_of: Mapping[int, Collection[int]]
    ) -> bool:
        names = (record[name] for name in ("task", "partition", "start"))
        return one_covers(self._positions, tasks_of, *names)

    def dead_letter_count(self) -> int:
        return len(self._letters)

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        return [self._letters[id] for id in sorted(self._letters) if id > after][:limit]

    def dead_letter(self, id: int) -> DeadLetter | None:
        return self._letters.get(id)

    def mark_replay(self, ids: Iterable[int] | None = None) -> int:
        chosen = self._chosen(ids)
        for id in chosen:
            self._letters[id] = replace(self._letters[id], status="replay")
        return len(chosen)

    def keep_letters(self, ids: Iterable[int]) -> None:
        for id in self._chosen(ids):
            self._letters[id] = replace(self._letters[id], status="kept")

    def replays(self, *, after: int = 0, limit: int = 1000) -> list[DeadLetter]:
        letters = self.dead_letters(after=after, limit=len(self._letters))
        return [letter for letter in letters if letter.status == "replay"][:limit]

    def drop_dead_letters(self, ids: Iterable[int] | None = None) -> int:
        chosen = self._chosen(ids)
        for id in chosen:
            del self._letters[id]
        return len(chosen)

    def _chosen(self, ids: Iterable[int] | None) -> set[int]:
        return set(self._letters) if ids is None else set(ids) & set(self._letters)

    # History and the end.

    def add_event(self, name: str, fields: Mapping[str, Any]) -> None:
        self._events.append((self._wall(), name, dict(fields)))

    def events(self, limit: int = 100) -> list[tuple[float, str, dict[str, Any]]]:
        return list(self._events)[-limit:]

    def mark_finished(self) -> None:
        self._finished_epoch, self._final = self._epoch, False

    def finished(self) -> bool:
        return 0 < self._epoch == self._finished_epoch

    def replace_plan(
        self,
        fingerprint: str,
        positions: Mapping[int, TaskPositions],
        parts: Iterable[Part],
        home: Home,
    ) -> None:
        self._fingerprint = fingerprint
        self._positions, self._parts = {}, list(parts)
        suspects, self._suspects = self.suspects(), {}
        self.note_suspects(moved(suspects, home))
        self._older, self._final = [], False
        if self._restore is None and self._parts:
            self._restore = self._round
        for task, of_task in positions.items():
            self._upsert(task, of_task)
        for id, letter in self._letters.items():
            found = home(letter.record["task"], letter.record.get("partition"))
            record = {**letter.record, "task": found or 0}
            self._letters[id] = replace(letter, record=record)

    def clear(self) -> int:
        dropped = len(self._letters)
        self._finished_epoch = 0
        self._reset()
        return dropped

    def close(self) -> None:
        return
