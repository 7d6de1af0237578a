"""One topology's run in the cluster: what its store, its driver and its hosts see of its life."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.slots import WorkerNeed
from waterspout.supervisor.cluster.topology_run import TopologyRun, needs_of
from waterspout.supervisor.store import StoreError

from ..plans import NUMBERS, plan_of
from .cluster_rig import FakeHost, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster of one host with a topology that runs."""
    rig = Rig(tmp_path, FakeHost("a")).run()
    rig.submit()
    return rig.run(1.0)


def run_of(rig: Rig) -> TopologyRun:
    """Return the topology of a rig."""
    run = rig.cluster.named("numbers")
    assert run is not None
    return run


def test_its_state_is_in_a_folder_of_its_own(rig: Rig):
    folder = rig.config.data / "topologies" / run_of(rig).id
    assert (folder / "store.sqlite").is_file()
    assert (folder / "snapshots").is_dir()


def test_a_state_is_stored_before_anything_follows_from_it(rig: Rig):
    run = run_of(rig)

    def full(row: object) -> None:
        raise StoreError("disk full")

    put, rig.store.put_topology = rig.store.put_topology, full  # type: ignore[method-assign]
    answer = rig.ask("kill", name="numbers")
    assert answer["code"] == "E_STORE"
    rig.run(1.0)
    assert rig.life("numbers") == "active"
    rig.store.put_topology = put  # type: ignore[method-assign]
    rig.ask("kill", name="numbers")
    rig.run(3.0)
    assert [row.state for row in rig.store.topologies()] == ["ended"]
    assert run.driver is None


def test_an_end_that_cannot_be_stored_is_stored_later(rig: Rig):
    rig.ask("kill", name="numbers")

    def full(row: object) -> None:
        raise StoreError("disk full")

    put, rig.store.put_topology = rig.store.put_topology, full  # type: ignore[method-assign]
    rig.run(3.0)
    assert rig.life("numbers") == "killing"
    rig.store.put_topology = put  # type: ignore[method-assign]
    rig.run(0.5)
    assert rig.life("numbers") == "ended"


def test_events_name_the_topology_the_worker_s_host_and_the_reason(rig: Rig):
    (worker,) = rig.hosts["a"].workers.values()
    worker.end("exit code 3")
    rig.run(1.0)
    ((_, fields),) = [each for each in rig.said if each[0] == "worker lost"]
    assert fields["topology"] == run_of(rig).id
    assert (fields["host"], fields["worker"], fields["reason"]) == ("a", 0, "exit code 3")


def test_parts_that_nobody_needs_are_pruned_on_its_hosts(rig: Rig):
    heard = []
    hear = rig.hosts["a"].hear
    rig.hosts["a"].hear = lambda m, now: (heard.append(m), hear(m, now))[1]  # type: ignore
    rig.run(12.0)
    prunes = [message for message in heard if message["kind"] == "prune"]
    assert prunes
    assert prunes[-1]["topology"] == run_of(rig).id
    assert len(prunes[-1]["keep"]) == 1


def test_a_worker_whose_environment_takes_long_is_not_killed_for_it(rig: Rig):
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    rig.hosts["a"].answers = False
    rig.submit()
    rig.run(0.5)
    (worker,) = rig.hosts["a"].workers.values()
    worker.state = "preparing"
    rig.run(120.0)
    assert "worker killed" not in rig.happened()
    worker.state = "starting"
    rig.run(120.0)
    assert "worker killed" in rig.happened()


def test_a_worker_that_its_host_will_never_start_ends_the_topology(rig: Rig):
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    rig.hosts["a"].answers = False
    rig.submit()
    rig.run(0.3)
    (worker,) = rig.hosts["a"].workers.values()
    worker.state = "fatal"
    rig.run(30.0)
    assert run_of(rig).row.outcome == "boot_failed"
    assert rig.life("numbers") == "ended"


def test_a_worker_needs_what_its_tasks_ask_for_together(tmp_path: Path):
    spout = "class: Sequence, args: {count: 500}, parallelism: 2, cpu: 0.5, hosts: [zone=eu]"
    bolt = "class: Count, cpu: 1, memory: 1MiB, hosts: [gpu, zone=eu], inputs"
    text = NUMBERS.replace("class: Sequence, args: {count: 500}", spout)
    text = text.replace("class: Count, inputs", bolt)
    found = needs_of(plan_of(text, tmp_path, workers=2))
    assert found == {
        0: WorkerNeed(0, 1.5, 1 << 20, ("gpu", "zone=eu")),
        1: WorkerNeed(1, 0.5, 0, ("zone=eu",)),
    }
