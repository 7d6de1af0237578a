"""The connection with the coordinator: hello first, beats after, anew when it is silent."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.cluster.host_link import HostLink, Want


def welcome(term: int = 3, **more: Any) -> dict[str, Any]:
    return {"kind": "welcome", "term": term, "beat_s": 1.0, **more}


def up(now: float = 0.0) -> HostLink:
    link = HostLink(now)
    link.on_connected(now)
    link.on_message(welcome(), now)
    return link


def test_hello_is_said_at_every_connection_and_beats_only_after_the_welcome() -> None:
    # connected 0 -- hello 0 -- welcome 0.2 -- beat 0.2 -- disconnected 0.5 -- connected 0.8
    link = HostLink(0.0)
    assert link.wants(0.0, True) is Want.NOTHING
    link.on_connected(0.0)
    assert link.wants(0.0, True) is Want.HELLO
    link.said(Want.HELLO, 0.0)
    assert link.wants(0.1, True) is Want.NOTHING
    link.on_message(welcome(), 0.2)
    assert link.wants(0.2, False) is Want.BEAT
    link.said(Want.BEAT, 0.2)
    assert link.wants(0.3, False) is Want.NOTHING
    link.on_disconnected(0.5)
    assert link.wants(0.6, True) is Want.NOTHING
    link.on_connected(0.8)
    assert link.wants(0.8, False) is Want.HELLO


def test_a_connection_that_came_back_unseen_may_be_of_a_new_coordinator() -> None:
    link = up()
    link.on_connected(1.0)
    assert link.wants(1.0, True) is Want.HELLO


def test_a_hello_without_an_answer_is_said_again() -> None:
    link = HostLink(0.0)
    link.on_connected(0.0)
    link.said(Want.HELLO, 0.0)
    assert link.wants(0.9, False) is Want.NOTHING
    assert link.wants(1.0, False) is Want.HELLO


def test_beats_come_each_interval_and_at_once_when_something_changed() -> None:
    link = up()
    link.said(Want.BEAT, 0.0)
    assert link.wants(0.5, False) is Want.NOTHING
    assert link.wants(0.5, True) is Want.BEAT
    assert link.wants(1.0, False) is Want.BEAT


def test_a_silent_connection_is_made_anew_again_and_again() -> None:
    """F08: a one-way cut leaves it connected for minutes."""
    link = up()
    assert link.wants(3.9, False) is Want.BEAT
    assert link.wants(4.1, False) is Want.REDIAL
    link.on_redialled(4.1)
    assert link.wants(8.0, False) is Want.NOTHING
    assert link.wants(8.2, False) is Want.REDIAL


def test_every_message_counts_as_life() -> None:
    link = up()
    link.on_message({"kind": "wish", "term": 3, "beat": 7}, 3.9)
    assert link.wants(7.8, False) is Want.BEAT
    assert link.echo == 7


def test_the_echo_is_the_newest_beat_and_begins_anew_with_a_coordinator() -> None:
    link = up()
    for beat in (7, 9, 8):
        link.on_message({"kind": "wish", "term": 3, "beat": beat}, 0.0)
    assert link.echo == 9
    link.on_message(welcome(4), 1.0)
    assert link.echo == 0


def test_a_coordinator_that_was_replaced_is_not_listened_to() -> None:
    """F09."""
    link = up()
    link.on_message(welcome(5), 0.0)
    assert not link.on_message({"kind": "wish", "term": 4, "beat": 99}, 0.0)
    assert link.echo == 0
    assert "term 4" in link.problem


def test_an_unknown_session_says_hello_again() -> None:
    link = up()
    link.on_message({"kind": "unknown"}, 2.0)
    assert not link.up
    assert link.wants(2.0, True) is Want.HELLO


def test_after_a_refusal_hello_waits_and_the_reason_is_kept() -> None:
    """F16: two hosts of one name."""
    link = HostLink(0.0)
    link.on_connected(0.0)
    link.on_message({"kind": "refused", "code": "duplicate", "text": "a is at x and at y"}, 0.0)
    assert "a is at x and at y" in link.problem
    assert link.wants(3.9, True) is Want.NOTHING
    link.on_message({"kind": "refused", "code": "duplicate", "text": "t"}, 3.0)
    assert link.wants(6.0, True) is Want.NOTHING
    assert link.wants(8.0, True) in (Want.HELLO, Want.REDIAL)
    link.on_message(welcome(), 8.0)
    assert link.problem == ""


def test_a_refused_key_is_said() -> None:
    link = HostLink(0.0)
    link.on_auth_failed(0.0)
    assert "key" in link.problem
    assert link.wants(1.0, True) is Want.NOTHING
    assert link.wants(4.5, True) is Want.REDIAL


def test_a_host_that_changed_says_hello_again() -> None:
    link = up()
    link.say_hello_again(5.0)
    assert not link.up
    link.on_message({"kind": "wish", "term": 3, "beat": 1}, 5.0)
    assert link.wants(5.0, False) is Want.HELLO


def test_a_coordinator_of_a_lower_term_is_refused_and_the_line_says_why() -> None:
    link = up()
    assert not link.on_message({**welcome(), "term": 2}, 6.0)
    assert link.problem == (
        "the coordinator has term 2, but this host runs workers of one of term 3: its data is an "
        "older copy (see 'Back up' in docs/operations.md)"
    )
