"""A topology as a client submits it: checked before anything is made of it.

Whoever may submit may run code, so this keeps out mistakes, not attacks; but a wrong message must
not bring the coordinator down, and names become folders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.plan import Plan
from waterspout.topology.values import NAME

from .host_protocol import WORKER_MAX

_SHA256 = re.compile(r"[0-9a-f]{64}")


class SubmitRefused(UserError):
    """What was submitted is not a topology that this coordinator can run."""


def plan_of(wire: Mapping[str, Any]) -> Plan:
    """Return the plan in a request.

    Raises:
        SubmitRefused: it is none, or beyond a limit.
    """
    try:
        workers = wire["workers"]
        if type(workers) is not int or not 1 <= workers <= WORKER_MAX:
            raise SubmitRefused(f"workers: 1 to {WORKER_MAX} are possible")
        plan = Plan.from_wire(wire)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError) as error:
        raise SubmitRefused(f"not a topology: {type(error).__name__} {error}") from error
    if not isinstance(plan.name, str) or not NAME.fullmatch(plan.name):
        raise SubmitRefused(f"{plan.name!r:.80} is not the name of a topology")
    return plan


def check_sub(sub: str) -> str:
    """Return the folder inside a code pack, when it is one.

    Raises:
        SubmitRefused: it leads out of the pack.
    """
    if sub.startswith("/") or ".." in sub.split("/") or "\\" in sub or "\0" in sub:
        raise SubmitRefused(f"{sub!r:.80} is not a folder inside the code pack")
    return sub


def check_sha256(value: str, what: str) -> str:
    """Return the name of a blob, when it is one or empty.

    Raises:
        SubmitRefused: it is none.
    """
    if value and not _SHA256.fullmatch(value):
        raise SubmitRefused(f"{what}: {value!r:.80} is not a sha256")
    return value


def replaced(plan: Plan, workers: int | None, parallelism: Mapping[str, int]) -> Plan:
    """Return a plan with other numbers of workers or tasks.

    Raises:
        SubmitRefused: no such component, or too many workers.
    """
    wire = plan.to_wire()
    known = {each["id"]: each for kind in ("spouts", "bolts") for each in wire["spec"][kind]}
    for component, count in parallelism.items():
        if component not in known:
            raise SubmitRefused(f"{plan.name} has no component {component!r:.80}")
        known[component]["parallelism"] = count
    if workers is not None:
        wire["workers"] = wire["spec"]["workers"] = workers
    return plan_of(wire)
