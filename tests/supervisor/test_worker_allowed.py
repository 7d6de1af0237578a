"""A worker imports what its own list allows, whatever a plan names."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from waterspout.supervisor.worker_core import WorkerCore
from waterspout.topology.classes import AllowList
from waterspout.topology.plan import Plan, TaskPlan

from .core_rig import CLASSES, Cores, plan_of


def refused(plan: Plan, allow: AllowList) -> tuple[dict[str, Any], list[str]]:
    """Build a plan in a worker with this list; return what it says, and what was made."""
    made: list[str] = []

    def load(plan: Plan, task: TaskPlan) -> Any:
        made.append(task.component)
        return CLASSES[task.component]()

    cores = Cores(plan)
    cores.cores[0] = WorkerCore(0, 100, clock=lambda: cores.now, rng=Random(1), load=load,
                                allow=allow)  # fmt: skip
    cores.assign()
    cores.run(1)
    (message,) = cores.of("boot_failed")
    return message, made


def with_classes(plan: Plan, **more: Any) -> Plan:
    """Return a plan whose components are of ready-made classes, but for ``more`` of ``double``."""
    spec = plan.spec
    log = "waterspout.bolts:Log"
    bolts = {id: replace(bolt, class_path=log) for id, bolt in spec.bolts.items()}
    spouts = {
        id: replace(spout, class_path="waterspout.spouts:Sequence")
        for id, spout in spec.spouts.items()
    }
    bolts["double"] = replace(bolts["double"], **more)
    return replace(plan, spec=replace(spec, bolts=bolts, spouts=spouts))


def test_a_class_that_this_worker_may_not_import_is_refused_whatever_the_plan_says() -> None:
    plan = with_classes(plan_of(), class_path="subprocess:Popen")
    message, made = refused(plan, AllowList())
    assert message["component"] == "double" and "double" not in made
    assert "'subprocess' is the standard library, which is never allowed" in message["text"]
    assert message["traceback"] == ""
    plan = with_classes(plan_of(), class_path="theirs.bolts:Double")
    message, made = refused(plan, AllowList())
    assert "'theirs' is not under the allowed prefixes" in message["text"]
    message, made = refused(plan, AllowList(("waterspout", "theirs")))
    assert "there is no module 'theirs'" in message["text"], "it was tried"


def test_functions_and_groupings_are_asked_for_too() -> None:
    args = {"function": "os:system", "fields": ["n"]}
    plan = with_classes(plan_of(), class_path="waterspout.bolts:Map", args=args)
    message, made = refused(plan, AllowList())
    assert message["component"] == "double" and "double" not in made
    assert "'os' is the standard library" in message["text"]
    (given,) = plan.spec.bolts["double"].inputs
    custom = replace(given, grouping="custom", custom=f"{__name__}:Anything", fields=())
    message, _ = refused(with_classes(plan_of(), inputs=(custom,)), AllowList())
    assert message["component"] == "numbers"
    assert "not under the allowed prefixes" in message["text"]
