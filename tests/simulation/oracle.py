"""What must hold after every step of a simulated run, and at its end.

A message is counted as acked when the store holds its position (a Source), or its spout was
told (a re-emit spout). Then each of its effects must be in a place that survives: in the
parts of the round that the store holds, in what a sink has flushed, or, where nothing is kept,
simply done. Or its dead letter is stored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from waterspout.spouts.once_executor import OnceExecutor
from waterspout.supervisor.effects import Event

from .shapes import Effect, Meaning, SpoutShape
from .shown_figures import ShownFigures

if TYPE_CHECKING:
    from .cluster import Cluster
    from .process import Process

#: What dead letters of calls that no tuple caused have for a stream.
CALLS = ("on_timer", "on_watermark", "process_tick", "finish")


class Violation(AssertionError):
    """Something that must hold does not."""


class Oracle:
    """Watches one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.world, self.store = cluster, cluster.world, cluster.store
        self.meaning = Meaning(cluster.shape)
        self.bolts = {b.id: b for b in cluster.shape.bolts}
        self.tracked = cluster.shape.guarantee == "at-least-once"
        self.events: Counter[str] = Counter()
        self._first: dict[tuple[int, str], int] = {}
        self._reported: dict[tuple[int, int, int, str], int] = {}
        self._shown = ShownFigures()
        self.commits = 0
        self.store.on_commit = self._on_commit
        self.store.on_fall_back = self._on_fall_back
        #: An older snapshot took the place of one that could not be read.
        self.fell_back = False
        self.world.on_ack = self._on_spout_ack
        if not self.tracked:
            self.world.on_work = self._on_untracked_work
        #: Messages whose ack was checked.
        self._acked: set[str] = set()
        self.sources = {s.id: s for s in cluster.shape.spouts if s.kind == "source"}
        #: Messages that were durable and not sent when a worker died (at-most-once).
        self.skipped = 0

    def fail(self, what: str) -> None:
        """Stop the run."""
        raise Violation(f"at {self.cluster.clock.now:.4f} s: {what}")

    def rescaled(self) -> None:
        """The plan has other tasks: positions belong to others now, and figures begin anew."""
        self._first.clear()
        self._shown = ShownFigures()

    def _on_fall_back(self) -> None:
        """Positions went back, on purpose."""
        self.fell_back = True
        self._first.clear()

    # What is counted as acked.

    def durable(self) -> Iterator[str]:
        """Yield every message that the store or a broker takes for acked."""
        positions = self.store.positions()
        for spout in self.cluster.shape.spouts:
            if spout.kind == "source":
                yield from self._durable_of(spout, positions)
        yield from self.world.acked

    def _durable_of(self, spout: SpoutShape, positions: Mapping[int, Any]) -> Iterator[str]:
        for task in self.cluster.plan.tasks_of(spout.id):
            for partition, (first, ahead) in positions.get(task.task, {}).items():
                count = len(range(int(partition), spout.messages, spout.lanes))
                for n in range(count):
                    start, end = n * spout.stride, (n + 1) * spout.stride
                    if end <= first or any(s <= start and end <= e for s, e in ahead):
                        yield f"{spout.id}/{partition}/{n}"

    def buried(self) -> dict[str, int]:
        """Return message -> number of its dead letters."""
        found: Counter[str] = Counter()
        for letter in self.store.dead_letters(limit=100_000):
            if letter.record["stream"] not in CALLS:
                found[self._mid_of(letter.record)] += 1
        return found

    def calls_given_up(self) -> list[Mapping[str, Any]]:
        """Return the dead letters of calls that no tuple caused."""
        records = [letter.record for letter in self.store.dead_letters(limit=100_000)]
        return [record for record in records if record["stream"] in CALLS]

    def _mid_of(self, record: Mapping[str, Any]) -> str:
        if record.get("values"):
            return str(record["values"][0])
        spout = next(s for s in self.cluster.shape.spouts if s.id == record["component"])
        return f"{spout.id}/{record['partition']}/{record['start'] // spout.stride}"

    # Effects that survive.

    def surviving(self) -> Counter[tuple[str, str]]:
        """Return (component, ident) -> count of what is in the last complete round, written, or
        done by bolts that keep nothing."""
        found: Counter[tuple[str, str]] = Counter()
        component_of = {t.task: t.component for t in self.cluster.plan.tasks}
        # Of the files of a task the last has its whole maps; records are in all of them.
        for part in {part.task: part for part in self.store.parts()}.values():
            state = self.cluster.disk.peek(part.file)
            for maps in (state.keyed, state.task):
                for name, count in _entries(maps.get("seen", {})):
                    found[component_of[part.task], name] += count
        found.update(self.world.written)
        for key, count in self.world.done_at.items():
            bolt = self.bolts[key[0]]
            if not bolt.stateful and not bolt.sink:
                found[key] += count
        return found

    def missing(self, mids: Iterable[str]) -> Iterator[tuple[str, Effect]]:
        """Yield (message, effect) for effects of acked messages that did not survive."""
        surviving, buried = self.surviving(), self.buried()
        for mid in mids:
            if mid not in buried:
                for effect in self.meaning.effects(mid):
                    if not effect.late and (effect.component, effect.ident) not in surviving:
                        yield mid, effect

    def _check_acked(self, mids: Iterable[str]) -> None:
        if not self.tracked:
            return
        for mid, effect in self.missing(mids):
            self.fail(
                f"{mid} counts as acked, but its effect {effect.ident} in {effect.component} "
                f"is in no surviving state (round {self.store.last_round()})"
            )

    # At most once.

    def _on_untracked_work(self, ident: str) -> None:
        """A bolt works on a message: its position must be durable by now."""
        spout, partition, number = ident.partition(">")[0].partition("#")[0].split("/")
        if spout not in self.sources:
            return
        end = (int(number) + 1) * self.sources[spout].stride
        tasks = self.cluster.plan.tasks_of(spout)
        if not any(self._stored(task.task, partition) >= end for task in tasks):
            self.fail(f"{ident} is worked on, and its position {end} is not durable")

    def _stored(self, task: int, partition: str) -> int:
        stored: int = self.store.positions().get(task, {}).get(partition, (0, ()))[0]
        return stored

    def _check_reserved(self, spout: OnceExecutor) -> None:
        """Little is held, and what may go out is durable."""
        limit = self.cluster.settings.reserve_max
        if not 0 <= spout.reserved <= limit:
            self.fail(f"task {spout.task}: {spout.reserved} reserved of {limit}")
        for group, _, _ in spout.reservations._allowed if spout.reservations else ():
            if group.end > self._stored(spout.task, group.partition):
                self.fail(f"task {spout.task}: {group.end} may go out, and is not durable")

    def _count_skipped(self, process: Process) -> None:
        """A worker dies: what is durable and was not sent is skipped, and must be little."""
        positions = self.store.positions()
        for task, spout in process.core.tasks.spouts.items():
            source = self.sources.get(spout.component)
            if source is None or process is not self.cluster.newest(process.worker):
                continue
            skipped = sum(
                (first - spout.ledger.positions_of(partition).first_unacked) // source.stride
                for partition, (first, _) in positions.get(task, {}).items()
            )
            self.skipped += skipped
            if skipped > self.cluster.settings.reserve_max:
                self.fail(f"task {task} dies with {skipped} messages reserved and not sent")

    # After every step.

    def _on_commit(self) -> None:
        self.commits += 1
        for task, of_task in self.store.positions().items():
            for partition, (first, ahead) in of_task.items():
                if first < self._first.get((task, partition), 0):
                    self.fail(f"first unacked of task {task}, {partition!r} went back to {first}")
                self._first[task, partition] = first
                if any(start <= first for start, _ in ahead):
                    self.fail(f"task {task}, {partition!r}: {ahead} is not beyond {first}")
        self._check_acked(set(self.durable()))

    def _on_spout_ack(self, mid: str) -> None:
        if mid not in self._acked:
            self._acked.add(mid)
            self._check_acked([mid])

    def on_turn(self, process: Process) -> None:
        """Look at limits and at what is worked through."""
        core, settings = process.core, self.cluster.settings
        for spout in core.tasks.spouts.values():
            ledger = spout.ledger
            if not 0 <= ledger.pending <= settings.max_pending:
                self.fail(f"task {spout.task}: pending {ledger.pending} of {settings.max_pending}")
            if isinstance(spout, OnceExecutor):
                self._check_reserved(spout)
            if ledger.worked_through < 0:
                self.fail(f"task {spout.task}: worked_through is {ledger.worked_through}")
            waiting_max = settings.worked_through_max + settings.max_pending
            # The group that is tried at the moment is not counted, what a new epoch took back is.
            retries_max = settings.max_pending + settings.batch_max
            if not ledger.seeks:
                retries_max += waiting_max
            if ledger.retries.messages + ledger.pending > retries_max:
                self.fail(f"task {spout.task}: {ledger.retries.messages} wait for their next try")
            if self.tracked and ledger.held > waiting_max:
                self.fail(f"task {spout.task}: {ledger.held} wait to become durable")
        for bolt in core.tasks.bolts.values():
            # A frame that was under way, and what one call emits, may come on top.
            over = self._slack(bolt.task)
            if not 0 <= bolt.queued_rows <= settings.queue_rows_max + over:
                self.fail(f"task {bolt.task}: {bolt.queued_rows} rows in the queue")

    def _slack(self, task: int) -> int:
        """Return the rows that may be under way to a task when its queue is full."""
        settings = self.cluster.settings
        channels = 8 + settings.link_pool_frames * len(self.cluster.plan.tasks)
        slack = channels * max(4 * settings.batch_max, min(settings.frame_rows_max, 200))
        if any(bolt.role == "tick" for bolt in self.bolts.values()):
            # One tick may emit whatever came before it.
            slack += 50 * sum(spout.messages for spout in self.cluster.shape.spouts)
        return slack

    def on_report(self, process: Process, report: dict[str, Any]) -> None:
        """Look at what status would show; and whether links keep to the rules, as all do."""
        for error in report["errors"]:
            if re.match(r"link to worker \d+: (state|frame|version)", error["text"]):
                self.fail(error["text"])
        for task in report["tasks"]:
            if task["kind"] != "spout":
                continue
            if task["pending"] > self.cluster.settings.max_pending:
                self.fail(f"report: {task}")
            for name in ("emitted", "acked", "failed", "replayed", "dead"):
                # What was acked after the last round is taken back when the epoch rises.
                key = (process.incarnation, report["epoch"], task["task"], name)
                if task[name] < self._reported.get(key, 0):
                    self.fail(f"report: {name} of task {task['task']} went back")
                self._reported[key] = task[name]

    def on_tick(self) -> None:
        """Look at what status shows."""
        if self.tracked and not self.cluster.down:
            wrong = self._shown.look(self.cluster)
            if wrong:
                self.fail(f"status: {wrong}")

    def on_event(self, event: Event) -> None:
        """Count what the coordinator says."""
        self.events[event.name] += 1
        if event.name == "control message refused":
            self.fail(f"{event.name}: {event.fields}")

    def on_death(self, process: Process) -> None:
        """A process is about to die."""
        if not self.tracked:
            self._count_skipped(process)

    # At the end.

    def at_end(self) -> None:
        """Everything was acked or buried, every effect is there, and the run ended well."""
        done = self.cluster.done
        if done is None:
            self.fail(f"the run did not end: {self.stuck()}")
        assert done is not None
        if not done.ok or done.outcome != "finished":
            self.fail(f"the run ended with {done}")
        durable, buried = set(self.durable()), self.buried()
        everything = [mid for s in self.cluster.shape.spouts for mid in s.mids()]
        if self.tracked:
            # A broker may not hear of the last round, when its worker is killed while it stops.
            sources = {s.id for s in self.cluster.shape.spouts if s.kind == "source"}
            if not self.cluster.faults:
                sources |= {s.id for s in self.cluster.shape.spouts}
            lost = [
                mid for mid in everything
                if mid not in durable and mid not in buried and mid.partition("/")[0] in sources
            ]
            if lost:
                self.fail(f"neither acked nor a dead letter: {lost[:5]}")
            self._check_acked(everything)
        else:
            self._check_at_most_once()
        self._check_buried(buried)
        self._check_counts(everything, buried)
        self._check_totals()

    def _check_at_most_once(self) -> None:
        """Nothing a source gave is worked on twice; a restored tick bolt may emit again."""
        shape = self.cluster.shape
        summary = self.cluster.coordinator.summary(self.cluster.clock.now)
        # The summary of a coordinator that was started again knows what happened since.
        if self.cluster.term == 1:
            if self.skipped > summary["skipped_possible"]:
                self.fail(f"{self.skipped} messages were skipped, the summary says {summary}")
            if summary["duplicates_possible"] and len(self.sources) == len(shape.spouts):
                self.fail(f"duplicates under at-most-once: {summary}")
        if any(bolt.role == "tick" for bolt in shape.bolts):
            return
        for (component, name), count in self.world.done_at.items():
            if count > 1 and name.partition("/")[0] in self.sources:
                self.fail(f"{component} worked {count} times on {name}")

    def _check_buried(self, buried: Mapping[str, int]) -> None:
        doomed = {mid for each in self.world.poison.values() for mid in each}
        doomed |= {mid for each in self.world.killers.values() for mid in each}
        doomed |= self.world.mended
        wrong = [mid for mid in buried if mid not in doomed]
        if wrong:
            records = [letter.record for letter in self.store.dead_letters()]
            reason = next(r["reason"] for r in records if self._mid_of(r) == wrong[0])
            self.fail(f"{wrong[0]} is a dead letter without need: {reason}")

    def _check_counts(self, everything: Iterable[str], buried: Mapping[str, int]) -> None:
        surviving = self.surviving()
        calm = not self.cluster.faults and not sum(self.world.failures.values())
        for mid in everything:
            doomed = mid in buried or mid in self.world.failures
            for effect in self.meaning.effects(mid):
                count = surviving[effect.component, effect.ident]
                if not count and self.tracked and not doomed:
                    self.fail(f"{mid}: {effect.ident} never came to {effect.component}")
                if count != 1 and calm:
                    self.fail(f"{mid}: {count} x {effect.ident} in {effect.component}, no faults")

    def _check_totals(self) -> None:
        """Whatever was lost: what the summary calls replayed is each emission but the first."""
        if self.cluster.term > 1 or self.fell_back:
            # A coordinator that was started again counts from then on, and what was durable is
            # counted once more when an older snapshot takes the place of the newest.
            return
        for spout in self.cluster.shape.spouts if self.tracked else ():
            if spout.kind == "source":
                tallies = self.cluster.coordinator.progress.of_component(spout.id)
                emitted, replayed, twice = (
                    sum(tally.total("emitted") for tally in tallies),
                    sum(tally.total("replayed") for tally in tallies),
                    sum(tally.twice() for tally in tallies),
                )
                if emitted - replayed != spout.messages or twice < replayed:
                    self.fail(
                        f"{spout.id}: {emitted} emissions, {replayed} of them replays and at most "
                        f"{twice} duplicates, do not make {spout.messages} messages"
                    )

    def stuck(self) -> str:
        """Return where messages are, for people."""
        lines = []
        for process in self.cluster.processes.values():
            if not process.alive:
                continue
            core = process.core
            lines.append(f"worker {process.worker} epoch {core.epoch} going={core.going}")
            for spout in core.tasks.spouts.values():
                ledger = spout.ledger
                lines.append(
                    f"  {spout.component}: pending {ledger.pending} worked {ledger.worked_through} "
                    f"idle={ledger.idle} exhausted={spout.exhausted} blocked={spout.blocked()}"
                )
            for bolt in core.tasks.bolts.values():
                ready = sum(len(f.ready) for f in bolt.emitter.frames)
                lines.append(
                    f"  {bolt.component}/{bolt.task}: queue {bolt.queued_rows} held "
                    f"{len(bolt.holds)} own {bolt.own.pending} ready {ready} "
                    f"blocked={bolt.blocked()} paused={bolt.paused}"
                )
            for peer, link in core.links.items():
                lines.append(f"  link to {peer}: {link.state} window {link.window_frames}")
        phase = self.cluster.coordinator.phases.phase
        return f"phase {phase}, {dict(self.events)}\n" + "\n".join(lines)


def _entries(seen: Mapping[Any, Any]) -> Iterator[tuple[str, int]]:
    """Yield (ident, count) of the ``seen`` map of a bolt, kept by key or not."""
    for key, value in seen.items():
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield key, value
