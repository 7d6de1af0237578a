"""A host's workers: wish against reality, the table whole, and nothing started twice."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.cluster.host_core import (
    Action,
    Adopted,
    Forget,
    HostCore,
    Kill,
    Prepare,
    Spawn,
)
from waterspout.supervisor.cluster.host_protocol import WishWorker
from waterspout.supervisor.cluster.host_states import TRANSITIONS, HostEvent, HostState
from waterspout.supervisor.cluster.host_worker import ExitRecord, Key
from waterspout.topology.classes import AllowList

from ...each_case import each_case

ID = "words-0a1b2c"
KEY = (ID, 0, 7)
GONE = ExitRecord("exit code 1")


def wish(worker: int = 0, incarnation: int = 7, **more: Any) -> WishWorker:
    return WishWorker(ID, worker, incarnation, **more)


def core() -> HostCore:
    return HostCore(AllowList())


def kinds(actions: list[Action]) -> list[tuple[type, Key]]:
    return [(type(each), each.key) for each in actions]


def running(host: HostCore, **more: Any) -> HostCore:
    """Bring the one worker to RUNNING."""
    host.on_wish(1, 1, [wish(**more)], 0.0)
    assert kinds(host.tick(0.0)) == [(Prepare, KEY)]
    host.on_prepared(KEY, (), 0.0)
    assert kinds(host.tick(0.0)) == [(Spawn, KEY)]
    host.on_spawned(KEY, 4711, 1000.5)
    host.on_registered(KEY)
    assert state(host) is HostState.RUNNING
    return host


def state(host: HostCore, key: Key = KEY) -> HostState:
    return host.workers[key].state


def test_what_is_wished_is_prepared_started_and_told() -> None:
    host = running(core())
    (row,) = host.rows()
    assert (row["state"], row["pid"], row["created"], row["exit"]) == (
        "running",
        4711,
        1000.5,
        None,
    )
    assert host.version == 1
    host.on_wish(1, 1, [wish()], 1.0)
    assert host.tick(1.0) == []


def test_what_is_not_wished_any_more_is_killed_and_forgotten_when_it_is_gone() -> None:
    host = running(core())
    host.on_wish(1, 2, [], 1.0)
    assert kinds(host.tick(1.0)) == [(Kill, KEY)]
    assert state(host) is HostState.STOPPING
    host.on_exited(KEY, GONE)
    assert kinds(host.tick(1.0)) == [(Forget, KEY)]
    assert host.rows() == []


def test_an_exit_is_told_until_no_wish_has_the_incarnation_and_nothing_is_started_again() -> None:
    host = running(core())
    host.on_exited(KEY, ExitRecord("exit code 3", (5,), {1: [["a", 0, 1, 0, True]]}, {1: 9}))
    for now in range(1, 100):
        host.on_wish(1, 1, [wish()], float(now))
        assert host.tick(float(now)) == []
        (row,) = host.rows()
        assert row["exit"] == {
            "reason": "exit code 3", "roots": [5], "positions": {1: [["a", 0, 1, 0, True]]},
            "drawn": {1: 9},
        }  # fmt: skip
    host.on_wish(1, 2, [wish(incarnation=8)], 100.0)
    assert kinds(host.tick(100.0)) == [(Prepare, (ID, 0, 8)), (Forget, KEY)]


def test_a_new_incarnation_begins_while_the_old_one_is_being_killed() -> None:
    host = running(core())
    host.on_wish(1, 2, [wish(incarnation=8)], 1.0)
    assert kinds(host.tick(1.0)) == [(Prepare, (ID, 0, 8)), (Kill, KEY)]


def test_a_kill_in_the_wish_is_an_exit_with_its_reason() -> None:
    host = running(core())
    host.on_wish(1, 2, [wish(kill="component 'b' hung")], 1.0)
    host.on_wish(1, 2, [wish(kill="component 'b' hung")], 1.1)
    assert kinds(host.tick(1.0)) == [(Kill, KEY)]
    host.on_exited(KEY, ExitRecord("killed by signal 9 (SIGKILL)"))
    assert host.rows()[0]["exit"]["reason"] == "component 'b' hung"
    host.on_wish(1, 2, [wish(kill="component 'b' hung")], 2.0)
    assert host.tick(2.0) == []


def test_a_kill_of_a_worker_that_was_never_seen_is_an_exit_at_once() -> None:
    host = core()
    host.on_wish(1, 1, [wish(kill="stopped")], 0.0)
    assert host.tick(0.0) == []
    (row,) = host.rows()
    assert (row["state"], row["exit"]["reason"]) == ("exited", "stopped")


def test_a_worker_that_was_killed_between_decision_and_start_is_not_started() -> None:
    host = core()
    host.on_wish(1, 1, [wish()], 0.0)
    host.tick(0.0)
    host.on_prepared(KEY, (), 0.0)
    host.on_wish(1, 2, [wish(kill="stopped")], 0.0)
    assert host.tick(0.0) == []
    assert state(host) is HostState.EXITED
    host.on_wish(1, 3, [], 0.0)
    assert kinds(host.tick(0.0)) == [(Forget, KEY)]


def test_what_could_not_be_prepared_is_tried_again_with_growing_waits() -> None:
    host = core()
    host.on_wish(1, 1, [wish(code="ab")], 0.0)
    now, waits = 0.0, []
    (prepare,) = host.tick(now)
    assert prepare == Prepare(KEY, "ab", "")
    for _ in range(7):
        host.on_prepare_failed(KEY, "no answer", False, now)
        assert (state(host), host.rows()[0]["why"]) == (HostState.BACKOFF, "no answer")
        failed_at = now
        while not host.tick(now):
            now += 0.5
        waits.append(now - failed_at)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_topology_by_the_name_of_a_path_is_fatal() -> None:
    host = core()
    host.on_wish(1, 1, [WishWorker("../x", 0, 7)], 0.0)
    assert host.tick(0.0) == []
    (row,) = host.rows()
    assert (row["state"], row["why"]) == ("fatal", "'../x' is not the id of a topology")


def test_what_can_never_be_prepared_is_fatal_and_stays_so_until_it_is_killed() -> None:
    host = core()
    host.on_wish(1, 1, [wish()], 0.0)
    host.tick(0.0)
    host.on_prepare_failed(KEY, "requirements cannot be installed", True, 0.0)
    for now in (1.0, 50.0):
        assert host.tick(now) == []
        (row,) = host.rows()
        assert (row["state"], row["why"], row["exit"]) == (
            "fatal", "requirements cannot be installed", None,
        )  # fmt: skip
    host.on_wish(1, 2, [wish(kill="stopped")], 51.0)
    assert host.rows()[0]["exit"]["reason"] == "stopped"


@each_case(
    "path, allowed",
    [
        ("waterspout.bolts.write_lines:WriteLines", True),
        ("mine.bolts:Count", True),
        ("others.bolts:Count", False),
        ("os:system", False),
        ("subprocess:Popen", False),
        ("nonsense", False),
    ],
)
def test_only_our_own_classes_and_those_of_the_code_pack_may_be_run(
    path: str, allowed: bool
) -> None:
    host = core()
    host.on_wish(1, 1, [wish(classes=(path,))], 0.0)
    host.tick(0.0)
    host.on_prepared(KEY, ("mine",), 0.0)
    assert state(host) is (HostState.STARTING if allowed else HostState.FATAL)
    assert ("not allowed" in host.rows()[0]["why"]) is not allowed
    assert bool(host.denied(KEY, [path])) is not allowed


def test_a_prefix_that_the_host_allows_may_be_run() -> None:
    host = HostCore(AllowList(prefixes=("others",)))
    host.on_wish(1, 1, [wish(classes=("others.bolts:Count",))], 0.0)
    host.tick(0.0)
    host.on_prepared(KEY, (), 0.0)
    assert state(host) is HostState.STARTING


def test_a_worker_that_is_refused_while_it_runs_is_killed_and_stays_fatal() -> None:
    host = running(core())
    host.refuse(KEY, "snapshot part x cannot be had")
    host.refuse(KEY, "again")
    assert kinds(host.tick(0.0)) == [(Kill, KEY)]
    host.on_exited(KEY, ExitRecord("killed by signal 9 (SIGKILL)"))
    (row,) = host.rows()
    assert (row["state"], row["why"]) == ("fatal", "snapshot part x cannot be had")
    assert row["exit"] is not None


def test_the_first_reason_of_an_end_stands() -> None:
    host = running(core())
    host.refuse(KEY, "snapshot part x is gone")
    host.on_wish(1, 2, [wish(kill="stopped")], 1.0)
    host.on_exited(KEY, ExitRecord("killed by signal 9 (SIGKILL)"))
    assert host.rows()[0]["exit"]["reason"] == "snapshot part x is gone"


def test_the_wish_of_a_replaced_coordinator_changes_nothing() -> None:
    host = running(core())
    assert host.on_wish(5, 9, [wish()], 1.0)
    assert not host.on_wish(4, 10, [], 1.0)
    assert (host.version, host.tick(1.0)) == (9, [])


def test_without_a_wish_what_runs_goes_on() -> None:
    host = running(core())
    assert host.on_wish(1, 7, None, 1.0)
    assert (host.version, host.tick(1.0)) == (1, [])


def test_workers_of_an_earlier_supervisor_run_on_until_a_wish_says_otherwise() -> None:
    host = core()
    other = (ID, 1, 8)
    host.adopt([Adopted(KEY, 4711, 10.0, True), Adopted(other, 4712, 11.0, False)], 0.0)
    assert host.tick(0.0) == []
    first, second = host.rows()
    assert (first["state"], first["pid"]) == ("running", 4711)
    assert second["exit"]["reason"] == "ended while its supervisor was away"
    host.on_wish(1, 1, [wish(), wish(1, 8)], 1.0)
    assert host.tick(1.0) == []
    host.on_wish(1, 2, [wish(1, 9)], 2.0)
    assert kinds(host.tick(2.0)) == [(Prepare, (ID, 1, 9)), (Kill, KEY), (Forget, other)]


# F03: hung in user code, with or without a coordinator.


def report(task: int, since_s: float) -> dict[str, Any]:
    return {"kind": "report", "tasks": [{"task": task, "call_since_s": since_s}]}


def hanging(**more: Any) -> HostCore:
    host = running(core(), hang_s={"slow": 10.0}, **more)
    host.on_plan(KEY, {3: "slow", 4: "other"})
    return host


def test_a_call_that_hangs_is_killed_without_the_coordinator() -> None:
    """F03."""
    host = hanging()
    now = 0.0
    killed: list[Action] = []
    while not killed and now < 60:
        now += 1.0
        host.on_report(KEY, report(3, now), now)
        killed = host.tick(now)
    assert now == 13.0
    assert isinstance(killed[0], Kill)
    assert "'slow' task 3 hung" in killed[0].why


def test_a_call_goes_on_while_reports_stay_away() -> None:
    """F03: a C call that holds the interpreter lock keeps reports away, too."""
    host = hanging()
    host.on_report(KEY, report(3, 5.0), 0.0)
    assert [host.tick(now / 2) for now in range(15)] == [[]] * 15
    assert kinds(host.tick(7.5)) == [(Kill, KEY)]


@each_case("said", [report(4, 1e6), report(9, 1e6), report(3, 0.0), {"tasks": [7]}])
def test_a_call_without_a_limit_does_not_hang(said: dict[str, Any]) -> None:
    host = hanging()
    host.on_report(KEY, {"kind": "report", **said}, 0.0)
    assert host.tick(1.0) == []


def test_a_pause_of_the_supervisor_itself_is_nobodys_fault() -> None:
    """F13."""
    host = hanging()
    host.on_report(KEY, report(3, 1.0), 0.0)
    host.tick(0.0)
    assert host.tick(100.0) == []
    assert host.tick(101.0) == []


def test_a_worker_whose_snapshot_is_on_its_way_is_told_as_preparing() -> None:
    host = running(core())
    host.changed = False
    host.on_fetching(KEY, True)
    assert (host.rows()[0]["state"], state(host), host.changed) == (
        "preparing", HostState.RUNNING, True,
    )  # fmt: skip
    host.on_fetch_failing(KEY, "waits for x: no answer")
    assert host.rows()[0]["why"] == "waits for x: no answer"
    host.on_fetching(KEY, False)
    assert (host.rows()[0]["state"], host.rows()[0]["why"]) == ("running", "")
    host.on_fetching(KEY, True)
    host.on_exited(KEY, GONE)
    assert host.rows()[0]["state"] == "exited"


# F14: memory.


def test_memory_over_the_limit_twice_kills() -> None:
    """F14."""
    host = running(core(), memory_max=100 << 20)
    for mib, killed in ((50, 0), (101, 0), (99, 0), (101, 0), (120, 1)):
        host.on_stats(KEY, mib << 20, 5.0)
        assert len(host.tick(0.0)) == killed
    host.on_exited(KEY, ExitRecord("killed by signal 9 (SIGKILL)"))
    reason = host.rows()[0]["exit"]["reason"]
    assert reason == "memory 120 MiB is over its limit of 100 MiB"


def test_the_hosts_limit_holds_for_workers_without_one() -> None:
    host = running(HostCore(AllowList(), memory_max=1 << 20))
    for _ in range(2):
        host.on_stats(KEY, 2 << 20, 5.0)
    assert kinds(host.tick(0.0)) == [(Kill, KEY)]


# The table.


def test_every_state_is_left_and_an_unknown_pair_raises() -> None:
    for each in HostState:
        assert any(before is each for before, _ in TRANSITIONS)
    worker = running(core()).workers[KEY]
    with pytest.raises(KeyError):
        worker.apply(HostEvent.PREPARED)


def test_news_of_unknown_workers_change_nothing() -> None:
    host = core()
    host.on_prepared(KEY, (), 0.0)
    host.on_prepare_failed(KEY, "x", True, 0.0)
    host.on_spawned(KEY, 1, 1.0)
    host.on_spawn_failed(KEY, "x", 0.0)
    host.on_registered(KEY)
    host.on_plan(KEY, {})
    host.on_fetching(KEY, True)
    host.on_fetch_failing(KEY, "x")
    host.on_report(KEY, report(1, 1.0), 0.0)
    host.on_stats(KEY, 1, 1.0)
    host.on_exited(KEY, GONE)
    host.refuse(KEY, "x")
    host.kill(KEY, "x")
    assert (host.rows(), host.tick(0.0)) == ([], [])


def test_what_the_coordinator_should_hear_at_once_is_marked() -> None:
    host = running(core())
    host.changed = False
    host.on_wish(1, 1, [wish()], 1.0)
    host.tick(1.0)
    host.on_report(KEY, report(1, 1.0), 1.0)
    assert not host.changed
    host.on_exited(KEY, GONE)
    assert host.changed


def test_a_process_that_cannot_be_started_is_tried_again() -> None:
    host = core()
    host.on_wish(1, 1, [wish()], 0.0)
    host.tick(0.0)
    host.on_prepared(KEY, (), 0.0)
    host.tick(0.0)
    host.on_spawn_failed(KEY, "cannot be started: no memory", 0.0)
    assert host.tick(0.9) == []
    assert kinds(host.tick(1.0)) == [(Prepare, KEY)]
