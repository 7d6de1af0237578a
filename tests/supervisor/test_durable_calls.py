"""What bolts do once a snapshot is durable, under both guarantees, and how it is answered."""

from __future__ import annotations

from typing import Any, ClassVar

from waterspout.bolts.contract import Bolt
from waterspout.supervisor.log_lines import where

from .core_rig import CLASSES, Cores, plan_of


class Committing(Bolt):
    """Notes what it is called with; emits a row before each snapshot."""

    outputs = ("n",)
    calls: ClassVar[list[tuple[str, int]]] = []
    at: ClassVar[list[str]] = []

    def process(self, tup: Any) -> None:
        self.emit([tup[0]])

    def before_snapshot(self, number: int) -> None:
        self.calls.append(("before", number))
        self.at.append(where())
        self.emit([1000 + number])

    def on_durable(self, number: int) -> None:
        self.calls.append(("durable", number))
        self.at.append(where())


def cores_of(*, blocking: bool = False) -> Cores:
    Committing.calls, Committing.at = [], []
    plan = plan_of()
    double = plan.spec.bolts["double"]
    object.__setattr__(double, "options", type(double.options)(blocking=blocking))
    cores = Cores(plan, {**CLASSES, "double": Committing})
    cores.start()
    return cores


def test_rounds_call_them_too_and_what_is_emitted_before_the_copy_is_tracked() -> None:
    cores = cores_of()
    cores.run(10)
    cores.tell_all("freeze", round=1)
    cores.tell_all("snapshot", round=1)
    assert Committing.calls == [("before", 1)]
    cores.run(10)
    assert cores.seen()[1001] == 1
    assert all(len(core.acker) == 0 for core in cores.cores.values())
    cores.tell_all("durable", round=1)
    assert Committing.calls[1:] == [("durable", 1)]
    (task,) = [each.task for each in cores.plan.tasks if each.component == "double"]
    assert Committing.at == [f"double.{task}"] * 2
    assert where() == "-"
    cores.run(1)
    assert [m["round"] for m in cores.of("durable_done")] == [1]


def test_no_call_runs_beside_on_durable_and_no_new_one_begins_before_it() -> None:
    cores = cores_of(blocking=True)
    core = cores.cores[0]
    cores.run(2)
    call = core.calls.popleft()
    cores.tell_all("durable", round=3)
    cores.run(3)
    assert not cores.of("durable_done") and not Committing.calls
    call.run()
    core.on_call_done(call, cores.now)
    cores.run(1)
    assert Committing.calls == [("durable", 3)] and len(cores.of("durable_done")) == 1
    cores.run(2)
    assert len(core.calls) == 1


def test_a_later_snapshot_takes_the_place_of_one_that_waits() -> None:
    cores = cores_of(blocking=True)
    core = cores.cores[0]
    cores.run(2)
    call = core.calls.popleft()
    cores.tell_all("durable", round=3)
    cores.tell_all("durable", round=4)
    call.run()
    core.on_call_done(call, cores.now)
    cores.run(1)
    assert Committing.calls == [("durable", 4)]
    assert [m["round"] for m in cores.of("durable_done")] == [4]
