"""Bugs in how what failed comes back, each of which the simulation must find; see bugs.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.bolts.acker import Acker
from waterspout.bolts.culprits import Culprits
from waterspout.spouts.executor import SourceExecutor
from waterspout.spouts.groups import Group
from waterspout.spouts.ledger import Ledger
from waterspout.spouts.retries import Retry
from waterspout.topology.control_frames import Failure
from waterspout.topology.plan import Plan

Patch = Callable[[Any, str, Any], None]
Bug = Callable[[Patch], None]


def split_forgotten(patch: Patch) -> None:
    """A failed group comes back as one: poison keeps its neighbours from getting through."""

    part = SourceExecutor._replay_part

    def replay_part(self: SourceExecutor, retry: Retry, now: float) -> int:
        if retry.kept is not None:
            return part(self, retry, now)
        limit = (retry.end - retry.start) // self.source.shape.stride  # type: ignore[attr-defined]
        reader = self._retry_readers.of(retry)
        rows, position = reader.read(limit) or ([], 0)
        group = Group(
            retry.partition, retry.start, position, len(rows), retry.since, attempts=retry.attempts
        )
        self._end_retry()
        self.send(group, rows, now)
        return len(rows)

    patch(SourceExecutor, "_replay_part", replay_part)


def acker_forgets_fail(patch: Patch) -> None:
    """A failed root is dropped, and nobody replays it."""

    def fail(self: Acker, failures: Any, now: float) -> None:
        for failure in failures:
            self._entries.pop(failure.root, None)

    patch(Acker, "fail", fail)


def replay_skips_a_message(patch: Patch) -> None:
    """The last message of a failed group is not read again, but taken for done."""
    original = Ledger._try_again

    def try_again(self: Ledger, group: Group, *more: Any) -> None:
        if group.count > 1 and self.seeks:
            step = (group.end - group.start) // group.count
            group.end -= step
            group.count -= 1
            self._work_through(Group(group.partition, group.end, group.end + step, 1, group.since))
        original(self, group, *more)

    patch(Ledger, "_try_again", try_again)


def next_message_is_told(patch: Patch) -> None:
    """The message behind the one that failed is tried again, and the one that failed is done."""
    original = Culprits.told

    def told(self: Culprits, work: Any, roots: Any, row: int, rows: int) -> Any:
        return original(self, work, roots, (row + 1) % rows, rows)

    patch(Culprits, "told", told)


def told_message_is_forgotten(patch: Patch) -> None:
    """A message that failed alone is not taken out of its group: it is done when the rest is."""
    patch(SourceExecutor, "failed_message", lambda self, failure, now: True)


def failures_come_behind_toggles(patch: Patch) -> None:
    """A root may be zero before it is heard that one of its messages failed."""
    fail, toggle = Acker.fail, Acker.toggle
    late: list[tuple[Acker, Failure]] = []

    def fail_later(self: Acker, failures: Any, now: float) -> None:
        late.extend((self, each) for each in failures if each.rows)
        fail(self, [each for each in failures if not each.rows], now)

    def toggle_first(self: Acker, toggles: Any, now: float) -> None:
        toggle(self, toggles, now)
        mine = [failure for acker, failure in late if acker is self]
        late[:] = [each for each in late if each[0] is not self]
        fail(self, mine, now)

    patch(Acker, "fail", fail_later)
    patch(Acker, "toggle", toggle_first)


def bolts_tell_messages(patch: Patch) -> None:
    """A row that failed behind a bolt is taken for the message with its number."""
    original = SourceExecutor.failed_message
    patch(Plan, "tells", lambda self, component: self.guarantee == "at-least-once")

    def failed_message(self: SourceExecutor, failure: Failure, now: float) -> bool:
        group = self.ledger.group_of(failure.root)
        if group is None:
            return False
        rows = group.remains.rows if group.remains else group.count
        row = failure.row * rows // failure.rows
        return original(self, failure._replace(row=row, rows=rows), now)

    patch(SourceExecutor, "failed_message", failed_message)


RETRY_BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        split_forgotten, acker_forgets_fail, replay_skips_a_message, next_message_is_told,
        told_message_is_forgotten, failures_come_behind_toggles, bolts_tell_messages,
    )
}  # fmt: skip
#: Where to begin to look for a bug that is rarely seen: by one seed in eighty or less.
FIRST_SEEDS = {"split_forgotten": 200, "late_greeting_is_followed": 200}
