"""End-of-stream marks: a task has all its input once every channel into it has ended."""

from __future__ import annotations

import random
from typing import Any

from waterspout.supervisor.end_marks import EndMarks, channels_into
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.emitter import Emitter

from .cores import plan_of

#: Spout tasks 1 (worker 0) and 2 (worker 1); bolt tasks 3 (worker 0) and 4 (worker 1).
PLAN = plan_of({"source": 2, "work": 2}, workers=2)


class Link:
    def __init__(self) -> None:
        self.ended: list[Any] = []

    def send_end(self, channel: Any) -> None:
        self.ended.append(channel)


def emitter(task: int) -> Emitter:
    frames = [OpenFrame((task, 0, 3), 0), OpenFrame((task, 0, 4), 1)]
    return Emitter("source", [], frames, {}, random.Random(1).getrandbits)


def marks() -> tuple[EndMarks, Link]:
    link: Any = Link()
    return EndMarks(PLAN, 0, {1: link}), link


def test_the_channels_into_a_task_are_those_of_all_tasks_of_its_inputs() -> None:
    assert [task.worker for task in PLAN.tasks] == [0, 1, 0, 1]
    assert channels_into(PLAN, "work", 3) == {(1, 0, 3), (2, 0, 3)}
    assert channels_into(PLAN, "source", 1) == set()


def test_a_task_is_complete_with_its_last_channel() -> None:
    ends, _ = marks()
    ends.arrived((1, 0, 3))
    assert not ends.complete(3)
    ends.arrived((1, 0, 3))  # twice does not make two
    assert not ends.complete(3)
    ends.arrived((2, 0, 3))
    assert ends.complete(3)


def test_the_end_goes_to_tasks_here_and_over_links_once() -> None:
    ends, link = marks()
    ends.arrived((2, 0, 3))
    out = emitter(1)
    assert ends.say(1, out)
    assert ends.say(1, out)
    assert ends.complete(3)
    assert link.ended == [(1, 0, 4)]


def test_the_end_waits_behind_rows_that_have_not_gone_out() -> None:
    ends, link = marks()
    out = emitter(1)
    out.frames[1].rows.append([7])
    assert not ends.say(1, out)
    assert link.ended == []
    out.frames[1].take()
    out.frames[1].put_many(Columns([list(range(99))]))
    assert not ends.say(1, out)
    out.frames[1].take()
    out.frames[0].ready.append((1, [], []))  # sealed, without credit
    assert not ends.say(1, out)
    out.frames[0].ready.clear()
    assert ends.say(1, out)
    assert link.ended == [(1, 0, 4)]


def test_a_new_epoch_waits_for_all_ends_anew_and_says_its_own_again() -> None:
    ends, link = marks()
    ends.arrived((2, 0, 3))
    ends.say(1, emitter(1))
    ends.new_epoch()
    assert not ends.complete(3)
    ends.say(1, emitter(1))
    assert link.ended == [(1, 0, 4)] * 2
