"""The three ways to write an input, and what is refused in each."""

from __future__ import annotations

from waterspout.topology.loader import Loaded, load
from waterspout.topology.spec import InputSpec

from ..each_case import each_case

FILE = "name: x\nspouts: {s: {class: m:S}}\nbolts:\n  b:\n    class: m:B\n    inputs: "


def loaded(inputs: str) -> Loaded:
    return load(f"{FILE}{inputs}\n", "t.yaml")


TAKES = [
    ("[s]", InputSpec("s")),
    ("['s.errors']", InputSpec("s", "errors")),
    ("[{from: s}]", InputSpec("s")),
    ("[{from: s.errors, grouping: all}]", InputSpec("s", "errors", "all")),
    ("[{from: s, stream: errors}]", InputSpec("s", "errors")),
    (
        "[{from: s, grouping: fields, fields: [a, b]}]",
        InputSpec("s", grouping="fields", fields=("a", "b")),
    ),
    (
        "[{from: s, grouping: custom, class: m.G, args: {n: 1}}]",
        InputSpec("s", grouping="custom", custom="m:G", args={"n": 1}),
    ),
]


@each_case("text, expected", TAKES)
def test_an_input_is_a_name_a_name_with_stream_or_a_mapping(
    text: str, expected: InputSpec
) -> None:
    found = loaded(text)
    assert list(found.problems) == []
    assert found.spec is not None and found.spec.bolts["b"].inputs == (expected,)


REFUSES = [
    ("s", "6:13: E_TYPE bolts.b.inputs: a list of inputs expected, got 's'; a single one is wr"),
    ("{from: s}", "6:13: E_TYPE bolts.b.inputs: a list of inputs expected, got mapping"),
    ("[]", "6:13: E_MISSING bolts.b.inputs: a bolt needs at least one input"),
    ("~", "6:13: E_TYPE bolts.b.inputs: a list of inputs expected, got nothing"),
    ("[[s]]", "6:14: E_TYPE bolts.b.inputs[0]: component, component.stream or a mapping with 'fro"),
    ("[{form: s}]", "6:15: E_UNKNOWN_KEY bolts.b.inputs[0]: unknown key 'form', allowed: from, "),
    ("[{grouping: all}]", "6:14: E_MISSING bolts.b.inputs[0].from: 'from' is missing"),
    ("[{from: s.a, stream: b}]", "6:34: E_CONFLICT bolts.b.inputs[0]: the stream is given twice"),
    ("[{from: s, args: {n: 1}}]", "6:30: E_GROUPING bolts.b.inputs[0]: grouping 'shuffle' takes "),
]


@each_case("text, expected", REFUSES)
def test_anything_else_is_refused_at_its_place(text: str, expected: str) -> None:
    assert [expected in str(problem) for problem in loaded(text).problems] == [True]


@each_case("text", ["&x [s]", "[*x]", "[!y s]", "[{from: !y s}]", "[no]"])
def test_what_was_refused_already_is_not_complained_about_again(text: str) -> None:
    assert len(loaded(text).problems) == 1


def test_inputs_that_are_wrong_are_left_out_and_the_others_keep_their_paths() -> None:
    found = loaded("[5, s, {from: ~}, s.errors]")
    assert found.draft is not None
    assert [item.stream for item in found.draft.bolts["b"].inputs] == ["default", "errors"]
    assert found.input_paths["b"] == ["bolts.b.inputs[1]", "bolts.b.inputs[3]"]
