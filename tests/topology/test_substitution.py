"""``${}`` inside texts and ``--set`` on top."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.problems import Problems
from waterspout.topology.substitution import apply_sets, substitute
from waterspout.topology.yaml_nodes import Mapping, resolve, to_plain
from waterspout.topology.yaml_tree import read_tree

from ..each_case import each_case

VARIABLES = {
    "N": "4",
    "EMPTY": "",
    "DEEP": "${N}",
    "LINES": "a\nb",
    "YAML": "[1, {a: b}]",
    "NO": "no",
    "BIG": "x" * 70_000,
}


def read(text: str, sets: tuple[str, ...] = ()) -> tuple[Any, list[str]]:
    """Return (plain values, problems) of a text after --set, ${} and the scalar rules."""
    problems = Problems()
    tree = read_tree(text, "t.yaml", problems)
    assert isinstance(tree, Mapping)
    apply_sets(tree, sets, problems)
    resolved = resolve(substitute(tree, VARIABLES, problems), problems)
    return to_plain(resolved), [str(problem) for problem in problems]


GIVES = [
    ("${N}", 4),
    ("'${N}'", "4"),
    ("${N}${N}", 44),
    ("a ${N} b", "a 4 b"),
    ("${MISSING:5}", 5),
    ("${MISSING:}", None),
    ("'${MISSING:}'", ""),
    ("${EMPTY:d}", "d"),
    ("'${EMPTY}'", ""),
    ("${N:5}", 4),
    ("${N:?why}", 4),
    ("${MISSING:a:b}", "a:b"),
    ("$${N}", "${N}"),
    ("$${N} ${N}", "${N} 4"),
    ("$N $(N) {N}", "$N $(N) {N}"),
    ("${DEEP}", "${N}"),
    ("${YAML}", "[1, {a: b}]"),
]


@each_case("text, value", GIVES)
def test_a_variable_is_put_into_the_text_once(text: str, value: object) -> None:
    assert read(f"a: {text}\n") == ({"a": value}, [])


REFUSES = [
    ("${MISSING}", "E_UNSET a: ${MISSING} is not set and has no default"),
    ("${NN}", "E_UNSET a: ${NN} is not set and has no default"),
    ("${DEPE}", "did you mean 'DEEP'?"),
    ("${MISSING:?set it to a folder}", "E_UNSET a: ${MISSING} is not set: set it to a folder"),
    ("${EMPTY:?why}", "E_UNSET a: ${EMPTY} is not set: why"),
    ("${LINES}", "E_SUBST a: the value of ${LINES} holds a line break"),
    ("${1X}", "E_SUBST a: '${1X}' is not ${NAME}, ${NAME:default} or ${NAME:?message}"),
    ("${}", "E_SUBST a: '${}' is not ${NAME}"),
    ("${N", "E_SUBST a: '${' is not ${NAME}"),
    ("${N:${N}}", "E_SUBST a: '${' is not ${NAME}"),
    ("${NO}", "E_TYPE a: '${NO}' is a boolean in YAML 1.1"),
    ("${BIG}", "E_SIZE a: more than 65536 characters after substitution"),
]


@each_case("text, expected", REFUSES)
def test_what_cannot_be_put_in_is_refused_at_its_place(text: str, expected: str) -> None:
    _, problems = read(f"a: {text}\n")
    assert problems[0].startswith("t.yaml:1:4: ") and expected in problems[0]


def test_variables_are_put_into_texts_at_any_depth() -> None:
    values, problems = read("a: [{b: ['${N}']}, '${N}']\nc: [[x]]\n")
    assert values == {"a": [{"b": ["4"]}, "4"], "c": [["x"]]} and problems == []
    assert "E_UNSET a[0].b[1]: ${NOPE}" in read("a: [{b: [x, '${NOPE}']}]\n")[1][0]


def test_what_a_variable_holds_is_not_shown() -> None:
    _, problems = read("a: ${NO}\nb: ${LINES}\nc: ${BIG}\n")
    assert len(problems) == 3
    assert not any("'no'" in line or "a\\nb" in line or "xxx" in line for line in problems)


def test_a_default_as_in_a_shell_is_pointed_out() -> None:
    values, problems = read("a: ${MISSING:-5}\n")
    assert values == {"a": -5}
    assert "W_SUBST a: the default of ${MISSING:-...} begins with '-'" in problems[0]


def test_keys_take_no_variables() -> None:
    assert "E_SUBST here: a key cannot hold ${...}, got '${N}'" in read("${N}: 1\n")[1][0]


FILE = "a: {b: 1, list: [x, {c: 2}]}\nspouts: {s: {parallelism: 1}}\n"


@each_case(
    "assignment, path, value",
    [
        ("a.b=5", ("a", "b"), 5),
        ("a.b='5'", ("a", "b"), "5"),
        ('a.b="x y"', ("a", "b"), "x y"),
        ("a.b=", ("a", "b"), None),
        ("a.b='", ("a", "b"), "'"),
        ("a.b=''", ("a", "b"), ""),
        ("a.b=x=y", ("a", "b"), "x=y"),
        ("a.b=*.py", ("a", "b"), "*.py"),
        ("a.b=${N}", ("a", "b"), 4),
        ("a.new=true", ("a", "new"), True),
        ("a.new=[a.txt, 'two.txt', 3]", ("a", "new"), ["a.txt", "two.txt", 3]),
        ("a={b: {c: 5}, d: []}", ("a",), {"b": {"c": 5}, "d": []}),
        ("a.new=['${N}']", ("a", "new"), ["4"]),
        ('a.new="a\\tb"', ("a", "new"), "a\tb"),
        ("a.new='it''s'", ("a", "new"), "it's"),
        ("a.new={N}", ("a", "new"), {"N": None}),
        ("new.deep.er=1.5", ("new", "deep", "er"), 1.5),
        ("a.list.0=y", ("a", "list", 0), "y"),
        ("a.list.1.c=y", ("a", "list", 1, "c"), "y"),
        ("spouts.s.parallelism=3", ("spouts", "s", "parallelism"), 3),
    ],
)
def test_set_replaces_or_adds_one_value(
    assignment: str, path: tuple[str | int, ...], value: object
) -> None:
    values, problems = read(FILE, (assignment,))
    for key in path:
        values = values[key]
    assert values == value and problems == []


@each_case(
    "assignment, expected",
    [
        ("a.b", "--set: E_SET a.b.c=VALUE expected, got 'a.b'"),
        ("=5", "--set : E_SET a.b.c=VALUE expected, got ''"),
        ("a..b=5", "--set a..b: E_SET a.b.c=VALUE expected"),
        ("a.list.7=5", "--set a.list.7: E_SET cannot set '7' of a list"),
        ("a.list.2=5", "--set a.list.2: E_SET cannot set '2' of a list"),
        ("a.list.x.y=5", "--set a.list.x.y: E_SET a.list is a list without 'x'"),
        ("a.b.c.d=5", "--set a.b.c.d: E_SET a.b is a value without 'c'"),
        ("a.b.c=5", "--set a.b.c: E_SET cannot set 'c' of a value"),
        ("spouts.t.parallelism=5", "E_REF spouts has no 't'"),
        ("a.b=no", "--set a.b: E_TYPE a.b: 'no' is a boolean in YAML 1.1"),
        ("a.b=${MISSING}", "--set a.b: E_UNSET a.b: ${MISSING} is not set"),
        ("a.b=[x, no]", "--set a.b:5: E_TYPE a.b[1]: 'no' is a boolean in YAML 1.1"),
        ("a.b={x: 1, x: 2}", "--set a.b:8: E_DUPKEY 'x' at column 8 repeats column 2"),
        ("a.b=[x, *y]", "--set a.b:5: E_ALIAS anchors and aliases are not allowed"),
        ("a.b=[x]*.txt", "a text that begins with [ has to be quoted"),
        ("a.b={x: [1}", "--set a.b:7: E_SYNTAX"),
        ("a.b=" + "[" * 40 + "]" * 40, "--set a.b:33: E_DEPTH nesting deeper than 32"),
        ("a.b=[" + "1," * 20_000 + "]", "E_SIZE more than 20000 values"),
        ("a." * 33 + "b=5", "E_DEPTH nesting deeper than 32"),
    ],
)
def test_a_set_that_cannot_be_applied_is_refused(assignment: str, expected: str) -> None:
    _, problems = read(FILE, (assignment,))
    assert len(problems) == 1 and expected in problems[0]


def test_a_later_set_wins() -> None:
    assert read(FILE, ("a.b=5", "a.b=6"))[0]["a"]["b"] == 6


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_set_and_no_text_raises(path: str, value: str) -> None:
    sets = (f"{path}={value}", path, f"a.list.{path}={value}", f"a.x=[{value}", f'a.y="{value}"')
    _, problems = read(FILE, sets)
    assert all("\n" not in problem for problem in problems)
