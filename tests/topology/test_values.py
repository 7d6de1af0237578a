"""Readers of single values: what they take, what they refuse; the rest is in the catalogue."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.problems import Problems
from waterspout.topology.values import MISSING, READERS, ValueReader
from waterspout.topology.yaml_keys import Key
from waterspout.topology.yaml_nodes import Node, resolve
from waterspout.topology.yaml_tree import read_tree

from ..each_case import each_case


def read(kind: str, text: str, **limits: Any) -> tuple[Any, list[str]]:
    """Return (value, problems) of a YAML text read as a kind."""
    problems = Problems()
    key = Key("k", kind, "doc", **{"minimum": 1, "maximum": 100, **limits})
    tree = read_tree(text, "t.yaml", problems)
    assert tree is not None
    node: Node = resolve(tree, problems)
    value = ValueReader(problems).read(key, node, "k")
    return value, [str(problem) for problem in problems]


TAKES = [
    ("integer", "7", 7),
    ("integer", "0x10", 16),
    ("number", "1.5", 1.5),
    ("number", "2", 2.0),
    ("duration", "1.5s", 1.5),
    ("duration", "'1m'", 60.0),
    ("size", "64", 64),
    ("size", "64B", 64),
    ("integer", "1", 1),
    ("integer", "100", 100),
    ("number", "1", 1.0),
    ("number", "100.0", 100.0),
    ("duration", "1s", 1.0),
    ("duration", "100s", 100.0),
    ("size", "1", 1),
    ("size", "100B", 100),
    ("text", "'" + "x" * 100 + "'", "x" * 100),
    ("class", "a" * 298 + ".b", "a" * 298 + ".b"),
    ("boolean", "true", True),
    ("text", "'5'", "5"),
    ("text", "two words", "two words"),
    ("name", "a-b_C9", "a-b_C9"),
    ("class", "a.b:C.D", "a.b:C.D"),
    ("class", "_a.B", "_a.B"),
    ("source", "a.b", "a.b"),
    ("stream", "_a", "_a"),
    ("names", "[a, _b]", ("a", "_b")),
    ("names", "[]", ()),
    ("args", "{a: [1, {b: ~}]}", {"a": [1, {"b": None}]}),
    ("args", "~", {}),
    ("args", "{a: 1.5, version: x, api_version: 2}", {"a": 1.5, "version": "x", "api_version": 2}),
    ("grouping", "all", "all"),
    ("guarantee", "all", "all"),
]


@each_case("kind, text, value", TAKES)
def test_a_reader_takes_what_its_kind_is(kind: str, text: str, value: object) -> None:
    assert read(kind, text, choices={"all": "doc"}) == (value, [])


REFUSES = [
    ("integer", "0", "E_RANGE k: integer 1..100 expected, got 0"),
    ("integer", "101", "E_RANGE"),
    ("number", "0.9", "E_RANGE"),
    ("number", "100.1", "E_RANGE"),
    ("duration", "999ms", "E_RANGE k: a duration of 1s..100s expected, got '999ms'"),
    ("duration", "101s", "E_RANGE"),
    ("size", "101", "E_RANGE"),
    ("number", ".nan", "E_RANGE k: number 1..100 expected, got .nan"),
    ("size", "1.5", "E_RANGE k: a size of 1B..100B, such as 512KiB or 1MiB, expected, got 1.5"),
    ("size", "-1", "E_RANGE"),
    ("size", "2KiB", "E_RANGE"),
    ("size", "lots", "E_RANGE"),
    ("boolean", "'true'", "E_TYPE k: true or false expected, got 'true'"),
    ("boolean", "1", "E_TYPE"),
    ("text", "5", "E_TYPE k: a text expected, got integer 5; quote it"),
    ("text", "{}", "E_TYPE k: a text expected, got mapping"),
    ("text", "x" * 101, "E_SIZE k: over 100 characters"),
    ("class", "a b", "E_NAME k: 'a b' is not a class path"),
    ("class", "a..b", "E_NAME"),
    ("class", "a:b:c", "E_NAME"),
    ("class", "a" * 301, "E_NAME"),
    ("stream", "a b", "E_NAME k: 'a b' is not the name of a stream"),
    ("names", "[1]", "E_TYPE k[0]: the name of a field expected, got integer 1; quote it"),
    ("names", "[[a]]", "E_TYPE k[0]: the name of a field expected, got list"),
    ("args", "[a]", "E_TYPE k: a mapping expected, got list"),
    ("args", "{password: 12345678}", "E_SECRET k.password: a secret does not belong into the fi"),
    ("args", "{password: '${PASSWORD:abc}'}", "E_SECRET k.password"),
    ("args", "{a: ['ftp://u:pw@h']}", "E_SECRET k.a[0]"),
]


@each_case("kind, text, expected", REFUSES)
def test_a_reader_refuses_everything_else(kind: str, text: str, expected: str) -> None:
    value, problems = read(kind, text)
    assert expected in problems[0] and len(problems) == 1
    assert value is MISSING or (kind == "args" and text.startswith("{"))


def test_a_secret_may_be_named_that_lies_on_the_hosts() -> None:
    assert read("args", "{password: 'secret://db'}")[1] == []
    for wrong in ("secret://", "secret://../x", "secret://a/b", "x secret://db"):
        assert "E_SECRET" in read("args", f"{{password: '{wrong}'}}")[1][0]


@pytest.mark.parametrize("text", ["{password: '${PW}'}", "{password: ~}", "{password: '${PW:?x}'}"])
def test_a_secret_from_the_environment_is_fine(text: str) -> None:
    assert read("args", text)[1] == []


@given(
    st.sampled_from(sorted(READERS)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab .:$[", max_size=6),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
)
def test_no_reader_raises_whatever_the_value(kind: str, value: Any) -> None:
    read(kind, repr(value).replace("None", "~").replace("True", "true").replace("False", "false"))
