"""What a worker reports: counters, what hangs, what waits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from waterspout.bolts.failed_calls import OwnCall
from waterspout.supervisor.protocol import problem
from waterspout.supervisor.worker_report import WAITING
from waterspout.topology.tracebacks import OUR_FOLDERS

from .core_rig import CLASSES, Cores, Double, Numbers, plan_of


def entries(cores: Cores) -> dict[int, dict[str, Any]]:
    return {each["task"]: each for each in cores.cores[0].report(cores.now)["tasks"]}


def of(cores: Cores, component: str) -> dict[str, Any]:
    (task,) = cores.plan.tasks_of(component)
    return entries(cores)[task.task]


def test_counters_of_spouts_and_bolts_are_what_went_through_them() -> None:
    cores = Cores(plan_of(stateful=False))
    cores.start()
    cores.run()
    report = cores.cores[0].report(cores.now)
    assert problem(report) is None
    spout, double = of(cores, "numbers"), of(cores, "double")
    assert (spout["emitted"], spout["acked"], spout["pending"]) == (40, 40, 0)
    assert spout["exhausted"] and spout["drained"] and spout["first_unacked"] is None
    assert sum(spout["latency"].values()) == 40
    assert (double["executed"], double["acked"], double["emitted"]) == (40, 40, 80)
    assert (double["queue"], double["failed"], double["held"]) == (0, 0, 0)


def test_a_report_before_the_assign_is_empty_and_valid() -> None:
    cores = Cores(plan_of())
    report = cores.cores[0].report(cores.now)
    assert problem(report) is None
    assert (report["tasks"], report["errors"]) == ([], [])


def at_every_line(call: Callable[[], Any], do: Callable[[], Any]) -> int:
    """Run ``call``, and ``do`` before every line of ours in it: another thread may come there."""
    lines = 0

    def at_line(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
            sys.settrace(None)
            do()
            sys.settrace(at_call)
        return at_line

    def at_call(frame: FrameType, event: str, arg: Any) -> Any:
        return at_line if frame.f_code.co_filename.startswith(OUR_FOLDERS) else None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
def test_a_report_may_be_asked_for_at_any_moment(guarantee: str) -> None:
    """The control thread does; when it fails, the worker ends with exit code 70."""
    cores = Cores(plan_of(guarantee=guarantee))

    def report() -> None:
        assert problem(cores.cores[0].report(cores.now)) is None

    def new_epoch() -> None:
        cores.epoch += 1
        cores.tell(0, "epoch", peers=cores.peers(), durable_round=None, roots=[])
        cores.run(1)

    assert at_every_line(cores.assign, report) > 1000
    cores.run(1)
    cores.tell_all("go")
    assert at_every_line(lambda: cores.run(1), report) > 100
    assert at_every_line(new_epoch, report) > 100


def test_what_a_source_fails_at_is_reported_with_how_often_and_since_when() -> None:
    cores = Cores(plan_of())
    cores.start()
    assert of(cores, "numbers")["failing"] == []
    (spout,) = cores.cores[0].tasks.spouts.values()
    spout.troubles.failed("reading a", OSError("no broker"))
    cores.now += 2.0
    spout.troubles.failed("reading a", OSError("no broker"))
    ((doing, error, times, since_s),) = of(cores, "numbers")["failing"]
    assert (doing, error, times, since_s) == ("reading a", "OSError: no broker", 2, 2.0)


def test_an_error_is_reported_once_with_how_often_it_came() -> None:
    cores = Cores(plan_of(stateful=False, attempts_max=2, backoff_min_s=0.1))
    cores.start()
    cores.made["double", 0].bad = {7}
    cores.run()
    (error,) = cores.cores[0].report(cores.now)["errors"]
    assert (error["component"], error["text"]) == ("double", "ValueError: bad 7")
    assert error["count"] == 2 and "bad 7" in error["traceback"]
    assert cores.cores[0].report(cores.now)["errors"] == []


def test_a_call_that_does_not_end_is_seen_between_two_reports() -> None:
    #  report   report(+3 s)          the call ends
    #  |---------|
    #  process(0) .........................
    seen: list[float] = []

    class Hanging(Double):
        def process(self, tup: Any) -> None:
            if tup[0] == 0:
                seen.append(of(cores, "double")["call_since_s"])
                cores.now += 3.0
                seen.append(of(cores, "double")["call_since_s"])

    cores = Cores(plan_of(), {**CLASSES, "double": Hanging})
    cores.start()
    cores.run(20)
    assert seen == [0.0, 3.0]
    assert of(cores, "double")["call_since_s"] == 0.0


def test_the_first_unacked_message_says_since_when_its_tree_stands_still() -> None:
    #  first turn    +3 s            +2 s
    #  process(0)    nothing done    the call ends: worked through, it waits for the round
    seen: list[float | None] = []

    class Slow(Double):
        def process(self, tup: Any) -> None:
            if tup[0] == 0:
                seen.append(of(cores, "numbers")["first_unacked"][3])
                cores.now += 3.0
                seen.append(of(cores, "numbers")["first_unacked"][3])
                cores.now += 2.0
                seen.append(of(cores, "numbers")["first_unacked"][3])

    cores = Cores(plan_of(), {**CLASSES, "double": Slow})
    cores.start()
    cores.run(20)
    assert seen == [0.0, 3.0, 5.0]
    assert of(cores, "numbers")["first_unacked"][3] is None


def test_many_short_calls_are_not_a_hang() -> None:
    seen: list[float] = []

    class Busy(Double):
        def process(self, tup: Any) -> None:
            cores.now += 3.0
            seen.append(of(cores, "double")["call_since_s"])

    cores = Cores(plan_of(message_timeout_s=1000.0), {**CLASSES, "double": Busy})
    cores.start()
    cores.run(20)
    assert len(seen) >= 40 and set(seen) == {0.0}


def test_what_is_worked_through_but_not_durable_is_the_first_unacked_message() -> None:
    cores = Cores(plan_of())
    cores.start()
    cores.run()
    spout = of(cores, "numbers")
    assert spout["worked_through"] == 40
    assert spout["first_unacked"][:2] == ["p", 0]


def test_lag_is_what_the_source_says_and_unknown_when_it_raises() -> None:
    class Lagging(Numbers):
        position_unit = "bytes"

        def end_position(self, partition: str) -> int:
            if broken:
                raise OSError("broker")
            return 1000

    broken: list[bool] = []
    cores = Cores(plan_of(max_pending=1, stateful=False), {**CLASSES, "numbers": Lagging})
    cores.start()
    cores.run(2)
    assert (900, "bytes") < of(cores, "numbers")["lag"] < (1000, "bytes")
    broken.append(True)
    assert of(cores, "numbers")["lag"] > (900, "bytes"), "a report asks nobody"
    cores.run(6)
    assert of(cores, "numbers")["lag"] is None


def test_suspects_are_reported_so_that_they_outlive_the_worker() -> None:
    cores = Cores(plan_of())
    task = cores.plan.tasks_of("numbers")[0].task
    cores.assign(suspects={task: [["p", 3, 4, 2]]})
    assert cores.cores[0].report(cores.now)["suspects"] == {task: [["p", 3, 4, 2]]}


def test_the_age_of_the_loop_is_the_time_since_its_last_turn() -> None:
    cores = Cores(plan_of())
    cores.start()
    cores.cores[0].turn(cores.now)
    cores.now += 2.0
    assert cores.cores[0].report(cores.now)["loop_age_s"] == 2.0


def test_under_at_most_once_the_report_says_what_a_crash_would_skip() -> None:
    cores = Cores(plan_of(guarantee="at-most-once"))
    cores.start()
    cores.run(2)
    assert (of(cores, "numbers")["reserved"], of(cores, "numbers")["drained"]) == (40, False)
    (message,) = cores.of("reserve")
    cores.tell(0, "reserved", id=message["id"])
    cores.run()
    assert (of(cores, "numbers")["reserved"], of(cores, "numbers")["drained"]) == (0, True)


def test_calls_that_wait_for_another_try_are_a_metric() -> None:
    cores = Cores(plan_of(stateful=False))
    cores.start()
    bolt = next(each for each in cores.cores[0].order if each.component == "double")
    assert WAITING not in of(cores, "double")["metrics"]
    call = OwnCall("process_tick", "process_tick", lambda: None, [])
    bolt.own_calls.failed.failed(call, ValueError("why"), 0.0)
    assert of(cores, "double")["metrics"][WAITING] == 1
