"""What state can keep: said as it is, and with what can be kept in its place."""

from __future__ import annotations

import enum
from collections import Counter, namedtuple
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts import state_sqlite_map
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_backends import STATE_BACKENDS
from waterspout.bolts.state_slices import pack_keys, pack_value
from waterspout.bolts.state_values import fault_of, key_fault_of
from waterspout.topology.errors import StateError

from ..each_case import each_case


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Place:
    x: int = 0


class Array:
    def tolist(self) -> list[Any]:
        return []


Pair = namedtuple("Pair", "a b")
DEEP: list[Any] = []
DEEP.append(DEEP)


@each_case(
    "value, fault",
    [
        ({1}, "'set' object; keep a list, or a dict with None as values"),
        (frozenset(), "'frozenset' object; keep a list, or a dict"),
        (Counter(), "'Counter' object; keep dict(..)"),
        (Pair(1, 2), "'Pair' object; keep tuple(..)"),
        (type("Rows", (list,), {})(), "'Rows' object; keep list(..)"),
        (type("Word", (str,), {})(), "'Word' object; keep str(..), "),
        (Colour.RED, "'Colour' object; keep its .value"),
        (Level.LOW, "'Level' object; keep its .value"),
        (date(2020, 1, 1), "'date' object; keep its isoformat()"),
        (Array(), "'Array' object; keep its tolist()"),
        (Place(), "'Place' object; keep dataclasses.asdict(..)"),
        (object(), "'object' object; keep str, bytes, int of 64 bits"),
        ([1, {"a": ({2},)}], "'set' object at [1]['a'][0]; keep"),
        ({"a": {frozenset(): 1}}, "'frozenset' object at ['a'], as a key; keep"),
        (1 << 64, "an int of more than 64 bits"),
        ([-(1 << 63) - 1], "more than 64 bits has no wire form at [0]"),
        (DEEP, "nested too deeply, or holds itself"),
    ],
)
def test_a_fault_says_what_it_is_where_and_what_to_keep_instead(value: Any, fault: str) -> None:
    assert fault in (fault_of(value) or "")
    with pytest.raises(StateError) as caught:
        pack_value(value)
    assert fault in str(caught.value)


def test_what_would_come_back_as_something_else_is_a_fault_too() -> None:
    assert "'bytearray' object; keep bytes(..)" in (fault_of(bytearray()) or "")


@each_case(
    "value",
    [
        1, -(1 << 63), (1 << 64) - 1, "x", b"", None, 1.5, True, [], {}, (), [({"a": (1,)},)],
        {(1,): 2},
    ],
)  # fmt: skip
def test_what_can_be_packed_has_no_fault(value: Any) -> None:
    assert fault_of(value) is None
    assert pack_value(value)


@each_case(
    "key, fault",
    [
        (frozenset(), "no wire form for 'frozenset' object; keys are str"),
        ((1, frozenset()), "object; keys are str"),
        (1 << 70, "an int of more than 64 bits has no wire form; keys are str"),
        ((1, [2]), "a list or dict in a tuple has no wire form; keys are str"),
    ],
)
def test_a_key_has_faults_of_its_own(key: Any, fault: str) -> None:
    assert fault in (key_fault_of(key) or "")


@each_case("key", [1, "x", None, (), (1, ("x", None)), 1.5, b""])
def test_a_key_that_can_be_packed_has_no_fault(key: Any) -> None:
    assert key_fault_of(key) is None
    assert pack_keys([key])


class Sub(dict):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize(
    ("value", "instead"), [({1}, "a list, or a dict with"), (Sub(), r"dict\(..\)"), (1j, "str, ")]
)
def test_what_no_snapshot_could_hold_is_refused_where_it_is_set(
    value: Any, instead: str
) -> None:
    state = TaskState("bolt")
    one, some, entries = state.value("one"), state.list("some"), state.map("entries")
    state.key = "k"
    one.set(1)
    some.append(1)
    entries["e"] = 1
    for name, call in {
        r"value\('one'\)": lambda: one.set(value),
        r"list\('some'\)": lambda: some.append(value),
        r"list\('some'\) ?": lambda: some.extend([2, value]),
        r"list\('some'\) ? ?": lambda: some.set([2, value]),
        r"map\('entries'\)": lambda: entries.__setitem__("e", value),
    }.items():
        kind = type(value).__name__
        with pytest.raises(
            StateError, match=rf"bolt: state\.{name}, key 'k': .*'{kind}' object; keep {instead}"
        ):
            call()
    with pytest.raises(StateError, match=r"bolt: state\.map\('entries'\), entry frozenset.*: keys"):
        entries[frozenset([1])] = 1
    # All is as it was.
    assert (one.get(), some.get(), dict(entries)) == (1, [1], {"e": 1})


@pytest.mark.parametrize("name", STATE_BACKENDS)
def test_what_cannot_be_written_fails_the_snapshot_and_no_call_for_another_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_sqlite_map, "CACHE_ENTRIES_MIN", 8)
    state = TaskState("bolt", backend=STATE_BACKENDS[name](tmp_path / "s.sqlite", 1))
    value = state.value("v")
    state.key = "bad"
    value.set([1])
    value.get().append({2})
    for number in range(100):
        state.key = number
        value.set(number)
    for _ in range(2):
        with pytest.raises(StateError, match=r"bolt: state\.value\('v'\), key 'bad': .* at \[1\]"):
            list(encode_part(state.snapshot_begin()))
    state.key = "bad"
    assert value.get() == [1, {2}]
    value.set([1])
    part = decode_part(b"".join(encode_part(state.snapshot_begin())))
    assert part.keyed["value:v"] == {**dict(zip(range(100), range(100), strict=True)), "bad": [1]}
    state.close()


def test_what_is_found_at_the_snapshot_is_shown_as_the_bolt_asked_for_it() -> None:
    state = TaskState("bolt", wall_ms=lambda: 1)
    state.key = "k"
    state.value("paid", ttl="1h").set([0, {"of": {1}}])
    with pytest.raises(
        StateError,
        match=r"bolt: state\.value\('paid'\), key 'k': no wire form for 'set' object at "
        r"\[1\]\['of'\]; keep a list, or a dict with None as values",
    ):
        list(encode_part(state.snapshot_begin()))
