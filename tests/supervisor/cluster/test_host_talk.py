"""What hosts are told, and when: beats, wishes in full or not, envelopes in batches, questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from waterspout.supervisor.cluster import host_talk
from waterspout.supervisor.cluster.host_protocol import RELAY_BYTES_MAX, problem_from_coordinator
from waterspout.supervisor.cluster.host_talk import ANSWER_S, WISH_AGAIN_S, HostTalk
from waterspout.supervisor.cluster.hosts import Hosts
from waterspout.supervisor.cluster.leases import Leases
from waterspout.supervisor.cluster.places import Places
from waterspout.supervisor.cluster.slots import WorkerNeed

from .host_messages import beat, hello


class Rig:
    """Two hosts that said hello."""

    def __init__(self) -> None:
        self.hosts, self.leases, self.places = Hosts(), Leases(10.0), Places()
        self.talk = HostTalk(
            self.hosts, self.leases, self.places, term=3, beat_s=1.0,
            wished=lambda wish: replace(wish, name="words"),
        )  # fmt: skip
        for name in ("a", "b"):
            self.hosts.on_hello(name, name.encode(), hello(name), 0.0)
            self.talk.begin(name, 0.0)
            self.leases.add(name, 0.0)
        self.places.set_hosts([host.facts() for host in self.hosts])

    def said(self, now: float, kind: str = "wish") -> list[tuple[str, dict[str, Any]]]:
        """Return what is said in a turn: (host, message)."""
        self.talk.turn(now)
        found = [(route.decode(), message) for route, message in self.talk.outbox]
        self.talk.outbox.clear()
        assert [problem_from_coordinator(message) for _, message in found] == [None] * len(found)
        return [each for each in found if each[1]["kind"] == kind]

    def acted(self, name: str) -> None:
        """The host acts on its wish."""
        known = self.hosts[name]
        self.hosts.on_beat(known.route, beat(version=self.places.version_of(name), workers=[]))


@pytest.fixture
def rig() -> Rig:
    """Return two hosts."""
    return Rig()


def test_every_host_hears_a_beat_with_its_whole_wish_first_and_then_only_the_beat(rig: Rig):
    first = rig.said(0.0)
    assert [(name, wish["workers"], wish["term"]) for name, wish in first] == [
        ("a", [], 3),
        ("b", [], 3),
    ]
    rig.acted("a"), rig.acted("b")
    assert rig.said(0.5) == []
    second = rig.said(1.0)
    assert [wish["workers"] for _, wish in second] == [None, None]
    assert second[0][1]["beat"] == first[0][1]["beat"] + 1


def test_a_wish_that_changed_is_said_at_once_and_to_its_host_alone(rig: Rig):
    rig.said(0.0)
    assert rig.places.want("t-1", WorkerNeed(0), 11, 0.0) == "a"
    ((name, wish),) = rig.said(0.1)
    assert name == "a"
    assert [(row["worker"], row["name"]) for row in wish["workers"]] == [(0, "words")]
    rig.places.kill("t-1", 0, 11, "hung")
    ((_, wish),) = rig.said(0.2)
    assert wish["workers"][0]["kill"] == "hung"


def test_a_wish_is_said_in_full_again_until_the_host_acts_on_it(rig: Rig):
    rig.said(0.0)
    assert [wish["workers"] for _, wish in rig.said(1.0)] == [None, None]
    rig.acted("b")
    assert [wish["workers"] for _, wish in rig.said(WISH_AGAIN_S)] == [[], None]


def test_a_host_that_is_lost_or_has_no_connection_is_told_nothing(rig: Rig):
    rig.hosts.on_lost("a")
    rig.hosts["b"].route = b""
    rig.talk.relay("t-1", 0, 1, b"x")
    rig.talk.prune(["a", "b", "z"], "t-1", 1, frozenset())
    rig.talk.outbox.clear()
    assert rig.said(0.0) == []


def test_a_host_without_a_connection_makes_no_beats(rig: Rig):
    rig.said(0.0)
    rig.hosts["a"].route = b""
    rig.places.want("t-1", WorkerNeed(0), 11, 0.0)
    assert [rig.said(now / 10) for now in range(1, 9)] == [[]] * 8


def test_silence_of_three_beats_is_no_contact(rig: Rig):
    assert not rig.talk.silent("a", 3.0)
    assert rig.talk.silent("a", 3.1)
    rig.talk.heard("a", 3.0)
    assert not rig.talk.silent("a", 6.0)


def test_envelopes_go_to_the_worker_s_host_in_order_and_in_bounded_messages(rig: Rig):
    rig.places.want("t-1", WorkerNeed(0), 11, 0.0)
    for number in range(3):
        rig.talk.relay("t-1", 0, 11, bytes([number]))
    for _ in range(3):
        rig.talk.relay("t-1", 0, 11, bytes(RELAY_BYTES_MAX - 1))
    rig.talk.relay("t-1", 5, 11, b"no such worker")
    found = rig.said(0.0, "relay")
    assert {name for name, _ in found} == {"a"}
    assert [len(message["items"]) for _, message in found] == [3, 1, 1, 1]
    assert [item[3] for item in found[0][1]["items"]] == [b"\0", b"\1", b"\2"]


def test_envelopes_wait_up_to_a_limit(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host_talk, "RELAY_ITEMS_MAX", 2)
    rig.places.want("t-1", WorkerNeed(0), 11, 0.0)
    for _ in range(5):
        rig.talk.relay("t-1", 0, 11, b"x")
    ((_, message),) = rig.said(0.0, "relay")
    assert len(message["items"]) == 2


# --- questions ----------------------------------------------------------------------------------


def asked(rig: Rig, host: str = "a", now: float = 0.0) -> list[Mapping[str, Any] | None]:
    """Ask a host something; return where its answer comes."""
    answers: list[Mapping[str, Any] | None] = []
    rig.talk.ask(host, "facts", {"topic": None}, answers.append, now)
    return answers


def test_an_answer_comes_back_to_who_asked(rig: Rig):
    first, second = asked(rig), asked(rig)
    ids = [message["id"] for _, message in rig.said(0.0, "ask")]
    rig.talk.on_answer("a", {"id": ids[1], "ok": True, "facts": 2})
    rig.talk.on_answer("b", {"id": ids[0], "ok": True, "facts": 9})
    assert (first, [answer and answer["facts"] for answer in second]) == ([], [2])


def test_without_an_answer_in_time_there_is_none_and_a_late_one_says_nothing(rig: Rig):
    answers = asked(rig)
    ((_, message),) = rig.said(0.0, "ask")
    rig.said(ANSWER_S - 0.1)
    assert answers == []
    rig.said(ANSWER_S)
    assert answers == [None]
    rig.talk.on_answer("a", {"id": message["id"], "ok": True})
    assert answers == [None]


def test_what_a_host_was_asked_on_a_connection_that_is_no_more_is_given_up(rig: Rig):
    here, there = asked(rig, "a"), asked(rig, "b")
    rig.talk.begin("a", 0.5)
    assert (here, there) == ([None], [])


def test_a_host_that_is_not_there_answers_none_at_once(rig: Rig):
    rig.hosts.on_lost("b")
    assert asked(rig, "b") == [None]
    assert asked(rig, "z") == [None]


def test_no_more_is_asked_than_the_limit(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host_talk, "ASKED_MAX", 1)
    assert asked(rig) == []
    assert asked(rig) == [None]
