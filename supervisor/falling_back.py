"""A snapshot that cannot be read: an older one takes its place, loudly, or the run stops and asks.

State is never begun empty instead. An older snapshot is consistent in itself, so all tasks go
back to it, those whose parts could be read, too: what counts since then is drawn again. Only
what sinks committed since then is there twice, and what a spout had acked since then that cannot
seek is not drawn again; that is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .effects import Outbox
from .handover import HandOver
from .snapshotting import Snapshotting
from .store import Store, StoreError

#: What to do when the only snapshot there is cannot be read.
NO_OLDER = (
    "no older snapshot is kept (checkpoint_retained): restore the file, begin from a savepoint "
    "(--from DIR), or start over with --fresh"
)


class FallingBack:
    """Goes back to older snapshots. Fed by the coordinator.

    Args:
        plan: which spouts there are.
        store: keeps the older ones (setting ``checkpoint_retained``).
        handover: for the workers.
        snapshots: knows which files are needed.
        outbox: where the event goes.
    """

    def __init__(
        self,
        plan: Any,
        store: Store,
        handover: HandOver,
        snapshots: Snapshotting,
        outbox: Outbox,
    ) -> None:
        self._store, self._handover = store, handover
        self._snapshots, self._outbox = snapshots, outbox
        spouts = {t.component for t in plan.tasks if plan.kind(t.component) == "spout"}
        self._note = "what sinks committed since then may be there twice"
        if acked := sorted(spout for spout in spouts if not plan.seeks(spout)):
            self._note += f", what {', '.join(acked)} acked since then is in no state any more"
        #: Epoch whose snapshot was given up: several workers may say that they cannot read it.
        self._epoch = 0

    def fall_back(self, message: Mapping[str, Any]) -> bool:
        """Have everything go back to an older snapshot; False: there is none.

        Args:
            message: the ``boot_failed`` of a worker that could not read a part.
        """
        if self._epoch != self._handover.epoch:
            try:
                broken, older = self._store.restore_round(), self._store.fall_back()
                self._snapshots.kept = self._store.files()
            except StoreError as error:
                self._outbox.event("store failed", error=str(error))
                return False
            if older is None:
                return False
            self._epoch = self._handover.epoch
            self._outbox.event(
                "snapshot cannot be read", component=message["component"], why=message["text"],
                snapshot=broken, instead=older,
                note=self._note,
            )  # fmt: skip
        for each in self._handover.workers:
            # Whoever runs on holds more than the older snapshot has.
            each.excused = True
            self._handover.kill(each, f"goes back to an older snapshot ({message['text']})")
        return True
