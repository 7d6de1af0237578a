"""What must hold of bolts that count each tuple once under at-least-once.

In every snapshot that the store has, each tuple that belongs to a durable message stands exactly
once in the state of such a bolt, and each other tuple at most once; at the end all of them do.
A dead letter may have been counted before it was given up, and counts again when it is tried
again: of these nothing is said.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .oracle import Oracle, _entries

if TYPE_CHECKING:
    from .cluster import Cluster
    from .process import Process


class OnceOracle(Oracle):
    """Watches one cluster with such bolts."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._asking = {b.id for b in cluster.shape.bolts if b.once}
        self.world.atomic |= self._asking
        #: Messages that were ever given up.
        self._given_up: set[str] = set()
        self._all = [mid for spout in cluster.shape.spouts for mid in spout.mids()]
        #: Entries in the snapshots, for tests of what the simulation reaches.
        self.kept_rows = 0

    def _counts(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        component_of = {t.task: t.component for t in self.cluster.plan.tasks}
        for part in {part.task: part for part in self.store.parts()}.values():
            component = component_of[part.task]
            if component in self._asking:
                state = self.cluster.disk.peek(part.file)
                self.kept_rows += len(state.keyed.get("__seen", ()))
                for name, count in _entries(state.keyed.get("seen", {})):
                    found[component, name] += count
        return found

    def on_turn(self, process: Process) -> None:
        super().on_turn(process)
        self._given_up |= set(self.buried())

    def _on_commit(self) -> None:
        super()._on_commit()
        self._given_up |= set(self.buried())
        self._check(set(self.durable()))

    def _check(self, durable: set[str]) -> None:
        counts = self._counts()
        for mid in self._all:
            if mid in self._given_up:
                continue
            for effect in self.meaning.effects(mid):
                if effect.component not in self._asking or effect.late:
                    continue
                count = counts[effect.component, effect.ident]
                if count > 1 or (mid in durable and count != 1):
                    self.fail(
                        f"round {self.store.last_round()}: {count} x {effect.ident} in "
                        f"{effect.component}, which counts each once"
                    )

    def at_end(self) -> None:
        """And each tuple has been counted."""
        super().at_end()
        self._given_up |= set(self.buried()) | self.world.mended
        self._check(set(self._all))
