"""Answers what clients ask: one table, kind -> handler. Answers come from what is known already.

Called by the coordinator's loop with requests in any shape; refusals are answers, never
exceptions. Nothing here asks a worker and waits.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.plan import Plan

from ..control_wire import pack
from ..store import StaleEpoch, StoreError, TopologyChanged
from ..store_sqlite import SqliteStore
from .client_protocol import (
    CLIENT_PROTO,
    VERBS,
    ClientError,
    allowed,
    problem,
    refusal,
    with_defaults,
)
from .cluster import Cluster
from .cluster_rows import TopologyRow
from .cluster_status import Facts, cluster_health, cluster_row, host_row, list_row, topology_row
from .lifecycle import LifeEvent, LifeState, WrongState, takes
from .plan_move import check, diff
from .slots import NoSlots
from .submitted import check_sha256, check_sub, plan_of, replaced
from .topology_move import Version, version_of
from .topology_run import TopologyRun
from .topology_wish import needs_of

_Answer = dict[str, Any]


class Refused(Exception):
    """A request that is not done; becomes an answer."""

    def __init__(self, code: ClientError, text: str) -> None:
        super().__init__(text)
        self.code = code


class Requests:
    """Answers the requests of clients.

    Args:
        cluster: what is asked about.
        rng: draws ids of topologies.
        version: of this software.
    """

    def __init__(self, cluster: Cluster, rng: random.Random, version: str, now: float) -> None:
        self._cluster, self._rng, self._version = cluster, rng, version
        self._began = now
        self._handlers: dict[str, Callable[[Mapping[str, Any], float], _Answer]] = {
            "status": self._status,
            "list": self._list,
            "plan": self._plan,
            "submit": self._submit,
            "kill": self._kill,
            "pause": self._pause,
            "resume": self._resume,
            "rebalance": self._rebalance,
            "swap": self._swap,
            "drain_host": self._drain_host,
            "events": self._events,
            "dead_letters": self._dead_letters,
            "doctor": self._doctor,
        }

    def answer(self, role: str, request: Mapping[str, Any], size: int, now: float) -> _Answer:
        """Return the answer to a request.

        Args:
            role: of the key that it came with.
            request: as it came.
            size: bytes that it had.
            now: monotonic seconds.
        """
        id, kind = request.get("id"), request.get("kind")
        try:
            self._check(role, request, size)
            assert isinstance(kind, str)
            return {"id": id, "ok": True, **self._handlers[kind](with_defaults(request), now)}
        except Refused as refused:
            return refusal(id, refused.code, str(refused))
        except WrongState as wrong:
            return refusal(id, ClientError.STATE, str(wrong))
        except NoSlots as none:
            return refusal(id, ClientError.NO_SLOTS, str(none))
        except UserError as error:
            return refusal(id, ClientError.DENIED, str(error))
        except StaleEpoch:
            raise
        except StoreError as error:
            return refusal(id, ClientError.STORE, str(error))

    def _check(self, role: str, request: Mapping[str, Any], size: int) -> None:
        kind = request.get("kind")
        if request.get("v") != CLIENT_PROTO:
            theirs = f"{request.get('v')!r:.20}"
            text = f"the client speaks version {theirs}, the coordinator {CLIENT_PROTO}"
            raise Refused(ClientError.VERSION, text)
        wrong = problem(with_defaults(request))
        if wrong is not None:
            raise Refused(ClientError.REQUEST, wrong)
        assert isinstance(kind, str)
        if not allowed(role, kind):
            raise Refused(ClientError.ROLE, f"the key's role is {role}, which may not {kind}")
        if size > VERBS[kind].bytes_max:
            text = f"{kind}: {size} bytes, {VERBS[kind].bytes_max} are taken"
            raise Refused(ClientError.REQUEST, text)
        if kind not in self._handlers:
            raise Refused(ClientError.REQUEST, f"{kind} is not answered by this coordinator")

    # What is shown.

    def _facts(self, run: TopologyRun, now: float) -> Facts:
        waiting = {w: why for id, w, why in self._cluster.places.waiting() if id == run.id}
        return Facts(
            id=run.id,
            name=run.row.name,
            life=str(run.state),
            outcome=run.row.outcome,
            reason=run.row.reason,
            status=run.status(now),
            hosts=run.hosts(),
            seen=run.seen,
            waiting={worker: waiting.get(worker, "") for worker in run.host.waiting},
            submitted_at=run.row.submitted_at,
        )

    def _status(self, request: Mapping[str, Any], now: float) -> _Answer:
        cluster = self._cluster
        name = request.get("name")
        runs = list(cluster.topologies.values()) if name is None else [self._named(name)]
        wall = cluster.wall()
        rows = [topology_row(self._facts(run, now), wall) for run in runs]
        hosts = [
            host_row(
                host,
                len(cluster.places.wish_of(host.name)[1]),
                cluster.leases.left_s(host.name, now) if host.up else None,
            )
            for host in sorted(cluster.hosts, key=lambda host: host.name)
        ]
        about = cluster_row(
            endpoint=cluster.config.bind,
            term=cluster.term,
            pid=os.getpid(),
            version=self._version,
            insecure=cluster.config.insecure,
            uptime_s=now - self._began,
        )
        about["health"] = cluster_health(hosts, rows)
        return {"status": {"cluster": about, "hosts": hosts, "topologies": rows}}

    def _list(self, request: Mapping[str, Any], now: float) -> _Answer:
        runs = self._cluster.topologies.values()
        return {"topologies": [list_row(self._facts(run, now)) for run in runs]}

    def _events(self, request: Mapping[str, Any], now: float) -> _Answer:
        name = request.get("name")
        topology = None if name is None else self._named(name).id
        found = self._cluster.store.events(
            after=request["after"], limit=request["limit"], topology=topology
        )
        return {"events": [list(each) for each in found]}

    def _doctor(self, request: Mapping[str, Any], now: float) -> _Answer:
        hosts = [
            {"host": host.name, "version": host.software, "python": host.python,
             "clock_offset_s": host.wall_offset_s, "address": host.address, "up": host.up}
            for host in self._cluster.hosts
        ]  # fmt: skip
        return {
            "wall": self._cluster.wall(),
            "versions": {"waterspout": self._version, "client": CLIENT_PROTO},
            "hosts": hosts,
            "refusals": dict(self._cluster.hosts.refusals),
        }

    # Topologies.

    def _named(self, name: str) -> TopologyRun:
        run = self._cluster.named(name)
        if run is None:
            raise Refused(ClientError.UNKNOWN, f"no topology {name!r:.100}")
        return run

    def _living(self, name: str) -> TopologyRun:
        run = self._named(name)
        if run.state is LifeState.ENDED:
            raise Refused(ClientError.STATE, f"{name} has ended: {run.row.outcome}")
        return run

    def _preview(self, plan: Plan) -> list[list[Any]]:
        """Return where the workers of a new topology would go.

        Raises:
            NoSlots: there are not enough.
        """
        placed = self._cluster.places.preview(list(needs_of(plan).values()))
        return _placement(plan, placed)

    def _plan(self, request: Mapping[str, Any], now: float) -> _Answer:
        return {"placement": self._preview(plan_of(request["wire"]))}

    def _submit(self, request: Mapping[str, Any], now: float) -> _Answer:
        plan = plan_of(request["wire"])
        before = self._cluster.named(plan.name)
        if before is not None and before.state is not LifeState.ENDED:
            raise Refused(ClientError.NAME_TAKEN, f"{plan.name} is {before.state} already")
        row = TopologyRow(
            id=before.id if before else f"{plan.name}-{self._rng.getrandbits(24):06x}",
            name=plan.name,
            state=str(LifeState.ACTIVE),
            wire=pack(plan.to_wire()),
            code=self._blob("code", request["code"], ".zip"),
            sub=check_sub(request["sub"]),
            requirements=self._blob("requirements", request["requirements"], ".txt"),
            generation=before.row.generation + 1 if before else 1,
            submitted_at=self._cluster.wall(),
        )
        self._preview(plan)
        try:
            run = self._cluster.add(row, now, fresh=request["fresh"])
        except TopologyChanged:
            text = (
                f"the kept state of {plan.name} is of a topology with other components,"
                " parallelism or groupings: submit with --fresh to start over"
            )
            raise Refused(ClientError.DENIED, text) from None
        self._cluster.tell(run.id, "", "submitted", {"workers": plan.workers})
        return {"topology": run.id, "placement": _placement(plan, run.hosts())}

    def _blob(self, sort: str, sha256: str, suffix: str) -> str:
        """Return the name of a blob that was put before."""
        check_sha256(sha256, sort)
        if sha256 and not (self._cluster.config.data / sort / f"{sha256}{suffix}").is_file():
            raise Refused(ClientError.REQUEST, f"{sort} {sha256:.12} was not put before")
        return sha256

    def _kill(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._named(request["name"])
        if run.state is LifeState.ENDED:
            return {"topology": run.id, "state": str(run.state)}
        if request["now"]:
            run.apply(LifeEvent.KILL_NOW, now)
        elif run.state is not LifeState.KILLING:
            run.apply(LifeEvent.KILL, now)
        if request.get("wait_s") is not None:
            run.kill_at = now + request["wait_s"]
        return {"topology": run.id, "state": str(run.state)}

    def _pause(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        if run.state is not LifeState.PAUSED:
            run.apply(LifeEvent.PAUSE, now)
        return {"state": str(run.state)}

    def _resume(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        if run.state is not LifeState.ACTIVE:
            run.apply(LifeEvent.RESUME, now)
        return {"state": str(run.state)}

    def _rebalance(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        plan = replaced(run.plan, request.get("workers"), request["parallelism"])
        wire = pack(plan.to_wire())
        return self._move(run, plan, version_of(run.row)._replace(wire=wire), now)

    def _swap(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        plan = plan_of(request["wire"])
        if plan.name != run.row.name:
            raise Refused(ClientError.DENIED, f"the file is of {plan.name}, not of {run.row.name}")
        version = Version(
            pack(plan.to_wire()),
            self._blob("code", request["code"], ".zip"),
            check_sub(request["sub"]),
            self._blob("requirements", request["requirements"], ".txt"),
        )
        return self._move(run, plan, version, now, dry_run=request["dry_run"])

    def _move(
        self, run: TopologyRun, plan: Plan, version: Version, now: float, *, dry_run: bool = False
    ) -> _Answer:
        """Have a topology go over to another version, when its state and the slots allow it."""
        check(run.plan, plan)
        lines = diff(run.plan, plan)
        if version.code != run.row.code:
            lines.append(f"code: {run.row.code:.12} -> {version.code:.12}")
        if not takes(run.state, LifeEvent.MOVE):
            raise WrongState(run.state, LifeEvent.MOVE)
        self._cluster.places.preview(list(needs_of(plan).values()), but=run.id)
        if not dry_run:
            run.move(version, now)
        return {"diff": lines, "state": str(run.state)}

    def _drain_host(self, request: Mapping[str, Any], now: float) -> _Answer:
        host = request["host"]
        if host not in self._cluster.hosts:
            raise Refused(ClientError.UNKNOWN, f"no host {host!r:.100}")
        moves = self._cluster.drain_host(host, not request["undo"], now)
        return {"moves": [list(each) for each in moves]}

    # Dead letters.

    def _dead_letters(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._named(request["name"])
        with closing(SqliteStore(self._cluster.folder(run.id) / "store.sqlite")) as store:
            match request["action"]:
                case "replay":
                    return {"count": store.mark_replay(request.get("ids"))}
                case "drop":
                    return {"count": store.drop_dead_letters(request.get("ids"))}
            letters = store.dead_letters(after=request["after"], limit=request["limit"])
            rows = [
                {"id": each.id, "at": each.at, "status": each.status, **each.record}
                for each in letters
            ]
            return {"letters": rows, "count": store.dead_letter_count()}


def _placement(plan: Plan, hosts: Mapping[int, str]) -> list[list[Any]]:
    return [
        [task.task, task.component, task.index, task.worker, hosts.get(task.worker)]
        for task in plan.tasks
    ]
