"""Arrivals: frames get to their task, credit goes back, and what does not fit fails by name."""

from __future__ import annotations

from waterspout.supervisor.link_events import BadData
from waterspout.topology.frames import DataFrame, EndFrame
from waterspout.topology.marks import BARRIER, Mark

from .cores import Cores, plan_of

#: Channel from the spout task (worker 0) to the bolt task (worker 1).
CHANNEL = (1, 0, 2)
ROOT = (1 << 48) | 5


def cores() -> Cores:
    made = Cores(plan_of({"source": 1, "work": 1}, workers=2))
    made.turns(6)
    return made


def test_a_frame_is_queued_at_its_task_with_its_runs() -> None:
    at = cores()
    core = at.cores[1]
    core._arrivals.take(DataFrame(CHANNEL, 9, [(2, (ROOT,))], [(4,), (5,)], 1), at.now)
    (work,) = core.tasks.bolts[2].queue
    assert work.remote
    assert work.all_roots() == {ROOT}
    core.turn(at.now)
    assert at.made[2].got == [4, 5]


def test_a_frame_of_another_width_fails_its_roots_and_gives_its_credit_back() -> None:
    at = cores()
    core = at.cores[1]
    given = []
    core.receiver.credit = lambda channel, epoch: given.append(channel)  # type: ignore
    runs = [(1, (ROOT,)), (1, (ROOT, ROOT + 1))]
    core._arrivals.take(DataFrame(CHANNEL, 9, runs, [(4, 4), (5, 5)], 2), at.now)
    assert not core.tasks.bolts[2].queue
    assert {failure.root for failure in core.env.fails} == {ROOT, ROOT + 1}
    assert "2 values for the fields ['n']" in core.env.fails[0].reason
    assert core.env.fails[0].component == "source"
    assert given == [CHANNEL]


def test_credit_goes_back_when_a_frame_was_worked_through_and_not_before() -> None:
    at = cores()
    core = at.cores[1]
    given = []
    core.receiver.credit = lambda channel, epoch: given.append((channel, epoch))  # type: ignore
    core._arrivals.take(DataFrame(CHANNEL, 9, [(1, (ROOT,))], [(4,)], 1), at.now)
    assert given == []
    core.turn(at.now)
    assert given == [(CHANNEL, 3)]


def test_a_frame_that_cannot_be_read_fails_the_roots_it_names() -> None:
    at = cores()
    core = at.cores[1]
    core._arrivals.take(BadData(CHANNEL, (ROOT,), "E_FRAME_BODY", "cut off"), at.now)
    assert [failure.root for failure in core.env.fails] == [ROOT]
    (error,) = core.env.take_errors()
    assert "E_FRAME_BODY: cut off" in error["text"]


def test_the_end_of_a_channel_is_marked() -> None:
    at = cores()
    core = at.cores[1]
    assert not core.finish.marks.complete(2)
    core._arrivals.take(EndFrame(CHANNEL), at.now)
    assert core.finish.marks.complete(2)


def test_marks_cross_a_link_in_order_with_rows() -> None:
    at = cores()
    came: list[object] = []
    spout, bolt = at.spout(), at.bolt("work")
    bolt.on_barrier = lambda channel, value: came.append((channel, value, list(at.made[2].got)))
    at.cores[0].dispatch.mark(spout.emitter, Mark(BARRIER, 1))
    at.tell("go")
    at.turns(6)
    at.cores[0].dispatch.mark(spout.emitter, Mark(BARRIER, 2))
    at.turns(3)
    assert came == [(CHANNEL, 1, []), (CHANNEL, 2, [0, 1, 2, 3, 4, 5])]
