"""Requests of workers that are answered only when the store has them: dead letters, reservations.

Nothing is dropped: while there are ``dead_letters_max`` letters, or while the disk is full, the
answer is withheld. The messages stay pending, the spout stops at ``max_pending``, and
``status`` says why, until the user drops or replays some letters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from .progress import Progress
from .store import PositionWentBack, Store, StoreError, TaskPositions

#: How often the store is asked again: whether there is room, and what the user marked for replay.
ASK_INTERVAL_S = 1.0
#: Letters under way to be tried again; the rest follows when these are done.
REPLAYS_MAX = 1000


class Letters:
    """Stores what workers ask for, in order, and hands out replays of dead letters.

    Args:
        store: where it is kept.
        worker_of: task -> worker.
        letters_max: dead letters kept at most (setting ``dead_letters_max``).
        send: called with (worker, message).
        progress: told of what is reserved; knows whose task is gone.
        exact: a letter is tried again only once the position past its message is durable: after
            a restore to before it the message would be drawn, and given up, once more.
    """

    def __init__(
        self,
        store: Store,
        worker_of: Mapping[int, int],
        letters_max: int,
        send: Callable[[int, dict[str, Any]], None],
        progress: Progress,
        exact: bool = False,
    ) -> None:
        #: Why answers are withheld, or "".
        self.blocked = ""
        #: Dead letters that are kept, as of the last look.
        self.count = store.dead_letter_count()
        #: Other tries of letters in this run: those that went through, and that failed again.
        self.through = self.failed_again = 0
        self._store, self._worker_of, self._letters_max = store, worker_of, letters_max
        self._send, self._progress, self._exact = send, progress, exact
        #: (worker, message) that wait, in order; bounded by what the workers have pending.
        self._waiting: deque[tuple[int, Mapping[str, Any]]] = deque()
        self._ask_at = 0.0
        #: id of a letter under replay -> worker that has it.
        self._replaying: dict[int, int] = {}

    @property
    def replaying(self) -> bool:
        """Letters are under way to be tried again: the input has not ended."""
        return bool(self._replaying)

    def on_request(self, worker: int, message: Mapping[str, Any], incarnation: int = 0) -> None:
        """Take a ``dead_letters`` or ``reserve``; answered now or later.

        A worker may ask again for what it has no answer to: after a restart of the coordinator
        it cannot know what became of it.
        """
        what = (message["kind"], message["id"])
        if any(w == worker and (m["kind"], m["id"]) == what for w, m in self._waiting):
            return
        if message["kind"] == "dead_letters":
            records = message["records"]
            marked = [{**r, "request": [incarnation, message["id"], n]} if _nameless(r) else r
                      for n, r in enumerate(records)]  # fmt: skip
            message = {**message, "records": marked}
        self._waiting.append((worker, message))
        if len(self._waiting) == 1:
            self._answer()

    def on_lost(self, worker: int) -> None:
        """What a lost worker asked for is void, what it was to replay is given out again."""
        self._waiting = deque(item for item in self._waiting if item[0] != worker)
        self._replaying = {i: w for i, w in self._replaying.items() if w != worker}

    def on_restored(self) -> None:
        """All tasks go back to a checkpoint: what was to be replayed is given out again, nobody
        waits for an answer any more, and messages that are drawn again have no letter.

        Raises:
            StoreError: some have one, for now.
        """
        self._waiting.clear()
        self._replaying.clear()
        self._store.drop_uncovered(self._progress.tasks_of())
        self.count = self._store.dead_letter_count()

    def on_tick(self, now: float, *, replay: bool) -> None:
        """Ask the store again, once per ASK_INTERVAL_S; hand out replays when ``replay``."""
        if now < self._ask_at:
            return
        self._ask_at = now + ASK_INTERVAL_S
        self._answer()
        try:
            self.count = self._store.dead_letter_count()
            for worker in set(self._worker_of.values()) if replay and self.count else ():
                replays = self.replays(worker)
                if replays:
                    self._send(worker, {"kind": "replay", "replays": replays})
        except StoreError as error:
            self.blocked = self.blocked or str(error)

    def _answer(self) -> None:
        self.blocked = ""
        while self._waiting:
            worker, message = self._waiting[0]
            try:
                self.blocked = self._keep(worker, message)
            except StoreError as error:
                self.blocked = str(error)
            if self.blocked:
                return
            self._waiting.popleft()
            kind = "reserved" if message["kind"] == "reserve" else "dead_letters_stored"
            self._send(worker, {"kind": kind, "id": message["id"]})

    def _keep(self, worker: int, message: Mapping[str, Any]) -> str:
        """Keep one request durably; return why it has to wait, or ""."""
        if message["kind"] == "reserve":
            # Counted even when the store cannot say whether it has it.
            self._progress.on_reserve(worker, message["task"], message["messages"])
            # One that went back was asked for again after a later one was stored.
            with suppress(PositionWentBack):
                self._store.reserve(message["epoch"], message["task"], message["positions"])
            return ""
        records = message["records"]
        if self._store.dead_letter_count() >= self._letters_max and not self._all_known(records):
            return (
                f"{self._letters_max} dead letters are kept (dead_letters_max): spouts wait until "
                "some are dropped or replayed (waterspout dead-letters)"
            )
        self._store.add_dead_letters(records)
        self.count = self._store.dead_letter_count()
        for record in records:
            known = self._replaying.pop(record.get("replay_of"), None)
            self.failed_again += known is not None
        return ""

    def _all_known(self, records: Any) -> bool:
        """Letters that failed another try take no more room."""
        return all(record.get("replay_of") in self._replaying for record in records)

    # Replays.

    def replays(self, worker: int) -> dict[int, list[list[Any]]]:
        """Return task -> [[id, stream, values]] that ``worker`` is to try and has not yet."""
        found: dict[int, list[list[Any]]] = {}
        room = REPLAYS_MAX - len(self._replaying)
        positions = self._store.positions() if self._exact else {}
        tasks_of = self._progress.tasks_of() if self._exact else {}
        for letter in self._store.replays(limit=2 * REPLAYS_MAX):
            task = letter.record["task"]
            if task not in self._worker_of:
                task = self._progress.first_task(letter.record.get("component"))
            if room <= 0 or letter.id in self._replaying or self._worker_of.get(task) != worker:
                continue
            of_tasks = [positions.get(each, {}) for each in tasks_of.get(task, ())]
            if self._exact and not _passed(letter.record, of_tasks):
                continue
            room -= 1
            self._replaying[letter.id] = worker
            row = [letter.id, letter.record["stream"], letter.record["values"]]
            found.setdefault(task, []).append(row)
        return found

    def on_replayed(self, ids: Iterable[int]) -> None:
        """The other try of these is durable, and their letters are dropped with that.

        Raises:
            StoreError: the letters are counted later.
        """
        for id in ids:
            self.through += self._replaying.pop(id, None) is not None
        self.count = self._store.dead_letter_count()


def _nameless(record: Mapping[str, Any]) -> bool:
    """Say whether only the request tells this letter from another one."""
    return record.get("partition") is None and not {"replay_of", "request"} & set(record)


def _passed(record: Mapping[str, Any], positions: Iterable[TaskPositions]) -> bool:
    """Say whether the message of a letter is before what is durable of its partition."""
    partition = record.get("partition")
    return partition is None or any(
        record["end"] <= of_task[partition][0] for of_task in positions if partition in of_task
    )
