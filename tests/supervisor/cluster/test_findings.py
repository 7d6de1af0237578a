"""What ``doctor`` says of what it found."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.cluster.findings import Finding, Found, findings_of

HOST = {"host": "a", "version": "1", "python": "3.11", "clock_offset_s": 0.1,
        "address": "10.0.0.1", "up": True}  # fmt: skip


def found(**more: Any) -> Found:
    answer = {"wall": 100.0, "versions": {"waterspout": "1"}, "hosts": [HOST], "refusals": {}}
    known: dict[str, Any] = {
        "endpoint": "tcp://c:7461", "version": "1", "wall": 100.0, "keys": "",
        "addresses": ["10.0.0.9"], "answer": {**answer, **more.pop("answer", {})},
    }  # fmt: skip
    return Found(**{**known, **more})


def bad(facts: Found) -> list[Finding]:
    return [each for each in findings_of(facts) if each.grade != "ok"]


def test_a_sound_cluster_has_nothing_but_oks() -> None:
    assert bad(found()) == []
    assert len(findings_of(found())) == 7


def test_what_stands_in_the_way_of_a_connection_is_named() -> None:
    facts = found(keys="no such file", addresses=[], unreachable="E_CONNECT: nobody listens")
    assert [(each.grade, each.what) for each in bad(facts)] == [
        ("error", "keys"), ("error", "name"), ("error", "coordinator"),
    ]  # fmt: skip
    assert [each.what for each in bad(found(keys=None))] == ["keys"]


def test_versions_and_clocks_that_differ_are_warnings() -> None:
    host = {**HOST, "version": "2", "clock_offset_s": -30.0}
    texts = [each.text for each in bad(found(version="2", wall=90.0, answer={"hosts": [host]}))]
    assert texts == [
        "has version 1, we have 2; have all the same",
        "its clock is 10.0 s ahead: times in logs do not compare (is NTP on?)",
        "has version 2, we have 1; have all the same",
        "its clock is 30.0 s behind: times in logs do not compare (is NTP on?)",
    ]


def test_a_host_of_which_only_the_store_knows_has_no_version_and_no_clock() -> None:
    (finding,) = bad(found(answer={"hosts": [{**HOST, "version": ""}]}))
    assert (finding.grade, finding.what) == ("warning", "host a")
    assert "has not said hello since the coordinator was started" in finding.text


def test_lost_and_refused_hosts_and_none_at_all_are_named() -> None:
    (lost,) = bad(found(answer={"hosts": [{**HOST, "up": False}]}))
    assert (lost.grade, lost.what) == ("error", "host a")
    assert "10.0.0.1" in lost.text
    nobody, refused = bad(found(answer={"hosts": [], "refusals": {"b": "duplicate"}}))
    assert "waterspout supervisor" in nobody.text
    assert (refused.what, refused.text) == ("host b", "was refused: duplicate")
