"""What a spout task sends: when, how far, and never past what may come again."""

from __future__ import annotations

import pytest
from waterspout.spouts.spout_time import SpoutTime
from waterspout.spouts.watermarks import Watermarks
from waterspout.topology.component import StreamDecl
from waterspout.topology.event_time import EventTimeError, RowTimes
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, WATERMARK, Mark


class Bench:
    """A spout's time with one partition, whose marks and rows land in one list."""

    def __init__(self, idle_s: float | None = None) -> None:
        self.log: list[object] = []
        self.held: int | None = None
        watermarks = Watermarks(0, idle_s)
        watermarks.opened("p")
        watermarks.looked = True
        times = RowTimes("s", {"default": StreamDecl(("ts",))}, field="ts", unit="ms")
        self.time = SpoutTime(times, watermarks, 0.2, self.log.append)
        self.time.held_back = lambda: self.held

    def rows(self, *times: int) -> None:
        """Rows go out."""
        self.time.going_out("p", "default", [[time] for time in times])
        self.log.append(times)

    def turn(self, now: float) -> list[object]:
        """Take what was logged up to the end of a turn."""
        self.time.turn(now)
        log, self.log[:] = list(self.log), []
        return log


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_watermark_goes_behind_the_rows_that_it_is_made_of(bench: Bench) -> None:
    bench.rows(5, 7)
    assert bench.turn(0.0) == [(5, 7), Mark(WATERMARK, 6)]


def test_it_is_sent_when_it_grew_and_not_too_often(bench: Bench) -> None:
    bench.rows(5)
    bench.turn(0.0)
    bench.rows(9)
    assert bench.turn(0.1) == [(9,)]
    assert bench.time.wakeup(0.1) == pytest.approx(0.1)
    assert bench.turn(0.2) == [Mark(WATERMARK, 8)]
    assert bench.turn(0.4) == []
    bench.rows(8)
    assert bench.turn(0.7) == [(8,)]
    assert bench.time.wakeup(0.7) == 3600.0


def test_nothing_is_sent_before_there_are_rows(bench: Bench) -> None:
    assert bench.turn(0.0) == []


def test_it_does_not_pass_what_may_come_again(bench: Bench) -> None:
    #   before   .   4   (rows of 9 and 20 are out; the group drawn under 4 is not durable)
    bench.rows(5)
    bench.turn(0.0)
    before = bench.time.before
    bench.rows(9, 20)
    bench.held = before
    assert bench.turn(0.2) == [(9, 20)]
    # It is looked at again by itself: nobody says when a round is complete.
    assert bench.time.wakeup(0.2) == pytest.approx(0.2)
    bench.held = 11
    assert bench.turn(0.4) == [Mark(WATERMARK, 11)]
    bench.held = None
    assert bench.turn(0.7) == [Mark(WATERMARK, 19)]


def test_it_does_not_go_back_for_what_is_held(bench: Bench) -> None:
    bench.rows(20)
    bench.turn(0.0)
    bench.held = 3
    assert bench.turn(0.2) == []
    assert bench.time.sent == 19


def test_a_row_without_a_time_counts_for_nothing(bench: Bench) -> None:
    with pytest.raises(EventTimeError, match="field 'ts' is missing"):
        bench.time.going_out("p", "default", [[50], [None]])
    assert bench.turn(0.0) == []


def test_silence_makes_it_idle_and_a_row_active_before_it_goes_out() -> None:
    bench = Bench(idle_s=30)
    bench.rows(5)
    bench.turn(0.0)
    bench.time.watermarks.silent("p", 1.0)
    assert bench.turn(2.0) == []
    assert bench.time.wakeup(2.0) == pytest.approx(29.0)
    assert bench.turn(31.0) == [Mark(IDLE, 4)]
    assert bench.turn(32.0) == []
    bench.rows(6)
    assert bench.turn(33.0) == [Mark(WATERMARK, 4), (6,), Mark(WATERMARK, 5)]


def test_what_is_not_durable_is_no_idleness() -> None:
    bench = Bench(idle_s=30)
    bench.rows(5)
    bench.held = MIN_WATERMARK
    bench.time.watermarks.silent("p", 0.0)
    assert bench.turn(40.0) == [(5,)]
    bench.held = None
    assert bench.turn(41.0) == [Mark(IDLE, 4)]


def test_a_task_without_partitions_says_that_it_is_idle() -> None:
    bench = Bench()
    bench.time.watermarks.closed("p", 0.0)
    assert bench.turn(0.0) == [Mark(IDLE, MIN_WATERMARK)]
    bench.time.watermarks.opened("p")
    assert bench.turn(0.2) == [Mark(WATERMARK, MIN_WATERMARK)]


def test_a_task_that_could_not_look_for_partitions_yet_holds_the_others_back() -> None:
    bench = Bench()
    bench.time.watermarks.closed("p", 0.0)
    bench.time.watermarks.looked = False
    assert bench.turn(0.0) == []
    assert bench.time.status(0.0)[1] == "its partitions could not be looked for yet"
    bench.time.looked()
    assert bench.time.wakeup(0.05) == pytest.approx(0.15)
    assert bench.turn(0.2) == [Mark(IDLE, MIN_WATERMARK)]
    assert bench.time.status(0.2)[1] == "no partition has rows"
    bench.time.looked()
    assert bench.time.wakeup(0.2) > 1


def test_the_end_of_the_input_is_sent_once_nothing_is_held(bench: Bench) -> None:
    bench.rows(5)
    bench.turn(0.0)
    bench.held = 4
    bench.time.ended()
    assert bench.turn(0.2) == []
    bench.held = None
    assert bench.turn(0.4) == [Mark(WATERMARK, MAX_WATERMARK)]
    bench.time.ended()
    assert bench.time.wakeup(0.4) == 3600.0


def test_a_new_epoch_is_told_everything_anew(bench: Bench) -> None:
    bench.rows(5)
    bench.turn(0.0)
    bench.time.new_epoch()
    assert bench.turn(0.0) == [Mark(WATERMARK, 4)]


def test_what_is_read_again_is_not_late_to_what_was_sent_before(bench: Bench) -> None:
    bench.rows(5)
    bench.turn(0.0)
    bench.time.new_epoch(["p"])
    assert bench.time.before == MIN_WATERMARK
    bench.rows(3)
    assert bench.turn(0.0) == [(3,), Mark(WATERMARK, 2)]


def test_its_status_says_what_holds_the_watermark_back(bench: Bench) -> None:
    assert bench.time.status(0.0) == (MIN_WATERMARK, "partition 'p' has no rows yet")
    bench.rows(5000)
    bench.turn(0.0)
    assert bench.time.status(0.0) == (4999, "partition 'p' is at 1970-01-01T00:00:05Z")
    bench.rows(7000)
    bench.held = 4999
    bench.turn(1.0)
    what = "waits until the messages under it are durable"
    assert bench.time.status(1.0) == (4999, what)
    bench.held = None
    bench.time.ended()
    bench.turn(2.0)
    assert bench.time.status(2.0) == (MAX_WATERMARK, "")


def test_its_status_counts_the_partitions_that_are_left_out() -> None:
    bench = Bench(idle_s=30)
    bench.time.watermarks.opened("q")
    bench.rows(5000)
    bench.time.watermarks.silent("q", 0.0)
    bench.turn(30.0)
    why = "partition 'p' is at 1970-01-01T00:00:05Z, 1 of its partitions left out as idle"
    assert bench.time.status(30.0) == (4999, why)
    bench.time.watermarks.silent("p", 30.0)
    assert bench.time.status(60.0) == (4999, "no partition has rows")
