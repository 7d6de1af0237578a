"""Dispatch: frames to queues and links, cut where they are too large, without what cannot travel.

Every test ends with the same sum: edges toggled in, and out by whoever works a frame through,
leave zero for each root that did not fail. That is what completes a tree.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest
from waterspout.bolts.frame_work import FrameWork
from waterspout.supervisor.dispatch import Dispatch
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.component import StreamDecl
from waterspout.topology.emitter import Emitter, StreamOut
from waterspout.topology.frame_header import DATA, Header
from waterspout.topology.frames import Channel, data_frame, decode_data
from waterspout.topology.groupings import AllRoute
from waterspout.topology.marks import BARRIER, WATERMARK, Mark
from waterspout.topology.settings import Settings
from waterspout.topology.task_env import TaskEnv
from waterspout.topology.tuples import tuple_class

HERE, THERE = 2, 3


class Queue:
    """Stands in for a bolt executor of this worker."""

    def __init__(self) -> None:
        self.queue: deque[FrameWork] = deque()
        self.marks: list[tuple[int, Mark]] = []
        self.queued_rows, self.slice_rows, self.gate = 0, 50, None

    def enqueue(self, work: FrameWork) -> None:
        self.queue.append(work)
        self.queued_rows += sum(count for count, _ in work.runs)

    def enqueue_mark(self, channel: Channel, mark: Mark) -> None:
        self.marks.append((len(self.queue), mark))


class Link:
    """Stands in for a LinkSender with ``credits`` frames of credit."""

    def __init__(self, frame_bytes_max: int, credits_: int) -> None:
        self.frame_bytes_max, self.credits = frame_bytes_max, credits_
        self.sent: list[bytes] = []
        self.marks: list[tuple[int, Mark]] = []
        self.open = True

    def send_mark(self, channel: Channel, mark: Mark) -> None:
        self.marks.append((len(self.sent), mark))

    def has_credit(self, channel: Channel) -> bool:
        return self.credits > 0

    def under_way(self, channel: Channel) -> int:
        return len(self.sent)

    def send_data(self, channel: Channel, edge: int, width: int, rows: int, body: bytes) -> None:
        data = data_frame(Header(DATA, 1, 7, 1), channel, edge, width, rows, body)
        assert len(data) <= self.frame_bytes_max
        self.credits -= 1
        self.sent.append(data)


class Rig:
    """One task that emits to a task here and to one over a link."""

    def __init__(self, *, targets: tuple[int, ...] = (HERE, THERE), link_bytes: int = 1 << 20,
                 link_credits: int = 1000, **settings: Any) -> None:  # fmt: skip
        self.env = TaskEnv(
            Settings(**settings), tracked=True, clock=lambda: 0.0,
            draw=random.Random(3).getrandbits, acker=self,
        )  # fmt: skip
        self.frames = [OpenFrame((1, 0, t), 0 if t == HERE else 1) for t in targets]
        stream = StreamOut("default", StreamDecl(("a", "b")), [AllRoute(self.frames)])
        self.emitter = Emitter("src", [stream], self.frames, self.env.toggles, self.env.draw)
        self.queue = Queue()
        self.link = Link(link_bytes, link_credits)
        executors: Any = {HERE: self.queue}
        links: Any = {1: self.link}
        classes = {(1, 0): tuple_class("src", "default", ("a", "b"))}
        self.dispatch = Dispatch(self.env, executors, classes, links, 0)

    def open(self, root: int, guard: int, now: float) -> None:
        """Not used here."""

    def emit(self, roots: tuple[int, ...], *rows: list[Any]) -> None:
        """Emit rows that descend from ``roots``."""
        self.emitter.put_many("default", list(rows))
        self.emitter.close_run(roots)

    def flush(self) -> bool:
        """Flush the task."""
        return self.dispatch.flush(self.emitter)

    def here(self) -> list[Any]:
        """Return the rows in the queue here."""
        return [tuple(row) for work in self.queue.queue for row in list(work.source)]

    def there(self) -> list[list[Any]]:
        """Return the rows of each frame that went over the link."""
        return [[tuple(row) for row in decode_data(data).rows] for data in self.link.sent]

    def failed(self) -> set[int]:
        """Return the roots that failed."""
        return {failure.root for failure in self.env.fails}

    def unsound(self) -> set[int]:
        """Work everything through; return the roots that neither failed nor became zero."""
        values = dict(self.env.toggles)
        works = [(work.edge, work.runs) for work in self.queue.queue]
        works += [(f.edge, f.runs) for f in map(decode_data, self.link.sent)]
        for edge, runs in works:
            for root in {root for _, roots in runs for root in roots}:
                values[root] = values.get(root, 0) ^ edge
        return {root for root, value in values.items() if value} - self.failed()


def test_rows_go_to_the_queue_here_and_over_the_link_to_others() -> None:
    rig = Rig()
    rig.emit((11,), ["x", 1], ["y", 2])
    rig.emit((12,), ["z", 3])
    assert rig.flush()
    assert rig.here() == [("x", 1), ("y", 2), ("z", 3)]
    assert rig.there() == [[("x", 1), ("y", 2), ("z", 3)]]
    assert rig.unsound() == set() and not rig.flush()


@pytest.mark.parametrize("target", [HERE, THERE])
@pytest.mark.parametrize("value", [object(), {1, 2}, 2**70, "\udcff"])
def test_a_value_without_a_wire_form_fails_its_message_alone(target: int, value: Any) -> None:
    rig = Rig(targets=(target,), check_values=True)
    rig.emit((11,), ["x", 1])
    rig.emit((12,), ["y", value], ["y", 2])
    rig.emit((13, 14), ["z", 3])
    rig.flush()
    assert rig.failed() == {12}
    rows = rig.here() if target == HERE else rig.there()[0]
    assert rows == [("x", 1), ("y", 2), ("z", 3)]
    assert rig.unsound() == set()
    (failure,) = rig.env.fails
    assert failure.component == "src" and "field 'b' holds a" in failure.reason
    assert [error["component"] for error in rig.env.take_errors()] == ["src"]


@pytest.mark.parametrize("target", [HERE, THERE])
def test_a_root_whose_only_rows_were_dropped_leaves_the_frame(target: int) -> None:
    rig = Rig(targets=(target,))
    rig.emit((11,), ["x", object()])
    rig.flush()
    assert rig.failed() == {11}
    assert rig.here() == [] and rig.there() == []
    assert rig.env.toggles[11] == 0


def test_all_messages_of_a_joined_row_fail_with_it() -> None:
    rig = Rig(targets=(THERE,))
    rig.emit((11, 12), ["x", object()])
    rig.emit((13,), ["y", 1])
    rig.flush()
    assert rig.failed() == {11, 12}
    assert rig.unsound() == set()


@pytest.mark.parametrize("check", [True, False])
def test_a_tuple_that_is_too_large_fails_alone_over_a_link_and_here_when_checked(
    check: bool,
) -> None:
    rig = Rig(tuple_bytes_max=100, check_values=check)
    rig.emit((11,), ["x" * 90, 1])
    rig.emit((12,), ["y" * 200, 2])
    rig.flush()
    assert rig.failed() == {12}
    assert "tuple_bytes_max is 100" in rig.env.fails[0].reason
    assert len(rig.here()) == (1 if check else 2)
    assert rig.there() == [[("x" * 90, 1)]]
    assert rig.unsound() == set()


def test_check_values_finds_what_is_too_large_beside_what_has_no_wire_form() -> None:
    rig = Rig(targets=(HERE,), tuple_bytes_max=100, check_values=True)
    rig.emit((11,), ["x", 2**70])
    rig.emit((12,), ["y" * 200, 2])
    rig.emit((13,), ["z", 3])
    rig.flush()
    assert rig.failed() == {11, 12}
    assert rig.here() == [("z", 3)]
    assert rig.unsound() == set()


def test_here_a_type_without_a_wire_form_is_found_always_and_a_value_only_when_checked() -> None:
    # Packing each local row would cost more than the rest of its way.
    rig = Rig(targets=(HERE,))
    rig.emit((11,), ["x", {1, 2}])
    rig.flush()
    rig.emit((12,), ["y", 2**70])
    rig.flush()
    assert rig.failed() == {11}
    assert rig.here() == [("y", 2**70)]


def test_local_rows_look_as_if_they_had_been_over_the_wire() -> None:
    rig = Rig(targets=(HERE,))
    rig.emit((11,), [["a", "list"], bytearray(b"x")])
    rig.flush()
    assert rig.here() == [(("a", "list"), b"x")]


def test_a_frame_over_frame_rows_max_is_cut_and_every_tree_still_completes() -> None:
    # rows |11|-- 12 --|11|12,13|; frames of 3 at most, whole runs where that can be: |2|3|3|1|
    rig = Rig(targets=(THERE,), frame_rows_max=3)
    rig.emit((11,), ["a", 0], ["a", 1])
    rig.emit((12,), *(["b", n] for n in range(5)))
    rig.emit((11,), ["c", 0])
    rig.emit((12, 13), ["d", 0])
    rig.flush()
    assert [len(rows) for rows in rig.there()] == [2, 3, 3, 1]
    assert "".join(row[0] for rows in rig.there() for row in rows) == "aabbbbbcd"
    assert rig.unsound() == set()


def test_a_frame_over_frame_bytes_max_is_halved_and_every_tree_still_completes() -> None:
    rig = Rig(targets=(THERE,), link_bytes=1024, tuple_bytes_max=512)
    for root in range(1, 21):
        rig.emit((root,), ["x" * 150, root])
    rig.flush()
    assert [row[1] for rows in rig.there() for row in rows] == list(range(1, 21))
    assert len(rig.link.sent) > 3
    assert rig.unsound() == set()


def test_rows_of_any_size_and_any_roots_leave_every_tree_sound() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        rig = Rig(
            link_bytes=1024, tuple_bytes_max=rng.choice((200, 900)),
            frame_rows_max=rng.choice((1, 3, 50)), check_values=rng.random() < 0.5,
        )  # fmt: skip
        for _ in range(rng.randint(1, 30)):
            roots = tuple(rng.sample(range(1, 9), rng.choice((0, 1, 1, 1, 3))))
            odd = [object(), 2**80, ["list"], 1, 2, 3]
            sizes = [rng.choice((1, 50, 700)) for _ in range(rng.randint(1, 5))]
            rig.emit(roots, *(["x" * size, rng.choice(odd)] for size in sizes))
            if rng.random() < 0.3:
                rig.flush()
        rig.flush()
        assert rig.unsound() == set(), seed


def test_a_row_that_does_not_fit_because_of_its_many_roots_fails_and_nothing_hangs() -> None:
    rig = Rig(targets=(THERE,), link_bytes=1024, tuple_bytes_max=512)
    rig.emit(tuple(range(1, 150)), ["x", 1])
    rig.emit((500,), ["y", 2])
    rig.flush()
    assert rig.failed() == set(range(1, 150))
    assert rig.there() == [[("y", 2)]]
    assert rig.unsound() == set()


def test_without_credit_frames_wait_in_order_and_the_task_is_blocked_when_one_is_full() -> None:
    rig = Rig(targets=(THERE,), frame_rows_max=2, link_credits=0)
    blocked = rig.dispatch.blocked_of(rig.emitter)
    rig.emit((11,), ["x", 0])
    assert not rig.flush() and not blocked()
    rig.emit((12,), ["x", 1], ["x", 2])
    assert blocked()
    rig.link.credits = 5
    assert not blocked()
    rig.flush()
    assert [row[1] for rows in rig.there() for row in rows] == [0, 1, 2]
    assert rig.unsound() == set()


def test_a_task_is_blocked_when_a_queue_here_is_full() -> None:
    rig = Rig(targets=(HERE,), queue_rows_max=2)
    blocked = rig.dispatch.blocked_of(rig.emitter)
    rig.emit((11,), ["x", 0])
    assert not blocked()
    rig.flush()
    rig.emit((11,), ["x", 1])
    assert blocked()


def test_elsewhere_two_slices_may_wait_by_the_speed_of_the_own_task() -> None:
    rig = Rig()
    here, there = rig.frames
    assert rig.dispatch.ahead_of(here) == 2 * rig.queue.slice_rows > 0
    assert rig.dispatch.ahead_of(there) == 0


def test_the_load_of_a_target_counts_what_waits_here_and_what_is_under_way() -> None:
    rig = Rig()
    here, there = rig.frames
    assert (rig.dispatch.load_of(here), rig.dispatch.load_of(there)) == (0, 0)
    rig.emit((11,), ["x", 0], ["x", 1])
    rig.flush()
    rig.emit((11,), ["x", 2])
    assert rig.dispatch.load_of(here) == 3
    assert rig.dispatch.load_of(there) == 3


# Columns.


def many(count: int, *bad: tuple[int, Any]) -> Columns:
    """Return rows (n, n) with other values in the first place of some."""
    first: list[Any] = list(range(count))
    for place, value in bad:
        first[place] = value
    return Columns([first, list(range(count))])


def test_columns_stay_columns_here_and_are_cut_over_the_link() -> None:
    rig = Rig(frame_rows_max=40)
    rig.emitter.put_many("default", many(100))
    rig.emitter.close_run((11,))
    assert rig.flush()
    (work,) = rig.queue.queue
    assert work.take(100) == many(100)
    assert [len(rows) for rows in rig.there()] == [40, 40, 20]
    assert [row for rows in rig.there() for row in rows] == many(100).tuples()
    assert rig.unsound() == set()


@pytest.mark.parametrize("target", [HERE, THERE])
@pytest.mark.parametrize("value", [object(), {1}, (object(),)])
def test_of_columns_a_value_without_a_wire_form_fails_its_message_alone(
    target: int, value: Any
) -> None:
    rig = Rig(targets=(target,))
    for root in (11, 12, 13):
        rig.emitter.put_many("default", many(20, (7, value if root == 12 else (1, 2))))
        rig.emitter.close_run((root,))
    rig.flush()
    assert rig.failed() == {12}
    (failure,) = rig.env.fails
    assert failure.reason.startswith("src: emit to stream 'default': field 'a' holds")
    got = rig.here() if target == HERE else rig.there()[0]
    expected = many(20, (7, (1, 2))).tuples()
    assert got == expected + expected[:7] + expected[8:] + expected
    assert rig.unsound() == set()


@pytest.mark.parametrize("target", [HERE, THERE])
def test_columns_count_as_load_and_block(target: int) -> None:
    rig = Rig(targets=(target,), link_credits=0, queue_rows_max=100, frame_rows_max=100)
    blocked = rig.dispatch.blocked_of(rig.emitter)
    rig.emitter.put_many("default", many(99))
    assert (rig.dispatch.load_of(rig.frames[0]), blocked()) == (99, False)
    rig.emitter.put_many("default", many(50))
    assert (rig.dispatch.load_of(rig.frames[0]), blocked()) == (149, True)


# Marks.


def test_a_mark_goes_behind_all_rows_on_every_channel_also_idle_ones() -> None:
    """C2: whatever the grouping says of rows, a barrier goes everywhere."""
    rig = Rig()
    rig.dispatch.mark(rig.emitter, Mark(BARRIER, 1))
    rig.emit((11,), ["x", 1])
    rig.dispatch.mark(rig.emitter, Mark(BARRIER, 2))
    rig.emit((11,), ["y", 1])
    rig.flush()
    assert rig.queue.marks == rig.link.marks == [(0, Mark(BARRIER, 1)), (1, Mark(BARRIER, 2))]
    assert (len(rig.queue.queue), len(rig.link.sent)) == (2, 2)
    assert rig.unsound() == set()


def test_a_mark_waits_behind_rows_without_credit_and_needs_none_itself() -> None:
    """C1: one FIFO for rows and marks."""
    rig = Rig(targets=(THERE,), link_credits=0)
    rig.dispatch.mark(rig.emitter, Mark(BARRIER, 1))
    assert rig.link.marks == [(0, Mark(BARRIER, 1))], "nothing is in front of it"
    rig.emit((11,), ["x", 1])
    for value in range(100):
        rig.dispatch.mark(rig.emitter, Mark(WATERMARK, value))
    rig.flush()
    assert len(rig.link.marks) == 1 and len(rig.frames[0].ready) == 2
    rig.link.credits = 1
    rig.flush()
    assert rig.link.marks[1:] == [(1, Mark(WATERMARK, 99))]
    assert rig.unsound() == set()


def test_a_mark_waits_for_a_link_that_is_not_open_yet() -> None:
    rig = Rig(targets=(THERE,))
    rig.link.open = False
    rig.dispatch.mark(rig.emitter, Mark(BARRIER, 1))
    assert rig.link.marks == []
    rig.link.open = True
    rig.flush()
    assert rig.link.marks == [(0, Mark(BARRIER, 1))]
