"""The gate of a bolt task: what is behind a barrier waits outside of the queue, in order."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.alignment import Verdict
from waterspout.bolts.contract import Bolt
from waterspout.bolts.frame_work import FrameWork
from waterspout.bolts.gate import Gate
from waterspout.topology.frame_header import MARK, decode_header
from waterspout.topology.frames import Channel, decode_data, decode_mark
from waterspout.topology.marks import BARRIER, WATERMARK, Mark
from waterspout.topology.tuples import Tuple

from .rig import EDGE, IN, TASK, Rig

A, B = (1, 0, TASK), (4, 0, TASK)


class Seen(Bolt):
    """Keeps what it got."""

    def __init__(self) -> None:
        self.got: list[object] = []

    def process(self, tup: Tuple) -> None:
        self.got.append(tup[0])


class GateRig(Rig):
    """A task with two channels that is cut at once when it may be."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(Seen(), **settings)
        self.gate = self.executor.gate = Gate(self.executor, [A, B])
        self.executor.on_barrier = self.on_barrier
        self.executor.on_watermark = lambda channel, ms: self.bolt.got.append(("w", ms))

    def on_barrier(self, channel: Channel, number: int) -> None:
        if self.gate.barrier(channel, number) is Verdict.COMPLETE:
            self.bolt.got.append(("cut", number))
            self.gate.cut()

    def bring(self, channel: Channel, *what: object) -> None:
        """Have a channel bring rows, barriers (an int below 100) and watermarks (from 100 on)."""
        for each in what:
            if isinstance(each, int):
                kind = BARRIER if each < 100 else WATERMARK
                self.executor.enqueue_mark(channel, Mark(kind, each))
            else:
                self.executor.enqueue(
                    FrameWork(channel, IN, EDGE, [(1, ())], [[each]], remote=True)
                )

    def got(self) -> list[object]:
        """Work, and return what the bolt got since the last time."""
        self.run()
        found, self.bolt.got = self.bolt.got, []
        return found


def test_what_is_behind_a_barrier_waits_until_the_task_is_cut() -> None:
    # A: a1 |1 a2      B: b1 ... b2 |1
    rig = GateRig()
    rig.bring(A, "a1", 1, "a2")
    rig.bring(B, "b1")
    assert rig.got() == ["a1", "b1"]
    rig.bring(A, "a3")
    rig.bring(B, "b2")
    assert rig.got() == ["b2"]
    rig.bring(B, 1, "b3")
    assert rig.got() == [("cut", 1), "a2", "a3", "b3"]


def test_what_waits_is_not_queued_gives_no_credit_back_and_is_counted_by_channel() -> None:
    rig = GateRig()
    rig.bring(A, 1, "a1", "a2")
    rig.run()
    rig.bring(A, "a3")
    assert rig.executor.queued_rows == 0 and rig.gate.rows_of == {A: 3}
    assert rig.credits == [] and not rig.executor.queue
    rig.gate.abort(1)
    assert rig.executor.queued_rows == 3 and not rig.gate.rows_of
    assert rig.got() == ["a1", "a2", "a3"] and rig.credits == [A, A, A]


def test_watermarks_behind_a_barrier_wait_in_their_place() -> None:
    rig = GateRig()
    rig.bring(A, 1, "a1", 100, "a2", 200, 300)
    assert rig.got() == []
    rig.bring(A, 400)
    rig.bring(B, 1)
    assert rig.got() == [("cut", 1), "a1", ("w", 100), "a2", ("w", 400)]


def test_a_higher_barrier_behind_a_waiting_channel_gives_the_pending_one_up() -> None:
    rig = GateRig()
    rig.bring(A, 1, "a1")
    assert rig.got() == []
    rig.bring(A, 2, "a2")
    assert rig.got() == ["a1"]
    rig.bring(B, "b1", 1, "b2", 2)
    assert rig.got() == ["b1", "b2", ("cut", 2), "a2"]


def test_a_barrier_that_is_overtaken_in_the_queue_is_obsolete() -> None:
    rig = GateRig()
    rig.bring(A, "a1", 1, "a2", 2, "a3")
    rig.bring(B, 2, "b1")
    assert rig.got() == ["a1", "a2", ("cut", 2), "a3", "b1"]


def test_barriers_of_an_aborted_checkpoint_change_nothing() -> None:
    rig = GateRig()
    rig.gate.abort(1)
    rig.bring(A, 1, "a1")
    rig.bring(B, 1, "b1")
    assert rig.got() == ["a1", "b1"]


def test_the_time_of_an_alignment_counts_from_its_first_barrier() -> None:
    rig = GateRig()
    rig.bring(A, 1)
    rig.run()
    rig.now += 5.0
    assert rig.now - rig.gate.since == 5.0
    rig.bring(B, 1)
    rig.bring(B, 2)
    rig.run()
    assert rig.gate.since == rig.now


# Overtaking.


class LateRig(GateRig):
    """A task that was cut while channel B was late."""

    def overtake(self) -> None:
        self.bolt.got.append(("cut", 1))
        self.gate.overtake()

    def logged(self) -> list[object]:
        """Return rows and watermarks of the log, all of channel B."""
        found: list[object] = []
        for channel, frame in self.gate.alignment.log:
            assert channel == B
            if decode_header(frame).kind == MARK:
                found.append(decode_mark(frame).mark.value)
            else:
                found += [row[0] for row in decode_data(frame).rows]
        return found


def test_after_overtaking_a_late_channel_is_logged_and_worked_on_and_the_others_go_on() -> None:
    # A: a1 |1 a2 a3      B: b1 (cut) b2 b3 |1 b4
    rig = LateRig()
    rig.bring(A, "a1", 1, "a2")
    rig.bring(B, "b1")
    assert rig.got() == ["a1", "b1"]
    rig.bring(B, "b2")
    rig.overtake()
    rig.bring(A, "a3")
    rig.bring(B, "b3")
    assert not rig.gate.logged(1)
    assert rig.got() == [("cut", 1), "b2", "a2", "a3", "b3"]
    rig.bring(B, 1, "b4")
    assert rig.gate.logged(1) and rig.logged() == ["b2", "b3"] and rig.gate.log_rows == 2
    assert rig.got() == ["b4"]
    assert len(rig.gate.take_log()) == 2 and not rig.gate.alignment.log
    rig.bring(A, 2)
    rig.bring(B, 2)
    assert rig.got() == [("cut", 2)]


def test_a_log_ends_where_the_barrier_stands_in_the_queue_already() -> None:
    rig = LateRig()
    rig.bring(A, 1)
    rig.run()
    rig.bring(B, "b1", 1, "b2")
    rig.overtake()
    rig.bring(B, "b3")
    assert rig.gate.logged(1) and rig.logged() == ["b1"]
    assert rig.got() == [("cut", 1), "b1", "b2", "b3"]


def test_a_log_is_whole_when_all_of_it_has_arrived_not_when_it_is_worked_on() -> None:
    rig = LateRig()
    rig.bring(A, 1)
    rig.run()
    rig.overtake()
    rig.bring(B, "b1", "b2", 1)
    assert rig.gate.logged(1) and rig.logged() == ["b1", "b2"]
    assert rig.bolt.got == [("cut", 1)]


def test_each_watermark_of_a_late_channel_is_logged_also_one_that_takes_anothers_place() -> None:
    rig = LateRig()
    rig.bring(A, 1)
    rig.run()
    rig.bring(B, 100)
    rig.overtake()
    rig.bring(B, 200, 300, "b1", 400, 1, 500)
    assert rig.logged() == [100, 200, 300, "b1", 400]
    assert rig.got() == [("cut", 1), *(("w", ms) for ms in (100, 200, 300)), "b1",
                         ("w", 400), ("w", 500)]  # fmt: skip


def test_a_log_over_its_limit_is_given_up_with_the_reason() -> None:
    rig = LateRig(checkpoint_log_max=200)
    rig.bring(A, 1, "a1")
    rig.run()
    rig.overtake()
    rig.bring(B, *(f"b{n}" for n in range(10)))
    assert rig.gate.log_failure == (
        "its late inputs brought over 200B (checkpoint_log_max) before their barriers"
    )
    assert not rig.gate.logged(1) and not rig.gate.alignment.log
    rig.bring(B, 1, "b10")
    assert len(rig.got()) == 13, "all is worked on, nothing waits"


def test_a_value_that_cannot_be_kept_gives_the_log_up() -> None:
    rig = LateRig()
    rig.bring(A, 1)
    rig.run()
    rig.overtake()
    rig.executor.enqueue(FrameWork(B, IN, EDGE, [(1, ())], [[1 << 70]], remote=True))
    assert "on its way to it cannot be kept" in rig.gate.log_failure
    assert rig.got() == [("cut", 1), 1 << 70]


@pytest.mark.parametrize("end", ["abort", "later barrier", "later barrier of another"])
def test_a_log_that_can_not_be_whole_any_more_is_forgotten(end: str) -> None:
    rig = LateRig()
    rig.bring(A, 1)
    rig.run()
    rig.overtake()
    rig.bring(B, "b1")
    assert rig.gate.alignment.log
    if end == "abort":
        rig.gate.abort(1)
    else:
        rig.bring(B if end == "later barrier" else A, 2)
        rig.run()
    assert not rig.gate.alignment.logging and not rig.gate.alignment.log
    rig.bring(B, 1)
    rig.run()
    assert not rig.gate.take_log()


@pytest.mark.parametrize("end", ["cut", "abort", "overtake", "later barrier"])
def test_whatever_ends_the_wait_for_a_cut_lets_the_task_begin_calls_again(end: str) -> None:
    rig = LateRig()
    wanted: list[bool] = []
    rig.executor.stand_still = lambda wish=True: wanted.append(wish) is None  # type: ignore[method-assign]
    rig.bring(A, 1)
    rig.run()
    wanted.clear()
    rig.executor.stand_still()
    {"cut": rig.gate.cut, "abort": lambda: rig.gate.abort(1), "overtake": rig.gate.overtake,
     "later barrier": lambda: (rig.bring(B, 2), rig.run())}[end]()  # fmt: skip
    assert wanted == [True, False]
