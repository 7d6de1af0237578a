"""What must hold under exactly-once: every state equals a pure fold over the input, every time.

The store holds positions and parts of one checkpoint. What lies before the positions had each of
its effects exactly once in these parts, and what lies behind them none: after every commit, not
only at the end. What a sink has committed is of a checkpoint that is durable, and written once.
A message that was given up had no effect at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from waterspout.supervisor.snapshot_store import is_log_name
from waterspout.topology.frame_header import DATA, decode_header
from waterspout.topology.frames import decode_data

from .oracle import CALLS, Oracle, _entries
from .shapes import Effect

if TYPE_CHECKING:
    from .cluster import Cluster


class ExactOracle(Oracle):
    """Watches one cluster that runs under exactly-once."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.tracked = True
        self.world.on_work = lambda ident: None
        self.world.on_transaction = self._on_transaction
        self._all = [mid for spout in cluster.shape.spouts for mid in spout.mids()]
        self._partial = cluster.settings.fail_to_dead_letter
        #: Rows in the logs of complete checkpoints.
        self.logged_rows = 0
        #: Called when there are some.
        self.on_logged: Callable[[], None] = lambda: None

    # Dead letters.

    def buried(self) -> dict[str, int]:
        """Return message -> number of its dead letters, of messages that had no effect."""
        found: Counter[str] = Counter()
        for letter in self.store.dead_letters(limit=100_000):
            if letter.record["partition"] is not None:
                found[self._mid_of(letter.record)] += 1
        return found

    def cut_short(self) -> set[str]:
        """Return messages of which a row was given up that a bolt had emitted by itself."""
        return {
            self._mid_of(letter.record)
            for letter in self.store.dead_letters(limit=100_000)
            if letter.record["partition"] is None and letter.record["stream"] not in CALLS
        }

    # Effects.

    def kept(self) -> Counter[tuple[str, str]]:
        """Return (component, ident) -> count in the parts of the checkpoint that the store has."""
        found: Counter[tuple[str, str]] = Counter()
        component_of = {t.task: t.component for t in self.cluster.plan.tasks}
        # Of the files of a task the last has its whole maps; handles are in all of them.
        of_state = [part for part in self.store.parts() if not is_log_name(part.file)]
        for part in {part.task: part for part in of_state}.values():
            state = self.cluster.disk.peek(part.file)
            for maps in (state.keyed, state.task):
                for name, count in _entries(maps.get("seen", {})):
                    found[component_of[part.task], name] += count
        return found

    def logged(self) -> Counter[str]:
        """Return message -> number of its rows that were on their way to a task that overtook."""
        found: Counter[str] = Counter()
        for part in self.store.parts():
            if is_log_name(part.file):
                for frame in self.cluster.disk.peek(part.file).task["frames"].values():
                    if decode_header(frame).kind == DATA:
                        found.update(row[0] for row in decode_data(frame).rows)
        return found

    def _effects(self, mid: str) -> Iterator[Effect]:
        for effect in self.meaning.effects(mid):
            if self.bolts[effect.component].stateful:
                yield effect

    def _on_commit(self) -> None:
        self.commits += 1
        for task, of_task in self.store.positions().items():
            for partition, (first, ahead) in of_task.items():
                if first < self._first.get((task, partition), 0) or ahead:
                    self.fail(f"position of task {task}, {partition!r}: {first}, {ahead}")
                self._first[task, partition] = first
        drawn, buried, kept = set(self.durable()), self.buried(), self.kept()
        logged = self.logged()
        self.logged_rows += logged.total()
        if strange := logged.keys() - drawn:
            self.fail(f"in a log, and not drawn: {sorted(strange)[:3]}")
        for mid in self._all:
            wanted = int(mid in drawn and mid not in buried)
            for effect in self._effects(mid):
                count = kept.pop((effect.component, effect.ident), 0)
                open_ = effect.late or mid in logged or (mid in buried and self._partial)
                least = 0 if open_ else wanted
                most = 1 if mid in buried and self._partial else wanted
                if not least <= count <= most:
                    self.fail(
                        f"checkpoint {self.store.last_round()}: {count} x {effect.ident} in "
                        f"{effect.component}, should be {wanted}"
                    )
        if kept:
            self.fail(f"checkpoint {self.store.last_round()} holds {list(kept)[:3]}")
        if logged:
            self.on_logged()

    def _on_transaction(self, component: str, number: int, idents: list[str]) -> None:
        """A sink commits: all of it is in a checkpoint that is durable."""
        if number > self.store.last_round():
            self.fail(f"{component} commits {number}, {self.store.last_round()} is durable")
        durable = set(self.durable())
        for ident in idents:
            if ident.partition(">")[0].partition("#")[0] not in durable:
                self.fail(f"{component} commits {ident}, which is not durable")

    # At the end.

    def at_end(self) -> None:
        """Every message had each effect once, or none and a dead letter; the run ended well."""
        done = self.cluster.done
        if done is None:
            self.fail(f"the run did not end: {self.stuck()}")
        assert done is not None
        if not done.ok or done.outcome != "finished":
            self.fail(f"the run ended with {done}")
        durable, buried, kept = set(self.durable()), self.buried(), self.kept()
        lost = [mid for mid in self._all if mid not in durable]
        if lost:
            self.fail(f"not drawn: {lost[:5]}")
        # With dead letters at once each failure is one, and what it did before stays done.
        if not self._partial:
            self._check_buried({**buried, **dict.fromkeys(self.cut_short(), 1)})
        # Of a task that a rescaling ended letters are kept, and its messages drawn again.
        if any(count > 1 for count in buried.values()) and not self._partial:
            self.fail(f"more than one dead letter: {buried}")
        cut_short = self.cut_short()
        for mid in self._all:
            for effect in self._effects(mid):
                if not (effect.late and mid in cut_short):
                    self._check_end(mid, effect, kept, buried)
        self._check_totals()

    def _check_end(
        self, mid: str, effect: Effect, kept: Counter[tuple[str, str]], buried: dict[str, int]
    ) -> None:
        counts = [kept[effect.component, effect.ident]]
        if self.bolts[effect.component].commits:
            written = self.world.written[effect.component, effect.ident]
            # What was committed after the snapshot that all went back to is there twice.
            counts.append(min(written, 1) if self.fell_back else written)
        wanted = int(mid not in buried)
        if self._partial and (mid in buried or mid in self.world.mended):
            return
        if any(count != wanted for count in counts):
            self.fail(f"{mid}: {counts} x {effect.ident} in {effect.component}, not {wanted}")
