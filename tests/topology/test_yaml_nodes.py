"""Nodes: their values after the scalar rules, their paths, their names in messages."""

from __future__ import annotations

from waterspout.topology.problems import Mark, Problems
from waterspout.topology.yaml_nodes import (
    Bad,
    Mapping,
    Node,
    Scalar,
    Sequence,
    kind_name,
    resolve,
    to_plain,
    walk,
)

MARK = Mark("t.yaml", 1, 1)


def plain(text: str) -> Scalar:
    return Scalar(MARK, text, plain=True, text=text)


def tree() -> Mapping:
    items: dict[str, Node] = {
        "a": Sequence(MARK, [plain("1"), Scalar(MARK, "2", plain=False, text="2")]),
        "b": plain("no"),
        "c": Bad(MARK),
    }
    return Mapping(MARK, items, dict.fromkeys(items, MARK))


def test_quoted_texts_stay_texts_and_refused_ones_become_bad_and_are_reported_once() -> None:
    problems = Problems()
    resolved = resolve(tree(), problems)
    assert to_plain(resolved) == {"a": [1, "2"], "b": None, "c": None}
    assert [problem.text[:8] for problem in problems] == ["b: 'no' "]


def test_a_refused_secret_is_not_shown() -> None:
    problems = Problems()
    resolve(Mapping(MARK, {"password": plain("0777")}), problems)
    assert "'***' is an octal" in str(next(iter(problems)))


def test_an_integer_over_64_bits_is_refused() -> None:
    problems = Problems()
    resolved = resolve(Sequence(MARK, [plain("9" * 30)]), problems, "a")
    assert to_plain(resolved) == [None]
    assert [str(each) for each in problems] == [
        "t.yaml:1:1: E_RANGE a[0]: an integer of 30 digits, at most 64 bits; quote it for text"
    ]


def test_walk_gives_every_node_with_its_path() -> None:
    assert [path for path, _ in walk(tree())] == ["a", "a[0]", "a[1]", "b", "c"]


def test_kinds_have_names_that_people_use() -> None:
    problems = Problems()
    names = {
        text: kind_name(resolve(plain(text), problems)) for text in ("x", "1", "1.5", "true", "~")
    }
    assert names == {
        "x": "text",
        "1": "integer",
        "1.5": "number",
        "true": "boolean",
        "~": "nothing",
    }
    assert [kind_name(node) for node in (tree(), Sequence(MARK))] == ["mapping", "list"]
