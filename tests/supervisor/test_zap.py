"""Who may connect: by domain and key, late if need be, and never because something broke."""

from __future__ import annotations

import pytest
from waterspout.supervisor import zap
from waterspout.supervisor.zap import Gate, zap_answer, zap_request

from ..each_case import each_case

ALICE, BOB = b"a" * 32, b"b" * 32


def request(key: bytes = ALICE, domain: str = "links", id: bytes = b"1") -> list[bytes]:
    """Return a request as a ROUTER receives it from libzmq."""
    return [b"R", b"", b"1.0", id, domain.encode(), b"10.0.0.7", b"", b"CURVE", key]


def names(**known: bytes) -> zap.Rule:
    """Return a rule that knows these keys."""
    return lambda key: next((name for name, each in known.items() if each == key), "")


def answers(gate: Gate) -> list[tuple[bytes, bytes, bytes]]:
    """Return (request, status, user) of what the gate has to say, and forget it."""
    found = [(parts[3], parts[4], parts[6]) for parts in gate.outbox]
    gate.outbox.clear()
    return found


def test_a_request_is_read_and_answered_where_it_came_from() -> None:
    found = zap_request(request())
    assert (found.route, found.domain, found.address, found.key) == (
        b"R", "links", "10.0.0.7", ALICE,
    )  # fmt: skip
    assert zap_answer(found, "alice") == [b"R", b"", b"1.0", b"1", b"200", b"OK", b"alice", b""]
    assert zap_answer(found, "")[4:7] == [b"400", b"no such key", b""]


@each_case(
    "domain, key, status",
    [("links", ALICE, b"200"), ("links", BOB, b"400"), ("control", ALICE, b"400"),
     ("", ALICE, b"400")],
)  # fmt: skip
def test_a_key_counts_in_its_domain_only(domain: str, key: bytes, status: bytes) -> None:
    gate = Gate({"links": names(alice=ALICE)})
    gate.take(request(key, domain), 0.0)
    assert [each[1] for each in answers(gate)] == [status]


@each_case(
    "parts",
    [request()[:8], [*request(), b"more"], [b"R", b"", b"2.0", *request()[3:]],
     [*request()[:7], b"PLAIN", b"user"], [*request()[:7], b"NULL", b""],
     request(key=b"short"), [*request()[:4], b"\xff", *request()[5:]]],
)  # fmt: skip
def test_whoever_does_not_come_with_a_key_is_refused(parts: list[bytes]) -> None:
    gate = Gate({"links": lambda key: "anybody"})
    gate.take(parts, 0.0)
    assert [each[1] for each in answers(gate)] == [b"400"]
    assert gate.faults == gate.refusals == 1


def test_a_rule_that_breaks_lets_nobody_in() -> None:
    def broken(key: bytes) -> str:
        raise RuntimeError("the list of keys is gone")

    gate = Gate({"links": broken})
    gate.take(request(), 0.0)
    assert [each[1] for each in answers(gate)] == [b"400"]
    assert gate.faults == 1


def test_a_key_that_becomes_known_in_time_is_let_in() -> None:
    """An epoch may reach the peer first:  B dials (0 s) .. A hears of B (1 s) .. B is in."""
    known: dict[str, bytes] = {}
    gate = Gate({"links": lambda key: names(**known)(key)}, hold_s=5.0)
    gate.take(request(BOB, id=b"1"), 0.0)
    gate.look(0.9)
    assert answers(gate) == []
    assert gate.holding == 1
    known["bob"] = BOB
    gate.look(1.0)
    assert answers(gate) == [(b"1", b"200", b"bob")]
    assert gate.holding == gate.refusals == 0


def test_a_key_that_stays_unknown_is_refused_when_its_time_is_over() -> None:
    gate = Gate({"links": names(alice=ALICE)}, hold_s=5.0)
    gate.take(request(BOB, id=b"1"), 0.0)
    gate.take(request(BOB, id=b"2"), 1.0)
    gate.look(5.0)
    assert answers(gate) == [(b"1", b"400", b"")]
    gate.look(6.0)
    assert answers(gate) == [(b"2", b"400", b"")]
    assert [each.key for each in gate.refused] == [BOB, BOB]


def test_no_more_than_so_many_wait_and_the_oldest_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zap, "HELD_MAX", 2)
    gate = Gate({"links": names(alice=ALICE)}, hold_s=5.0)
    for id in (b"1", b"2", b"3"):
        gate.take(request(BOB, id=id), 0.0)
    assert answers(gate) == [(b"1", b"400", b"")]
    assert gate.holding == 2
