"""Rounds: freeze, then snapshot, then commit; and everything that may go wrong in between."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.rounds import Rounds
from waterspout.supervisor.snapshotting import RoundState
from waterspout.supervisor.store import StoreError
from waterspout.supervisor.store_memory import MemoryStore


class Board:
    """Rounds of two workers; worker 1 has the tasks with state, 10 and 11, worker 0 has none."""

    def __init__(self, stateful: bool = True, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.epoch = self.store.next_epoch()
        self.sent: list[tuple[int, str, int]] = []
        self.rounds = Rounds(
            tasks={0: frozenset(), 1: frozenset({10, 11} if stateful else ())},
            workers=(0, 1),
            store=self.store,
            send=lambda worker, m: self.sent.append((worker, m["kind"], m["round"])),
            interval_s=1.0,
            timeout_s=60.0,
        )

    def start(self, now: float = 0.0, **more: Any) -> int:
        number = self.rounds.start(self.epoch, now, **more)
        self.said()
        return number

    def said(self) -> list[tuple[int, str, int]]:
        sent, self.sent = self.sent, []
        return sent

    def freeze(self, worker: int, number: int, now: float = 0.0, **more: Any) -> bool:
        message = {"round": number, "positions": {worker: {"p": [number, []]}}, **more}
        return self.rounds.on_frozen(worker, message, now)

    def snapshot(self, number: int, now: float = 0.0, tasks: tuple[int, ...] = (10, 11)) -> bool:
        parts = [{"task": t, "file": f"{number}-{t}", "bytes": 1, "sha256": ""} for t in tasks]
        return self.rounds.on_snapshotted(1, {"round": number, "parts": parts}, now)


class DoubtfulStore(MemoryStore):
    """Fails as often as it is told, having committed or not."""

    def __init__(self, before: int = 0, after: int = 0) -> None:
        super().__init__()
        self.before, self.after = before, after

    def commit_round(self, *args: Any) -> None:
        if self.before:
            self.before -= 1
            raise StoreError("disk full")
        super().commit_round(*args)
        if self.after:
            self.after -= 1
            raise StoreError("disk I/O error")


def test_tasks_snapshot_only_after_every_ledger_froze():
    board = Board()
    n = board.rounds.start(board.epoch, 0.0)
    assert board.said() == [(0, "freeze", n), (1, "freeze", n)]
    assert not board.freeze(1, n)
    assert board.said() == []
    assert not board.freeze(0, n)
    assert board.said() == [(1, "snapshot", n)]
    assert board.store.last_round() == 0
    assert board.snapshot(n)
    assert board.said() == [(0, "durable", n), (1, "durable", n)]
    assert board.store.last_round() == n
    assert board.store.positions() == {0: {"p": [n, []]}, 1: {"p": [n, []]}}
    assert board.rounds.kept == {f"{n}-10", f"{n}-11"}


def test_without_state_a_round_commits_when_all_froze():
    board = Board(stateful=False)
    n = board.start()
    board.freeze(0, n)
    assert board.freeze(1, n)
    assert board.said() == [(0, "durable", n), (1, "durable", n)]
    assert board.store.parts() == []


def test_a_second_answer_of_the_same_worker_does_not_count_twice():
    board = Board()
    n = board.start()
    board.freeze(1, n)
    board.freeze(1, n)
    assert board.rounds.state is RoundState.FREEZING


def test_answers_to_a_round_that_was_given_up_are_ignored():
    board = Board()
    old = board.start()
    board.freeze(0, old)
    board.rounds.abort(1.0)
    assert board.said() == [(0, "abort", old), (1, "abort", old)]
    new = board.start(2.0)
    assert new > old
    board.freeze(1, old)
    board.freeze(0, new)
    assert board.rounds.state is RoundState.FREEZING


def test_snapshots_that_come_while_freezing_are_ignored():
    board = Board(stateful=True)
    n = board.start()
    board.freeze(0, n)
    assert not board.snapshot(n)
    assert board.rounds.state is RoundState.FREEZING


def test_rounds_that_take_too_long_are_given_up():
    board = Board()
    n = board.start(now=5.0)
    board.freeze(0, n)
    board.rounds.on_tick(65.0)
    assert board.said() == []
    board.rounds.on_tick(65.1)
    assert board.said() == [(0, "abort", n), (1, "abort", n)]
    assert "no answer of worker 1" in board.rounds.failure
    assert (board.rounds.failures, board.rounds.failures_in_row) == (1, 1)
    assert not board.rounds.due(66.0)
    assert board.rounds.due(66.1)


def test_a_part_that_failed_fails_the_round_and_the_next_success_clears_it():
    board = Board()
    n = board.start()
    board.freeze(0, n)
    board.freeze(1, n)
    board.rounds.on_snapshot_failed(1, {"round": n, "text": "no space"}, 0.0)
    assert board.rounds.failure == "worker 1: no space"
    n = board.start(1.0)
    board.freeze(0, n)
    board.freeze(1, n)
    assert board.snapshot(n)
    assert (board.rounds.failure, board.rounds.failures_in_row) == ("", 0)
    assert board.rounds.failures == 1


def test_parts_of_tasks_that_are_not_the_workers_fail_the_round():
    board = Board()
    n = board.start()
    board.freeze(0, n)
    board.freeze(1, n)
    assert not board.snapshot(n, tasks=(10, 99))
    assert "[99]" in board.rounds.failure
    assert board.store.last_round() == 0


def test_at_most_a_twentieth_of_the_time_goes_into_snapshots():
    #  freeze 0.0   snapshot 0.1 ......... durable 0.6   + 20 x 0.5 = 10.6
    board = Board()
    n = board.start()
    board.freeze(0, n)
    board.freeze(1, n, now=0.1)
    board.snapshot(n, now=0.6)
    assert not board.rounds.due(10.5)
    assert board.rounds.due(10.7)
    assert board.rounds.duration_s == 0.6


def test_quick_snapshots_come_every_interval():
    board = Board()
    n = board.start()
    board.freeze(0, n)
    board.freeze(1, n)
    board.snapshot(n, now=0.01)
    assert not board.rounds.due(1.0)
    assert board.rounds.due(1.02)


def test_rounds_in_which_nothing_changed_cost_no_snapshot():
    board = Board()
    n = board.start()
    board.freeze(0, n, changed=False)
    board.freeze(1, n, changed=False)
    assert board.said() == [(0, "abort", n), (1, "abort", n)]
    assert board.rounds.failures == 0


def test_one_change_is_enough_for_a_snapshot():
    board = Board()
    n = board.start()
    board.freeze(0, n, changed=True)
    board.freeze(1, n, changed=False)
    assert board.said() == [(1, "snapshot", n)]


def test_the_last_round_is_committed_even_when_nothing_changed():
    board = Board(stateful=False)
    n = board.start(last=True)
    board.freeze(0, n, changed=False)
    assert board.freeze(1, n, changed=False)
    assert board.rounds.last_done


def committing(store: MemoryStore) -> tuple[Board, int]:
    board = Board(stateful=False, store=store)
    n = board.start()
    board.freeze(0, n)
    assert not board.freeze(1, n)
    return board, n


def test_a_commit_in_doubt_is_never_aborted_but_tried_again():
    store = DoubtfulStore(after=1)
    board, n = committing(store)
    board.rounds.abort(0.1)
    board.rounds.on_tick(0.5)
    assert board.said() == []
    assert store.last_round() == n
    assert board.rounds.on_tick(1.0)
    assert board.said() == [(0, "durable", n), (1, "durable", n)]


def test_a_full_disk_is_tried_again_for_as_long_as_it_takes():
    board, n = committing(DoubtfulStore(before=3))
    assert [board.rounds.on_tick(t) for t in (1.0, 2.0, 200.0)] == [False, False, True]
    assert board.rounds.failures == 3
    assert board.store.last_round() == n


def test_a_position_that_went_back_fails_the_round():
    board = Board(stateful=False)
    board.store.commit_round(7, board.epoch, {0: {"p": [1000, []]}}, [])
    n = board.start()
    assert n == 8
    board.freeze(0, n)
    assert not board.freeze(1, n)
    assert board.said() == [(0, "abort", n), (1, "abort", n)]
    assert board.store.positions() == {0: {"p": [1000, []]}}


def test_counts_of_a_committed_round_are_kept_for_the_totals():
    board = Board(stateful=False)
    n = board.start()
    board.freeze(0, n, settled={5: [17, 0]})
    board.freeze(1, n, settled={6: [4, 1]})
    assert board.rounds.settled == {5: [17, 0], 6: [4, 1]}


def test_numbers_go_on_after_a_restart():
    store = MemoryStore()
    store.commit_round(41, store.next_epoch(), {}, [])
    assert Board(store=store).start() == 42


def test_a_savepoint_is_committed_even_when_nothing_changed():
    board = Board(stateful=False)
    n = board.start(whole=True)
    board.freeze(0, n, changed=False)
    assert board.freeze(1, n, changed=False)
    assert not board.rounds.last_done and not board.store.final()
