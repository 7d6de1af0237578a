"""Origins through whole workers: from a spout to a bolt that counts each tuple once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from waterspout.bolts import Bolt
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.origin_executor import OriginExecutor
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.spouts.executor import SourceExecutor
from waterspout.spouts.origin_executor import OriginSourceExecutor
from waterspout.supervisor.host_args import HostArgs
from waterspout.topology.origins import OriginDirectRoute, OriginRoute
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.spec import InputSpec

from .cores import Cores, plan_of


class Counts(Bolt):
    """Counts in its state."""

    stateful = True

    def prepare(self, context: Any) -> None:
        self.counts: Counter[int] = context.state.keyed("counts", Counter)

    def process(self, tup: Any) -> None:
        self.counts[tup["n"]] += 1


def once_plan(
    workers: int = 1, *, asks: bool = True, guarantee: str = "at-least-once",
    step: str = "shuffle", count: str = "fields", **settings: Any,
) -> Plan:  # fmt: skip
    """Return the plan of in -> step -> count."""
    plan = plan_of({"in": 1, "step": 2, "count": 1}, workers, guarantee, **settings)
    bolts = dict(plan.spec.bolts)
    custom = "m:G" if step == "custom" else None
    bolts["step"] = replace(bolts["step"], inputs=(InputSpec("in", grouping=step, custom=custom),))
    by_key = InputSpec("step", grouping=count, fields=("n",) if count == "fields" else ())
    options = replace(bolts["count"].options, effectively_once=asks)
    bolts["count"] = replace(bolts["count"], inputs=(by_key,), options=options)
    facts = {**plan.facts, "count": replace(plan.facts["count"], stateful=True)}
    return make_plan(replace(plan.spec, bolts=bolts), facts, workers)


def made_of(cores: Cores) -> tuple[set[type], set[type]]:
    """Return the classes of all executors and routes."""
    executors: set[type] = set()
    routes: set[type] = set()
    for core in cores.cores:
        for executor in (*core.tasks.spouts.values(), *core.tasks.bolts.values()):
            executors.add(type(executor))
            routes |= {
                type(route) for out in executor.emitter.streams.values() for route in out.routes
            }
    return executors, routes


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once", "exactly-once"])
def test_where_nobody_asks_nothing_is_different(guarantee: str) -> None:
    cores = Cores(once_plan(asks=guarantee != "at-least-once", guarantee=guarantee))
    executors, routes = made_of(cores)
    assert executors.isdisjoint({OriginExecutor, OriginSourceExecutor})
    assert routes.isdisjoint({OriginRoute, OriginDirectRoute})
    if guarantee == "at-least-once":
        assert executors == {SourceExecutor, BoltExecutor}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_message_that_is_drawn_again_counts_once(workers: int) -> None:
    counts = Counts()
    cores = Cores(once_plan(workers), {"count": lambda: counts})
    assert made_of(cores)[0] == {OriginExecutor, OriginSourceExecutor}
    cores.go()
    cores.turns()
    assert counts.counts == Counter(range(6))
    for core in cores.cores:
        core.on_control(
            {"kind": "epoch", "epoch": core.epoch + 1, "peers": cores.peers(), "roots": [],
             "durable_round": None, "all_positions": {1: {"p0": [2, []]}}}, cores.now,
        )  # fmt: skip
    cores.go()
    cores.turns()
    assert counts.counts == Counter(range(6))
    stepped = [n for core in cores.cores for bolt in core.tasks.bolts.values()
               if bolt.component == "step" for n in bolt.bolt.got]  # fmt: skip
    assert sorted(stepped) == sorted([*range(6), *range(6)]), "all were drawn twice"


def seen_in(bolt: Bolt) -> dict[Any, Any]:
    """Return what was seen, as a snapshot has it."""
    part = decode_part(b"".join(encode_part(bolt.context.state.snapshot_begin())))
    return part.keyed["__seen"]


def test_what_is_durable_is_forgotten() -> None:
    counts = Counts()
    cores = Cores(once_plan(), {"count": lambda: counts})
    cores.go()
    cores.turns()
    assert len(seen_in(counts)) == 6
    cores.tell("durable", round=1, positions={1: {"p0": [4, []]}, 77: {"p0": [9, []]}})
    assert len(seen_in(counts)) == 2
    cores.tell("durable", round=2)
    assert len(seen_in(counts)) == 2


def test_positions_of_an_assignment_are_taken() -> None:
    counts = Counts()
    cores = Cores(once_plan(), {"count": lambda: counts})
    core = cores.cores[0]
    core.verbs.assigned({"all_positions": {1: {"p0": [6, []]}}})
    cores.go()
    cores.turns()
    assert not counts.counts, "old copies, all of them"


class Loose(Bolt):
    outputs = ("n",)

    def process(self, tup: Any) -> None:
        self.emit([tup[0]], anchors=[])


def test_rows_that_nothing_anchors_are_refused_on_the_way() -> None:
    cores = Cores(once_plan(), {"step": Loose, "count": Counts})
    cores.go()
    cores.turns(3)
    (error,) = {each["text"] for each in cores.cores[0].env.take_errors()}
    assert "step: anchors=[]: a bolt below counts effectively once" in error


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"count": "shuffle"}, "count: effectively_once: inputs without fields"),
        ({"step": "custom"}, "not behind a custom grouping"),
    ],
)
def test_what_lint_refuses_is_not_built(
    more: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouping = type("G", (), {"prepare": lambda *_: None})
    monkeypatch.setattr(HostArgs, "grouping", lambda self, plan, item: grouping())
    cores = Cores(once_plan(**more), {"count": Counts})
    cores.turns(1)
    (failed,) = cores.heard("boot_failed")
    assert said in failed["text"] and not failed["traceback"]
