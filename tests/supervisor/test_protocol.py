"""What a worker may say: every kind has its fields, everything else is refused by name."""

from __future__ import annotations

import re
from typing import Any

import pytest
from waterspout.supervisor import protocol

from ..each_case import each_case
from .scripted import Run


def message(kind: str) -> dict[str, Any]:
    """Return the least message of a kind that is right."""
    fields = protocol.FIELDS[kind]
    return {"kind": kind, **{name: types[0]() for name, types in fields.items()}}


@each_case("kind", protocol.FIELDS)
def test_a_message_with_its_fields_is_right_and_without_one_it_is_not(kind: str):
    assert protocol.problem(message(kind)) is None
    for name in protocol.FIELDS[kind]:
        short = {key: value for key, value in message(kind).items() if key != name}
        assert protocol.problem(short) == f"{kind}: {name} is None"


@each_case("kind", [None, 7, ["ready"], "nonsense", "x" * 1000])
def test_an_unknown_kind_is_refused_in_a_short_line(kind: Any):
    problem = protocol.problem({"kind": kind})
    assert problem is not None
    assert problem.startswith("unknown kind")
    assert len(problem) < 80


def test_every_kind_has_a_handler_and_a_place_in_the_docs():
    source = protocol.__doc__ or ""
    for kind in protocol.FIELDS:
        assert re.search(rf"^  {kind}\b", source, re.M), kind
    assert set(Run().coordinator._handlers) == set(protocol.FIELDS)


def test_kinds_of_one_epoch_carry_it():
    assert all("epoch" in protocol.FIELDS[kind] for kind in protocol.OF_ONE_EPOCH)


@pytest.mark.parametrize(("key", "wrong"), [({}, False), ({"key": "k"}, False), ({"key": 1}, True)])
def test_a_key_may_be_missing_but_not_be_anything(key: dict[str, object], wrong: bool):
    message = {"kind": "register", "endpoint": "ipc://x", "pid": 1, **key}
    assert (protocol.problem(message) is not None) is wrong
