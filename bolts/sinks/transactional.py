"""The base of sinks that commit in two phases, together with checkpoints.

    write, write ... -> pre_commit(n) -> [checkpoint n is durable] -> commit
                             |
                             +-- handles go into the state, so into checkpoint n

What was written since the last checkpoint is pre-committed at the cut: put where it cannot get
lost, and not yet seen by anybody. Its handles are part of the task's state. Once the checkpoint is
durable they are committed; a task that was restored commits what its checkpoint holds once more,
since nobody knows how far the lost one came, and discards what no checkpoint knows. So a commit
must do no harm when it is repeated. This is two-phase commit as in Flink's sinks; under
at-least-once, rounds take the place of checkpoints, and what is replayed may come twice.
"""

from __future__ import annotations

from typing import Any

from waterspout.topology.component import Context

from ..contract import Batch, Bolt

#: Name of the map in the task's state: id of a handle -> [number of its checkpoint, handle].
STATE_MAP = "__transactions"


class TransactionalSink(Bolt):
    """What users derive a two-phase sink from; ready-made ones are in this folder.

    All methods are called on the worker's data thread (with ``blocking: true`` too: a sink keeps
    order with its checkpoints). Handles are values that msgpack can carry, 8 MiB each at most.
    """

    sink = True
    stateful = True
    sink_kind = "transactional"

    def write(self, batch: Batch) -> None:
        """Take over a batch: all of it or, when this raises, nothing."""
        raise NotImplementedError

    def pre_commit(self, number: int) -> list[Any]:
        """Put what was written since the last call where it stays, unseen; return its handles.

        After this ``commit`` must only fail for reasons that pass. Nothing written: no handles.

        Args:
            number: of the checkpoint under way; it may be given up, then a later one commits.
        """
        raise NotImplementedError

    def commit(self, id: str, handle: Any) -> None:
        """Show what ``handle`` stands for; called again when it is not known to have succeeded.

        Args:
            id: unique in all runs; the same when it is called again.

        Raises:
            Exception: it is tried again; messages wait at their spouts if it takes long.
        """
        raise NotImplementedError

    def discard(self, restored: int | None) -> None:
        """Remove what was written and is in no checkpoint. Called when the task starts.

        Args:
            restored: number of the checkpoint that the task starts from; what was pre-committed
                for a later one is void. None: it starts from nothing.
        """

    # Called by the framework.

    def prepare(self, context: Context) -> None:
        """Commit what the restored checkpoint holds, discard the rest. Overriding: call this."""
        super().prepare(context)
        # Keyed, so that handles go to a task that exists when the parallelism changes.
        self._pending = context.state.records(STATE_MAP)
        try:
            self._commit_all(None)
        except Exception as error:
            # A database that is away must not keep the task from starting: it is tried again.
            context.log.error("committing what was restored: %s: %s", type(error).__name__, error)
        self.discard(context.restored)

    def process_batch(self, batch: Batch) -> None:
        """Write a batch."""
        self.write(batch)

    def before_snapshot(self, number: int) -> None:
        """Pre-commit; the handles are in the state that is copied next."""
        for handle in self.pre_commit(number):
            self._pending[f"{self.context.random.getrandbits(128):032x}"] = [number, handle]

    def on_durable(self, number: int) -> None:
        """Commit everything up to ``number``: an earlier call may have been lost or have failed."""
        self._commit_all(number)

    def _commit_all(self, number: int | None) -> None:
        for id, (of, handle) in list(self._pending.items()):
            if number is None or of <= number:
                self.commit(id, handle)
                del self._pending[id]
