"""One bolt task: slices, settling, failing, generators, batches, ticks and the end.

Over 400 lines because every way of handing rows to a bolt is tested against the same rig.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from waterspout.bolts.contract import Batch, Bolt, ColumnBolt, Made
from waterspout.bolts.executor import SLICE_ROWS_MAX, SLICE_S
from waterspout.topology.columns import Columns
from waterspout.topology.errors import FailTuple
from waterspout.topology.task_env import AGAIN
from waterspout.topology.tuples import Tuple

from .rig import Rig


class Bad(Bolt):
    """Emits n; raises ``error`` at the numbers in ``bad``."""

    outputs = ("x",)

    def __init__(self, *bad: int, error: BaseException | None = None) -> None:
        self.bad, self.error, self.seen = set(bad), error or ValueError("bad"), list[int]()

    def check(self, number: int) -> None:
        self.seen.append(number)
        if number in self.bad:
            raise type(self.error)(*self.error.args)

    def process(self, tup: Tuple) -> Any:
        self.check(tup[0])
        self.emit([tup[0]])


class BadBatch(Bad):
    """The same over batches; emits before it raises."""

    def process_batch(self, batch: Batch) -> None:
        self.batches = [*getattr(self, "batches", []), len(batch)]
        for tup in batch:
            self.emit([tup[0]])
        for tup in batch:
            self.check(tup[0])


class BadColumns(Bad, ColumnBolt):
    """The same over columns."""

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        for number in columns.values[0]:
            self.check(number)
        return columns, runs


class BadGenerator(Bad):
    """The same with a generator: emits n ten times."""

    def process(self, tup: Tuple) -> Iterator[Any]:
        self.check(tup[0])
        for number in range(10):
            yield [tup[0] * 100 + number]


KINDS = {"process": Bad, "batch": BadBatch, "columns": BadColumns, "generator": BadGenerator}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


# Settling.


def test_returning_acks_and_emits_descend_from_the_tuple(kind: str) -> None:
    rig = Rig(KINDS[kind](), kind)
    rig.feed((2, (1,)), (1, (1, 2)))
    rig.run()
    assert rig.done == []
    runs, values = rig.take()
    roots = {root for _, roots in runs for root in roots}
    assert roots == {1, 2} and len(values) in (3, 30)
    assert sorted(rig.done) == [1, 2]
    assert (rig.executor.executed, rig.executor.queued_rows, rig.failures) == (3, 0, [])


def test_a_bolt_that_emits_nothing_ends_the_tree() -> None:
    class Quiet(Bolt):
        def process(self, tup: Tuple) -> None: ...

    rig = Rig(Quiet())
    rig.feed((2, (1,)), (1, (2,)), (1, (1,)))
    rig.run()
    assert sorted(rig.done) == [1, 2]


def test_the_credit_of_a_remote_frame_comes_back_when_it_is_worked_through(kind: str) -> None:
    rig = Rig(KINDS[kind](), kind)
    rig.feed((2, (1,)), (1, (2,)), remote=True)
    rig.feed((1, (3,)))
    rig.run()
    assert rig.credits == [(1, 0, 2)]


# Failing.


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(2)])
def test_an_error_fails_its_run_and_skips_the_rest_of_it(kind: str, error: BaseException) -> None:
    rig = Rig(KINDS[kind](1, error=error), kind)
    rig.feed((3, (1,)), (2, (2,)))
    rig.run()
    assert [(each.root, each.component, each.task) for each in rig.failures] == [(1, "step", 2)]
    assert "in check" in rig.failures[0].traceback
    assert not re.search("in (_run_part|_call_batch|_step_)", rig.failures[0].traceback)
    assert 2 not in rig.bolt.seen
    assert rig.bolt.seen[-2:] == [3, 4]
    assert [error["count"] for error in rig.env.take_errors()] == [1]
    rig.take()
    assert rig.done == [2]
    assert (rig.executor.executed, rig.executor.failed, rig.executor.queued_rows) == (5, 1, 0)


def test_failing_on_purpose_is_no_error(kind: str) -> None:
    rig = Rig(KINDS[kind](0, error=FailTuple("not now")), kind)
    rig.feed((1, (1,)))
    rig.run()
    assert [(each.reason, each.traceback) for each in rig.failures] == [("FailTuple: not now", "")]
    assert rig.env.take_errors() == []


def test_of_rows_without_a_root_only_the_one_at_fault_is_lost(kind: str) -> None:
    rig = Rig(KINDS[kind](2), kind, tracked=False)
    rig.feed((6, ()))
    rig.run()
    values = [value // 100 if kind == "generator" else value for value in rig.take()[1]]
    assert set(values) - {2} == {0, 1, 3, 4, 5}
    assert len(values) <= (50 if kind == "generator" else 6)
    assert rig.executor.queued_rows == 0
    assert [each["count"] for each in rig.env.take_errors()] == [1]


def test_a_batch_without_roots_that_raised_is_tried_row_by_row() -> None:
    rig = Rig(BadBatch(2), "batch", tracked=False)
    rig.feed((4, ()))
    rig.run()
    assert rig.bolt.batches == [4, 1, 1, 1, 1]
    assert rig.bolt.seen == [0, 1, 2, 0, 1, 2, 3]


def test_a_run_whose_first_part_failed_is_not_begun_again_in_the_next_slice() -> None:
    rig = Rig(Bad(0))
    rig.feed((200, (1,)), (1, (2,)))
    rig.run()
    assert rig.bolt.seen == [0, 200]


# Anchors.


def test_without_auto_anchor_plain_emits_are_untracked_and_anchors_still_work() -> None:
    class Loose(Bolt):
        outputs = ("x",)
        auto_anchor = False

        def process(self, tup: Tuple) -> None:
            self.emit(["loose"])
            self.emit(["tied"], anchors=[tup])

    rig = Rig(Loose())
    rig.feed((1, (1,)))
    rig.run()
    runs, values = rig.take()
    assert (runs, values) == ([(1, ()), (1, (1,))], ["loose", "tied"])
    assert rig.done == [1]


# emit_max.


class Runaway(Bolt):
    """Emits as many tuples as the number it gets, or as its own."""

    outputs = ("x",)
    emits: ClassVar = {0: 3, 1: 1000, 2: 3}

    def process(self, tup: Tuple) -> None:
        for _ in range(self.emits[tup[0]]):
            self.emit([tup[0]])

    def process_batch(self, batch: Batch) -> None:
        for tup in batch:
            self.process(tup)


@pytest.mark.parametrize("kind", ["process", "batch"])
def test_a_call_that_emits_beyond_emit_max_fails_its_tuple_alone(kind: str) -> None:
    rig = Rig(Runaway(), kind, emit_max=3)
    rig.feed((1, (1,)), (1, (2,)), (1, (3,)))
    rig.run()
    assert [each.root for each in rig.failures] == [2]
    assert rig.failures[0].reason.startswith("EmitOverflow: step: emit to stream 'default'")
    assert rig.take()[1].count(1) <= 4
    assert sorted(rig.done) == [1, 3]


def test_a_generator_may_yield_without_end() -> None:
    rig = Rig(BadGenerator(), "generator", emit_max=3)
    rig.feed((1, (1,)), (1, (2,)))
    rig.run()
    assert rig.failures == [] and len(rig.out.rows) == 20


# Generators.


class Long(Bolt):
    """Yields 1000 rows per tuple and some Nones."""

    outputs = ("x",)

    def __init__(self, fail_at: int = -1) -> None:
        self.made, self.fail_at = 0, fail_at

    def process(self, tup: Tuple) -> Iterator[Any]:
        for number in range(1000):
            if number == self.fail_at:
                raise ValueError
            self.made += 1
            yield [number]
            yield None


def test_a_generator_is_paused_while_the_outbox_is_full_and_then_goes_on() -> None:
    rig = Rig(Long(), "generator")
    rig.feed((1, (1,)), (1, (2,)), remote=True)
    rig.full = True
    rig.executor.run()
    assert rig.executor.paused and 0 < rig.bolt.made <= 64
    rig.flush()
    assert rig.executor.vouched(rig.now) == {1, 2}
    first = rig.take()
    assert rig.done == [] and first[0][0][1] == (1,)
    rig.full = False
    rig.run()
    assert not rig.executor.paused and rig.bolt.made == 2000
    runs, values = rig.take()
    assert [roots for _, roots in runs] == [(1,), (2,)]
    assert first[1] + values == [*range(1000)] * 2
    assert sorted(rig.done) == [1, 2]
    assert rig.credits == [(1, 0, 2)] and rig.executor.executed == 2


def test_a_tick_while_a_generator_is_paused_does_not_take_its_roots() -> None:
    class Ticking(Long):
        def process_tick(self, tup: Tuple) -> None:
            self.emit(["tick"])

    rig = Rig(Ticking(), "generator", tick_interval_s=1.0)
    rig.feed((1, (1,)))
    rig.full = True
    rig.executor.run()
    rig.executor.own_calls.tick(rig.now)
    rig.executor.own_calls.tick(rig.now + 1)
    rig.full = False
    rig.run()
    runs, values = rig.take()
    assert [roots for _, roots in runs][::2] == [(1,), (1,)]
    own = runs[1][1]
    assert values[runs[0][0]] == "tick" and own != (1,)
    assert set(rig.done) == {1, *own}


def test_an_error_after_a_pause_fails_the_tuple_and_frees_the_queue() -> None:
    rig = Rig(Long(fail_at=200), "generator")
    rig.feed((2, (1,)))
    rig.full = True
    rig.executor.run()
    rig.full = False
    rig.run()
    assert [each.root for each in rig.failures] == [1]
    assert (rig.executor.queued_rows, rig.executor.paused, rig.bolt.made) == (0, False, 200)


# Batches.


def test_a_batch_spans_runs_and_is_tried_run_by_run_when_it_raised() -> None:
    rig = Rig(BadBatch(3), "batch")
    rig.feed((2, (1,)), (2, (2,)), (1, (3, 1)))
    rig.run()
    assert rig.bolt.batches == [5, 2, 2, 1]
    assert [each.root for each in rig.failures] == [2]
    runs, values = rig.take()
    assert values == [0, 1, 2, 3, 4], "what the first attempt emitted was taken back"
    assert runs == [(2, (1,)), (2, (2,)), (1, (3, 1))]
    assert sorted(rig.done) == [1, 3]


def test_a_message_that_was_tried_before_is_in_no_batch_with_others() -> None:
    again = AGAIN | 2
    rig = Rig(BadBatch(), "batch")
    rig.feed((2, (1,)), (1, (again,)), (3, (3,)))
    rig.feed((1, (4,)), (1, (5,)))
    rig.run()
    assert rig.bolt.batches == [2, 1, 3, 2], "those in its frame come alone, too"
    runs, _ = rig.take()
    assert runs == [(2, (1,)), (1, (again,)), (3, (3,)), (2, (4, 5))]


# Slices.


class Slow(Bolt):
    """Each tuple takes ``cost_s`` on the simulated clock."""

    rig: Rig
    cost_s = 0.0

    def process(self, tup: Tuple) -> None:
        self.rig.now += self.cost_s


def test_slices_grow_while_they_are_short_and_shrink_to_what_fits() -> None:
    bolt = Slow()
    rig = bolt.rig = Rig(bolt)
    executor = rig.executor
    for _ in range(10):
        rig.feed((SLICE_ROWS_MAX, (1,)))
        executor.run()
    assert executor.slice_rows == SLICE_ROWS_MAX
    bolt.cost_s = SLICE_S / 8
    rig.feed((SLICE_ROWS_MAX, (1,)))
    executor.run()
    executor.run()
    assert executor.slice_rows in (7, 8)
    bolt.cost_s = 10.0
    executor.run()
    executor.run()
    assert executor.slice_rows == 1
    assert executor.busy_s > 10


def test_a_slice_that_had_too_little_to_do_says_nothing_about_the_next() -> None:
    rig = Rig(Bad())
    before = rig.executor.slice_rows
    for _ in range(3):
        rig.feed((before - 1, (1,)))
        rig.executor.run()
    assert rig.executor.slice_rows == before
    rig.feed((before, (1,)))
    rig.executor.run()
    assert rig.executor.slice_rows == 2 * before


def test_a_slice_ends_within_a_run_and_the_next_goes_on() -> None:
    rig = Rig(Bad())
    rig.feed((100, (1,)))
    rig.executor.run()
    rig.flush()
    assert (rig.executor.executed, rig.executor.queued_rows) == (64, 36)
    rig.take()
    assert rig.done == []
    rig.run()
    rig.take()
    assert rig.done == [1] and rig.bolt.seen == [*range(100)]


def test_a_full_outbox_stops_between_runs() -> None:
    rig = Rig(Bad())
    rig.full = True
    rig.feed((1, (1,)), (1, (2,)))
    rig.executor.run()
    assert rig.bolt.seen == [0]


def test_nothing_to_do_is_said_so() -> None:
    assert Rig(Bad()).executor.run() is False


# A new epoch.


def test_a_new_epoch_forgets_the_queue_and_a_paused_generator() -> None:
    rig = Rig(Long(), "generator")
    rig.feed((1, (1,)), (1, (2,)))
    rig.full = True
    rig.executor.run()
    rig.executor.new_epoch(rig.now)
    assert (rig.executor.queued_rows, rig.executor.paused) == (0, False)
    assert rig.executor.vouched(rig.now) == set()
    assert rig.emitter.roots == ()
