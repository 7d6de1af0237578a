"""Leases: who is lost, who is not, and when nobody can be blamed (F06, F07, F08, F13)."""

from __future__ import annotations

import pytest
from waterspout.supervisor.cluster.leases import BEATS_MAX, Leases

LEASE_S = 10.0


class Clocked:
    """Leases of some hosts, beaten once a second; hosts echo while they are in ``hearing``."""

    def __init__(self, *hosts: str) -> None:
        self.leases = Leases(LEASE_S)
        self.now, self.beat = 100.0, 0
        self.hearing = set(hosts)
        self.lost: dict[str, float] = {}
        for host in hosts:
            self.leases.add(host, self.now)

    def second(self) -> None:
        self.now += 1.0
        self.beat += 1
        self.leases.sent(self.beat, self.now)
        for host in sorted(self.hearing):
            self.leases.echoed(host, self.beat)
        for host in self.leases.tick(self.now):
            self.lost[host] = self.now

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.second()


@pytest.fixture
def pair() -> Clocked:
    made = Clocked("a", "b")
    made.run(5)
    return made


def test_who_echoes_is_never_lost(pair: Clocked):
    pair.run(100)
    assert pair.lost == {}
    assert pair.leases.left_s("a", pair.now) == LEASE_S


def test_a_host_is_lost_a_lease_after_the_last_beat_that_it_heard_and_once(pair: Clocked):
    #  beat:  5 (heard by b) | 6 7 .. 14 unheard | 15 = 5 + lease: lost
    pair.hearing.remove("b")
    heard_at = pair.now
    pair.run(30)
    assert pair.lost == {"b": heard_at + LEASE_S}
    assert pair.leases.left_s("b", pair.now) == 0.0


def test_a_host_that_talks_but_hears_nothing_is_lost(pair: Clocked):
    """One way cut (F08): its beats come, with the echo of an old beat."""
    pair.hearing.remove("b")
    heard = pair.beat
    for _ in range(12):
        pair.second()
        pair.leases.echoed("b", heard)
    assert list(pair.lost) == ["b"]


def test_while_nobody_is_in_contact_nobody_is_lost(pair: Clocked):
    """Both ways cut for all: it is the coordinator that is alone (F07)."""
    pair.hearing.clear()
    pair.run(200)
    assert pair.lost == {}


def test_hosts_that_fell_silent_one_beat_apart_are_not_lost_either(pair: Clocked):
    pair.hearing.remove("b")
    pair.second()
    pair.hearing.clear()
    pair.run(200)
    assert pair.lost == {}


def test_the_first_that_is_back_gives_all_a_fresh_lease(pair: Clocked):
    pair.hearing.clear()
    pair.run(60)
    pair.hearing.add("a")
    back_at = pair.now + 1
    pair.run(30)
    assert pair.lost == {"b": back_at + LEASE_S}


def test_hosts_of_an_earlier_coordinator_have_a_full_lease_from_the_first_contact_on():
    clocked = Clocked("a", "b")
    clocked.hearing.clear()
    clocked.run(60)
    assert clocked.lost == {}
    clocked.hearing.add("a")
    clocked.run(9)
    assert clocked.lost == {}
    clocked.run(3)
    assert list(clocked.lost) == ["b"]


def test_a_lost_host_counts_again_only_after_it_was_added(pair: Clocked):
    pair.hearing.remove("b")
    pair.run(20)
    pair.hearing.add("b")
    pair.second()
    assert pair.leases.left_s("b", pair.now) == 0.0
    pair.leases.add("b", pair.now)
    pair.run(20)
    assert pair.leases.left_s("b", pair.now) == LEASE_S
    assert list(pair.lost) == ["b"]


@pytest.mark.parametrize("pause_s", [3.0, 9.0, 30.0, 3600.0])
def test_a_pause_of_the_coordinator_itself_costs_nobody_the_lease(pair: Clocked, pause_s: float):
    """Stopped by a signal or swapped out: the echoes that came meanwhile are not read yet."""
    pair.now += pause_s
    assert pair.leases.tick(pair.now) == []
    assert pair.leases.left_s("a", pair.now) == LEASE_S
    pair.hearing.remove("b")
    pair.run(int(LEASE_S) + 2)
    assert list(pair.lost) == ["b"]


def test_an_echo_of_a_beat_that_was_never_sent_renews_nothing(pair: Clocked):
    pair.hearing.remove("b")
    for _ in range(12):
        pair.second()
        pair.leases.echoed("b", 10**9)
        pair.leases.echoed("b", 0)
    assert list(pair.lost) == ["b"]


def test_beats_are_remembered_within_limits():
    leases = Leases(1e9)
    for beat in range(BEATS_MAX + 50):
        leases.sent(beat, float(beat) / 1000)
    assert len(leases._beats) == BEATS_MAX
