"""What a topology asks of the hosts of its workers: room before, and what to run there."""

from __future__ import annotations

from dataclasses import replace

from waterspout.topology.plan import Plan
from waterspout.topology.wire_limits import message_bytes_max

from .cluster_rows import TopologyRow
from .host_protocol import WishWorker
from .slots import WorkerNeed


def needs_of(plan: Plan) -> dict[int, WorkerNeed]:
    """Return what each worker of a plan needs of its host: what its tasks ask for, together."""
    needs = {}
    for worker in range(plan.workers):
        options = [plan.spec.component(t.component).options for t in plan.tasks_on(worker)]
        needs[worker] = WorkerNeed(
            worker=worker,
            cpu=sum(each.cpu for each in options),
            memory=sum(each.memory for each in options),
            labels=tuple(sorted({label for each in options for label in each.hosts})),
        )
    return needs


def wished(wish: WishWorker, row: TopologyRow, plan: Plan) -> WishWorker:
    """Return a line of a host's wish with all that the host has to know."""
    components = {task.component for task in plan.tasks_on(wish.worker)}
    return replace(
        wish,
        name=plan.name,
        code=row.code,
        sub=row.sub,
        requirements=row.requirements,
        classes=tuple(sorted({each.class_path for each in plan.spec.components()})),
        bytes_max=message_bytes_max(plan.settings.frame_bytes_max),
        hang_s={each: plan.hang_timeout_s(each) for each in sorted(components)},
    )
