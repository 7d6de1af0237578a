"""The coordinator's cluster from outside: hosts come, are lost, come back; the coordinator, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.host_protocol import RELAY_BYTES_MAX
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.store import StoreError

from .cluster_rig import FakeHost, Rig
from .host_messages import beat_row

TWO = """\
name: numbers
workers: 2
spouts:
  numbers: {class: Sequence, args: {count: 500}}
bolts:
  count: {class: Count, inputs: [{from: numbers, grouping: global}]}
settings: {round_interval: 50ms, report_interval: 20ms, restart_backoff_min: 10ms}
"""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster of two hosts that said hello."""
    return Rig(tmp_path, FakeHost("a"), FakeHost("b")).run()


def two_workers(rig: Rig) -> Rig:
    """Submit a topology of two workers, and let it run."""
    wire = {**rig.wire(TWO), "workers": 2}
    answer = rig.ask("submit", wire=wire)
    assert answer["ok"], answer
    return rig.run(2.0)


def test_hosts_say_hello_and_are_welcome(rig: Rig):
    assert all(host.up for host in rig.hosts.values())
    assert rig.happened() == ["host up", "host up"]
    assert [host.name for host in rig.cluster.hosts.up()] == ["a", "b"]


def test_a_topology_is_placed_started_and_runs(rig: Rig):
    two_workers(rig)
    assert rig.workers() == {"a": [0], "b": [1]}
    assert "running" in rig.happened()
    assert rig.life("numbers") == "active"
    assert all(each.going for host in rig.hosts.values() for each in host.workers.values())


def test_a_worker_that_dies_is_started_again_and_its_exit_is_taken_once(rig: Rig):
    two_workers(rig)
    (worker,) = rig.hosts["b"].workers.values()
    worker.end("killed by signal 9")
    rig.run(1.5)
    assert rig.happened().count("worker lost") == 1
    assert rig.workers() == {"a": [0], "b": [1]}
    assert rig.happened().count("running") == 2
    assert [key[2] for key in rig.hosts["b"].workers] != [worker.incarnation]


def test_a_lost_host_s_workers_move_and_it_gets_none_back_when_it_returns(rig: Rig):
    """F05, F06: a host is lost when its lease is over; what comes back is a zombie, and killed."""
    two_workers(rig)
    zombie = rig.hosts["b"]
    zombie.cut = True
    rig.run(8.0)
    assert rig.workers()["a"] == [0]
    rig.run(5.0)
    assert rig.workers()["a"] == [0, 1]
    assert rig.happened().count("host lost") == 1
    lost = [fields for name, fields in rig.said if name == "worker lost"]
    assert [each["reason"] for each in lost] == ["host b lost: no contact for 10 s"]
    assert rig.workers()["b"] == [1], "it does not know yet"
    zombie.cut = False
    rig.run(1.0)
    assert rig.workers() == {"a": [0, 1], "b": []}
    assert rig.happened().count("running") == 2


def test_a_host_that_hears_nothing_is_lost_although_it_speaks(rig: Rig):
    """F08: a one-way cut towards the host."""
    two_workers(rig)
    deaf = rig.hosts["b"]
    deaf.hear = lambda message, now: None  # type: ignore[method-assign]
    rig.run(12.0)
    assert "host lost" in rig.happened()
    assert rig.workers()["a"] == [0, 1]


def test_while_no_host_is_in_contact_nobody_is_lost(rig: Rig):
    """F09: the coordinator itself is cut off."""
    two_workers(rig)
    for host in rig.hosts.values():
        host.cut = True
    rig.run(40.0)
    for host in rig.hosts.values():
        host.cut = False
    rig.run(3.0)
    assert "host lost" not in rig.happened()
    assert "worker lost" not in rig.happened()
    assert rig.workers() == {"a": [0], "b": [1]}


def test_a_coordinator_that_comes_back_takes_over_and_nobody_is_disturbed(rig: Rig):
    """F26: workers go on without a coordinator, in the same epoch with the next."""
    two_workers(rig)
    before = {key: each for host in rig.hosts.values() for key, each in host.workers.items()}
    epochs = {each.epoch for each in before.values()}
    rig.restart()
    rig.run(3.0)
    after = {key: each for host in rig.hosts.values() for key, each in host.workers.items()}
    assert after == before
    assert {each.epoch for each in after.values()} == epochs
    assert rig.life("numbers") == "active"
    status = rig.ask("status", name="numbers")["status"]["topologies"][0]
    assert [row["state"] for row in status["workers"]] == ["running", "running"]


def test_a_worker_that_died_while_the_coordinator_was_away_is_replaced(rig: Rig):
    two_workers(rig)
    rig.kill()
    (worker,) = rig.hosts["a"].workers.values()
    worker.end("killed by signal 9")
    rig.open()
    rig.run(3.0)
    assert rig.workers() == {"a": [0], "b": [1]}
    assert rig.happened().count("worker lost") == 1
    assert rig.happened()[-1] == "running"


def test_a_host_that_went_away_with_the_coordinator_is_lost_after_a_full_lease(rig: Rig):
    two_workers(rig)
    rig.kill()
    rig.hosts["b"].cut = True
    rig.open()
    rig.run(9.0)
    assert "host lost" not in rig.happened()
    rig.run(4.0)
    assert rig.workers()["a"] == [0, 1]


def test_a_drained_host_s_workers_move_away(rig: Rig):
    two_workers(rig)
    answer = rig.ask("drain_host", host="b")
    assert answer["moves"] == [[rig.cluster.named("numbers").id, 1]]
    rig.run(35.0)
    assert rig.workers() == {"a": [0, 1], "b": []}
    assert rig.ask("status")["status"]["hosts"][1]["state"] == "draining"
    rig.restart()
    rig.run(2.0)
    assert rig.ask("status")["status"]["hosts"][1]["state"] == "draining"
    assert rig.ask("drain_host", host="b", undo=True)["ok"]
    assert rig.ask("status")["status"]["hosts"][1]["state"] == "up"


def test_a_host_that_is_about_to_end_is_emptied_until_it_says_hello_again(rig: Rig):
    two_workers(rig)
    host = rig.hosts["b"]
    host.messages = lambda now: [
        {**said, "leaving": True} if said["kind"] == "beat" else said
        for said in FakeHost.messages(host, now)
    ]
    rig.run(35.0)
    assert rig.workers() == {"a": [0, 1], "b": []}
    assert rig.cluster.hosts["b"].facts().draining
    rig.restart()
    rig.run(2.0)
    assert rig.cluster.hosts["b"].facts().draining
    del host.messages
    host.up = False
    rig.run(2.0)
    assert not rig.cluster.hosts["b"].facts().draining


def test_a_lost_host_that_is_drained_is_forgotten(rig: Rig):
    rig.hosts["b"].cut = True
    rig.run(13.0)
    assert rig.ask("status")["status"]["cluster"]["health"] == "degraded"
    assert rig.ask("drain_host", host="b")["moves"] == []
    assert rig.ask("status")["status"]["cluster"]["health"] == "healthy"
    rig.restart()
    assert [host.name for host in rig.cluster.hosts] == ["a"]
    rig.hosts["b"].cut = False
    rig.run(1.0)
    assert rig.ask("status")["status"]["hosts"][1]["state"] == "up"


def test_a_twin_is_told_why_it_is_refused(rig: Rig):
    """F16."""
    twin = FakeHost("a", machine="another")
    heard = []
    rig.cluster.on_hello("a", b"twin", twin.hello, rig.now)
    while rig.cluster.talk.outbox:
        heard.append(rig.cluster.talk.outbox.popleft())
    ((route, message),) = heard
    assert (route, message["kind"], message["code"]) == (b"twin", "refused", "duplicate")


def test_a_host_speaks_only_for_workers_that_are_placed_on_it(rig: Rig):
    two_workers(rig)
    (key,) = rig.hosts["b"].workers
    liar = rig.hosts["a"]
    failed = {"kind": "boot_failed", "component": "x", "text": "", "traceback": ""}
    data = Session(2).send(failed, 0.0)
    rig.cluster.on_relay(liar.route, [[*key, data]], rig.now)
    rig.run(0.5)
    assert rig.life("numbers") == "active"
    assert rig.cluster.refused == 1


def test_a_host_cannot_say_that_another_host_s_worker_has_ended(rig: Rig):
    two_workers(rig)
    (key,) = rig.hosts["b"].workers
    left = {"reason": "exit code 1", "roots": [], "positions": {}, "drawn": {}}
    row = beat_row(id=key[0], worker=key[1], incarnation=key[2], state="exited", exit=left)
    liar = rig.hosts["a"]
    beat = next(each for each in liar.messages(rig.now) if each["kind"] == "beat")
    rig.cluster.on_beat(liar.route, {**beat, "workers": [row]}, rig.now)
    rig.run(0.5)
    assert "worker lost" not in rig.happened()


def test_a_disk_that_is_full_when_a_host_is_lost_loses_no_exit(rig: Rig):
    two_workers(rig)
    rig.hosts["b"].cut = True
    drop = rig.store.drop_worker

    def full(id: str, worker: int | None = None) -> None:
        raise StoreError("disk full")

    rig.store.drop_worker = full  # type: ignore[method-assign]
    rig.run(13.0)
    rig.store.drop_worker = drop  # type: ignore[method-assign]
    assert rig.happened().count("worker lost") == 1
    assert rig.workers()["a"] == [0, 1]


def test_what_nobody_thought_of_in_one_topology_does_not_end_the_others(
    rig: Rig, caplog: pytest.LogCaptureFixture
):
    two_workers(rig)
    run = rig.cluster.named("numbers")
    assert run is not None
    (worker,) = rig.hosts["b"].workers.values()
    worker.says.append({"kind": "report", "epoch": 1, "tasks": [7], "errors": []})
    rig.run(1.0)
    assert run.faults == 1
    assert "AttributeError" in caplog.text
    assert rig.happened()[-1] == "fault"
    worker.end("killed by signal 9")
    rig.run(2.0)
    assert rig.happened()[-1] == "running"


def test_relays_are_cut_into_messages_of_bounded_size(rig: Rig):
    two_workers(rig)
    id = rig.cluster.named("numbers").id
    (key,) = rig.hosts["a"].workers
    for _ in range(3):
        rig.cluster.talk.relay(id, 0, key[2], bytes(RELAY_BYTES_MAX - 1))
    rig.cluster.talk._flush_relays()
    sizes = [len(m["items"]) for _, m in rig.cluster.talk.outbox if m["kind"] == "relay"]
    assert sizes[-3:] == [1, 1, 1]
    rig.cluster.talk.outbox.clear()


def test_a_wish_that_is_not_acted_on_is_said_in_full_again(rig: Rig):
    two_workers(rig)
    host = rig.hosts["a"]
    host.version = 0
    rig.run(3.0)
    assert host.version == rig.cluster.places.version_of("a")


def test_a_restored_copy_of_the_store_is_refused_and_doctor_says_why(rig: Rig):
    two_workers(rig)
    for host in rig.hosts.values():
        host.up, host.hello["term"] = False, rig.cluster.term + 5
    rig.run(2.0)
    assert [name for name, _ in rig.said].count("host refused") == 2, "once a host, not each time"
    refusals = rig.ask("doctor")["refusals"]
    assert set(refusals) == {"a", "b"}
    assert all("its data is an older copy" in text for text in refusals.values())


def test_a_host_is_told_the_token_of_the_term_and_taken_back_with_it(rig: Rig):
    two_workers(rig)
    (host, other) = rig.hosts.values()
    assert rig.cluster.token == 7
    host.up, host.hello["term"], host.hello["token"] = False, rig.cluster.term, 7
    other.up, other.hello["term"], other.hello["token"] = False, rig.cluster.term, 8
    rig.run(2.0)
    assert set(rig.ask("doctor")["refusals"]) == {other.name}
