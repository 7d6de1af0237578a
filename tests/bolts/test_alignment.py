"""Aligned barriers: what waits, what goes on in which order, and that every cut is consistent.

The last tests run a whole model of spouts, bolts and counters over random schedules with
crashes and aborts, and put bugs into the alignment that the model must catch.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import pytest
from waterspout.bolts.alignment import Alignment, Verdict

from ..each_case import each_case

A, B, C = (1, 0, 9), (2, 0, 9), (3, 0, 9)


def test_a_task_is_cut_when_every_channel_has_brought_the_barrier() -> None:
    # A: a1 |1 a2      B: b1 |1
    alignment: Alignment[str] = Alignment([A, B])
    assert alignment.barrier(A, 1) is Verdict.BLOCKED
    assert alignment.blocks(A) and not alignment.blocks(B)
    alignment.stash(A, "a2")
    assert alignment.late == {B}
    assert alignment.barrier(B, 1) is Verdict.COMPLETE
    assert not alignment.released
    alignment.cut()
    assert list(alignment.released) == [(A, "a2")]
    assert not alignment.blocks(A) and not alignment.pending


def test_a_task_with_one_channel_is_cut_at_once() -> None:
    alignment: Alignment[str] = Alignment([A])
    assert alignment.barrier(A, 3) is Verdict.COMPLETE


def test_what_waited_goes_on_in_its_order() -> None:
    alignment: Alignment[str] = Alignment([A, B, C])
    alignment.barrier(A, 1)
    alignment.stash(A, "a1")
    alignment.barrier(B, 1)
    for channel, item in ((B, "b1"), (A, "a2"), (B, "b2")):
        alignment.stash(channel, item)
    alignment.barrier(C, 1)
    alignment.cut()
    assert [item for _, item in alignment.released] == ["a1", "b1", "a2", "b2"]


def test_a_barrier_of_a_checkpoint_that_is_over_is_obsolete() -> None:
    alignment: Alignment[str] = Alignment([A, B])
    for channel in (A, B):
        alignment.barrier(channel, 5)
    alignment.cut()
    assert alignment.barrier(A, 5) is Verdict.OBSOLETE
    assert alignment.barrier(A, 4) is Verdict.OBSOLETE
    assert not alignment.pending


def test_a_higher_barrier_gives_the_pending_one_up() -> None:
    # A: |1 a1      B: |2
    alignment: Alignment[str] = Alignment([A, B])
    alignment.barrier(A, 1)
    alignment.stash(A, "a1")
    assert alignment.barrier(B, 2) is Verdict.BLOCKED
    assert list(alignment.released) == [(A, "a1")]
    assert alignment.blocks(B) and not alignment.blocks(A)
    assert alignment.barrier(B, 1) is Verdict.OBSOLETE
    assert alignment.barrier(A, 2) is Verdict.COMPLETE


def test_an_abort_lets_what_waits_go_on_and_makes_late_barriers_obsolete() -> None:
    alignment: Alignment[str] = Alignment([A, B])
    alignment.barrier(A, 2)
    alignment.stash(A, "a1")
    assert not alignment.abort(1) and alignment.pending
    assert alignment.abort(2)
    assert list(alignment.released) == [(A, "a1")]
    assert alignment.barrier(B, 2) is Verdict.OBSOLETE
    assert alignment.barrier(B, 3) is Verdict.BLOCKED


def test_an_abort_that_comes_before_any_barrier_is_remembered() -> None:
    alignment: Alignment[str] = Alignment([A, B])
    assert not alignment.abort(4)
    assert alignment.barrier(A, 4) is Verdict.OBSOLETE
    assert alignment.barrier(A, 3) is Verdict.OBSOLETE


def test_after_overtaking_what_late_channels_bring_is_logged_until_their_barrier() -> None:
    # A: a1 |1 a2      B: b1 (cut) b2 |1 b3
    alignment: Alignment[str] = Alignment([A, B])
    alignment.barrier(A, 1)
    alignment.stash(A, "a2")
    alignment.overtake()
    assert alignment.logging and not alignment.blocks(A)
    assert list(alignment.released) == [(A, "a2")]
    alignment.note(A, "a2")
    alignment.note(B, "b2")
    assert alignment.barrier(B, 1) is Verdict.LOGGED
    alignment.note(B, "b3")
    assert alignment.log == [(B, "b2")] and not alignment.logging
    assert alignment.barrier(B, 1) is Verdict.OBSOLETE


def test_an_abort_ends_the_log() -> None:
    alignment: Alignment[str] = Alignment([A, B])
    alignment.barrier(A, 1)
    alignment.overtake()
    alignment.note(B, "b1")
    assert alignment.abort(1)
    assert not alignment.log and not alignment.logging


# The model: 2 spouts -> 2 shuffling bolts -> 2 counters by key, as flink.md 2.4 has it.

BARRIER = "|"
MESSAGES = 16


@dataclass
class Task:
    """A bolt of the model: it passes on, or counts."""

    name: int
    outs: list[int]
    alignment: Alignment[Any]
    shuffle: random.Random
    counts: Counter[int] = field(default_factory=Counter)

    def route(self, value: int) -> list[int]:
        if not self.outs:
            return []
        by_key = self.name >= 3
        return [self.outs[value % 2 if by_key else self.shuffle.randrange(2)]]


class Model:
    """Runs one schedule; ``variant`` is the class of the alignments."""

    def __init__(self, seed: int, variant: type[Alignment[Any]], overtaking: bool = False) -> None:
        self.rng = random.Random(seed)
        self.variant, self.overtaking = variant, overtaking
        self.number = 0
        #: number -> task -> what it held at its cut; complete once all tasks are in.
        self.cuts: dict[int, dict[int, Any]] = {}
        self.given_up: set[int] = set()
        self.restore(None)

    def restore(self, complete: dict[int, Any] | None) -> None:
        """Begin an epoch: everything back to one complete checkpoint."""
        edges = {1: [3, 4], 2: [3, 4], 3: [5, 6], 4: [5, 6], 5: [], 6: []}
        self.channels: dict[tuple[int, int, int], deque[Any]] = {
            (source, 0, target): deque() for source, to in edges.items() for target in to
        }
        self.tasks = {
            name: Task(name, edges[name],
                       self.variant([c for c in self.channels if c[2] == name]), self.rng)
            for name in (3, 4, 5, 6)
        }  # fmt: skip
        self.next = {1: 0, 2: 0}
        self.edges = edges
        self.cuts = {}
        if complete is not None:
            for name, held in complete.items():
                if name < 3:
                    self.next[name] = held
                else:
                    self.tasks[name].counts = Counter(held[0])
            for name, held in complete.items():
                for channel, item in held[1] if name >= 3 else ():
                    self.take(channel, item)

    def run(self) -> Counter[int]:
        complete: dict[int, Any] | None = None
        crashes = 3
        for _ in range(4000):
            done = all(n >= MESSAGES for n in self.next.values())
            if done and not any(self.channels.values()):
                break
            dice = self.rng.random()
            if dice < 0.06:
                self.number += 1
                for spout in (1, 2):
                    self.send_barrier(spout)
                    self.cuts.setdefault(self.number, {})[spout] = self.next[spout]
            elif dice < 0.08 and self.number:
                self.given_up.add(self.number)
                for task in self.tasks.values():
                    task.alignment.abort(self.number)
                    self.drain(task)
            elif dice < 0.09 and crashes:
                crashes -= 1
                self.restore(complete)
            elif dice < 0.3:
                self.draw(self.rng.choice((1, 2)))
            elif ready := [c for c, items in self.channels.items() if items]:
                channel = self.rng.choice(ready)
                self.arrive(channel, self.channels[channel].popleft())
            if self.overtaking and dice > 0.9:
                for task in self.tasks.values():
                    if task.alignment.pending:
                        task.alignment.overtake()
                        self.cut(task, whole=False)
                        self.drain(task)
            for number, cut in self.cuts.items():
                whole = len(cut) == 6 and all(n < 3 or cut[n][2] for n in cut)
                if whole and number not in self.given_up:
                    complete = cut
                    self.given_up |= {n for n in self.cuts if n <= number}
        return sum((task.counts for n, task in self.tasks.items() if n >= 5), Counter())

    def draw(self, spout: int) -> None:
        if self.next[spout] < MESSAGES:
            value = self.next[spout] * 2 + spout
            self.next[spout] += 1
            self.channels[spout, 0, self.rng.choice(self.edges[spout])].append(value)

    def send_barrier(self, name: int) -> None:
        for target in self.edges[name]:
            self.channels[name, 0, target].append((BARRIER, self.number))

    def arrive(self, channel: Any, item: Any) -> None:
        task = self.tasks[channel[2]]
        if task.alignment.blocks(channel):
            task.alignment.stash(channel, item)
        elif isinstance(item, tuple):
            verdict = task.alignment.barrier(channel, item[1])
            if verdict is Verdict.COMPLETE:
                self.cut(task, whole=True)
                task.alignment.cut()
            elif verdict is Verdict.LOGGED and not task.alignment.logging:
                self.cuts[item[1]][task.name][2] = True
            self.drain(task)
        else:
            task.alignment.note(channel, item)
            self.take(channel, item)

    def drain(self, task: Task) -> None:
        while task.alignment.released:
            self.arrive(*task.alignment.released.popleft())

    def cut(self, task: Task, whole: bool) -> None:
        number = task.alignment.current
        for target in task.outs:
            self.channels[task.name, 0, target].append((BARRIER, number))
        held = [Counter(task.counts), task.alignment.log, whole]
        self.cuts.setdefault(number, {})[task.name] = held

    def take(self, channel: Any, value: int) -> None:
        task = self.tasks[channel[2]]
        if not task.outs:
            task.counts[value] += 1
        for target in task.route(value):
            self.channels[task.name, 0, target].append(value)


EXPECTED = Counter({n * 2 + spout: 1 for spout in (1, 2) for n in range(MESSAGES)})


class NoBlocking(Alignment[Any]):
    """What comes behind a barrier leaks into the checkpoint."""

    def blocks(self, channel: Any) -> bool:
        return False


class ObsoleteTaken(Alignment[Any]):
    """A late barrier of a checkpoint that is over counts for the pending one."""

    def barrier(self, channel: Any, number: int) -> Verdict:
        return super().barrier(channel, max(number, self.current) if self.pending else number)


class StashOrderLost(Alignment[Any]):
    """What waited goes on backwards, with the next barrier in it."""

    def _release(self) -> None:
        self.released += reversed(self._stash)
        self._stash.clear()


class StashLost(Alignment[Any]):
    """What waited is forgotten when a higher barrier or an abort gives the pending one up."""

    def _give_up(self) -> None:
        self._stash.clear()
        super()._give_up()


def is_wrong(seed: int, variant: type[Alignment[Any]], overtaking: bool = False) -> bool:
    return Model(seed, variant, overtaking).run() != EXPECTED


@pytest.mark.parametrize("overtaking", [False, True], ids=["aligned", "overtaking"])
def test_every_schedule_counts_everything_once(overtaking: bool) -> None:
    assert not [seed for seed in range(60) if is_wrong(seed, Alignment, overtaking)]


@each_case("bug", [NoBlocking, ObsoleteTaken, StashOrderLost, StashLost])
def test_the_model_catches(bug: type[Alignment[Any]]) -> None:
    assert any(is_wrong(seed, bug) for seed in range(100))
