"""The guarded reader: the same tree and the same refusals with libyaml and without."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.problems import Problems
from waterspout.topology.yaml_nodes import Mapping, Scalar, Sequence, resolve, to_plain
from waterspout.topology.yaml_tree import PARSER, read_tree

from ..each_case import each_case

PARSERS = [yaml.SafeLoader, PARSER]


def read(text: bytes | str, parser: Any = PARSER) -> tuple[Any, list[str]]:
    """Return (plain values, problems) of a text."""
    problems = Problems()
    tree = read_tree(text, "t.yaml", problems, parser)
    plain = to_plain(resolve(tree, problems)) if tree else None
    return plain, [str(problem) for problem in problems]


@pytest.mark.parametrize("parser", PARSERS)
def test_a_tree_holds_values_and_their_places(parser: Any) -> None:
    problems = Problems()
    tree = read_tree("a: [1, 'x']\nb:\n  c: true\n", "t.yaml", problems, parser)
    assert isinstance(tree, Mapping) and not list(problems)
    resolve(tree, problems)
    items = tree.items["a"]
    assert isinstance(items, Sequence)
    assert [(item.value, str(item.mark)) for item in items.items if isinstance(item, Scalar)] == [
        (1, "t.yaml:1:5"),
        ("x", "t.yaml:1:8"),
    ]
    assert str(tree.keys["b"]) == "t.yaml:2:1"


@pytest.mark.parametrize("parser", PARSERS)
def test_columns_count_characters_and_a_byte_order_mark_is_no_character(parser: Any) -> None:
    problems = Problems()
    tree = read_tree("\ufeff{\u00e9\u00e9: x}".encode(), "t.yaml", problems, parser)
    assert isinstance(tree, Mapping)
    assert str(tree.items["\u00e9\u00e9"].mark) == "t.yaml:1:6"


REFUSED = [
    ("a: 1\n1: 2\n", "2:1: E_TYPE a key must be text, got integer '1'; quote it"),
    ("no: 1\n", "1:1: E_TYPE a key: 'no' is a boolean in YAML 1.1 and text in 1.2: write"),
    ("a: {on: [b]}\n", "1:5: E_TYPE a key: 'on' is a boolean in YAML 1.1 and text in 1.2: write"),
    ("a:\n- Off: 1\n", "2:3: E_TYPE a key: 'Off' is a boolean in YAML 1.1 and text in 1.2: write"),
    ("a: {12:30: 1}\n", "1:5: E_TYPE a key: '12:30' is a number of base 60"),
    ("? [a]\n: b\n", "1:3: E_TYPE a key must be text, got a list"),
    ("? {a: b}\n: b\n", "1:3: E_TYPE a key must be text, got a mapping"),
    ("~: 1\n", "1:1: E_TYPE a key must be text, got nothing '~'; quote it"),
    ("a: *b\n", "1:4: E_ALIAS anchors and aliases are not allowed, got '*b'"),
    ("a: &b [1]\n", "1:4: E_ALIAS anchors and aliases are not allowed, got '&b'"),
    ("&b a: 1\n", "1:1: E_ALIAS anchors and aliases are not allowed, got '&b'"),
    ("<<: {a: 1}\n", "1:1: E_ALIAS merge keys"),
    ("a: !x 1\n", "1:4: E_TAG tags are not allowed, got '!x'"),
    ("a: !!set {b}\n", "1:4: E_TAG tags are not allowed"),
    ("a: ! 1\n", "1:4: E_TAG tags are not allowed, got '!'"),
    ("a: 1\nb: 1\na: 2\n", "3:1: E_DUPKEY 'a' at line 3 repeats line 1"),
    ("a: {b: 1, 'b': 2}\n", "1:11: E_DUPKEY 'b' at line 1 repeats line 1"),
    ("a: 1\n--- \nb: 1\n", "2:1: E_MULTIDOC one YAML document expected"),
    ("a: 1\n\tb: 2\n", ": E_SYNTAX"),
    ("a: 'x\n", ": E_SYNTAX"),
    ("a: b: c\n", "1:5: E_SYNTAX mapping values are not allowed"),
    ("a: {b: ${X}}\n", "; inside [ ] and { } a text with ${...} has to be quoted"),
    ("a: @x\n", "1:4: E_SYNTAX"),
    ("\n\n", "1:1: E_EMPTY"),
    ("[" * 5000, "1:33: E_DEPTH nesting deeper than 32"),
    ("a: [" + "x, " * 20_000, ": E_SIZE more than 20000 values"),
    ("a: '" + "x" * 65_537 + "'", "1:4: E_SIZE a text of more than 65536 characters"),
]


@each_case("case, parser", product(REFUSED, PARSERS))
def test_what_no_topology_needs_is_refused_where_it_stands(
    case: tuple[str, str], parser: Any
) -> None:
    text, expected = case
    _, problems = read(text, parser)
    assert [problem for problem in problems if expected in problem], problems


def test_nothing_else_is_lost_when_a_key_is_refused() -> None:
    assert read("no: [1, {a: 2}]\nb: 3\n")[0] == {"b": 3}
    assert read("a: 1\na: [2]\nb: 3\n")[0] == {"a": 1, "b": 3}
    assert read("a: &x [1]\nb: *x\nc: 3\n")[0] == {"a": None, "b": None, "c": 3}
    plain, problems = read("? {a: [b]}\n: {c: d}\ne: 3\n")
    assert plain == {"e": 3} and len(problems) == 1


def test_half_of_a_surrogate_pair_is_refused_by_both_parsers() -> None:
    assert "E_ENCODING half of a surrogate pair" in read('a: "\\ud800"', yaml.SafeLoader)[1][0]
    assert len(read('a: "\\ud800"', PARSER)[1]) == 1


def test_a_bomb_of_merge_keys_is_refused_within_a_tenth_of_a_second() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 24)]
    bomb = "\n".join(lines)[:736]
    started = time.process_time()
    _, problems = read(bomb)
    assert time.process_time() - started < 0.1
    assert "E_ALIAS" in problems[0]


@each_case("text, parser", product(["[" * 5000, "{a: " * 5000, "- " * 5000, "? " * 5000], PARSERS))
def test_deep_nesting_is_refused_within_a_second(text: str, parser: Any) -> None:
    started = time.process_time()
    _, problems = read(text, parser)
    assert time.process_time() - started < 1
    assert "E_DEPTH" in problems[-1]


#: Texts that are YAML more often than random ones.
PIECES = st.sampled_from(
    ["a", "b: ", "- ", "\n", "  ", "\t", "[", "]", "{", "}", ", ", ": ", "&x ", "*x", "!t ", "<<: ",
     "---\n", "...\n", "'", '"', "\\", "|\n", ">-\n", "#", "%YAML 1.1\n", "? ", "no", "010", "1.5",
     "${X}", "${", "\x00", "\u00e9", "\ud800", "\ufeff", "@", "`", "~", "\r\n", "\u2028"]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(PIECES, max_size=30).map("".join), st.text(max_size=60), st.binary(max_size=60)
)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_byte_order_mark_is_taken_only_at_the_start(parser: Any) -> None:
    assert read("\ufeffa: b", parser) == read("a: b", parser)
    tree, problems = read("a: b\n\ufeffc: d", parser)
    assert tree is None
    assert "E_ENCODING" in problems[0]


@given(TEXTS)
def test_any_text_gives_a_tree_or_problems_and_nothing_else(text: bytes | str) -> None:
    problems = Problems()
    tree = read_tree(text, "t.yaml", problems)
    assert tree is not None or problems.errors
    assert all("\n" not in str(each) and str(each).startswith("t.yaml:") for each in problems)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_both_parsers_agree_on_what_can_be_read(text: str) -> None:
    plain, problems = read(text, yaml.SafeLoader)
    other, others = read(text, PARSER)
    if not problems and not others:
        assert plain == other
