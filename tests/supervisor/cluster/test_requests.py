"""What clients ask and what they are told: every kind, every role, every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waterspout.supervisor.cluster.client_protocol import VERBS

from ..plans import NUMBERS, plan_of
from .cluster_rig import FakeHost, Rig, refused


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster of two hosts with two slots each."""
    return Rig(tmp_path, FakeHost("a", slots=2), FakeHost("b", slots=2)).run()


# --- who may what -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(VERBS))
def test_a_role_may_what_the_table_says_and_nothing_else(rig: Rig, kind: str):
    rig.submit()
    fields: dict[str, Any] = {"name": "numbers", "host": "a", "action": "list", "wire": {}}
    fields |= {"logger": "x", "level": "INFO"}
    if kind == "savepoint":
        fields["action"] = "ask"
    # Who may change something comes last.
    for role in ("", "supervisor", "readonly", "admin"):
        answer = rig.ask(kind, role, **fields)
        may = role == "admin" or (role == "readonly" and VERBS[kind].role == "readonly")
        assert (answer.get("code") != "E_ROLE") == may, (role, answer)


def test_a_client_of_another_version_is_told_both(rig: Rig):
    answer = rig.requests.answer("admin", {"v": 9, "id": 1, "kind": "list"}, 10, rig.now)
    assert refused(answer) == "E_VERSION"
    assert "version 9" in answer["error"]


def test_a_request_that_is_too_large_is_refused(rig: Rig):
    answer = rig.requests.answer("admin", {"v": 1, "id": 1, "kind": "list"}, 1 << 20, rig.now)
    assert refused(answer) == "E_REQUEST"


ANY = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.sampled_from(sorted(VERBS)),
    st.dictionaries(
        st.sampled_from(
            ["name", "wire", "host", "now", "fresh", "after", "limit", "ids", "action", "workers"]
        ),
        ANY,
    ),
)
def test_nonsense_is_answered_and_changes_nothing(rig: Rig, kind: str, fields: dict[str, Any]):
    answer = rig.ask(kind, **fields)
    assert answer["id"] == 9
    assert not rig.cluster.topologies


# --- list, status ------------------------------------------------------------------------------


def test_status_shows_the_cluster_its_hosts_and_its_topologies(rig: Rig):
    rig.submit()
    rig.run(1.0)
    status = rig.ask("status", "readonly")["status"]
    assert status["cluster"]["health"] == "healthy"
    assert status["cluster"]["insecure"]
    assert [(row["host"], row["slots_taken"]) for row in status["hosts"]] == [("a", 1), ("b", 0)]
    (topology,) = status["topologies"]
    assert (topology["topology"], topology["life"]) == ("numbers", "active")
    (worker,) = topology["workers"]
    assert (worker["host"], worker["state"]) == ("a", "running")
    (row,) = rig.ask("list")["topologies"]
    assert (row["name"], row["workers"], row["waiting"]) == ("numbers", 1, 0)


def test_an_unknown_name_is_refused(rig: Rig):
    for kind in ("status", "kill", "pause", "resume", "events"):
        assert refused(rig.ask(kind, name="nobody")) == "E_UNKNOWN"
    assert refused(rig.ask("drain_host", host="z")) == "E_UNKNOWN"


# --- life ---------------------------------------------------------------------------------------


def test_a_killed_topology_drains_and_gives_its_slots_back(rig: Rig):
    rig.submit()
    rig.run(1.0)
    assert rig.ask("kill", name="numbers")["state"] == "killing"
    rig.run(3.0)
    assert rig.life("numbers") == "ended"
    assert rig.cluster.named("numbers").row.outcome == "drained"
    assert rig.workers() == {"a": [], "b": []}
    assert rig.store.workers() == []
    assert rig.ask("kill", name="numbers")["state"] == "ended"


def test_a_kill_that_waited_long_enough_ends_at_once(rig: Rig):
    rig.submit()
    rig.run(1.0)
    (worker,) = rig.hosts["a"].workers.values()
    worker.report = lambda **entry: None  # type: ignore[method-assign]
    rig.ask("kill", name="numbers", wait_s=2.0)
    rig.run(1.5)
    assert rig.life("numbers") == "killing"
    rig.run(1.5)
    assert rig.cluster.named("numbers").row.outcome == "stopped"


def test_a_paused_topology_is_paused_after_a_restart_too(rig: Rig):
    rig.submit()
    rig.run(1.0)
    assert rig.ask("pause", name="numbers")["state"] == "paused"
    assert rig.ask("pause", name="numbers")["state"] == "paused"
    rig.run(0.5)
    (worker,) = rig.hosts["a"].workers.values()
    assert "pause" in worker.heard[-4:]
    worker.heard.clear()
    rig.restart()
    rig.run(2.0)
    assert rig.life("numbers") == "paused"
    assert "pause" in worker.heard
    assert rig.ask("resume", name="numbers")["state"] == "active"


def test_what_has_ended_cannot_be_paused(rig: Rig):
    rig.submit()
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    assert refused(rig.ask("pause", name="numbers")) == "E_STATE"


def test_a_topology_that_cannot_boot_ends_with_the_user_s_traceback(rig: Rig):
    rig.submit()
    while not rig.hosts["a"].workers:
        rig.run(0.1)
    (worker,) = rig.hosts["a"].workers.values()
    worker.answers = False  # it never says that it is built
    rig.run(0.5)
    worker.answers = True
    worker.says.append(
        {"kind": "boot_failed", "component": "count", "text": "no", "traceback": "line 7"}
    )
    rig.run(1.0)
    row = rig.ask("status")["status"]["topologies"][0]
    assert (row["life"], row["outcome"], row["health"]) == ("ended", "boot_failed", "degraded")
    assert "line 7" in row["reason"]


def test_a_kill_is_gone_on_with_after_a_restart(rig: Rig):
    rig.submit()
    rig.run(1.0)
    rig.ask("kill", name="numbers")
    rig.restart()
    assert rig.life("numbers") == "killing"
    rig.run(4.0)
    assert rig.life("numbers") == "ended"


def test_without_hosts_a_topology_waits_and_starts_when_there_is_one(rig: Rig):
    rig.submit()
    rig.run(1.0)
    rig.hosts["a"].cut = True
    for host in rig.hosts.values():
        host.hello["slots"] = 1
    rig.ask("drain_host", host="b")
    rig.run(15.0)
    assert rig.life("numbers") == "waiting"
    (row,) = rig.ask("status", name="numbers")["status"]["topologies"]
    assert row["health"] == "degraded"
    assert row["workers"][0]["why"]
    rig.ask("drain_host", host="b", undo=True)
    rig.run(3.0)
    assert rig.life("numbers") == "active"
    assert rig.workers()["b"] == [0]


# --- the rest -----------------------------------------------------------------------------------


def test_events_are_kept_over_restarts_in_order(rig: Rig):
    id = rig.submit()["topology"]
    rig.run(1.0)
    rig.restart()
    names = [row[4] for row in rig.ask("events")["events"]]
    assert names[:3] == ["host up", "host up", "submitted"]
    own = rig.ask("events", name="numbers")["events"]
    assert {row[2] for row in own} == {id}
    after = rig.ask("events", after=own[0][0], name="numbers")["events"]
    assert after == own[1:]


def test_dead_letters_are_listed_marked_and_dropped_also_of_what_has_ended(rig: Rig):
    rig.submit()
    rig.run(1.0)
    (worker,) = rig.hosts["a"].workers.values()
    letter = {"task": 1, "component": "numbers", "partition": None, "start": None, "end": None,
              "message_id": None, "stream": "default", "values": [7], "attempts": 3,
              "reason": "poison", "traceback": "", "failed_component": "count"}  # fmt: skip
    worker.says.append({"kind": "dead_letters", "id": 1, "records": [letter]})
    rig.run(0.5)
    (row,) = rig.ask("dead_letters", name="numbers", action="list")["letters"]
    assert (row["reason"], row["values"]) == ("poison", [7])
    assert rig.ask("dead_letters", name="numbers", action="replay")["count"] == 1
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    assert rig.ask("dead_letters", name="numbers", action="drop", ids=None)["count"] == 1
    assert rig.ask("dead_letters", name="numbers", action="list")["letters"] == []


def test_doctor_tells_clocks_versions_and_refusals(rig: Rig):
    rig.cluster.on_hello("a", b"x", FakeHost("a", machine="other").hello, rig.now)
    rig.cluster.talk.outbox.clear()
    found = rig.ask("doctor")
    assert [host["host"] for host in found["hosts"]] == ["a", "b"]
    assert "two hosts call themselves a" in found["refusals"]["a"]


def test_a_host_is_drained_over_the_slots_of_others_only_by_force(tmp_path: Path):
    rig = Rig(tmp_path, FakeHost("a", slots=1), FakeHost("b", slots=1)).run()
    wire = plan_of(NUMBERS, tmp_path, workers=2).to_wire()
    assert rig.ask("submit", wire=wire)["ok"]
    rig.run(1.0)
    answer = rig.ask("drain_host", host="b")
    assert refused(answer) == "E_NO_SLOTS"
    assert "the workers of b would not all find a free slot elsewhere" in answer["error"]
    assert [host["state"] for host in rig.ask("status")["status"]["hosts"]] == ["up", "up"]
    answer = rig.ask("drain_host", host="b", force=True)
    assert answer["moves"] and answer["crowding"]
    rig.run(5.0)
    assert rig.workers() == {"a": [0, 1], "b": []}
    assert rig.ask("drain_host", host="b", undo=True)["crowding"] == ""


def test_a_rebalance_of_a_component_that_does_not_exist_is_unknown(rig: Rig):
    rig.submit()
    rig.run(1.0)
    answer = rig.ask("rebalance", name="numbers", parallelism={"nobody": 2})
    assert refused(answer) == "E_UNKNOWN"
    rig.ask("kill", name="numbers")
    answer = rig.ask("rebalance", name="numbers", workers=2)
    assert "swap or rebalance is not possible now" in answer["error"]
