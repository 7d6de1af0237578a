"""Roots, guards, failures and errors on their way out of executors."""

from __future__ import annotations

import random

from waterspout.topology.control_frames import Failure
from waterspout.topology.settings import Settings
from waterspout.topology.task_env import (
    AGAIN,
    ERRORS_MAX,
    TRACED,
    RootSource,
    TaskEnv,
    reason_of,
    root_number,
    root_task,
)

from ..each_case import each_case


class Opened:
    """Notes roots."""

    def __init__(self) -> None:
        self.guards: dict[int, int] = {}

    def open(self, root: int, guard: int, now: float) -> None:
        self.guards[root] = guard


def env(opened: Opened | None = None) -> TaskEnv:
    return TaskEnv(
        Settings(), tracked=True, clock=lambda: 0.0, draw=random.Random(3).getrandbits,
        acker=opened or Opened(),
    )  # fmt: skip


def test_roots_name_their_task_and_do_not_repeat() -> None:
    source = RootSource(32_767, random.Random(1).getrandbits)
    roots = [source.next() for _ in range(1000)]
    assert {root_task(root) for root in roots} == {32_767}
    assert len(set(roots)) == 1000
    assert max(roots) < 2**63


def test_the_counter_of_roots_wraps_without_touching_the_task() -> None:
    source = RootSource(2, lambda bits: 2**bits - 1)
    assert [source.next(), source.next()] == [2 << 48, 2 << 48 | 1]


def test_a_root_tells_what_was_said_of_its_message_and_keeps_task_and_number() -> None:
    source = RootSource(2, lambda bits: 2**bits - 2)
    roots = [source.next(), source.next(again=True), source.next(traced=True)]
    assert [bool(root & AGAIN) for root in roots] == [False, True, False]
    assert [bool(root & TRACED) for root in roots] == [False, False, True]
    assert {root_task(root) for root in roots} == {2}
    assert [root_number(root) for root in roots] == [2**46 - 1, 0, 1]


def test_a_guard_goes_in_with_the_root_and_out_with_a_toggle() -> None:
    opened = Opened()
    made = env(opened)
    guard = made.open_root(9, 1.0)
    assert opened.guards == {9: guard} and guard
    made.toggles[9] = 6
    made.drop_guard(9, guard)
    assert made.toggles == {9: 6 ^ guard}


def test_all_roots_of_a_tuple_fail() -> None:
    made = env()
    made.fail_roots((1, 2), "b", 7, "why", "trace")
    assert made.fails == [Failure(1, "b", 7, "why", "trace"), Failure(2, "b", 7, "why", "trace")]


def test_equal_errors_are_counted_and_others_kept_up_to_a_limit() -> None:
    made = env()
    made.note_error("b", 7, "same", "first")
    made.note_error("b", 8, "same", "second")
    for number in range(ERRORS_MAX + 5):
        made.note_error("b", 7, f"error {number}")
    errors = made.take_errors()
    assert len(errors) == ERRORS_MAX
    assert errors[0] == {"component": "b", "task": 7, "text": "same", "traceback": "first",
                         "count": 2}  # fmt: skip
    assert made.take_errors() == []


class Broken(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError


@each_case(
    "error, reason",
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (KeyError(), "KeyError"),
        (SystemExit(3), "called sys.exit(3); raise FailTuple to fail a tuple"),
        (Broken(), "Broken: its text raised RuntimeError"),
    ],
)
def test_a_reason_is_one_line_whatever_was_raised(error: BaseException, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_long_reason_is_cut() -> None:
    assert len(reason_of(ValueError("x" * 1000))) == 500
