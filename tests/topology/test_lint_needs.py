"""What bolts need of their inputs, against what these are."""

from __future__ import annotations

from typing import Any

from waterspout.topology.component import Needs, Side, StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.lint_facts import lint_facts
from waterspout.topology.loader import load

from ..each_case import each_case

TEXT = """\
name: x
spouts:
  s: {{class: m:S{event_time}}}
bolts:
  a: {{class: m:A, inputs: [s]}}
  b: {{class: m:B, args: {{key: user, time: ts}}, inputs: [{item}], parallelism: {tasks}}}
"""
SPOUT = ComponentFacts("spout", outputs={"default": StreamDecl(("user", "ts"))}, replay="seek")
PASSED_ON = ComponentFacts("bolt", outputs={"default": StreamDecl(("user", "ts"))})
TIMED = ", event_time: {field: ts}"


def problems_of(
    needs: Needs, item: str = "{from: a, grouping: fields, fields: [user]}",
    event_time: str = TIMED, tasks: int = 2,
) -> list[str]:  # fmt: skip
    """Return the problems of s -> a -> b, of which b has these needs."""
    loaded = load(TEXT.format(item=item, event_time=event_time, tasks=tasks), "t.yaml")
    b = ComponentFacts("bolt", stateful=True, needs=needs)
    lint_facts(loaded, {"s": SPOUT, "a": PASSED_ON, "b": b})
    return [str(problem) for problem in loaded.problems]


def test_needs_that_are_met_are_no_problem() -> None:
    assert problems_of(Needs({"user": "key", "ts": "time"}, ("user",), "time")) == []
    assert problems_of(Needs()) == []


def test_a_field_that_no_input_has_is_shown_at_its_argument() -> None:
    (problem,) = problems_of(Needs({"usr": "key"}))
    assert problem == (
        "t.yaml:6:31: E_REF bolts.b.args.key: 'usr' is not a field of 'a' stream 'default', "
        "declared: user, ts, did you mean 'user'?"
    )


@each_case(
    "fields, key, expected",
    [
        ("user", ("user",), ""),
        ("user", ("user", "ts"), "W_GROUPING bolts.b.inputs[0].fields: 'b' keeps state by [user, "
         "ts] in 2 tasks: group by the same fields, in this order"),
        ("ts, user", ("user", "ts"), "W_GROUPING"),
        ("user, ts", ("user",), "E_GROUPING bolts.b.inputs[0].fields: 'b' keeps state by [user] in "
         "2 tasks, and grouping by [user, ts] spreads equal keys over them"),
    ],
)  # fmt: skip
def test_state_goes_by_the_fields_of_the_grouping(
    fields: str, key: tuple[str, ...], expected: str
) -> None:
    item = f"{{from: a, grouping: fields, fields: [{fields}]}}"
    found = problems_of(Needs({}, key), item)
    assert [expected in problem for problem in found] == ([True] if expected else [])
    assert problems_of(Needs({}, key), item, tasks=1) == []


def test_who_waits_for_a_watermark_that_never_comes_is_warned() -> None:
    (problem,) = problems_of(Needs({}, None, "time"), event_time="")
    assert "W_OPTION bolts.b.args.time: no spout above has 'event_time'" in problem


def test_facts_go_through_json_with_their_needs() -> None:
    side = Side("left", "x", "late", {"f": "select.f"})
    needs = Needs({"a": "key"}, ("a", "b"), "time", (side,), ("fields", 3), True, (1, None))
    facts: Any = ComponentFacts("bolt", needs=needs, outputs_known=False)
    assert ComponentFacts.from_json(facts.to_json()) == facts


def test_a_side_that_is_no_input_is_shown_at_its_argument() -> None:
    (problem,) = problems_of(Needs(sides=(Side("key", "aa"),)))
    assert problem == (
        "t.yaml:6:31: E_REF bolts.b.args.key: 'aa' is no input of 'b', it has: a, did you mean 'a'?"
    )
    (problem,) = problems_of(Needs(sides=(Side("key", "a", "late"),)))
    assert "'a.late' is no input of 'b', it has: a" in problem


def test_an_input_that_no_side_names_is_shown_where_it_stands() -> None:
    (problem,) = problems_of(Needs(sides=(Side("key", "a"),)), "a, s", tasks=1)
    assert "E_REF bolts.b.inputs[1]: 's' is none of key, which are a" in problem


def test_each_side_is_held_against_its_own_input() -> None:
    sides = (Side("key", "a", fields={"usr": "key"}), Side("time", "s", fields={"tss": "time"}))
    one, other = problems_of(Needs(sides=sides), "a, s", tasks=1)
    assert "bolts.b.args.key: 'usr' is not a field of 'a' stream 'default'" in one
    assert "bolts.b.args.time: 'tss' is not a field of 's' stream 'default'" in other


def test_as_many_names_as_fields_is_a_need() -> None:
    assert problems_of(Needs(width=("key", 2))) == []
    (problem,) = problems_of(Needs(width=("key", 3)))
    assert problem.endswith("has 2 fields, user, ts: as many names expected, got 3")


def test_state_by_key_needs_a_key_of_every_input() -> None:
    assert problems_of(Needs(keyed=True)) == []
    (problem,) = problems_of(Needs(keyed=True), "{from: a, grouping: global}")
    assert "E_GROUPING bolts.b.inputs[0]: 'b' keeps its state by the key of this input" in problem


def test_keys_of_several_lengths_are_never_equal() -> None:
    items = (
        "{from: a, grouping: fields, fields: [user]}, {from: s, grouping: fields, "
        "fields: [user, ts]}"
    )
    found = problems_of(Needs(keyed=True), items, tasks=1)
    assert ["fields: keys of 1, 2 fields are never equal" in each for each in found] == [True, True]


@each_case("arity, takes", [
        ((2, 2), ""), ((0, None), ""), ((1, 2), ""), ((1, 1), "1 value"), ((3, None), "at least 3"),
        ((3, 4), "3 to 4 values"), ((0, 0), "0 values"),
    ])
def test_a_function_is_handed_all_fields_or_is_told_which(arity: Any, takes: str) -> None:
    found = problems_of(Needs(arity=arity))
    assert [f"args.function: the function takes {takes}" in each for each in found] == (
        [True] if takes else []
    )


def test_an_argument_that_only_one_task_can_have_is_shown_where_there_are_more() -> None:
    needs = Needs(one_task=("time", "several cannot share it"))
    assert problems_of(needs, tasks=1) == []
    (problem,) = problems_of(needs, tasks=3)
    assert problem == (
        "t.yaml:6:43: E_CONFLICT bolts.b.args.time: parallelism is 3, and several cannot share it"
    )
