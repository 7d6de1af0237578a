"""Event time through whole workers: from a spout's file to timers and watermarks of bolts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from waterspout.bolts import Bolt
from waterspout.bolts.timers import NoTimers, Timer
from waterspout.topology.classes import AllowList, ImportDenied
from waterspout.topology.event_time import timed_components
from waterspout.topology.marks import MAX_WATERMARK, MIN_WATERMARK
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.spec import EventTimeSpec, InputSpec

from .cores import Cores, Numbers, plan_of

TIME = EventTimeSpec("n", unit="ms")


class Timed(Bolt):
    """Logs rows and watermarks in their order, and sets a timer for each row."""

    outputs = ("n",)

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []

    def process(self, tup: Any) -> None:
        self.log.append(("row", tup[0]))
        self.context.timers.event(tup[0] + 10)
        self.emit([tup[0]])

    def on_timer(self, timer: Timer) -> None:
        assert timer.key == timer.at - 10
        self.log.append(("timer", timer.at))

    def on_watermark(self, watermark: int) -> None:
        assert self.context.watermark == watermark
        self.log.append(("watermark", watermark))


def timed_plan(
    chain: dict[str, int], workers: int = 1, guarantee: str = "at-least-once",
    time: EventTimeSpec | None = TIME, **settings: Any,
) -> Plan:  # fmt: skip
    """Return a plan whose spout has event time and whose bolts are grouped by ``n``."""
    plan = plan_of(chain, workers, guarantee, watermark_interval_s=0.01, **settings)
    spouts = {
        id_: replace(each, options=replace(each.options, event_time=time))
        for id_, each in plan.spec.spouts.items()
    }
    bolts = {
        id_: replace(
            each, inputs=(InputSpec(each.inputs[0].source, grouping="fields", fields=("n",)),)
        )
        for id_, each in plan.spec.bolts.items()
    }
    return make_plan(replace(plan.spec, spouts=spouts, bolts=bolts), plan.facts, workers)


def in_order(log: list[tuple[str, int]]) -> bool:
    """Say whether no row came after a watermark of its time, and none of those went back."""
    come = MIN_WATERMARK
    for kind, value in log:
        if (kind == "row" and value <= come) or (kind == "watermark" and value <= come):
            return False
        come = value if kind == "watermark" else come
    return True


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
def test_no_row_comes_after_a_watermark_that_it_belongs_before(
    workers: int, guarantee: str
) -> None:
    plan = timed_plan({"source": 2, "mid": 2, "end": 1}, workers, guarantee, batch_max=2)
    cores = Cores(plan, {"source": lambda: Numbers(40, 3), "mid": Timed, "end": Timed})
    cores.go()
    for _ in range(40):
        cores.turns(5)
        for worker in range(workers):
            for message in cores.heard("reserve", worker):
                cores.tell("reserved", worker, id=message["id"])
    for component, parallelism in (("mid", 2), ("end", 1)):
        rows = 0
        for index in range(parallelism):
            log = cores.made[cores.task(component, index)].log
            assert in_order(log)
            rows += sum(kind == "row" for kind, _ in log)
            assert log[-1] == ("watermark", MAX_WATERMARK)
            timers = [value for kind, value in log if kind == "timer"]
            assert timers == sorted({value + 10 for kind, value in log if kind == "row"})
        assert rows == 120


def test_without_event_time_nobody_has_anything_to_do_with_it() -> None:
    cores = Cores(timed_plan({"source": 1, "bolt": 1}, time=None))
    cores.go()
    assert cores.spout().time is None
    assert cores.bolt("bolt").time is None
    assert isinstance(cores.made[cores.task("bolt")].context.timers, NoTimers)


def test_a_bolt_that_no_event_time_reaches_says_so_when_it_sets_an_event_timer() -> None:
    cores = Cores(timed_plan({"source": 1, "bolt": 1}, time=None, attempts_max=1), {"bolt": Timed})
    cores.go()
    cores.turns(10)
    texts = [error["text"] for error in cores.cores[0].env.take_errors()]
    assert any("no spout above this bolt has 'event_time'" in text for text in texts), texts


def test_a_bolt_without_a_key_says_so_when_it_sets_a_timer() -> None:
    plan = timed_plan({"source": 1, "bolt": 1}, attempts_max=1)
    bolts = {id_: replace(each, inputs=(InputSpec("source"),)) for id_, each in
             plan.spec.bolts.items()}  # fmt: skip
    cores = Cores(make_plan(replace(plan.spec, bolts=bolts), plan.facts, 1), {"bolt": Timed})
    cores.go()
    cores.turns(10)
    texts = [error["text"] for error in cores.cores[0].env.take_errors()]
    assert any("a timer belongs to a key, and no input has a 'fields'" in text for text in texts)


def test_a_side_without_event_time_holds_nobody_back() -> None:
    plan = timed_plan({"source": 1, "bolt": 1})
    spec = plan.spec
    bare = replace(spec.spouts["source"], id="bare", options=type(spec.spouts["source"].options)())
    bolt = replace(spec.bolts["bolt"], inputs=(*spec.bolts["bolt"].inputs, InputSpec("bare")))
    spec = replace(spec, spouts={**spec.spouts, "bare": bare}, bolts={"bolt": bolt})
    assert timed_components(spec) == {"source", "bolt"}
    facts = {**plan.facts, "bare": plan.facts["source"]}
    cores = Cores(make_plan(spec, facts, 1), {"bolt": lambda: Timed()})
    for each in cores.made.values():
        if isinstance(each, Timed):
            each.process = lambda tup: None  # type: ignore[method-assign]
    cores.go()
    cores.turns(20)
    assert cores.made[cores.task("bolt")].log[-1] == ("watermark", MAX_WATERMARK)


def test_a_bolt_waits_for_all_tasks_of_a_bolt_and_leaves_out_single_tasks_of_a_spout() -> None:
    cores = Cores(timed_plan({"source": 2, "mid": 2, "end": 1}))
    for bolt, above, waits in (("mid", "source", False), ("end", "mid", True)):
        time = cores.bolt(bolt).time
        assert time is not None and time.valve is not None
        task = cores.task(bolt)
        first, other = [(cores.task(above, index), 0, task) for index in (0, 1)]
        for channel in (first, other):
            time.valve.on_idle(channel, 20)
        time.valve.on_watermark(other, 30)
        assert time.valve.behind() == (first if waits else other)
        assert time.valve.out == (20 if waits else 30)


def test_in_a_new_epoch_watermarks_start_from_nothing() -> None:
    plan = timed_plan({"source": 1, "bolt": 1}, batch_max=1, max_pending=1)
    cores = Cores(plan, {"source": lambda: Numbers(400), "bolt": Timed})
    cores.go()
    cores.turns(20)
    bolt = cores.made[cores.task("bolt")]
    assert bolt.context.watermark > 0
    cores.tell("epoch", epoch=cores.cores[0].epoch + 1, durable_round=None, roots=[])
    assert bolt.context.watermark is None
    del bolt.log[:]
    cores.tell("go")
    cores.turns(20)
    assert {kind for kind, _ in bolt.log} >= {"row", "watermark"}
    assert in_order(bolt.log)


def test_what_a_worker_may_not_import_it_does_not_import_for_event_time() -> None:
    cores = Cores(timed_plan({"source": 1, "bolt": 1}))
    builder = cores.cores[0].builder
    builder.allow = AllowList(prefixes=("m",))
    spec = timed_plan({"source": 1}, time=EventTimeSpec(function="evil:when")).spec
    with pytest.raises(ImportDenied, match="'evil' is not under the allowed prefixes"):
        builder._check(spec.spouts["source"])


def test_the_report_names_the_task_and_stream_that_hold_a_bolt_back() -> None:
    cores = Cores(timed_plan({"source": 2, "mid": 1, "end": 1}), {"mid": Timed})
    cores.go()
    tasks = {entry["task"]: entry for entry in cores.cores[0].report(cores.now)["tasks"]}
    assert tasks[cores.task("mid")]["watermark"][1] == "source[0] sent no watermark yet"
    cores.turns(20)
    tasks = {entry["task"]: entry for entry in cores.cores[0].report(cores.now)["tasks"]}
    assert {entry["watermark"] for entry in tasks.values()} == {(MAX_WATERMARK, "")}
