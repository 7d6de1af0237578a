"""The log of late channels: what is left of frames, through a part, and back to a task."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from waterspout.bolts.channel_log import LogPacker, log_copy, put_back, read_log
from waterspout.bolts.contract import Bolt
from waterspout.bolts.exact_messages import ExactOwnMessages, OwnFailures
from waterspout.bolts.frame_work import FrameWork
from waterspout.bolts.queued_mark import QueuedMark
from waterspout.bolts.snapshots import StatePart, decode_part, encode_part
from waterspout.topology.columns import Columns
from waterspout.topology.component import StreamDecl
from waterspout.topology.control_frames import Failure
from waterspout.topology.errors import StateError
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.frames import FrameTooLarge, decode_data, decode_mark
from waterspout.topology.marks import IDLE, WATERMARK, Mark
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentSpec, InputSpec, TopologySpec
from waterspout.topology.wire_values import NotPackable

from .rig import EDGE, IN, TASK, Rig

CHANNEL = (1, 0, TASK)


def plan_of(fields: tuple[str, ...] = ("n",), *, tasks: int = 1, source: str = "source") -> Plan:
    """Return source (task 1) -> step (task 2 and on)."""
    spouts = {source: ComponentSpec(source, "spout", "x:S")}
    bolts = {"step": ComponentSpec("step", "bolt", "x:B", {}, tasks, (InputSpec(source),))}
    facts = {
        source: ComponentFacts("spout", {"default": StreamDecl(fields)}, "seek"),
        "step": ComponentFacts("bolt", {"default": StreamDecl(("x",))}),
    }
    return make_plan(TopologySpec("t", "exactly-once", 1, spouts, bolts, Settings()), facts)


def work_of(rows: Any, runs: Any = None) -> FrameWork:
    return FrameWork(CHANNEL, IN, EDGE, runs or [(len(rows), (7,))], rows, remote=True)


def rows_of(frames: Any) -> list[list[Any]]:
    return [list(row) for frame in frames for row in decode_data(frame).rows]


@pytest.mark.parametrize("columns", [False, True])
def test_what_is_left_of_a_frame_is_packed_and_stays_where_it_is(columns: bool) -> None:
    rows: Any = [[n] for n in range(40)]
    work = work_of(Columns.of_rows(rows, 1) if columns else rows, [(3, (7,)), (30, ()), (7, (9,))])
    work.next_run()
    work.take(2)
    work.run_left -= 2
    (frame,) = LogPacker().pack(work)
    assert rows_of([frame]) == rows[2:]
    assert decode_data(frame).runs == [(1, (1,)), (30, ()), (7, (1,))]
    assert [list(row) for row in work.take(50)] == rows[2:] and work.run_left == 1


def test_what_a_bolt_does_to_a_value_later_is_not_in_the_log() -> None:
    row = [{"a": 1}]
    frames = list(LogPacker().pack(work_of([row])))
    row[0]["a"] = 2
    assert rows_of(frames) == [[{"a": 1}]]


def test_many_rows_and_large_ones_are_packed_as_several_frames() -> None:
    rows = [["x" * 1000] for _ in range(20_000)]
    frames = list(LogPacker().pack(work_of(rows)))
    assert len(frames) > 3 and max(map(len, frames)) <= 4 * 1024 * 1024
    assert rows_of(frames) == rows


@pytest.mark.parametrize(
    ("value", "error"), [(1 << 70, NotPackable), ("x" * (5 << 20), FrameTooLarge)]
)
def test_what_has_no_place_in_a_log_is_said(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(LogPacker().pack(work_of([[value]])))


@pytest.mark.parametrize("kind", [WATERMARK, IDLE])
def test_idle_is_logged_as_the_watermark_that_it_carries(kind: int) -> None:
    (frame,) = LogPacker().pack(QueuedMark(CHANNEL, Mark(kind, -5)))
    assert decode_mark(frame).mark == Mark(WATERMARK, -5)


# Through a part.


def part_of(plan: Plan, *works: Any) -> StatePart:
    log = [(CHANNEL, frame) for work in works for frame in LogPacker().pack(work)]
    (task,) = plan.tasks_of("step")
    part = decode_part(b"".join(encode_part(log_copy(plan, task, log))))
    assert part.log
    return part


def test_a_log_comes_back_from_a_part_in_its_order() -> None:
    plan = plan_of()
    mark = Mark(WATERMARK, 9)
    part = part_of(plan, work_of([[1], [2]]), QueuedMark(CHANNEL, mark), work_of([[3]]))
    (first, second, third) = read_log(plan, plan.tasks_of("step")[0], part)
    assert [channel for channel, _ in (first, second, third)] == [CHANNEL] * 3
    assert [list(map(list, item.rows)) for _, item in (first, third)] == [[[1], [2]], [[3]]]  # type: ignore[union-attr]
    assert second[1] == mark


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (plan_of(tasks=2), "of step with 1 tasks"),
        (plan_of(("m",)), r"an input source.default \['n'\]"),
        (plan_of(source="another"), "an input source.default"),
    ],
)
def test_another_parallelism_or_topology_is_refused_by_name(other: Plan, what: str) -> None:
    part = part_of(plan_of(), work_of([[1]]))
    with pytest.raises(StateError, match=rf"^step: .*on their way.*{what}"):
        read_log(other, other.tasks_of("step")[0], part)


# Back in the queue of a task.


class Keeps(Bolt):
    """Keeps what it got, emits it, and refuses what it is told to."""

    outputs = ("x",)

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.bad: set[Any] = set()

    def process(self, tup: Any) -> None:
        self.got.append(tup[0])
        if tup[0] in self.bad:
            raise ValueError(f"bad {tup[0]}")
        self.emit([tup[0]])


class LogRig(Rig):
    """A task that is restored with a log."""

    def __init__(self, failures: OwnFailures | None = None, **settings: Any) -> None:
        super().__init__(Keeps(), **settings)
        self.asked: list[Failure] = []
        self.buried: list[Any] = []
        self.failures_so_far = failures or OwnFailures()
        own = ExactOwnMessages(TASK, self.emitter, self.env, self.failures_so_far)
        own.ask_restore = self.asked.append
        own.bury = lambda root, row, attempts, failure: self.buried.append((root, row, attempts))
        self.own: Any = own
        self.executor.own = own

    def restore(self, *works: Any) -> None:
        plan = plan_of()
        log = read_log(plan, plan.tasks_of("step")[0], part_of(plan, *works))
        put_back(self.executor, log, lambda channel: IN, self.now)
        self.flush()


def test_a_log_is_worked_through_before_what_comes_anew_under_roots_of_the_task() -> None:
    rig = LogRig()
    marks: list[int] = []
    rig.executor.on_watermark = lambda channel, value: marks.append(value)
    rig.restore(work_of([[1], [2]]), QueuedMark(CHANNEL, Mark(WATERMARK, 9)), work_of([[3]]))
    rig.feed((1, ()))
    assert len(rig.own.logged) == 2 == rig.own.pending and rig.executor.queued_rows == 4
    rig.own.cut(1)
    rig.run()
    assert rig.bolt.got == [1, 2, 3, 0] and marks == [9]
    assert not rig.own.settled(1), "what they emitted is on its way"
    runs, rows = rig.take()
    assert rows == [1, 2, 3, 0] and [bool(roots) for _, roots in runs] == [True, True, False]
    assert rig.own.settled(1) and not rig.own.logged and not rig.own.pending


def test_rows_without_a_root_stay_without() -> None:
    rig = LogRig()
    rig.restore(work_of([[1], [2]], [(1, ()), (1, (7,))]))
    assert rig.own.pending == 1
    rig.run()
    assert [bool(roots) for _, roots in rig.take()[0]] == [False, True]


def test_nothing_finishes_before_the_log_is_worked_through() -> None:
    rig = LogRig()
    rig.restore(work_of([[1]]))
    assert not rig.executor.own_calls.finish_step(rig.now) and not rig.executor.own_calls.finishing
    rig.run()
    rig.take()
    assert rig.executor.own_calls.finish_step(rig.now)


def test_what_fails_asks_for_a_restore_and_then_comes_alone_until_it_is_given_up() -> None:
    failures = OwnFailures()
    for attempt in range(1, 5):
        rig = LogRig(failures, attempts_max=3)
        rig.bolt.bad = {2}
        rig.restore(work_of([[1], [2], [3]]))
        rig.run()
        assert rig.own.logged
        if attempt < 4:
            assert len(rig.asked) == 1 and not rig.buried, attempt
        assert rig.own.pending == (1 if attempt == 1 else 3)
    ((root, row, attempts),) = rig.buried
    assert row == ["source.default", TASK, [2]] and attempts == 3 and not rig.asked
    rig.take()
    assert rig.own.logged == {root}
    rig.own.buried(root)
    assert not rig.own.logged and not rig.own.pending


def test_a_random_log_comes_back_as_it_was() -> None:
    rng = random.Random(5)
    values = (1, "a", None, 2.5, b"x", (1, "t"))
    for _ in range(30):
        works = [
            work_of([[rng.choice(values)] for _ in range(rng.randint(1, 30))])
            for _ in range(rng.randint(1, 5))
        ]
        wanted = [row[0] for work in works for row in work.remaining()[1]]
        rig = LogRig()
        rig.restore(*works)
        rig.run()
        assert rig.bolt.got == wanted


def test_a_part_of_another_plan_is_never_taken_silently() -> None:
    part = part_of(plan_of(), work_of([[1]]))
    plan = plan_of()
    task = replace(plan.tasks_of("step")[0], index=1)
    with pytest.raises(StateError, match="step with 1 tasks"):
        read_log(plan, task, part)
