"""A host's workers: the wish of the coordinator against what is there. Decides; the daemon does.

    wished, not there   PREPARING -> STARTING -> RUNNING       (BACKOFF when something fails)
    there, not wished   killed, and forgotten when it is gone
    ended               EXITED, told in every beat until no wish has the incarnation

A worker is never started again here: its place is taken by a new incarnation, which only the
coordinator draws, as a new epoch goes with it. Nothing here depends on the coordinator being
reachable: without a wish, what runs goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from waterspout.topology.classes import AllowList, ImportDenied, ImportFailed

from .host_protocol import WishWorker
from .host_states import HostEvent, HostState
from .host_worker import ExitRecord, HostWorker, Key, is_topology_id

#: When the supervisor itself did not run for this long (stopped, swapped out), no call hangs.
PAUSE_MAX_S = 2.0


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have code and environment of a worker ready; answered by on_prepared, on_prepare_failed."""

    key: Key
    code: str
    requirements: str


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start its process; answered by on_spawned or on_spawn_failed."""

    key: Key
    wish: WishWorker


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill its process (SIGKILL); answered by on_exited."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody asks for it any more: drop what is kept of it."""

    key: Key


Action = Prepare | Spawn | Kill | Forget


@dataclass(frozen=True, slots=True)
class Adopted:
    """A worker that an earlier supervisor of this host started."""

    key: Key
    pid: int | None
    created: float
    alive: bool
    exit: ExitRecord | None = None
    local: tuple[str, ...] = ()


class HostCore:
    """The workers of one host, pure: events in, actions out.

    Args:
        allow: what topologies may import on this host; replaced on reload.
        memory_max: limit for workers whose wish has none, in bytes; 0: none.
    """

    def __init__(self, allow: AllowList, memory_max: int = 0) -> None:
        self.allow, self.memory_max = allow, memory_max
        self.workers: dict[Key, HostWorker] = {}
        #: Newest term of the coordinator.
        self.term = 0
        #: Version of the wish that is acted on; 0: none has come.
        self.version = 0
        #: Something changed that the coordinator should hear at once.
        self.changed = False
        self._actions: list[Action] = []
        self._ticked_at: float | None = None

    # What the coordinator wants.

    def on_wish(
        self, term: int, version: int, workers: Sequence[WishWorker] | None, now: float
    ) -> bool:
        """Take a wish; False: it is of a coordinator that was replaced since.

        Args:
            term: of the coordinator.
            version: of the wish.
            workers: all that this host is to have; None: as before.
        """
        if term < self.term:
            return False
        self.term = term
        if workers is None:
            return True
        self.version = version
        wished = {each.key: each for each in workers}
        for wish in workers:
            self._wish(wish, now)
        for key, worker in list(self.workers.items()):
            if key not in wished:
                self._drop(worker)
        return True

    def _wish(self, wish: WishWorker, now: float) -> None:
        worker = self.workers.get(wish.key)
        if worker is None:
            if wish.kill:
                # Killed before it was ever seen here: its exit is all that is asked for.
                worker = self.workers[wish.key] = HostWorker(wish.key, wish=wish)
            else:
                self._begin(wish)
                return
        worker.wish, worker.dropped = wish, False
        if wish.kill:
            self._kill(worker, wish.kill)

    def _begin(self, wish: WishWorker) -> None:
        worker = self.workers[wish.key] = HostWorker(wish.key, wish=wish)
        self.changed = True
        if not is_topology_id(wish.id):
            self._refuse(worker, f"{wish.id!r:.80} is not the id of a topology")
            return
        self._actions.append(Prepare(wish.key, wish.code, wish.requirements))

    def _drop(self, worker: HostWorker) -> None:
        worker.dropped = True
        if worker.alive:
            self._kill(worker, "not wished any more")
        else:
            self._forget(worker)

    def _forget(self, worker: HostWorker) -> None:
        del self.workers[worker.key]
        self._actions.append(Forget(worker.key))

    def _kill(self, worker: HostWorker, why: str) -> None:
        if worker.state in (HostState.STOPPING, HostState.EXITED):
            return
        self.changed = True
        worker.why = worker.why or why
        if worker.alive:
            worker.apply(HostEvent.KILL)
            self._actions.append(Kill(worker.key, why))
        else:
            worker.apply(HostEvent.CANCEL)
            worker.exit = worker.exit or ExitRecord(why)

    def kill(self, key: Key, why: str) -> None:
        """Kill a worker for a reason of this host; its exit says so."""
        worker = self.workers.get(key)
        if worker is not None:
            self._kill(worker, why)

    def denied(self, key: Key, classes: Iterable[str]) -> str:
        """Return why one of these classes may not be imported here, or an empty text.

        Modules of the topology's own code are allowed: who may submit may have it run.
        """
        worker = self.workers.get(key)
        allow = replace(self.allow, local=worker.local if worker is not None else ())
        for path in classes:
            try:
                allow.check(path)
            except (ImportDenied, ImportFailed) as error:
                return f"not allowed on this host: {error}"
        return ""

    def refuse(self, key: Key, text: str) -> None:
        """A worker cannot do its work here, for good: its process ends and ``why`` is told."""
        worker = self.workers.get(key)
        if worker is not None and worker.state is not HostState.FATAL:
            self._refuse(worker, text)

    def _refuse(self, worker: HostWorker, text: str) -> None:
        self.changed = True
        worker.apply(HostEvent.REFUSED)
        if worker.state is HostState.FATAL:
            worker.why = text
            if worker.alive:
                self._actions.append(Kill(worker.key, text))

    # What became of actions.

    def on_prepared(self, key: Key, local: Iterable[str], now: float) -> None:
        """Code and environment are ready.

        Args:
            key: whose.
            local: top modules of its own code, which it may import.
        """
        worker = self.workers.get(key)
        if worker is None or worker.state is not HostState.PREPARING:
            return
        assert worker.wish is not None
        worker.local, worker.why = tuple(local), ""
        if denied := self.denied(key, worker.wish.classes):
            self._refuse(worker, denied)
            return
        worker.apply(HostEvent.PREPARED)
        self.changed = True
        self._actions.append(Spawn(key, worker.wish))

    def on_prepare_failed(self, key: Key, text: str, final: bool, now: float) -> None:
        """Code or environment could not be had; ``final``: trying again would not help."""
        worker = self.workers.get(key)
        if worker is None or worker.state is not HostState.PREPARING:
            return
        if final:
            self._refuse(worker, text)
        else:
            self._back_off(worker, text, now)

    def on_spawned(self, key: Key, pid: int, created: float) -> None:
        """Its process was started."""
        worker = self.workers.get(key)
        if worker is None:
            return
        worker.pid, worker.created, worker.alive = pid, created, True
        self.changed = True

    def on_spawn_failed(self, key: Key, text: str, now: float) -> None:
        """The operating system did not start it."""
        worker = self.workers.get(key)
        if worker is not None and worker.state is HostState.STARTING:
            self._back_off(worker, text, now)

    def _back_off(self, worker: HostWorker, text: str, now: float) -> None:
        worker.apply(HostEvent.FAILED)
        worker.why = text
        worker.try_at = now + worker.backoff.next(0.0)
        self.changed = True

    # What workers do.

    def on_registered(self, key: Key) -> None:
        """It said that it is there."""
        worker = self.workers.get(key)
        if worker is not None and worker.state is HostState.STARTING:
            worker.apply(HostEvent.REGISTERED)
            self.changed = True

    def on_plan(self, key: Key, components: Mapping[int, str]) -> None:
        """Its plan is known: task -> component."""
        if key in self.workers:
            self.workers[key].components = components

    def on_fetching(self, key: Key, fetching: bool) -> None:
        """Its ``assign`` waits for snapshot parts, or does so no more; told as ``preparing``."""
        worker = self.workers.get(key)
        if worker is not None and worker.fetching is not fetching:
            worker.fetching = fetching
            if not fetching and worker.state is HostState.RUNNING:
                worker.why = ""
            self.changed = True

    def on_fetch_failing(self, key: Key, text: str) -> None:
        """A part that it waits for cannot be had for now."""
        worker = self.workers.get(key)
        if worker is not None and worker.state is HostState.RUNNING:
            worker.why = text

    def on_report(self, key: Key, report: Mapping[str, Any], now: float) -> None:
        """It reported; the report goes on to the coordinator, too."""
        if key in self.workers:
            self.workers[key].take_report(report, now)

    def on_stats(self, key: Key, memory_bytes: int, cpu_percent: float) -> None:
        """Note what the operating system says of its process."""
        worker = self.workers.get(key)
        if worker is None or not worker.alive:
            return
        worker.cpu_percent = cpu_percent
        own = worker.wish.memory_max if worker.wish is not None else 0
        why = worker.memory.take(memory_bytes, own or self.memory_max)
        if why:
            self._kill(worker, why)

    def on_exited(self, key: Key, exit: ExitRecord) -> None:
        """Its process is gone."""
        worker = self.workers.get(key)
        if worker is None:
            return
        worker.alive = False
        self.changed = True
        if worker.state is HostState.STOPPING and worker.why:
            exit = exit._replace(reason=worker.why)
        worker.exit = exit
        worker.apply(HostEvent.EXITED)
        if worker.dropped:
            self._forget(worker)

    def adopt(self, found: Iterable[Adopted], now: float) -> None:
        """Take over what an earlier supervisor of this host started. Called once, first."""
        for each in found:
            worker = self.workers[each.key] = HostWorker(
                each.key, HostState.RUNNING, pid=each.pid, created=each.created, alive=True,
                local=each.local,
            )  # fmt: skip
            worker.reported_at = now
            if not each.alive:
                gone = each.exit or ExitRecord("ended while its supervisor was away")
                self.on_exited(each.key, gone)
        self.changed = True

    # Time.

    def tick(self, now: float) -> list[Action]:
        """Look at the time; return what is to be done. Called in every turn of the loop."""
        paused = self._ticked_at is not None and now - self._ticked_at > PAUSE_MAX_S
        self._ticked_at = now
        for worker in list(self.workers.values()):
            if worker.state is HostState.BACKOFF and now >= worker.try_at:
                assert worker.wish is not None
                worker.apply(HostEvent.DUE)
                self._actions.append(
                    Prepare(worker.key, worker.wish.code, worker.wish.requirements)
                )
            elif worker.state is HostState.RUNNING:
                if paused:
                    worker.reported_at = now
                elif why := worker.hung(now):
                    self._kill(worker, why)
        actions, self._actions = self._actions, []
        return [each for each in actions if not isinstance(each, Spawn) or self._wanted(each)]

    def _wanted(self, spawn: Spawn) -> bool:
        """Say whether it was not killed between the decision and now."""
        worker = self.workers.get(spawn.key)
        return worker is not None and worker.state is HostState.STARTING and not worker.alive

    # What is told.

    def rows(self) -> list[dict[str, Any]]:
        """Return the ``workers`` of a beat."""
        return [worker.to_wire() for worker in self.workers.values()]

    def running(self) -> Iterator[HostWorker]:
        """Yield the workers that have a process."""
        return (worker for worker in list(self.workers.values()) if worker.alive)
