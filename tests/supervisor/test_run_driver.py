"""The driver does what the coordinator wants done, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.effects import Event, LinkCut, PruneSnapshots, Taps
from waterspout.supervisor.run_driver import PROGRESS_S, RunDriver
from waterspout.supervisor.snapshot_store import SnapshotStore
from waterspout.supervisor.store import StateInUse, TopologyChanged
from waterspout.supervisor.store_sqlite import SqliteStore

from .plans import NUMBERS, plan_of


class FakeHost:
    """Notes what is wanted."""

    def __init__(self) -> None:
        self.started: list[tuple[int, int]] = []
        self.killed: list[tuple[int, int]] = []
        self.sent: list[dict[str, Any]] = []

    def start(self, worker: int, incarnation: int) -> None:
        self.started.append((worker, incarnation))

    def kill(self, worker: int, incarnation: int, why: str) -> None:
        self.killed.append((worker, incarnation))

    def send(self, worker: int, incarnation: int, message: Mapping[str, Any]) -> None:
        self.sent.append(dict(message))


class Run:
    """A driver over a host that only notes."""

    def __init__(self, folder: Path, text: str = NUMBERS, **more: Any) -> None:
        self.host = FakeHost()
        self.events: list[Event] = []
        self.shown: list[dict[str, Any]] = []
        self.driver = RunDriver(
            plan_of(text, folder), self.host, state_dir=folder / "state",
            on_progress=self.shown.append, on_event=self.events.append, **more,
        )  # fmt: skip

    def begin(self) -> None:
        self.driver.start(0.0)
        self.say("register", endpoint="ipc://w0", pid=1)

    def say(self, kind: str, now: float = 0.1, **fields: Any) -> None:
        worker, incarnation = self.host.started[-1]
        self.driver.on_message(worker, incarnation, {"kind": kind, **fields}, now)


def test_a_worker_is_started_assigned_and_started_again_when_it_dies(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin()
    assert [message["kind"] for message in run.host.sent] == ["assign"]
    assert run.host.sent[0]["folder"] == str(tmp_path)
    worker, incarnation = run.host.started[0]
    run.driver.on_exit(worker, incarnation, "killed by signal 9", 0.2)
    run.driver.turn(5.0)
    assert len(run.host.started) == 2
    assert run.host.started[1][1] != incarnation


def test_events_are_told_and_kept(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin()
    assert "epoch raised" in [event.name for event in run.events]
    run.driver.close()
    store = SqliteStore(tmp_path / "state" / "store.sqlite")
    assert "epoch raised" in [name for _, name, _ in store.events()]
    store.close()


def test_progress_is_shown_at_its_interval(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin()
    for step in range(21):
        run.driver.turn(step * PROGRESS_S / 10)
    assert len(run.shown) == 2
    assert run.shown[0]["topology"] == "numbers"


def test_requests_are_taken_in_the_next_turn_and_the_run_ends(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin()
    run.driver.request_stop()
    assert [message["kind"] for message in run.host.sent] == ["assign"]
    run.driver.turn(0.3)
    assert [message["kind"] for message in run.host.sent] == ["assign", "stop"]
    assert not run.driver.done
    run.driver.on_exit(*run.host.started[0], "exit code 0", 0.4)
    assert run.driver.done
    result = run.driver.result(0.5)
    assert (result.outcome, result.ok) == ("stopped", False)
    assert result.summary["topology"] == "numbers"


def test_a_worker_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin()
    run.driver.request_stop()
    run.driver.turn(0.3)
    run.driver.turn(60.0)
    assert run.host.killed == run.host.started


def test_two_runs_do_not_share_a_state_folder(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(StateInUse):
        Run(tmp_path)
    run.driver.close()
    Run(tmp_path).driver.close()


def test_another_topology_needs_fresh_and_then_finds_nothing(tmp_path: Path) -> None:
    first = Run(tmp_path).driver
    first.start(0.0)
    first.close()
    state = tmp_path / "state"
    store = SqliteStore(state / "store.sqlite")
    store.commit_round(3, store.next_epoch(), {}, [])
    store.close()
    old = SnapshotStore(state / "snapshots").write(1, 3, 2, [b"old"]).file
    other = NUMBERS.replace("count: {class", "tally: {class")
    second = Run(tmp_path, other).driver
    with pytest.raises(TopologyChanged):
        second.start(0.0)
    second.close()
    Run(tmp_path, other, fresh=True).driver.start(0.0)
    assert not (state / "snapshots" / old).exists()


def test_what_an_earlier_driver_started_is_taken_over(tmp_path: Path) -> None:
    run = Run(tmp_path, resume={0: 77})
    run.driver.start(0.0)
    assert run.host.started == []
    assert [message["kind"] for message in run.host.sent] == ["who"]


def test_paths_of_other_hosts_go_into_an_assign(tmp_path: Path) -> None:
    run = Run(tmp_path, paths={"folder": "elsewhere"})
    run.begin()
    assert run.host.sent[0]["folder"] == "elsewhere"
    assert "state_dir" not in run.host.sent[0]


def test_whoever_keeps_copies_of_parts_is_told_which_are_needed(tmp_path: Path) -> None:
    told: list[tuple[int, frozenset[str]]] = []
    run = Run(tmp_path, on_prune=lambda round, keep: told.append((round, keep)))
    run.driver.coordinator.outbox.append(PruneSnapshots(3, frozenset(["a.part"])))
    run.driver.turn(0.0)
    assert told == [(3, frozenset(["a.part"]))]


def test_a_host_hears_of_links_that_are_cut_and_of_samples(tmp_path: Path) -> None:
    told: list[LinkCut | Taps] = []
    effects = [LinkCut(0, 1), Taps(5, [{"values": [1]}])]
    for on_other in (told.append, None):
        run = Run(tmp_path, on_other=on_other)
        run.driver.coordinator.outbox.extend(effects)
        run.driver.turn(0.0)
        run.driver.close()
    assert told == effects
