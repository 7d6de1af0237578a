"""Trees end exactly when all is worked through: not earlier, not twice, and never silently."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.acker import Acker
from waterspout.bolts.frame_work import FrameWork
from waterspout.topology.channels import OpenFrame, draw_edge
from waterspout.topology.control_frames import Failure
from waterspout.topology.tuples import tuple_class

ANY = tuple_class("s", "default", ("x",))


class Ends:
    """An acker and what it told."""

    def __init__(self, timeout_s: float = 30.0) -> None:
        self.done: list[int] = []
        self.failed: list[Failure] = []
        #: Messages that failed alone; of number 9 nobody knows which it is.
        self.told: list[Failure] = []
        self.acker = Acker(
            lambda root, now: self.done.append(root),
            lambda failure, now: self.failed.append(failure),
            timeout_s,
            lambda failure, now: self.told.append(failure) or failure.row != 9,
        )


def failure(root: int, reason: str = "why") -> Failure:
    return Failure(root, "b", 1, reason, "")


def test_a_root_ends_when_guard_and_edges_are_out_in_whatever_order() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    for xor in (3, 8, 5, 3):
        ends.acker.toggle({1: xor}, 0.0)
        assert not ends.done
    ends.acker.toggle([(1, 5)], 0.0)
    assert ends.done == [1] and not len(ends.acker)


def test_the_value_of_a_tree_changes_with_all_that_is_done_to_it_until_it_is_over() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    assert ends.acker.value(1) == 8
    ends.acker.vouch([1], 1.0)
    assert ends.acker.value(1) == 8
    ends.acker.toggle({1: 3}, 2.0)
    assert ends.acker.value(1) == 11
    ends.acker.toggle({1: 11}, 3.0)
    assert ends.acker.value(1) is None


def test_the_guard_keeps_a_root_open_while_its_group_is_routed() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    ends.acker.toggle({1: 3 ^ 3}, 0.0)
    assert not ends.done


def test_a_root_ends_once() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    ends.acker.toggle({1: 8}, 0.0)
    ends.acker.toggle({1: 8, 2: 5}, 0.0)
    ends.acker.fail([failure(1)], 0.0)
    assert ends.done == [1] and not ends.failed


def test_the_first_failure_counts_and_settled_edges_come_too_late() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    ends.acker.fail([failure(1, "first"), failure(1, "second")], 0.0)
    ends.acker.toggle({1: 8}, 0.0)
    assert [each.reason for each in ends.failed] == ["first"] and not ends.done


def test_silence_fails_a_root_and_signs_of_life_put_it_off() -> None:
    #  0 s    open 1 2 3
    #  20 s   toggle 2, vouch 3 and an unknown root
    #  31 s   1 is late;  51 s  2 and 3 are
    ends = Ends(timeout_s=30.0)
    for root in (1, 2, 3):
        ends.acker.open(root, 8, 0.0)
    ends.acker.toggle({2: 3}, 20.0)
    ends.acker.vouch([3, 4], 20.0)
    ends.acker.expire(30.0)
    assert not ends.failed
    ends.acker.expire(31.0)
    assert [each.root for each in ends.failed] == [1]
    assert ends.failed[0].reason == "no progress for 30 s (message_timeout)"
    ends.acker.expire(51.0)
    assert sorted(each.root for each in ends.failed) == [1, 2, 3]


def test_a_new_epoch_forgets_without_telling() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    ends.acker.forget_all()
    ends.acker.expire(1e9)
    assert not ends.done and not ends.failed and not len(ends.acker)


@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 4))
def test_a_random_tree_ends_exactly_when_its_last_frame_is_worked_through(
    rng: random.Random, roots: int, tasks: int
) -> None:
    """Groups are routed at random; tasks forward some rows, join roots, take part of a frame.

    What is toggled meets the acker in small random portions, as turns of several workers would.
    """
    ends, draw, toggles = Ends(), random.Random(rng.getrandbits(32)).getrandbits, dict[int, int]()
    frames = [OpenFrame((0, 0, task), 0) for task in range(tasks)]
    queue: list[FrameWork] = []
    #: Copies of a root that are not worked through: in open frames, and in queued ones.
    alive = dict.fromkeys(range(1, roots + 1), 0)
    guards = {root: draw_edge(draw) for root in alive}

    def put(carried: tuple[int, ...], rows: int) -> None:
        for _ in range(rows):
            frame = rng.choice(frames)
            frame.rows.append([0])
            for root in carried:
                alive[root] += 1
            frame.note_run(frame.count - frame.mark, carried, toggles, draw)

    def send(frame: OpenFrame) -> None:
        if frame.rows:
            edge, runs, rows, _ = frame.take()
            queue.append(FrameWork(frame.key, ANY, edge, runs, rows, remote=False))

    def check() -> None:
        ends.acker.toggle(toggles, 0.0)
        toggles.clear()
        over = {root for root, count in alive.items() if not count and root not in guards}
        assert set(ends.done) == over
        assert len(ends.done) == len(over)

    for root, guard in guards.items():
        ends.acker.open(root, guard, 0.0)
    budget = 40
    while guards or queue or any(frame.rows for frame in frames):
        step = rng.random()
        if guards and step < 0.2:
            root = rng.choice(sorted(guards))
            put((root,), rng.randrange(4))
            toggles[root] = toggles.get(root, 0) ^ guards.pop(root)
        elif queue and step < 0.7:
            work = rng.choice(queue)
            count = work.next_run()
            if not count:
                queue.remove(work)
                continue
            # The join: rows of this run and of another root that is still in the frame.
            carried = tuple(sorted({*work.roots, *rng.sample(sorted(work.all_roots()), 1)}
                                   if work.all_roots() else work.roots))  # fmt: skip
            if budget > 0:
                budget -= 1
                put(carried, rng.randrange(3))
            for root in work.roots:
                alive[root] -= count
            work.settle_run(toggles)
        else:
            send(rng.choice(frames))
        if rng.random() < 0.5:
            # Rows of a root may be settled and not yet told: only what was told is compared.
            check()
    check()
    assert sorted(ends.done) == sorted(alive)


def test_a_root_of_which_one_message_failed_goes_on_and_ends_as_any_other() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    of_one = failure(1)._replace(row=2, rows=10)
    ends.acker.fail([of_one], 0.0)
    ends.acker.toggle({1: 8}, 0.0)
    assert (ends.told, ends.failed, ends.done) == ([of_one], [], [1])
    ends.acker.fail([of_one], 0.0)
    assert ends.told == [of_one]  # it is over


def test_where_nobody_knows_which_message_failed_the_root_did() -> None:
    ends = Ends()
    ends.acker.open(1, 8, 0.0)
    ends.acker.fail([failure(1)._replace(row=9, rows=10)], 0.0)
    ends.acker.toggle({1: 8}, 0.0)
    assert (len(ends.told), len(ends.failed), ends.done) == (1, 1, [])
