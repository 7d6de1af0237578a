"""Does what host_core and relay decide: processes, files, and what goes to whom.

The part of a supervisor's loop that has to do with workers; supervisor_daemon has the other, the
connection with the coordinator.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

from ..allow_lists import allow_options, local_modules
from ..control_router import ControlRouter
from ..processes import worker_command
from ..sockets import Context
from ..wakeup import Wakeup
from .cgroups import Cgroups
from .environments import Environments
from .host_connection import HostConnection
from .host_core import Action, Forget, HostCore, Kill, Prepare, Spawn
from .host_files import HostFiles, python_of
from .host_jobs import JobDone, JobThread
from .host_processes import HostProcesses, plan_of
from .host_protocol import WishWorker
from .host_tidying import TIDY_S, InUse, tidy, used
from .host_worker import ExitRecord, Key
from .outgoing import Outgoing
from .plan_files import prune_plans, write_plan
from .process_table import ProcessRow
from .pruning import Pruner
from .relay import Fetch, Out, Planned, Refuse, Relay, Seen, ToCoordinator, ToWorker, Upload
from .supervisor_config import SupervisorConfig
from .supervisor_folder import SupervisorFolder

#: How often the operating system is asked what workers cost.
STATS_S = 1.0
#: How long a worker's words wait behind a snapshot part that cannot be stored for now.
UPLOAD_PATIENCE_S = 20.0
_TIDYING = ("tidying",)

_log = logging.getLogger(__name__)


class HostWork:
    """The workers of a host and all that belongs to them. Everything is called by the loop.

    Args:
        config: of this host.
        folder: of the supervisor.
        connection: for blobs and what workers are to know of keys.
        core: decides about workers.
        address: what peers of our workers dial.
        context: for the socket that workers speak to.
        wakeup: ends the poll of the loop.
        closing: gets what is to be closed at the end.
    """

    def __init__(
        self,
        config: SupervisorConfig,
        folder: SupervisorFolder,
        connection: HostConnection,
        core: HostCore,
        *,
        address: str,
        context: Context,
        wakeup: Wakeup,
        closing: ExitStack,
    ) -> None:
        self.config, self._folder, self._connection = config, folder, connection
        self._core, self._address = core, address
        self._relay = Relay(core.denied)
        #: What workers said, for the coordinator.
        self.outgoing = Outgoing()
        self.processes = HostProcesses(folder)
        self._cgroups = Cgroups(config.cgroup)
        self.router = ControlRouter(context, folder.control)
        closing.callback(self.router.close)
        environments = self._environments = Environments(
            folder.environments,
            allow=config.requirements_allow,
            index=config.requirements_index,
            hashes=config.requirements_hashes,
        )
        self._files = HostFiles(folder, connection.blobs, environments)
        self._parts, self._prepare = (JobThread(name, wakeup.set) for name in ("parts", "prepare"))
        closing.callback(self._parts.close)
        closing.callback(self._prepare.close)
        self._pruner = Pruner()
        closing.callback(self._pruner.close)
        #: Exits that were seen in the last turn; told when the last words have been read.
        self._exits: list[tuple[Key, ExitRecord]] = []
        self._stats_at = self._tidy_at = 0.0

    def adopt(self, now: float) -> None:
        """Take over what an earlier supervisor started."""
        found = self.processes.adopt()
        self._core.adopt(found, now)
        self._cgroups.sweep({each.key for each in found if each.alive})
        for each in found:
            row = self.processes.row(each.key)
            if row is not None and row.plan:
                plan = plan_of(self._folder.topology(row.id), row.plan)
                if plan is not None:
                    self._core.on_plan(each.key, {t.task: t.component for t in plan.tasks})
        if found:
            alive = sum(each.alive for each in found)
            _log.info("workers taken over running=%d ended=%d", alive, len(found) - alive)

    @property
    def hurried(self) -> bool:
        """An exit waits for the last words of its process: the next turn should come soon."""
        return bool(self._exits)

    def turn(self, now: float) -> None:
        """Look at workers, jobs and processes, and do what is decided."""
        self._take_workers(now)
        self._take_jobs(now)
        self._take_exits(now)
        self._take_stats(now)
        self._tidy(now)
        while actions := self._core.tick(now):
            self._do(actions, now)
        self._pass_on(self._relay.tick(now), now)
        for key in self._core.workers:
            self._core.on_fetching(key, self._relay.waits_for_parts(key))
        self.processes.save_changes()
        self.router.flush()

    def _tidy(self, now: float) -> None:
        """Have old things deleted, now and then; not before it is known what is wished here."""
        if now < self._tidy_at or not self._core.version:
            return
        self._tidy_at = now + TIDY_S
        wishes = [each.wish for each in self._core.workers.values() if each.wish is not None]
        in_use = InUse(
            {key[0] for key in self._core.workers},
            {wish.code for wish in wishes},
            {wish.requirements for wish in wishes},
        )
        self._prepare.submit(_TIDYING, partial(self._delete_old, in_use))

    def _delete_old(self, in_use: InUse) -> None:
        gone = tidy(self._folder, in_use, time.time())
        if gone:
            _log.info("deleted what was not used any more count=%d", len(gone))

    def to_worker(self, items: Iterable[Any], now: float) -> None:
        """Take the ``items`` of a relay message of the coordinator."""
        for topology, worker, incarnation, data in items:
            key = topology, worker, incarnation
            if key in self._core.workers:
                self._pass_on(self._relay.from_coordinator(key, data), now)

    def welcomed(self, term: int, token: int) -> None:
        """A coordinator took this host."""
        if (term, token) != (self.processes.term, self.processes.token):
            self.processes.term, self.processes.token = term, token
            self.processes.save()
            self._relay.new_coordinator()

    def prune(self, message: Mapping[str, Any]) -> None:
        """Forget the snapshot parts that the coordinator does not name any more."""
        id, keep = message["topology"], frozenset(message["keep"])
        self._relay.pruned(id, keep)
        with suppress(ValueError):
            folder = self._folder.topology(id) / "snapshots"
            if folder.is_dir():
                self._pruner.want(folder, message["round"], keep)

    def _take_workers(self, now: float) -> None:
        known = {key[1:]: key for key in self._core.workers}
        for worker, incarnation, data in self.router.receive():
            key = known.get((worker, incarnation))
            if key is not None:
                self._pass_on(self._relay.from_worker(key, data, now), now)

    def _take_jobs(self, now: float) -> None:
        for done in self._parts.turn(now):
            what, id, file = done.name
            if what == "upload":
                self._uploaded(id, file, done, now)
            else:
                self._fetched(id, file, done, now)
        for done in self._prepare.turn(now):
            if done.name == _TIDYING:
                continue
            key: Key = (done.name[0], done.name[1], done.name[2])
            if done.text:
                self._core.on_prepare_failed(key, done.text, done.final, now)
                # The wait between two tries is the core's.
                self._prepare.forget(key)
            else:
                self._prepared(key, now)

    def _uploaded(self, id: str, file: str, done: JobDone, now: float) -> None:
        if not done.text:
            self._pass_on(self._relay.stored(id, file), now)
        elif done.final or done.failing_s > UPLOAD_PATIENCE_S:
            # The round fails, so that what the worker has said since then comes through.
            _log.warning("part not stored topology=%s file=%s reason=%s", id, file, done.text)
            self._parts.forget(done.name)
            self._pass_on(self._relay.not_stored(id, file, done.text), now)

    def _fetched(self, id: str, file: str, done: JobDone, now: float) -> None:
        if not done.text:
            self._pass_on(self._relay.fetched(id, file), now)
        elif done.final:
            self._pass_on(self._relay.not_fetched(id, file, done.text), now)
        else:
            for key in self._relay.fetchers(id, file):
                self._core.on_fetch_failing(key, f"waits for {file}: {done.text}")

    def _take_exits(self, now: float) -> None:
        """Tell of exits seen in the last turn: the messages of those processes are read by now."""
        told = self._exits
        waiting = {key for key, _ in told}
        running = [each.key for each in self._core.running() if each.key not in waiting]
        self._exits = self.processes.exits(running)
        for key, exit in told:
            if killed := self._cgroups.killed(key):
                exit = exit._replace(reason=killed)
            self._cgroups.drop(key)
            _log.info(
                "worker exited topology=%s worker=%d pid=%s reason=%s",
                key[0], key[1], self._core.workers[key].pid, exit.reason,
            )  # fmt: skip
            self._pass_on(self._relay.on_exited(key), now)
            self.router.forget(key[1], key[2])
            self._core.on_exited(key, exit)

    def _take_stats(self, now: float) -> None:
        if now >= self._stats_at:
            self._stats_at = now + STATS_S
            for stats in self.processes.stats():
                self._core.on_stats(*stats)

    # What is done.

    def _do(self, actions: Iterable[Action], now: float) -> None:
        spawns: list[Spawn] = []
        for action in actions:
            match action:
                case Prepare(key, code, requirements):
                    self._have_prepared(key, code, requirements, now)
                case Spawn():
                    spawns.append(action)
                case Kill(key, why):
                    _log.info("worker killed topology=%s worker=%d why=%s", key[0], key[1], why)
                    self.processes.kill(key)
                case Forget(key):
                    self._forget(key)
        if spawns:
            self._spawn(spawns, now)

    def _have_prepared(self, key: Key, code: str, requirements: str, now: float) -> None:
        if self._files.ready(code, requirements):
            self._prepared(key, now)
        elif not self._prepare.submit(key, partial(self._files.prepare, code, requirements)):
            self._core.on_prepare_failed(key, "too much is being prepared", False, now)

    def _prepared(self, key: Key, now: float) -> None:
        worker = self._core.workers.get(key)
        if worker is not None and worker.wish is not None:
            folder = self._files.code_folder(worker.wish)
            self._core.on_prepared(key, local_modules(folder) if folder else (), now)

    def _spawn(self, spawns: list[Spawn], now: float) -> None:
        failed: dict[Key, str] = {}
        wanted = []
        for spawn in spawns:
            local = self._core.workers[spawn.key].local
            try:
                wanted.append((ProcessRow(*spawn.key, local=local), self._command(spawn.wish)))
            except (OSError, ValueError) as error:
                failed[spawn.key] = f"cannot be started: {error}"
        failed |= self.processes.spawn_all(wanted)
        for spawn in spawns:
            row = self.processes.row(spawn.key)
            if spawn.key in failed:
                self._core.on_spawn_failed(spawn.key, failed[spawn.key], now)
            elif row is not None and row.pid is not None:
                self._core.on_spawned(spawn.key, row.pid, row.created)
                limit = spawn.wish.memory_max or self.config.worker_memory_max
                self._cgroups.hold(spawn.key, row.pid, limit)
                _log.info(
                    "worker started topology=%s worker=%d pid=%d", row.id, row.worker, row.pid
                )

    def _command(self, wish: WishWorker) -> list[str]:
        folder, secrets = self._files.code_folder(wish), self.config.secrets
        for path in (self._folder.code / wish.code, self._folder.environments / wish.requirements):
            used(path)
        used(self._folder.topology(wish.id))
        return worker_command(
            worker=wish.worker,
            incarnation=wish.incarnation,
            control=self._folder.control,
            bind=self._bind(),
            bytes_max=wish.bytes_max,
            state_dir=self._folder.make_topology(wish.id),
            folder=str(folder) if folder else "",
            parent=0,
            # This host's own: what the coordinator says is not asked.
            allow=allow_options(self._core.allow),
            python=python_of(self._environments, wish.requirements),
            more={
                "log-bytes-max": str(self.config.logs_bytes_max),
                "log-files": str(self.config.logs_files),
                "orphan-s": f"{self.config.orphan_timeout_s:g}",
                # Absolute: a worker has a working directory of its own.
                **({"secrets": str(secrets.absolute())} if secrets is not None else {}),
                **self._connection.worker_options,
            },
        )

    def _bind(self) -> str:
        host = f"[{self._address}]" if ":" in self._address else self._address
        ports = self.config.ports
        return f"tcp://{host}:{ports[0]}-{ports[1]}" if ports else f"tcp://{host}:*"

    def _forget(self, key: Key) -> None:
        self._relay.forget(key)
        self.router.forget(key[1], key[2])
        self._prepare.forget(key)
        self.processes.forget(key)
        id = key[0]
        keep = {file for topology, file in self.processes.plans() if topology == id}
        with suppress(OSError, ValueError):
            prune_plans(self._folder.topology(id), keep)

    def _pass_on(self, out: Iterable[Out], now: float) -> None:
        for each in out:
            match each:
                case ToCoordinator(key, data, slot):
                    self.outgoing.add(slot, key, data)
                case ToWorker(key, data):
                    self.router.send(key[1], key[2], data)
                case Upload(id, file):
                    work = partial(self._files.upload, id, file)
                    if not self._parts.submit(("upload", id, file), work):
                        self._pass_on(self._relay.not_stored(id, file, "too many uploads"), now)
                case Fetch(id, file, sha256):
                    work = partial(self._files.fetch, id, file, sha256)
                    self._parts.submit(("fetch", id, file), work)
                case Seen(key, message) if message["kind"] == "report":
                    self._core.on_report(key, message, now)
                case Seen(key):
                    self._core.on_registered(key)
                case Planned(key, wire, plan):
                    self._core.on_plan(key, {t.task: t.component for t in plan.tasks})
                    with suppress(OSError):
                        file = write_plan(self._folder.topology(key[0]), wire)
                        self.processes.planned(key, file)
                case Refuse(key, why):
                    self._core.refuse(key, why)
