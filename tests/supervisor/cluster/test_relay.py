"""Between workers and coordinator: what is held back, what goes past, and that order is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from waterspout.supervisor.cluster import relay as relays
from waterspout.supervisor.cluster.host_worker import Key
from waterspout.supervisor.cluster.relay import (
    Fetch,
    Out,
    Planned,
    Refuse,
    Relay,
    Seen,
    ToCoordinator,
    ToWorker,
    Upload,
    classes_of,
)
from waterspout.supervisor.control_wire import pack, unpack

from ...each_case import each_case
from ..cores import plan_of

ID = "words-0a1b2c"
KEY = (ID, 0, 7)
OTHER = (ID, 1, 8)
PLAN = plan_of({"source": 1, "work": 1})
SHA = "ab" * 32


def part(number: int) -> str:
    return f"epoch-1.round-2.task-{number}.part"


def said(n: int, kind: str = "built", boot: int = 1, key: Key = KEY, **more: Any) -> bytes:
    """An envelope of a worker."""
    head = {"worker": key[1], "incarnation": key[2], "boot": boot, "n": n, "ack": 0}
    return pack({**head, "low": 1, "peer_boot": 3, "kind": kind, **more})


def told(n: int, kind: str = "go", boot: int = 3, **more: Any) -> bytes:
    """An envelope of the coordinator."""
    return pack({"boot": boot, "n": n, "ack": 0, "low": 1, "peer_boot": 1, "kind": kind, **more})


def snapshotted(n: int, *parts: int, key: Key = KEY) -> bytes:
    rows = [{"task": each, "file": part(each), "bytes": 1, "sha256": ""} for each in parts]
    return said(n, "snapshotted", key=key, epoch=1, round=2, parts=rows)


def assign(n: int, *parts: int, boot: int = 3) -> bytes:
    files = {each: [[part(each), SHA]] for each in parts}
    return told(n, "assign", boot, epoch=1, plan=PLAN.to_wire(), parts=files)


def relay(denied: str = "") -> Relay:
    return Relay(lambda key, classes: denied)


def up(out: Iterable[Out]) -> list[int]:
    """The numbers of what goes to the coordinator."""
    return [unpack(each.data)["n"] for each in out if isinstance(each, ToCoordinator)]


def down(out: Iterable[Out]) -> list[int]:
    """The numbers of what goes to a worker."""
    return [unpack(each.data)["n"] for each in out if isinstance(each, ToWorker)]


# Snapshots: held until their parts are at the coordinator.


def test_a_snapshot_goes_on_when_its_parts_are_stored_and_what_follows_keeps_its_order() -> None:
    # worker  1  2(snapshotted)  3  4        | parts stored
    # on      1                              | 2  3  4
    between = relay()
    assert up(between.from_worker(KEY, said(1), 0.0)) == [1]
    assert between.from_worker(KEY, snapshotted(2, 5, 6), 0.0) in (
        [Upload(ID, part(5)), Upload(ID, part(6))], [Upload(ID, part(6)), Upload(ID, part(5))],
    )  # fmt: skip
    assert between.from_worker(KEY, said(3), 0.0) == []
    assert between.from_worker(KEY, said(4), 0.0) == []
    assert between.stored(ID, part(5)) == []
    assert up(between.stored(ID, part(6))) == [2, 3, 4]
    assert up(between.from_worker(KEY, said(5), 0.0)) == [5]


def test_a_snapshot_that_is_said_again_is_uploaded_once_and_goes_on_once() -> None:
    between = relay()
    assert between.from_worker(KEY, snapshotted(2, 5), 0.0) == [Upload(ID, part(5))]
    for _ in range(3):
        assert between.from_worker(KEY, snapshotted(2, 5), 0.0) == []
        assert between.from_worker(KEY, said(3), 0.0) == []
    assert up(between.stored(ID, part(5))) == [2, 3]
    assert between.stored(ID, part(5)) == []


def test_what_the_worker_says_again_from_before_goes_past() -> None:
    between = relay()
    between.from_worker(KEY, snapshotted(2, 5), 0.0)
    assert up(between.from_worker(KEY, said(1), 0.0)) == [1]


def test_what_is_not_numbered_goes_past() -> None:
    between = relay()
    between.from_worker(KEY, snapshotted(2, 5), 0.0)
    assert up(between.from_worker(KEY, said(0, "ack"), 0.0)) == [0]


def test_parts_that_are_stored_already_are_not_waited_for() -> None:
    between = relay()
    between.from_worker(KEY, snapshotted(2, 5), 0.0)
    between.stored(ID, part(5))
    assert up(between.from_worker(KEY, snapshotted(3, 5), 0.0)) == [3]
    between.pruned(ID, [part(9)])
    assert between.from_worker(KEY, snapshotted(4, 5), 0.0) == [Upload(ID, part(5))]


def test_a_new_coordinator_is_asked_again_what_it_has() -> None:
    between = relay()
    between.stored(ID, part(5))
    between.new_coordinator()
    assert between.from_worker(KEY, snapshotted(2, 5), 0.0) == [Upload(ID, part(5))]


def test_what_is_known_of_stored_parts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "STORED_MAX", 2)
    between = relay()
    for number in (1, 2, 3):
        between.stored(ID, part(number))
    assert up(between.from_worker(KEY, snapshotted(1, 3), 0.0)) == [1]
    assert between.from_worker(KEY, snapshotted(2, 1), 0.0) == [Upload(ID, part(1))]


def test_a_snapshot_without_parts_goes_on_at_once() -> None:
    assert up(relay().from_worker(KEY, snapshotted(2), 0.0)) == [2]


def test_two_snapshots_behind_each_other_wait_for_their_own_parts() -> None:
    between = relay()
    between.from_worker(KEY, snapshotted(2, 5), 0.0)
    assert between.from_worker(KEY, snapshotted(3, 6), 0.0) == [Upload(ID, part(6))]
    assert between.stored(ID, part(6)) == []
    assert up(between.stored(ID, part(5))) == [2, 3]


def test_a_part_that_cannot_be_stored_fails_its_round_and_holds_nobody_up() -> None:
    between = relay()
    between.from_worker(KEY, snapshotted(2, 5), 0.0)
    between.from_worker(KEY, said(3), 0.0)
    first, second = between.not_stored(ID, part(5), "no room")
    assert isinstance(first, ToCoordinator)
    message = unpack(first.data)
    assert (message["kind"], message["n"], message["round"]) == ("snapshot_failed", 2, 2)
    assert "no room" in message["text"]
    assert up([second]) == [3]


def test_workers_do_not_wait_for_each_other() -> None:
    between = relay()
    between.from_worker(KEY, snapshotted(2, 5), 0.0)
    assert up(between.from_worker(OTHER, said(1, key=OTHER), 0.0)) == [1]
    assert between.from_worker(OTHER, snapshotted(2, 5, key=OTHER), 0.0) == []
    passed = between.stored(ID, part(5))
    assert [each.key for each in passed if isinstance(each, ToCoordinator)] == [KEY, OTHER]


@pytest.mark.parametrize("file", ["../../etc/passwd", "epoch-1.round-1.task-1.part.tmp", ""])
def test_a_path_instead_of_a_part_is_refused(file: str) -> None:
    between = relay()
    data = said(2, "snapshotted", epoch=1, round=2, parts=[{"task": 1, "file": file}])
    assert between.from_worker(KEY, data, 0.0) == []
    assert between.refused == 1


# Assign: held until its parts are here.


def test_an_assign_goes_on_when_its_parts_are_here_and_what_follows_keeps_its_order() -> None:
    between = relay()
    planned, fetch = between.from_coordinator(KEY, assign(1, 5))
    assert isinstance(planned, Planned)
    assert planned.plan.fingerprint() == PLAN.fingerprint()
    assert fetch == Fetch(ID, part(5), SHA)
    assert between.waits_for_parts(KEY)
    assert between.fetchers(ID, part(5)) == [KEY]
    assert between.from_coordinator(KEY, told(2)) == []
    assert between.from_coordinator(KEY, assign(1, 5)) == []
    assert down(between.fetched(ID, part(5))) == [1, 2]
    assert not between.waits_for_parts(KEY)
    assert between.fetchers(ID, part(5)) == []
    assert down(between.from_coordinator(KEY, told(3))) == [3]


def test_an_assign_without_parts_goes_on_at_once_after_its_plan_was_kept() -> None:
    planned, passed = relay().from_coordinator(KEY, assign(1))
    assert isinstance(planned, Planned)
    assert isinstance(passed, ToWorker)


def test_a_survivor_that_is_assigned_again_waits_for_the_parts_of_the_checkpoint() -> None:
    """Under exactly-once every worker goes back: its parts must be on the host, too."""
    between = relay()
    first = between.from_coordinator(KEY, assign(1))
    assert down(first) == [1]
    again = between.from_coordinator(KEY, assign(2, 5, 6))
    assert {each.file for each in again if isinstance(each, Fetch)} == {part(5), part(6)}
    assert down(again) == [] and between.waits_for_parts(KEY)
    assert down(between.from_coordinator(KEY, told(3, "go"))) == []
    assert down(between.fetched(ID, part(5))) == []
    assert down(between.fetched(ID, part(6))) == [2, 3]


def test_stop_goes_past_an_assign_that_waits() -> None:
    between = relay()
    between.from_coordinator(KEY, assign(1, 5))
    assert down(between.from_coordinator(KEY, told(0, "stop"))) == [0]


def test_a_new_coordinator_replaces_what_the_old_one_said() -> None:
    between = relay()
    between.from_coordinator(KEY, assign(1, 5))
    assert down(between.from_coordinator(KEY, told(1, "who", boot=4))) == [1]
    assert between.from_coordinator(KEY, told(2, boot=3)) == []
    assert down(between.fetched(ID, part(5))) == []


def test_a_part_that_cannot_be_had_refuses_the_worker_and_never_starts_it_empty() -> None:
    """F18."""
    between = relay()
    between.from_coordinator(KEY, assign(1, 5))
    assert between.not_fetched(ID, part(5), "sha mismatch") == [
        Refuse(KEY, f"snapshot part {part(5)} cannot be had from the coordinator: sha mismatch")
    ]
    assert between.fetched(ID, part(5)) == []


def test_a_plan_with_classes_that_are_not_allowed_never_reaches_the_worker() -> None:
    between = relay("not allowed on this host")
    assert between.from_coordinator(KEY, assign(1)) == [Refuse(KEY, "not allowed on this host")]


def test_the_classes_of_a_plan_are_those_of_its_components_and_groupings() -> None:
    paths = {each.class_path for each in PLAN.spec.components()}
    assert set(classes_of(PLAN)) == paths


@pytest.mark.parametrize(
    "data",
    [told(1, "assign"), told(1, "assign", plan=7), told(1, "assign", plan={"spec": {}})],
)
def test_a_plan_that_cannot_be_read_refuses_the_worker(data: bytes) -> None:
    (refuse,) = relay().from_coordinator(KEY, data)
    assert isinstance(refuse, Refuse)
    assert "cannot read the plan" in refuse.why


def test_a_plan_of_another_version_is_refused_by_the_field_that_is_not_known() -> None:
    wire = PLAN.to_wire()
    wire["spec"]["settings"]["later"] = 1
    (refuse,) = relay().from_coordinator(KEY, told(1, "assign", plan=wire))
    assert isinstance(refuse, Refuse)
    assert refuse.why == (
        "cannot read the plan: settings has 'later', which is not known here; the versions of "
        "waterspout differ, see `waterspout doctor`"
    )


def test_a_part_by_the_name_of_a_path_refuses_the_worker() -> None:
    data = told(1, "assign", epoch=1, plan=PLAN.to_wire(), parts={1: [["../x", ""]]})
    (refuse,) = relay().from_coordinator(KEY, data)
    assert isinstance(refuse, Refuse)
    assert "not the name" in refuse.why


# Reports.


def report(n: int = 0, drained: bool = False, **more: Any) -> bytes:
    rows = [{"task": 1, "exhausted": drained, "drained": drained, "emitted": 3}]
    return said(n, "report", epoch=1, tasks=rows, errors=[], **more)


def test_plain_reports_go_on_once_a_second_and_the_newest_of_them() -> None:
    # at    0.0   0.25  0.5   1.0(tick)   1.25
    # on    r0                r2
    between = relay()
    assert len(up(between.from_worker(KEY, report(mark=0), 0.0))) == 1
    for now, mark in ((0.25, 1), (0.5, 2)):
        assert up(between.from_worker(KEY, report(mark=mark), now)) == []
        assert between.tick(now) == []
    (late,) = between.tick(1.0)
    assert isinstance(late, ToCoordinator)
    assert unpack(late.data)["mark"] == 2
    assert between.tick(9.0) == []
    assert up(between.from_worker(KEY, report(mark=3), 2.0)) == [0]


def test_that_a_task_is_drained_is_told_at_once() -> None:
    between = relay()
    between.from_worker(KEY, report(), 0.0)
    assert up(between.from_worker(KEY, report(drained=True), 0.1)) == [0]
    assert up(between.from_worker(KEY, report(drained=True), 0.2)) == []


def test_a_report_that_must_not_be_lost_is_not_thinned() -> None:
    between = relay()
    between.from_worker(KEY, report(), 0.0)
    assert up(between.from_worker(KEY, report(n=4), 0.1)) == [4]
    assert up(between.from_worker(KEY, report(n=5), 0.2)) == [5]


def test_the_supervisor_sees_reports_and_who_is_there() -> None:
    between = relay()

    def seen(data: bytes) -> list[str]:
        out = between.from_worker(KEY, data, 0.0)
        return [each.message["kind"] for each in out if isinstance(each, Seen)]

    assert seen(said(1, "register", endpoint="tcp://a:1", pid=5)) == ["register"]
    assert seen(report()) == ["report"]
    assert seen(report()) == ["report"]
    assert seen(said(2, "here")) == ["here"]
    # It has errors only, and may be older than what was seen.
    assert seen(report(n=3)) == []


def test_the_last_report_of_a_worker_goes_on_when_it_ends() -> None:
    between = relay()
    between.from_worker(KEY, report(mark=0), 0.0)
    between.from_worker(KEY, report(mark=1), 0.1)
    (last,) = between.on_exited(KEY)
    assert isinstance(last, ToCoordinator)
    assert unpack(last.data)["mark"] == 1
    assert between.on_exited(KEY) == []


# The end, and nonsense.


def test_nothing_goes_on_for_a_worker_that_is_forgotten() -> None:
    between = relay()
    between.from_worker(KEY, snapshotted(2, 5), 0.0)
    between.from_coordinator(KEY, assign(1, 5))
    between.forget(KEY)
    assert between.stored(ID, part(5)) == []
    assert between.fetched(ID, part(5)) == []
    assert between.not_fetched(ID, part(5), "x") == []


@each_case(
    "data", [b"", b"\x93\x01", pack({}), pack({"boot": 1, "n": "x", "kind": "go"}), b"\xc1" * 9]
)
def test_what_is_no_envelope_is_counted_and_dropped(data: bytes) -> None:
    between = relay()
    assert between.from_worker(KEY, data, 0.0) == []
    assert between.from_coordinator(KEY, data) == []
    assert between.refused == 2
