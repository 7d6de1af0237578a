"""Checkpoints: when one begins, who is waited for, when it counts, and what a failure leads to."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.checkpoints import Checkpoints
from waterspout.supervisor.snapshotting import RoundState
from waterspout.supervisor.store import StoreError
from waterspout.supervisor.store_memory import MemoryStore


class Board:
    """Checkpoints of two workers; worker 0 has a spout, worker 1 the tasks 10 and 11."""

    def __init__(self, store: MemoryStore | None = None, **settings: Any) -> None:
        self.store = store or MemoryStore()
        self.epoch = self.store.next_epoch()
        self.sent: list[tuple[int, str, int]] = []
        self.messages: list[dict[str, Any]] = []
        wanted = {"interval_s": 10.0, "min_pause_s": 0.0, "tolerable": 0, "timeout_s": 60.0}
        wanted["max_pending"] = 100
        self.checkpoints = Checkpoints(
            tasks={0: frozenset(), 1: frozenset({10, 11})},
            workers=(0, 1),
            store=self.store,
            send=self.send,
            **{**wanted, **settings},
        )

    def send(self, worker: int, message: dict[str, Any]) -> None:
        self.sent.append((worker, message["kind"], message["round"]))
        self.messages.append(message)

    def start(self, now: float = 0.0, **more: Any) -> int:
        number = self.checkpoints.start(self.epoch, now, **more)
        self.said()
        return number

    def said(self) -> list[tuple[int, str, int]]:
        sent, self.sent = self.sent, []
        return sent

    def answer(self, worker: int, number: int, now: float = 0.0, **more: Any) -> bool:
        tasks = (10, 11) if worker else ()
        parts = [{"task": t, "file": f"{number}-{t}", "bytes": 5, "sha256": ""} for t in tasks]
        positions = {} if worker else {1: {"p": [number, []]}}
        message = {"round": number, "parts": parts, "positions": positions, **more}
        return self.checkpoints.on_snapshotted(worker, message, now)

    def complete(self, now: float = 0.0) -> int:
        number = self.start(now)
        self.answer(0, number, now)
        self.answer(1, number, now)
        return number


# --- C5: what is durable, and when anybody hears of it ------------------------------------------


def test_c5_all_are_told_that_it_is_durable_once_everybody_answered_and_it_is_stored():
    #  0: --checkpoint--snapshotted-------------------durable
    #  1: --checkpoint-----------------snapshotted----durable
    board = Board()
    n = board.checkpoints.start(board.epoch, 0.0)
    assert board.said() == [(0, "checkpoint", n), (1, "checkpoint", n)]
    assert not board.answer(1, n)
    assert (board.said(), board.store.restore_round()) == ([], None)
    assert board.answer(0, n)
    assert board.said() == [(0, "durable", n), (1, "durable", n)]
    assert board.store.positions() == {1: {"p": [n, []]}}
    assert [part.task for part in board.store.parts()] == [10, 11]
    assert board.checkpoints.kept == {f"{n}-10", f"{n}-11"}


def test_c5_nobody_hears_of_a_commit_that_the_store_did_not_confirm():
    class Doubtful(MemoryStore):
        doubt = True

        def commit_round(self, *args: Any) -> None:
            super().commit_round(*args)
            if self.doubt:
                raise StoreError("disk I/O error")

    store = Doubtful()
    board = Board(store)
    n = board.start()
    board.answer(0, n)
    assert not board.answer(1, n)
    board.checkpoints.abort(0.5)
    assert (board.said(), board.checkpoints.state) == ([], RoundState.COMMITTING)
    store.doubt = False
    assert board.checkpoints.on_tick(1.0)
    assert board.said() == [(0, "durable", n), (1, "durable", n)]
    assert not board.checkpoints.intolerable


def test_letters_whose_other_try_is_in_it_are_dropped_in_the_same_step():
    board = Board()
    board.store.add_dead_letters([{"task": 1, "values": [n]} for n in range(3)])
    n = board.start()
    board.answer(0, n, letters=[1, 3])
    assert board.store.dead_letter_count() == 3
    board.answer(1, n)
    assert [letter.id for letter in board.store.dead_letters()] == [2]
    assert board.checkpoints.letters == [1, 3]


def test_the_files_of_a_part_in_several_files_are_stored_in_their_order():
    board = Board()
    n = board.start()
    rows = [{"task": 10, "file": f, "bytes": 1, "sha256": f} for f in ("whole", "more", "most")]
    board.answer(0, n)
    board.answer(1, n, parts=rows)
    assert [part.file for part in board.store.parts()] == ["whole", "more", "most"]


# --- late and duplicate answers -----------------------------------------------------------------


def test_a_second_answer_of_the_same_worker_does_not_count_twice():
    board = Board()
    n = board.start()
    board.answer(1, n)
    assert not board.answer(1, n)
    assert board.answer(0, n)
    assert len(board.store.parts()) == 2


def test_a_late_answer_to_one_that_was_given_up_is_ignored_and_its_files_are_not_kept():
    board = Board()
    old = board.start()
    board.answer(0, old)
    board.checkpoints.abort(1.0)
    assert board.said() == [(0, "abort", old), (1, "abort", old)]
    new = board.start(2.0)
    assert not board.answer(1, old)
    board.answer(0, new)
    board.answer(1, new)
    assert old < new == board.store.last_round()
    assert board.checkpoints.kept == {f"{new}-10", f"{new}-11"}


def test_parts_of_tasks_that_are_not_the_workers_fail_it():
    board = Board()
    n = board.start()
    message = {"round": n, "parts": [{"task": 10, "file": "x", "bytes": 1, "sha256": ""}]}
    board.checkpoints.on_snapshotted(0, message, 0.0)
    assert "worker 0 sent parts of tasks [10]" in board.checkpoints.failure


def test_numbers_are_never_used_again_not_even_by_the_next_coordinator():
    store = MemoryStore()
    first = Board(store)
    used = [first.start()]
    first.checkpoints.abort(0.0)
    used.append(first.start())
    assert Board(store).start() > max(used) > min(used)


def test_without_a_number_from_the_store_none_begins():
    class Full(MemoryStore):
        full = True

        def next_rounds(self, count: int) -> int:
            if self.full:
                raise StoreError("disk full")
            return super().next_rounds(count)

    store = Full()
    board = Board(store)
    assert board.checkpoints.start(1, 5.0) == 0
    assert (board.said(), board.checkpoints.failure) == ([], "disk full")
    assert not board.checkpoints.due(5.9)
    store.full = False
    assert board.checkpoints.due(6.0) and board.checkpoints.start(1, 6.0)


# --- when the next one begins -------------------------------------------------------------------


def test_the_interval_counts_from_start_to_start():
    #  0 ......... 4 (complete) ......... 10
    board = Board()
    n = board.start(0.0)
    board.answer(0, n, 4.0)
    board.answer(1, n, 4.0)
    assert not board.checkpoints.due(9.9)
    assert board.checkpoints.due(10.0)
    assert board.checkpoints.duration_s == 4.0


def test_the_min_pause_counts_from_the_end_of_the_one_before():
    board = Board(min_pause_s=8.0)
    n = board.start(0.0)
    board.answer(0, n, 4.0)
    board.answer(1, n, 4.0)
    assert not board.checkpoints.due(11.9)
    assert board.checkpoints.due(12.0)


def test_at_most_one_is_under_way():
    board = Board()
    board.start(0.0)
    assert not board.checkpoints.due(50.0)
    with pytest.raises(AssertionError):
        board.checkpoints.start(board.epoch, 50.0)


def test_after_a_restore_the_first_one_comes_an_interval_later():
    board = Board()
    board.checkpoints.postpone(3.0)
    assert not board.checkpoints.due(12.9)
    assert board.checkpoints.due(13.0)


# --- failures -----------------------------------------------------------------------------------


def test_one_that_takes_too_long_is_given_up_and_names_who_did_not_answer():
    board = Board()
    n = board.start(0.0)
    board.answer(0, n)
    board.checkpoints.on_tick(60.0)
    assert board.said() == []
    board.checkpoints.on_tick(60.1)
    assert board.said() == [(0, "abort", n), (1, "abort", n)]
    assert "timed out while aligning: no answer of worker 1" in board.checkpoints.failure


@pytest.mark.parametrize("tolerable", [0, 2])
def test_so_many_failures_in_a_row_are_tolerable_and_one_more_is_not(tolerable: int):
    board = Board(tolerable=tolerable)
    for failed in range(1, tolerable + 2):
        n = board.start()
        assert not board.checkpoints.intolerable
        board.checkpoints.on_snapshot_failed(1, {"round": n, "text": "disk full"}, 1.0)
        assert board.checkpoints.failures == failed
    assert board.checkpoints.intolerable
    board.checkpoints.restored()
    assert not board.checkpoints.intolerable


def test_restores_that_do_not_help_come_ever_more_seldom_until_one_is_complete():
    board = Board()

    def failures_until_intolerable() -> int:
        count = 0
        while not board.checkpoints.intolerable:
            n = board.start()
            board.checkpoints.on_snapshot_failed(1, {"round": n, "text": "too slow"}, 1.0)
            count += 1
        board.checkpoints.restored()
        return count

    assert [failures_until_intolerable() for _ in range(5)] == [1, 2, 4, 8, 16]
    board.checkpoints.restored()  # for a lost worker: that says nothing of checkpoints
    assert failures_until_intolerable() == 32
    board.complete()
    assert failures_until_intolerable() == 1


def test_a_success_clears_what_was_tolerated():
    board = Board(tolerable=1)
    for _ in range(3):
        n = board.start()
        board.checkpoints.on_snapshot_failed(1, {"round": n, "text": "disk full"}, 1.0)
        board.complete()
    assert (board.checkpoints.intolerable, board.checkpoints.failures) == (False, 3)
    assert (board.checkpoints.failures_in_row, board.checkpoints.failure) == (0, "")


def test_one_that_is_given_up_for_a_lost_worker_is_no_failure():
    board = Board()
    board.start()
    board.checkpoints.abort(1.0)
    assert (board.checkpoints.failures, board.checkpoints.intolerable) == (0, False)


# --- savepoints, the last one, figures ----------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "aligned", "last"),
    [({}, False, False), ({"whole": True}, True, False), ({"last": True}, True, True)],
)
def test_a_savepoint_and_the_last_one_are_always_aligned(
    how: dict[str, bool], aligned: bool, last: bool
):
    board = Board()
    board.start(**how)
    assert {(m["aligned"], m["last"]) for m in board.messages} == {(aligned, last)}


def test_the_last_one_of_a_run_says_so_when_it_is_complete():
    board = Board()
    n = board.start(last=True, final=True)
    board.answer(0, n)
    assert not board.checkpoints.last_done
    board.answer(1, n)
    assert board.checkpoints.last_done and board.store.final()


def test_figures_say_what_it_took():
    board = Board()
    n = board.start(0.0)
    board.answer(0, n, took={1: [0.0, 0.001, 0]})
    board.answer(1, n, 0.5, took={10: [0.25, 0.01, 5], 11: [0.0, 0.02, 5]})
    checkpoints = board.checkpoints
    assert (checkpoints.bytes, checkpoints.done, checkpoints.duration_s) == (10, 1, 0.5)
    assert checkpoints.took[10] == [0.25, 0.01, 5]


def test_retained_ones_keep_their_files_and_one_can_fall_back_to_them():
    board = Board(retained=2)
    first, second, third = (board.complete() for _ in range(3))
    assert board.checkpoints.kept == {f"{n}-{t}" for n in (second, third) for t in (10, 11)}
    assert board.store.fall_back() == second
    assert board.store.positions() == {1: {"p": [second, []]}}
    assert board.store.fall_back() is None
    assert first < second == board.store.restore_round()


def test_one_begins_early_only_while_spouts_draw_less_and_after_the_least_pause() -> None:
    board = Board(min_pause_s=2.0)
    board.checkpoints.slow_start.restored("x")
    assert not board.checkpoints.due_early(5.0)
    board.checkpoints.slow_start.restored("x")
    assert board.checkpoints.due_early(5.0) and not board.checkpoints.due_early(-1.0)
    number = board.start(5.0)
    assert not board.checkpoints.due_early(5.0), "one is under way"
    for worker in (0, 1):
        board.answer(worker, number, 6.0)
    assert [board.checkpoints.due_early(now) for now in (7.9, 8.0)] == [False, True]
