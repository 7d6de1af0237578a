"""The executor of a ``Source`` task under exactly-once: it reads on from its position, and cuts.

Each message goes out once in an epoch. What fails is never emitted again by itself: the whole
topology goes back to its last complete checkpoint, and the message comes back with an attempt
more, alone. After ``attempts_max`` it is skipped when it is drawn, so that it has no effect at
all, once its dead letter is stored: only then does the position move past it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.topology.control_frames import Failure

from .exact_ledger import ExactLedger
from .executor import SourceExecutor
from .groups import Group
from .partitions import Partition

#: How soon to ask again whether the dead letter of a skipped message is stored.
HELD_POLL_S = 0.02

#: Takes (executor, group, failure): have everything taken back to the last checkpoint.
AskRestore = Callable[["ExactExecutor", Group, Failure], None]


class ExactExecutor(SourceExecutor):
    """Runs one Source task whose messages each have their effects once.

    Attributes:
        ask_restore: told of each message that failed. Set before the first turn.
        last_failure: (partition, start) -> why the message there failed at last, or None.
    """

    ledger: ExactLedger
    ask_restore: AskRestore
    last_failure: Callable[[str, int], Failure | None] = staticmethod(lambda *_: None)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        #: Partition -> position of the next message to emit.
        self._following: dict[str, int] = {}
        #: Partition -> a message that is skipped once its dead letter is stored.
        self._skipping: dict[str, Group] = {}

    def cut(self, number: int) -> dict[str, Any]:
        """Note what was drawn before checkpoint ``number``; return the positions that moved.

        Called between two turns, in one step with the barrier: nothing is emitted between.
        """
        for name, skipped in self._skipping.items():
            # Its letter may be tried again from now on, and be in this very checkpoint.
            if skipped.dead:
                self._following[name] = skipped.end
        return self.ledger.cut(number, self._following)

    def _read_group(self, partition: Partition, limit: int, now: float) -> int:
        name = partition.name
        skipped = self._skipping.get(name)
        if skipped is not None:
            if not skipped.dead:
                partition.wait_until, partition.early_s = now + HELD_POLL_S, 0.0
                return 0
            del self._skipping[name]
            self._following[name] = skipped.end
        count = super()._read_group(partition, limit, now)
        if partition.position is not None and name not in self._skipping:
            self._following[name] = partition.position
        return count

    def _give_up(self, group: Group) -> None:
        """Skip a message that had all its attempts; its reader stands behind it already."""
        text = f"it failed, or a worker that worked on it died, {group.attempts} times"
        failure = self.last_failure(group.partition, group.start)
        self._skipping[group.partition] = group
        self.ledger.skip(group)
        self._bury(group, failure or Failure(0, self.component, self.task, text, ""))

    def failed_message(self, failure: Failure, now: float) -> bool:
        """Return False: nothing goes on behind a failure."""
        return False

    def failed(self, failure: Failure, now: float) -> None:
        """A root failed: everything goes back, or its message becomes a dead letter at once."""
        group = self.ledger.failed_root(failure, now)
        if group is None:
            return
        if self.ledger.buries:
            self._bury(group, failure)
        else:
            self.ask_restore(self, group, failure)
