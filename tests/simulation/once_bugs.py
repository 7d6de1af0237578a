"""Bugs of counting each tuple once that the simulation must find, each put in on purpose.

As in bugs.py, a bug is a function that patches the engine through ``patch``.
"""

from __future__ import annotations

from typing import Any

from waterspout.bolts import origin_executor, seen
from waterspout.bolts.origin_executor import OriginExecutor
from waterspout.bolts.seen import SEEN_MAP
from waterspout.bolts.seen_rows import DurableEnds, SeenRows
from waterspout.bolts.state import TaskState
from waterspout.spouts.origin_executor import OriginSourceExecutor
from waterspout.supervisor.worker_rounds import WorkerRounds
from waterspout.topology import origins

from .bugs import Bug, Patch


def _patch_paths(patch: Patch, one: Any) -> None:
    patch(origins, "descendant", one)
    patch(origin_executor, "descendants",
          lambda origin, salt, count: [one(origin, salt, index) for index in range(count)])


def path_without_index(patch: Patch) -> None:
    """All rows that are emitted for one row have the same path."""
    original = origins.descendant
    _patch_paths(patch, lambda origin, salt, index: original(origin, salt, 0))


def path_without_emitter(patch: Patch) -> None:
    """Rows that two bolts, or two streams, emit for one row have the same path."""
    original = origins.descendant
    _patch_paths(patch, lambda origin, salt, index: original(origin, b"", index))


def copies_have_one_origin(patch: Patch) -> None:
    """Tasks that each get a copy of a row emit rows of the same origin for it."""
    patch(OriginExecutor, "own_origins", lambda self, work, given: given)


def place_in_the_group(patch: Patch) -> None:
    """A message is known by its place in its group, which differs from try to try."""
    original = OriginSourceExecutor.send

    def send(self: OriginSourceExecutor, group: Any, rows: Any, now: float) -> None:
        assert self._last is not None
        self._last.ends = [group.start + 1 + place for place in range(len(rows))]
        original(self, group, rows, now)

    patch(OriginSourceExecutor, "send", send)


def forgotten_when_copied(patch: Patch) -> None:
    """What was seen is forgotten when it was copied, not when it cannot come again."""
    original = WorkerRounds.snapshot

    def snapshot(self: WorkerRounds, round_: int) -> None:
        original(self, round_)
        for bolt in self._core.tasks.bolts.values():
            if isinstance(bolt, OriginExecutor) and bolt.seen is not None:
                bolt.seen.rows.held, bolt.seen.rows.older = {}, {}

    patch(WorkerRounds, "snapshot", snapshot)


def let_go_of_with_the_rest(patch: Patch) -> None:
    """Rows of a snapshot before the last are forgotten although they can come again."""
    patch(DurableEnds, "not_among", lambda self, entries: {})


def not_in_the_snapshot(patch: Patch) -> None:
    """What was seen is not in the copy of the state."""
    patch(TaskState, "seen", lambda self: SeenRows("", SEEN_MAP))


def emissions_are_not_repeated(patch: Patch) -> None:
    """A row that comes again is dropped, and what it had led to may be lost."""
    patch(OriginExecutor, "emit_again", lambda self, origin: None)


def repeated_under_other_paths(patch: Patch) -> None:
    """What is emitted again has no origin: bolts below take it for something new."""
    original = OriginExecutor.emit_again

    def emit_again(self: OriginExecutor, origin: bytes) -> None:
        assert self.seen is not None
        kept = self.seen.rows.get(origin)
        self.seen.rows.entries[b""] = kept
        original(self, b"")
        del self.seen.rows.entries[b""]

    patch(OriginExecutor, "emit_again", emit_again)


def old_copies_are_counted(patch: Patch) -> None:
    """A row whose message became durable by another try is worked on when it comes late."""
    patch(DurableEnds, "holds_none", lambda self, given: True)
    patch(DurableEnds, "holds", lambda self, origin: False)


def seen_before_it_was_worked_on(patch: Patch) -> None:
    """A row counts as seen although the bolt raised."""
    original = OriginExecutor.begin

    def begin(self: OriginExecutor, work: Any, values: Any) -> Any:
        tup = original(self, work, values)
        if tup is not None:
            self.done()
        return tup

    patch(OriginExecutor, "begin", begin)


def seen_stays_behind(patch: Patch) -> None:
    """After a rescaling a task has its keys, and not what was seen of them."""
    original = seen.group_of
    patch(seen, "group_of", lambda entry: (original(entry) + 64) % 128)


#: Every bug by its name, and a seed that is known to see it: it is tried first.
BUGS: dict[str, tuple[Bug, int]] = {
    bug.__name__: (bug, seed)
    for bug, seed in (
        (path_without_index, 1),
        (path_without_emitter, 5),
        (copies_have_one_origin, 30),
        (place_in_the_group, 2),
        (forgotten_when_copied, 2),
        (let_go_of_with_the_rest, 4),
        (not_in_the_snapshot, 5),
        (emissions_are_not_repeated, 4),
        (repeated_under_other_paths, 5),
        (seen_before_it_was_worked_on, 7),
        (seen_stays_behind, 10),
    )
}
