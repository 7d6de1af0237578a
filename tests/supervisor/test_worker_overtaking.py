"""Checkpoints of worker cores whose tasks do not wait for late channels.

A fast and a slow branch meet in one task: numbers -> fast, slow -> sum. The slow one stands still
when a test says so, with all that it has to do before its barrier::

    numbers  ..5 6 7 |n 8 9      fast   5 6 7 |n 8 9 -->  sum   n has come: 8, 9 wait, or not
                                 slow   (2) 3 4 5 6 7 |n  ----^
"""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.bolts.offload import OffloadExecutor
from waterspout.topology.component import StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentOptions, ComponentSpec, InputSpec, TopologySpec

from .core_rig import NUMBERS, Numbers, Out, Sum
from .exact_rig import ExactCores

ALL_TWICE = dict.fromkeys(range(40), 2)
TIMEOUT_S = 1.0


class Pass(Bolt):
    """Passes numbers on."""

    outputs = ("n",)

    def process(self, tup: Any) -> None:
        self.emit([tup[0]])


class Picky(Sum):
    """Counts, and refuses what it is told to."""

    bad: set[int] = set()  # noqa: RUF012

    def process(self, tup: Any) -> None:
        if tup[0] in self.bad:
            raise ValueError(f"bad {tup[0]}")
        super().process(tup)


def branches(workers: int = 1, *, stateful: bool = True, blocking: bool = False,
             **settings: Any) -> Plan:  # fmt: skip
    """Return numbers -> fast, slow -> sum -> out."""
    def bolt(name: str, *sources: str, **options: Any) -> ComponentSpec:
        inputs = tuple(InputSpec(s, grouping="fields", fields=("n",)) for s in sources)
        return ComponentSpec(
            name, "bolt", f"x:{name}", {}, 1, inputs, ComponentOptions(**options)
        )  # fmt: skip

    bolts = {
        "fast": bolt("fast", "numbers"),
        "slow": bolt("slow", "numbers"),
        "sum": bolt("sum", "fast", "slow", blocking=blocking),
        "out": bolt("out", "sum"),
    }
    settings = {"checkpoint_alignment_timeout_s": TIMEOUT_S, "batch_max": 4,
                "max_pending": 20, **settings}  # fmt: skip
    spouts = {"numbers": ComponentSpec("numbers", "spout", "x:numbers")}
    spec = TopologySpec("t", "exactly-once", workers, spouts, bolts, Settings(**settings), "/")
    one = {"default": StreamDecl(("n",))}
    facts = {
        "numbers": NUMBERS, "out": ComponentFacts("bolt"),
        "fast": ComponentFacts("bolt", one), "slow": ComponentFacts("bolt", one),
        "sum": ComponentFacts("bolt", one, stateful=stateful),
    }  # fmt: skip
    return make_plan(spec, facts)


CLASSES = {"numbers": Numbers, "fast": Pass, "slow": Pass, "sum": Picky, "out": Out}


class Branches(ExactCores):
    """The cores of such a plan."""

    def __init__(self, plan: Plan | None = None, **classes: Any) -> None:
        self.still = False
        super().__init__(plan or branches(), {**CLASSES, **classes})
        Picky.bad = set()

    def bolt(self, component: str) -> Any:
        return next(
            b for c in self.cores.values() for b in c.order if b.component == component
        )  # fmt: skip

    def stand_still(self) -> None:
        """Have the slow branch not work on anything."""
        self.bolt("slow").blocked = lambda: True

    def go_on(self) -> None:
        """Have it work again."""
        self.bolt("slow").blocked = lambda: False

    def late(self) -> None:
        """Begin checkpoint 1, with the slow branch late and all of the fast one there."""
        self.start()
        self.stand_still()
        self.run(3, seconds=0.01)
        self.tell_all("checkpoint", round=1, aligned=False)
        self.run(4, seconds=0.01)

    def overtaken(self) -> dict[str, Any]:
        """Make checkpoint 1 so that ``sum`` overtakes; return the answer of its worker."""
        self.late()
        self.run(2, seconds=TIMEOUT_S)
        self.go_on()
        self.run(30, seconds=0.01)
        answers = [m for _, m in self.said if m["kind"] == "snapshotted"]
        assert self.collect(1)
        return next(a for a in answers if self.bolt("sum").task in a["took"])


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_task_that_waited_too_long_is_cut_and_lets_its_fast_channel_go_on(workers: int) -> None:
    cores = Branches(branches(workers))
    cores.late()
    gate = cores.bolt("sum").gate
    assert gate.alignment.pending
    assert not cores.bolt("sum").gate.alignment.logging
    cores.run(2, seconds=TIMEOUT_S)
    assert gate.alignment.logging and not gate.alignment.pending and not gate.rows_of
    if workers == 1:
        assert not cores.of("snapshotted"), "not before the log is whole"
    cores.go_on()
    cores.run(40, seconds=0.01)
    assert cores.collect(1)
    cores.run(60)
    assert cores.counted() == ALL_TWICE


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_was_logged_counts_once_after_a_restore(workers: int) -> None:
    cores = Branches(branches(workers))
    answer = cores.overtaken()
    task = cores.bolt("sum").task
    aligned_s, _, size, rows = answer["took"][task]
    assert aligned_s >= TIMEOUT_S and size and rows == 20
    assert [part["task"] for part in answer["parts"]] == [task, task]
    cores.restore(1)
    before = sum(cores.counted().values())
    assert before >= 20, "the log is worked through before anything is drawn"
    cores.run(100)
    assert cores.counted() == ALL_TWICE
    assert cores.checkpoint(2)
    cores.restore(2)
    cores.run(20)
    assert cores.counted() == ALL_TWICE


def test_the_same_log_may_be_gone_back_to_again_and_again() -> None:
    cores = Branches()
    cores.overtaken()
    for turns in (0, 1, 2, 3, 5):
        cores.restore(1)
        cores.run(turns)
    cores.run(100)
    assert cores.counted() == ALL_TWICE


def test_a_task_without_state_has_a_log_too() -> None:
    """What is on its way through it would be in nobody's state."""
    cores = Branches(branches(stateful=False), sum=Pass)
    answer = cores.overtaken()
    (part,) = answer["parts"]
    assert part["task"] == cores.bolt("sum").task
    cores.run(60)
    cores.restore(1)
    got = cores.made["out", 0].got
    cores.run(60)
    positions = cores.complete[1][1]
    ((first, _),) = [each["p"] for each in positions.values()]
    assert sorted(got) == sorted([*range(first), *range(first, 40), *range(first, 40)])


def test_only_who_may_overtakes() -> None:
    """Savepoints and last checkpoints are aligned, and by default all are."""
    for plan, more in (
        (branches(), {"aligned": True}),
        (branches(checkpoint_alignment_timeout_s=0), {"aligned": False}),
    ):
        cores = Branches(plan)
        cores.start()
        cores.stand_still()
        cores.run(3, seconds=0.01)
        cores.tell_all("checkpoint", round=1, **more)
        cores.run(5, seconds=TIMEOUT_S)
        assert cores.bolt("sum").gate.alignment.pending
        cores.go_on()
        cores.run(30)
        (answer,) = [m for _, m in cores.said if m["kind"] == "snapshotted"]
        assert answer["took"][cores.bolt("sum").task][3] is None


def test_a_worker_that_has_nothing_to_do_wakes_up_when_a_task_has_waited_too_long() -> None:
    cores = Branches()
    cores.late()
    core, gate = cores.cores[0], cores.bolt("sum").gate
    assert core.rounds.wakeup(gate.since + 0.25) == pytest.approx(TIMEOUT_S - 0.25)
    assert core.wakeup(gate.since + TIMEOUT_S) == 0.0
    cores.run(2, seconds=TIMEOUT_S)
    assert core.rounds.wakeup(cores.now) > 60


def test_a_log_over_its_limit_fails_the_checkpoint_and_all_goes_on() -> None:
    class Long(Pass):
        def process(self, tup: Any) -> None:
            for _ in range(20):
                self.emit([tup[0]])

    cores = Branches(branches(checkpoint_log_max=300), slow=Long)
    cores.late()
    cores.run(2, seconds=TIMEOUT_S)
    cores.go_on()
    cores.run(40, seconds=0.01)
    (failed,) = cores.of("snapshot_failed")
    assert failed["text"].startswith("sum: its late inputs brought over 300B (checkpoint_log_max)")
    assert not cores.of("snapshotted")
    assert cores.checkpoint(2)
    cores.run(60)
    assert cores.counted() == dict.fromkeys(range(40), 21)


def test_no_checkpoint_is_complete_over_a_logged_message_that_failed() -> None:
    """What is in the log of a complete checkpoint was worked through once."""
    cores = Branches()
    cores.late()
    cores.run(2, seconds=TIMEOUT_S)
    Picky.bad = {1}
    cores.go_on()
    cores.run(60)
    assert not cores.collect(1)
    (asked,) = cores.of("restore")
    assert "bad 1" in asked["reason"] and asked["suspects"]


def test_what_fails_in_a_restored_log_is_tried_again_and_given_up_in_the_end() -> None:
    cores = Branches(branches(attempts_max=2))
    cores.overtaken()
    Picky.bad = {1}
    for _ in range(2):
        cores.restore(1)
        cores.run(10)
        (asked,) = cores.of("restore")
        assert "bad 1" in asked["reason"] and not asked["suspects"]
        assert not cores.checkpoint(2) and not cores.of("snapshot_failed")
        cores.tell_all("abort", round=2)
    cores.restore(1)
    cores.run(10)
    assert not cores.of("restore")
    (letter,) = cores.of("dead_letters")
    (record,) = letter["records"]
    assert (record["stream"], record["values"], record["attempts"]) == ("slow.default", [1], 2)
    assert record["component"] == "sum" and "bad 1" in record["reason"]
    assert not cores.checkpoint(3), "its letter is not stored yet"
    cores.tell(0, "dead_letters_stored", id=letter["id"])
    cores.run(40)
    assert cores.collect(3)
    cores.run(60)
    assert cores.counted() == {**ALL_TWICE, 1: 1}


def test_an_abort_forgets_the_log_and_the_next_checkpoint_is_as_any() -> None:
    cores = Branches()
    cores.late()
    cores.run(2, seconds=TIMEOUT_S)
    cores.tell_all("abort", round=1)
    assert not cores.bolt("sum").gate.alignment.logging
    cores.go_on()
    cores.run(5, seconds=0.01)
    assert cores.checkpoint(2)
    cores.run(60)
    assert not cores.of("snapshotted") and cores.counted() == ALL_TWICE


def test_a_log_that_cannot_be_written_fails_the_checkpoint() -> None:
    cores = Branches()
    cores.late()
    cores.writing = False
    cores.run(2, seconds=TIMEOUT_S)
    cores.go_on()
    cores.run(20, seconds=0.01)
    core = cores.cores[0]
    jobs = list(core.snapshot_jobs)
    assert [job.log for job in jobs] == [False, True]
    core.on_part_failed(jobs[1], "disk full", cores.now)
    cores.run(1)
    (failed,) = cores.of("snapshot_failed")
    assert failed["text"] == "disk full"


def test_a_call_under_way_is_waited_for_and_no_other_is_begun() -> None:
    """C11: what a call that runs elsewhere emits would be in nobody's state."""
    cores = Branches(branches(blocking=True, stateful=True))
    cores.start()
    cores.stand_still()

    def work(turns: int) -> None:
        for _ in range(turns):
            cores.run(1, seconds=0.01)
            calls = cores.cores[0].calls
            while calls:
                call = calls.popleft()
                call.run()
                cores.cores[0].on_call_done(call, cores.now)

    work(60)
    bolt = cores.bolt("sum")
    assert isinstance(bolt, OffloadExecutor)
    cores.tell_all("checkpoint", round=1, aligned=False)
    work(60)
    assert bolt.gate is not None and bolt.gate.alignment.pending
    cores.go_on()
    cores.run(2, seconds=0.0)
    assert len(bolt.holds) == 1, "a late row is at work when the time is over"
    cores.run(3, seconds=TIMEOUT_S)
    assert bolt.gate.alignment.pending and bolt.cut_waits
    work(1)
    cores.run(1, seconds=0.0)
    assert bolt.gate.alignment.current == 1 and not bolt.gate.alignment.pending
    assert not bolt.cut_waits
    work(200)
    assert cores.collect(1)
    cores.restore(1)
    work(300)
    assert cores.counted() == ALL_TWICE
