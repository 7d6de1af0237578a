"""The loader: a right file becomes a spec, a wrong one a list of problems, whatever it holds."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.lint import lint_spec
from waterspout.topology.loader import Loaded, ShortNames, load
from waterspout.topology.spec import ComponentOptions, InputSpec, TopologySpec

from ..each_case import each_case

NAMES = ShortNames({"Files": "waterspout.spouts.files:Files"}, {"Map": "waterspout.bolts.map:Map"})

FULL = """\
# every key once
name: full
description: what it is for
guarantee: at-most-once
workers: 3
code: ..
requirements: needs.txt
spouts:
  lines:
    class: Files
    description: what it is for
    args: {paths: "${ROOT}/*.py", list: [1, 2.5, true, ~, {a: b}]}
    parallelism: 2
    hang_timeout: 90s
    group_max: 5
    rate_hint: 100000
    cpu: 0.5
    memory: 1GiB
    hosts: [gpu, zone=eu]
bolts:
  split:
    class: my.words.Split
    inputs: [lines, lines.errors]
    blocking: true
    tick_interval: 500ms
  count:
    class: my.words:Outer.Count
    inputs:
    - from: split
      grouping: partial-key
      fields: [word, no_one]
    - {from: lines.side, grouping: custom, class: my.Grouping, args: {n: 2}}
    - {from: split, stream: bad, grouping: all}
    parallelism: ${PARALLEL}
    concurrency: 4
settings:
  message_timeout: 2s
  frame_bytes_max: 2MiB
  check_values: true
"""
VARIABLES = {"ROOT": "/src", "PARALLEL": "4"}


def loaded(text: bytes | str, **more: Any) -> Loaded:
    """Load a text with the names and variables of this test."""
    return load(text, "t.yaml", folder="/there", variables=VARIABLES, short_names=NAMES, **more)


def spec(text: str, **more: Any) -> TopologySpec:
    """Load a text that has no errors."""
    found = loaded(text, **more)
    assert [str(problem) for problem in found.problems] == []
    assert found.spec is not None
    return found.spec


def test_every_key_arrives_in_the_spec() -> None:
    full = spec(FULL)
    assert (full.name, full.guarantee, full.workers, full.folder) == (
        "full",
        "at-most-once",
        3,
        "/there",
    )
    assert (full.code, full.requirements) == ("..", "needs.txt")
    lines = full.spouts["lines"]
    assert lines.class_path == "waterspout.spouts.files:Files"
    assert lines.args == {"paths": "/src/*.py", "list": [1, 2.5, True, None, {"a": "b"}]}
    assert (lines.kind, lines.parallelism) == ("spout", 2)
    assert lines.options == ComponentOptions(
        hang_timeout_s=90, group_max=5, rate_hint=100_000, cpu=0.5, memory=1 << 30,
        hosts=("gpu", "zone=eu"),
    )  # fmt: skip
    split = full.bolts["split"]
    assert split.class_path == "my.words:Split"
    assert split.inputs == (InputSpec("lines"), InputSpec("lines", "errors"))
    assert split.options == ComponentOptions(blocking=True, tick_interval_s=0.5)
    count = full.bolts["count"]
    assert count.class_path == "my.words:Outer.Count"
    assert count.inputs == (
        InputSpec("split", grouping="partial-key", fields=("word", "no_one")),
        InputSpec("lines", "side", "custom", custom="my:Grouping", args={"n": 2}),
        InputSpec("split", "bad", "all"),
    )
    assert (count.parallelism, count.options.concurrency) == (4, 4)
    assert full.settings.message_timeout_s == 2.0
    assert full.settings.hold_max_s == 20.0
    assert full.settings.frame_bytes_max == 2 * 2**20
    assert full.settings.check_values is True


SMALL = "name: x\nspouts: {s: {class: m:S}}\nbolts: {b: {class: m:B, inputs: [s]}}\n"


def test_defaults_hold_for_what_is_not_written() -> None:
    small = spec(SMALL)
    assert (small.guarantee, small.workers) == ("at-least-once", 1)
    assert small.spouts["s"].options == ComponentOptions()
    assert small.bolts["b"].inputs == (InputSpec("s"),)


def test_sections_may_be_empty() -> None:
    assert spec("name: x\nspouts: {s: {class: m:S, args: }}\nbolts:\nsettings:\n").bolts == {}


@each_case(
    "written, path",
    [
        ("Files", "waterspout.spouts.files:Files"),
        ("waterspout.spouts.Files", "waterspout.spouts.files:Files"),
        ("waterspout.spouts:Files", "waterspout.spouts.files:Files"),
        ("waterspout.spouts.files:Files", "waterspout.spouts.files:Files"),
        ("a.b.C", "a.b:C"),
    ],
)
def test_a_class_is_a_path_or_a_short_name(written: str, path: str) -> None:
    assert spec(SMALL.replace("m:S", written)).spouts["s"].class_path == path


def test_sets_and_workers_stand_over_the_file() -> None:
    found = spec(SMALL, sets=["bolts.b.parallelism=7", "settings.max_pending=3"], workers=2)
    assert found.bolts["b"].parallelism == 7
    assert found.settings.max_pending == 3
    assert found.workers == 2


def test_problems_of_workers_and_sets_name_the_option() -> None:
    found = loaded(SMALL, sets=["settings.max_pending=0"], workers=0)
    assert [str(problem) for problem in found.problems] == [
        "--workers: E_RANGE workers: integer 1..1024 expected, got 0",
        "--set settings.max_pending: E_RANGE settings.max_pending: integer 1..10000000 expected, "
        "got 0",
    ]


def test_an_error_leaves_the_draft_and_no_spec() -> None:
    found = loaded(SMALL.replace("m:B", "m:B, parallelism: 0"))
    assert found.spec is None
    assert found.draft is not None and list(found.draft.bolts) == ["b"]


def test_a_component_that_is_no_mapping_is_still_known_to_others() -> None:
    found = loaded("name: x\nspouts: {s: 5}\nbolts: {b: {class: m:B, inputs: [s]}}\n")
    lint_spec(found)
    assert [problem.code for problem in found.problems] == ["E_TYPE"]


def test_a_component_without_anything_misses_its_class_where_its_id_stands() -> None:
    found = loaded("name: x\nspouts:\n  s:\n")
    assert [str(problem).partition(" s")[0] for problem in found.problems] == [
        "t.yaml:3:3: E_MISSING"
    ]
    found = loaded("name: x\nspouts:\n  s: {}\n")
    assert str(next(iter(found.problems))).startswith("t.yaml:3:6: E_MISSING")


def test_the_place_of_a_value_that_is_not_there_is_that_of_what_is_around_it() -> None:
    found = loaded(FULL)
    assert str(found.mark("spouts.lines.args.paths")) == "t.yaml:12:19"
    assert str(found.mark("spouts.lines.args.nothing.at.all")) == "t.yaml:12:11"
    assert str(found.mark("bolts.count.inputs[1].args.n")) == "t.yaml:32:74"
    assert str(found.mark("nowhere")) == "t.yaml:1:1"


def test_values_that_were_refused_when_they_were_read_are_known() -> None:
    text = """\
name: x
spouts:
  s: {class: a:B, args: {list: [1, yes], word: "${NOPE}", good: 1, map: 5}}
  t: {class: a:B, args: 5}
"""
    loaded = load(text, "t.yaml")
    args = "spouts.s.args"
    assert loaded.unread == {f"{args}.list[1]", f"{args}.word"}
    assert loaded.draft is not None
    assert loaded.draft.spouts["s"].args == {"list": [1, None], "word": None, "good": 1, "map": 5}
    refused = [f"{args}.list[1]", f"{args}.word", f"{args}.word.more", "spouts.t.args"]
    assert all(map(loaded.refused, refused))
    assert not any(map(loaded.refused, [args, f"{args}.list", f"{args}.good", f"{args}.wo"]))
    assert all(map(loaded.refused_below, [args, f"{args}.list", f"{args}.word"]))
    assert not any(map(loaded.refused_below, [f"{args}.good", f"{args}.li", "spouts.t.args"]))


def test_a_key_of_a_bolt_is_unknown_in_a_spout() -> None:
    found = loaded(SMALL.replace("m:S", "m:S, blocking: true"))
    assert "unknown key 'blocking', allowed: class, description," in str(next(iter(found.problems)))


def mangled(rng: random.Random) -> str:
    """Return the full file with a few characters deleted, doubled, swapped or put in."""
    text = list(FULL)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(text))
        text[at] = rng.choice(["", text[at] * 2, *" \n:[}'&0-", "${"])
    return "".join(text)


@given(st.randoms(use_true_random=False))
def test_a_mangled_file_makes_a_spec_or_problems_and_nothing_else(rng: random.Random) -> None:
    found = loaded(mangled(rng))
    lint_spec(found)
    assert (found.spec is None) == found.problems.errors
    for problem in found.problems:
        assert "\n" not in str(problem) and str(problem).startswith("t.yaml:"), problem


#: Trees out of the keys and words of the format, put together at random.
WORDS = st.sampled_from(
    ["name", "spouts", "bolts", "class", "args", "inputs", "from", "fields", "grouping", "custom",
     "settings", "max_pending", "message_timeout", "s", "b", "s.default", "m:S", "30s", "workers"]
)  # fmt: skip
LEAVES = st.one_of(
    WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


def written(tree: Any) -> str:
    """Write a tree as flow YAML; texts are quoted, so that they stay texts."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(written, tree)) + "]"
    if isinstance(tree, str):
        return "'" + tree.replace("'", "''") + "'"
    return {None: "~", True: "true", False: "false"}.get(tree, repr(tree))


@given(st.dictionaries(WORDS, TREES, max_size=6))
def test_any_tree_makes_a_spec_or_problems_and_nothing_else(tree: dict[str, Any]) -> None:
    found = loaded(written(tree))
    lint_spec(found)
    assert (found.spec is None) == (found.problems.errors or found.draft is None)
    assert all("\n" not in str(problem) for problem in found.problems)
