"""Topologies as clients bring them: new ones, and new versions of what runs, or ran.

One that has ended keeps its positions and state under its name. What is submitted under that name
goes on with them, as after a ``swap``: with another parallelism state is dealt out anew by key.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from waterspout.topology.plan import Plan

from ..control_wire import pack
from ..store import TopologyChanged
from .client_protocol import ClientError, Refused
from .cluster import Cluster
from .cluster_rows import TopologyRow
from .lifecycle import LifeEvent, LifeState, WrongState, takes
from .plan_move import check, diff
from .submitted import check_sha256, check_sub, plan_of, replaced
from .submitted_state import seed_topology
from .topology_move import Version, version_of, with_kept_state
from .topology_run import TopologyRun
from .topology_wish import needs_of

#: Names of topologies that a coordinator knows, with those that have ended.
TOPOLOGIES_MAX = 1000

_Answer = dict[str, Any]


class Submissions:
    """Answers the requests that bring a plan. Called by Requests.

    Args:
        cluster: where topologies run.
        rng: draws their ids.
    """

    def __init__(self, cluster: Cluster, rng: random.Random) -> None:
        self._cluster, self._rng = cluster, rng

    def plan(self, request: Mapping[str, Any], now: float) -> _Answer:
        """Say where the workers of a topology would go."""
        return {"placement": self._preview(plan_of(request["wire"]))}

    def _preview(self, plan: Plan) -> list[list[Any]]:
        """Return where the workers of a new topology would go.

        Raises:
            NoSlots: there are not enough.
        """
        placed = self._cluster.places.preview(list(needs_of(plan).values()))
        return _placement(plan, placed)

    def submit(self, request: Mapping[str, Any], now: float) -> _Answer:
        """Begin a topology, or go on with the kept state of one that has ended."""
        plan, dry_run = plan_of(request["wire"]), request["dry_run"]
        fresh, state = request["fresh"], request.get("state")
        before = self._cluster.named(plan.name)
        self._check_name(plan, before)
        row = self._row_of(plan, request, before)
        changes: list[str] = []
        if before is not None and not fresh and not state:
            changes = diff(before.plan, plan)
            folder, dropped = self._cluster.folder(row.id), request["allow_dropped"]
            row = with_kept_state(row, before.row, folder, allow_dropped=dropped)
        placement = self._preview(plan)
        if dry_run:
            return {"topology": row.id, "placement": placement, "diff": changes}
        try:
            if state:
                folder = self._cluster.folder(row.id)
                seed_topology(self._cluster.config.data, folder, plan, state, fresh=fresh)
            run = self._cluster.add(row, now, fresh=fresh and not state)
        except TopologyChanged:
            text = (
                f"the kept state of {plan.name} is of a version that is not known here any more:"
                " submit that one again, or start over with --fresh"
            )
            raise Refused(ClientError.DENIED, text) from None
        self._cluster.tell(run.id, "", "submitted", {"workers": plan.workers})
        placement = _placement(plan, run.hosts())
        return {"topology": run.id, "placement": placement, "diff": changes}

    def _check_name(self, plan: Plan, before: TopologyRun | None) -> None:
        if before is not None and before.state is not LifeState.ENDED:
            text = f"{plan.name} is {before.state} already: swap it, or kill it first"
            raise Refused(ClientError.NAME_TAKEN, text)
        if before is None and len(self._cluster.topologies) >= TOPOLOGIES_MAX:
            text = f"{TOPOLOGIES_MAX} names are known already; submit under one that has ended"
            raise Refused(ClientError.DENIED, text)

    def _row_of(
        self, plan: Plan, request: Mapping[str, Any], before: TopologyRun | None
    ) -> TopologyRow:
        version = self._version(plan, request)
        row = TopologyRow(
            id=before.id if before else f"{plan.name}-{self._rng.getrandbits(24):06x}",
            name=plan.name,
            state=str(LifeState.ACTIVE),
            generation=before.row.generation + 1 if before else 1,
            submitted_at=self._cluster.wall(),
        )
        return replace(row, **version._asdict())

    def _version(self, plan: Plan, request: Mapping[str, Any]) -> Version:
        dry_run = request["dry_run"]
        return Version(
            pack(plan.to_wire()),
            self._blob("code", request["code"], ".zip", dry_run=dry_run),
            check_sub(request["sub"]),
            self._blob("requirements", request["requirements"], ".txt", dry_run=dry_run),
        )

    def _blob(self, sort: str, sha256: str, suffix: str, *, dry_run: bool) -> str:
        """Return the name of a blob that was put before; a dry run has put none."""
        check_sha256(sha256, sort)
        if dry_run:
            return sha256
        if sha256 and not (self._cluster.config.data / sort / f"{sha256}{suffix}").is_file():
            raise Refused(ClientError.REQUEST, f"{sort} {sha256:.12} was not put before")
        return sha256

    # Of one that runs.

    def rebalance(self, run: TopologyRun, request: Mapping[str, Any], now: float) -> _Answer:
        """Give a topology other numbers of workers and tasks."""
        plan = replaced(run.plan, request.get("workers"), request["parallelism"])
        wire = pack(plan.to_wire())
        return self._move(run, plan, version_of(run.row)._replace(wire=wire), now)

    def swap(self, run: TopologyRun, request: Mapping[str, Any], now: float) -> _Answer:
        """Have a topology go over to another version."""
        plan = plan_of(request["wire"])
        if plan.name != run.row.name:
            raise Refused(ClientError.DENIED, f"the file is of {plan.name}, not of {run.row.name}")
        version = self._version(plan, request)
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


def _placement(plan: Plan, hosts: Mapping[int, str]) -> list[list[Any]]:
    return [
        [task.task, task.component, task.index, task.worker, hosts.get(task.worker)]
        for task in plan.tasks
    ]
