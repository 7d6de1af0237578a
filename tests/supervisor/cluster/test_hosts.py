"""Which hosts there are: hello, restart, twins, other versions, and what their beats say."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.cluster.hosts import (
    REFUSALS_MAX,
    HostRecord,
    HostRefused,
    Hosts,
    WorkerExit,
    WorkerSeen,
)

from ...each_case import each_case
from .host_messages import beat, beat_row, hello


def known(hosts: Hosts, name: str = "a", route: bytes = b"r1", **changes: Any) -> HostRecord:
    """Have a host say hello; it is taken."""
    taken = hosts.on_hello(name, route, hello(name, **changes), 1.7e9)
    assert isinstance(taken, HostRecord)
    return taken


def test_a_host_is_what_it_says_in_its_hello():
    hosts = Hosts()
    record = known(hosts, wall=1.7e9 + 5)
    assert record.up
    assert record.wall_offset_s == 5.0
    facts = record.facts()
    assert (facts.name, facts.slots, facts.labels, facts.draining) == ("a", 4, {"disk": "ssd"}, 0)
    assert hosts.of_route(b"r1") is record
    assert "a" in hosts
    assert [each.name for each in hosts.up()] == ["a"]


def test_a_restarted_supervisor_takes_over_the_name():
    hosts = Hosts()
    known(hosts, session=7)
    known(hosts, route=b"r2", session=8)
    assert hosts.on_beat(b"r1", beat(session=7)) is None
    assert hosts.on_beat(b"r2", beat(session=8)) is not None


def test_a_second_host_of_the_same_name_is_refused_and_both_are_named():
    """F16: two supervisors with one id."""
    hosts = Hosts()
    known(hosts, address="10.0.0.1", data_dir="/d1")
    twin = hello("a", machine="other boot", address="10.0.0.2", data_dir="/d2")
    refused = hosts.on_hello("a", b"r2", twin, 1.7e9)
    assert isinstance(refused, HostRefused)
    assert refused.code == "duplicate"
    assert "10.0.0.1 (/d1)" in refused.text
    assert "10.0.0.2 (/d2)" in refused.text
    assert hosts.of_route(b"r2") is None
    assert hosts["a"].address == "10.0.0.1"
    assert hosts.refusals == {"a": refused.text}


def test_the_name_of_a_host_that_was_lost_is_free():
    hosts = Hosts()
    known(hosts)
    hosts.on_lost("a")
    assert hosts.up() == []
    assert known(hosts, route=b"r2", machine="a new boot").up


def test_a_host_that_was_lost_has_to_say_hello_before_its_beats_count():
    hosts = Hosts()
    known(hosts)
    hosts.on_lost("a")
    assert hosts.on_beat(b"r1", beat()) is None
    known(hosts)
    assert hosts.on_beat(b"r1", beat()) is not None


def test_a_host_from_the_store_is_up_and_its_twin_is_refused():
    hosts = Hosts()
    hosts.restore(HostRecord("a", machine="boot a", slots=2))
    assert hosts.up()
    assert isinstance(hosts.on_hello("a", b"r2", hello("a", machine="x"), 0.0), HostRefused)
    assert known(hosts).slots == 4


@pytest.mark.parametrize(("proto", "taken"), [([1, 1], True), ([1, 9], True), ([2, 9], False)])
def test_versions_that_do_not_meet_are_refused_with_both_ranges(proto: list[int], taken: bool):
    """F25: another version."""
    found = Hosts().on_hello("a", b"r1", hello("a", proto=proto), 0.0)
    if taken:
        assert isinstance(found, HostRecord)
    else:
        assert isinstance(found, HostRefused)
        assert (found.code, "2 to 9" in found.text) == ("version", True)


@each_case(
    "ours, theirs, taken",
    [("0.2.0", "0.2.0", True), ("0.2.0", "0.2.7", True), ("0.2.0", "0.1.9", False),
     ("1.0", "2.0", False), ("", "0.1", True), ("unknown", "0.1", True), ("0.2.0", "unknown", True),
     ("0.2.1.dev3", "0.2.0", True)],
)  # fmt: skip
def test_a_host_of_another_release_is_refused_and_both_versions_are_named(
    ours: str, theirs: str, taken: bool
):
    hosts = Hosts(version=ours)
    found = hosts.on_hello("a", b"r1", hello("a", version=theirs), 0.0)
    assert isinstance(found, HostRecord) is taken
    if isinstance(found, HostRefused):
        assert found.code == "version"
        assert found.text == (
            f"host a runs waterspout {theirs}, the coordinator {ours}: "
            "have all machines run the same"
        )
        assert hosts.refusals == {"a": found.text}


def test_a_beat_says_how_workers_are_and_which_have_ended():
    hosts = Hosts()
    known(hosts)
    positions = {1: [["p", 0, 2, 0, True]]}
    left = {"reason": "exit code 1", "roots": [5], "positions": positions, "drawn": {1: 4}}
    rows = [beat_row(), beat_row(worker=1, state="exited", pid=None, exit=left)]
    found = hosts.on_beat(b"r1", beat(workers=rows, version=3))
    assert found is not None
    seen, gone = found
    assert isinstance(seen, WorkerSeen)
    assert (seen.host, seen.worker, seen.state, seen.pid) == ("a", 0, "running", 4711)
    assert isinstance(gone, WorkerExit)
    assert (gone.worker, gone.reason, gone.roots, gone.drawn) == (1, "exit code 1", (5,), {1: 4})
    assert gone.positions == {1: [["p", 0, 2, 0, True]]}
    assert hosts["a"].version == 3


def test_a_hello_on_a_new_connection_means_that_no_wish_was_acted_on_there():
    hosts = Hosts()
    known(hosts)
    hosts.on_beat(b"r1", beat(version=3))
    assert known(hosts, route=b"r2").version == 0


def test_a_beat_of_another_process_than_the_one_that_said_hello_does_not_count():
    hosts = Hosts()
    known(hosts, session=7)
    assert hosts.on_beat(b"r1", beat(session=8)) is None


def test_nobody_beats_without_a_hello():
    assert Hosts().on_beat(b"r1", beat()) is None


def test_refusals_are_remembered_up_to_a_limit():
    hosts = Hosts()
    for number in range(REFUSALS_MAX + 10):
        hosts.on_hello(f"h{number}", b"r", hello(f"h{number}", proto=[5, 5]), 0.0)
    assert len(hosts.refusals) == REFUSALS_MAX
    assert "h0" not in hosts.refusals


def test_a_forgotten_host_is_gone():
    hosts = Hosts()
    known(hosts)
    hosts.on_lost("a")
    hosts.forget("a")
    assert "a" not in hosts
    assert hosts.of_route(b"r1") is None


def test_a_host_whose_workers_follow_a_later_coordinator_is_refused_by_an_older_copy():
    hosts = Hosts(term=4)
    refused = hosts.on_hello("a", b"r1", hello("a", term=9), 1.7e9)
    assert isinstance(refused, HostRefused)
    assert refused.code == "term"
    assert refused.text.startswith(
        "the coordinator has term 4, but host a runs workers of one of term 9"
    )
    assert hosts.refusals == {"a": refused.text}, "doctor shows it"
    known(hosts, term=4)
    assert hosts.refusals == {}


def test_an_older_copy_that_was_restarted_often_is_told_by_the_token_of_a_term():
    #  the one that is lost   1, 2, 3 (token 33)
    #  the copy, of term 2    1, 2, 3 (token 44), 4, 5
    hosts = Hosts(term=5, tokens={2: 22, 3: 44, 4: 55, 5: 66})
    refused = hosts.on_hello("a", b"r1", hello("a", term=3, token=33), 1.7e9)
    assert isinstance(refused, HostRefused)
    assert refused.code == "term"
    assert "host a runs workers of a coordinator of term 3" in refused.text
    assert "older copy" in hosts.refusals["a"]
    known(hosts, term=3, token=44)
    # From before tokens were kept, or longer ago than they are: by its number alone.
    for seen in ({"term": 3, "token": 0}, {"term": 1, "token": 11}, {"term": 0, "token": 33}):
        known(hosts, **seen)
