"""A snapshot that cannot be read: the older one, loudly; without one the run stops and asks."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.effects import Event, KillWorker, Send, TopologyDone
from waterspout.supervisor.store import Part, StoreError
from waterspout.supervisor.store_memory import MemoryStore

from . import scripted
from .scripted import Run
from .test_durability import EXACT


class Kept(Run):
    """A run over a store that keeps two snapshots, 1 and 2."""

    def __init__(self, plan: Any = scripted.PLAN, retained: int = 2) -> None:
        store = MemoryStore()
        epoch = store.next_epoch()
        for n in (1, 2):
            parts = [Part(task, f"{n}-{task}", 1, "s") for task in (3, 4)]
            store.commit_round(n, epoch, {1: {"p": [n * 10, []]}}, parts, (), False, retained)
        super().__init__(plan, store)
        self.register(0, 1)
        self.effects.clear()

    def cannot_read(self, worker: int) -> None:
        text = "CorruptSnapshot: 2-3: its sha256 does not match"
        fields = {"component": "count", "text": text, "traceback": "", "corrupt": True}
        self.say(worker, "boot_failed", **fields)

    def start_again(self) -> dict[int, dict[str, Any]]:
        """Have all killed workers come back; return what they are assigned."""
        for worker in (0, 1):
            self.exit(worker)
        for _ in range(5):
            self.tick(0.5)
        self.effects.clear()
        self.register(0, 1)
        sends = [e for e in self.effects if isinstance(e, Send)]
        return {e.worker: e.message for e in sends if e.message["kind"] == "assign"}


@pytest.mark.parametrize("plan", [scripted.PLAN, EXACT])
def test_all_tasks_go_back_to_the_older_snapshot_and_that_is_said(plan: Any):
    run = Kept(plan)
    run.cannot_read(0)
    event = next(e for e in run.effects if isinstance(e, Event))
    assert event.name == "snapshot cannot be read"
    assert (event.fields["snapshot"], event.fields["instead"]) == (2, 1)
    assert "twice" in event.fields["note"]
    assert {e.worker for e in run.take(KillWorker)} == {0, 1}, "also whoever could read its part"
    assigned = run.start_again()
    assert assigned[0]["parts"] == {3: [["1-3", "s"]]}
    assert assigned[0]["positions"] == {1: {"p": [10, []]}}
    assert assigned[1]["restore_round"] == 1


class Numbered(scripted.StandInPlan):
    """The broker of its spout forgets what was acked."""

    def seeks(self, component: str) -> bool:
        return False


def test_what_a_spout_that_cannot_seek_had_acked_is_said_to_be_gone():
    run = Kept(Numbered(workers=2, spouts=2, bolts=2))
    run.cannot_read(0)
    event = next(e for e in run.effects if isinstance(e, Event))
    assert "what lines acked since then is in no state any more" in event.fields["note"]


def test_two_workers_that_cannot_read_it_cost_one_snapshot():
    run = Kept()
    run.cannot_read(0)
    run.cannot_read(1)
    assert run.store.restore_round() == 1
    assert "stop" not in [e.message["kind"] for e in run.effects if isinstance(e, Send)]
    assert len([e for e in run.effects if isinstance(e, Event) and "read" in e.name]) == 1


def test_without_an_older_one_the_run_stops_and_says_what_can_be_done():
    run = Kept(retained=1)
    run.cannot_read(0)
    run.exit(0)
    run.exit(1)
    (done,) = run.take(TopologyDone)
    assert (done.ok, done.outcome) == (False, "boot_failed")
    for word in ("does not match", "checkpoint_retained", "--from", "--fresh"):
        assert word in done.reason
    assert run.store.restore_round() == 2, "nothing is dropped"


def test_a_second_one_that_cannot_be_read_ends_it():
    run = Kept()
    run.cannot_read(0)
    run.start_again()
    run.effects.clear()
    run.cannot_read(1)
    assert [kind for _, kind in run.told()] == ["stop", "stop"]


def test_a_store_that_cannot_go_back_ends_it():
    run = Kept()

    def fails() -> None:
        raise StoreError("disk full")

    run.store.fall_back = fails  # type: ignore[assignment, method-assign]
    run.cannot_read(0)
    assert [kind for _, kind in run.told()] == ["stop", "stop"]


def test_what_is_not_corrupt_ends_the_run_as_ever():
    run = Kept()
    run.say(0, "boot_failed", component="count", text="no module", traceback="T")
    assert [kind for _, kind in run.told()] == ["stop", "stop"]
    assert run.store.restore_round() == 2
