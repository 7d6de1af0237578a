"""Marks in the queue of a task: in order with frames, without rows, credits or roots."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.contract import Batch, Bolt
from waterspout.bolts.queued_mark import QueuedMark
from waterspout.topology.marks import BARRIER, IDLE, WATERMARK, Mark
from waterspout.topology.tuples import Tuple

from .rig import Rig

HERE, OTHER = (1, 0, 2), (1, 1, 2)


class Log(Bolt):
    """Keeps what it saw, in order with the marks."""

    outputs = ("x",)

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def process(self, tup: Tuple) -> Any:
        self.seen.append(tup[0])


class BatchLog(Log):
    def process_batch(self, batch: Batch) -> None:
        self.seen += batch.column(0)


class GeneratorLog(Log):
    def process(self, tup: Tuple) -> Any:
        self.seen.append(tup[0])
        yield ["out"]


KINDS = {"process": Log, "batch": BatchLog, "generator": GeneratorLog}


def marked(kind: str = "process") -> Rig:
    rig = Rig(KINDS[kind](), kind)
    seen = rig.bolt.seen
    rig.executor.on_watermark = lambda channel, value: seen.append(("watermark", channel, value))
    rig.executor.on_idle = lambda channel, value: seen.append(("idle", channel, value))
    rig.executor.on_barrier = lambda channel, value: seen.append(("barrier", channel, value))
    return rig


@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_has_its_turn_between_the_frames_that_it_came_between(kind: str) -> None:
    rig = marked(kind)
    rig.feed((2, (1,)))
    rig.executor.enqueue_mark(HERE, Mark(BARRIER, 7))
    rig.feed((1, (2,)))
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, -5))
    rig.executor.enqueue_mark(OTHER, Mark(IDLE, 0))
    rig.run()
    assert rig.bolt.seen == [
        0, 1, ("barrier", HERE, 7), 0, ("watermark", HERE, -5), ("idle", OTHER, 0),
    ]  # fmt: skip
    assert (rig.executor.executed, rig.executor.queued_rows, rig.credits) == (3, 0, [])


def test_a_queue_of_marks_alone_is_worked_through() -> None:
    rig = marked()
    rig.executor.enqueue_mark(HERE, Mark(BARRIER, 1))
    assert rig.executor.vouched(rig.now) == set() and not rig.executor.idle
    rig.run()
    assert rig.bolt.seen == [("barrier", HERE, 1)] and rig.executor.idle


def test_watermarks_that_wait_behind_the_same_frame_are_one() -> None:
    rig = marked()
    for value in range(1000):
        rig.executor.enqueue_mark(HERE, Mark(WATERMARK, value))
        rig.executor.enqueue_mark(OTHER, Mark(WATERMARK, -value))
    assert len(rig.executor.queue) == 2
    rig.run()
    assert rig.bolt.seen == [("watermark", HERE, 999), ("watermark", OTHER, -999)]


def test_a_watermark_does_not_pass_the_frame_or_barrier_behind_it() -> None:
    rig = marked()
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, 1))
    rig.feed((1, (1,)))
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, 2))
    rig.executor.enqueue_mark(HERE, Mark(BARRIER, 9))
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, 3))
    rig.run()
    assert rig.bolt.seen == [
        ("watermark", HERE, 1), 0, ("watermark", HERE, 2), ("barrier", HERE, 9),
        ("watermark", HERE, 3),
    ]  # fmt: skip
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, 4))
    rig.run()
    assert rig.bolt.seen[-1] == ("watermark", HERE, 4), "the last one is not the queue's any more"


def test_a_new_epoch_forgets_marks() -> None:
    rig = marked()
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, 1))
    rig.executor.new_epoch(rig.now)
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, 2))
    rig.run()
    assert rig.bolt.seen == [("watermark", HERE, 2)]


def test_a_task_that_marks_mean_nothing_to_passes_over_them() -> None:
    rig = Rig(Log())
    rig.executor.enqueue_mark(HERE, Mark(WATERMARK, 1))
    rig.feed((1, (1,)))
    rig.run()
    assert rig.bolt.seen == [0] and not rig.executor.queue


def test_a_queued_mark_looks_like_a_frame_without_rows() -> None:
    queued = QueuedMark(HERE, Mark(BARRIER, 1))
    assert (queued.next_run(), queued.all_roots(), len(queued.runs)) == (0, set(), queued.unread)
