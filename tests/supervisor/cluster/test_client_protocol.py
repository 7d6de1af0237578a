"""What clients may ask, in which role, and with which fields."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster import client_protocol
from waterspout.supervisor.cluster.client_protocol import (
    DEFAULTS,
    VERBS,
    ClientError,
    Role,
    allowed,
    problem,
    refusal,
    with_defaults,
)

from ...each_case import each_case

#: The least request of every kind; the rest has defaults.
LEAST: dict[str, dict[str, Any]] = {
    "status": {},
    "list": {},
    "plan": {"wire": {}},
    "submit": {"wire": {}},
    "kill": {"name": "words"},
    "pause": {"name": "words"},
    "resume": {"name": "words"},
    "rebalance": {"name": "words"},
    "swap": {"name": "words", "wire": {}},
    "drain_host": {"host": "a"},
    "logs": {"name": "words"},
    "tap": {"name": "words"},
    "more": {},
    "log_level": {"name": "words", "logger": "app", "level": "DEBUG"},
    "events": {},
    "dead_letters": {"name": "words", "action": "list"},
    "savepoint": {"name": "words", "action": "ask"},
    "doctor": {},
}


def request(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a request with its defaults."""
    return with_defaults({"v": 1, "id": 5, "kind": kind, **LEAST[kind], **fields})


@each_case("kind", VERBS)
def test_a_request_needs_each_of_its_fields_and_the_rest_has_defaults(kind: str):
    assert problem(request(kind)) is None
    for field in VERBS[kind].fields:
        wrong = problem(request(kind, **{field: object()}))
        assert wrong is not None
        assert wrong.startswith(f"{kind}: {field} is ")


def test_a_default_names_a_field_of_its_request():
    assert {kind: set(fields) - set(VERBS[kind].fields) for kind, fields in DEFAULTS.items()} == {
        kind: set() for kind in DEFAULTS
    }


@each_case("id", [None, -1, "5", True, 1 << 64])
def test_a_request_without_a_number_is_refused(id: Any):
    assert problem({**request("list"), "id": id}) is not None


@each_case(
    "kind, readonly",
    [(kind, kind in ["status", "list", "plan", "more", "events", "doctor"]) for kind in VERBS],
)
def test_who_may_ask_what(kind: str, readonly: bool):
    assert allowed(Role.ADMIN, kind)
    assert allowed(Role.READONLY, kind) == readonly
    assert not allowed(Role.SUPERVISOR, kind)
    assert not allowed("", kind)


def test_nobody_may_ask_what_does_not_exist():
    assert not any(allowed(role, "format_disk") for role in Role)


@given(
    st.dictionaries(
        st.sampled_from(["v", "id", "kind", "name", "wire"]),
        st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(sorted(VERBS)),
    )
)
def test_nonsense_is_refused_without_an_exception(message: dict[str, Any]):
    problem(with_defaults(message))


def test_a_refusal_is_bounded():
    answer = refusal(5, ClientError.DENIED, "x" * 9000)
    assert answer["code"] == "E_DENIED"
    assert not answer["ok"]
    assert len(answer["error"]) == 2000


def test_every_kind_stands_in_the_docs():
    source = client_protocol.__doc__ or ""
    for kind in VERBS:
        assert re.search(rf"(^  |· ){kind} \{{", source, re.M), kind
