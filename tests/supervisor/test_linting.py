"""The whole of lint on real files: what ``run`` refuses is what ``lint`` prints."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.registry import BOLTS
from waterspout.spouts.registry import SPOUTS
from waterspout.supervisor import linting
from waterspout.supervisor.classfacts import Finding, inspect_component
from waterspout.supervisor.linting import LintResult, lint_file
from waterspout.topology.classes import AllowList, load_class

MODULE = """
from waterspout.bolts.contract import Bolt
from waterspout.spouts.contract import Source
class Lines(Source):
    outputs = ["line"]
    def __init__(self, paths: str = ""): pass
    def partitions(self): return []
    def reader(self, partition, position): pass
class Split(Bolt):
    outputs = ["word"]
    def __init__(self, sep: str = " "): pass
    def process(self, tup): pass
"""
GOOD = """\
name: words
spouts:
  lines: {class: wordcount.Lines, args: {paths: "${PYTHON_STDLIB}/*.py"}}
bolts:
  split:
    class: wordcount.Split
    args: {sep: ","}
    inputs: [lines]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with a module in it."""
    (tmp_path / "wordcount.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(text: str, **more: Any) -> LintResult:
    Path("t.yaml").write_text(text)
    return lint_file("t.yaml", **{"env": {}, **more})


def lines(result: LintResult) -> list[str]:
    return [str(problem) for problem in result.problems]


def test_a_right_file_gives_a_spec_and_facts(folder: Path) -> None:
    result = lint(GOOD)
    assert lines(result) == [] and result.ok
    assert result.spec is not None
    assert result.spec.folder == str(folder)
    kept = result.spec.spouts["lines"].args["paths"]
    assert kept == "${PYTHON_STDLIB}/*.py", "each host has its own: put in where the task runs"
    assert set(result.facts) == {"lines", "split"}
    assert result.to_json() == {"ok": True, "problems": [], "dropped": 0}


CASES = [
    ("wordcount.Split", "os.system", "6:12: E_CLASS_DENIED bolts.split.class: 'os' is the standa"),
    ("wordcount.Split", "builtins.eval", "6:12: E_CLASS_DENIED bolts.split.class: 'builtins' is"),
    ("wordcount.Split", "subprocess:Popen", "6:12: E_CLASS_DENIED bolts.split.class: 'subproces"),
    (
        "wordcount.Split",
        "hypothesis.strategies:text",
        "6:12: E_CLASS_DENIED bolts.split.class: 'hypothesis' is not under the allowed prefixes "
        "[waterspout.spouts, waterspout.bolts, broken, wordcount]; an installed package is allowed "
        "with --allow hypothesis",
    ),
    (
        "wordcount.Split",
        "wordcont.Split",
        "6:12: E_IMPORT bolts.split.class: there is no module 'wordcont', neither installed nor in "
        "the file's folder, did you mean 'wordcount'?",
    ),
    ("wordcount.Split", "wordcount.Splt", "has no 'Splt', did you mean 'Split'?"),
    ("wordcount.Split", "broken.Split", "6:12: E_IMPORT bolts.split.class: importing 'broken' ra"),
    ("wordcount.Split", "wordcount.Lines", "6:12: E_CLASS_KIND bolts.split.class: 'Lines' is a s"),
    ("sep:", "spe:", "7:17: E_ARGS bolts.split.args.spe: Split(sep): unexpected 'spe', did you m"),
    ('","', "5", "7:17: E_ARGS bolts.split.args.sep: a text expected, got 5"),
    ("[lines]", "[lines.errors]", "8:14: E_REF bolts.split.inputs[0]: 'lines' has no stream"),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_one_wrong_thing_about_classes_gives_one_problem(
    folder: Path, old: str, new: str, expected: str
) -> None:
    assert GOOD.count(old) == 1
    result = lint(GOOD.replace(old, new))
    assert not result.ok
    assert [expected in line for line in lines(result)] == [True], lines(result)
    assert "Traceback" not in "".join(lines(result))
    assert not {"wordcount", "broken"} & set(sys.modules)


READY = """\
name: words
spouts:
  lines:
    class: Files
    args: ARGS
bolts:
  log: {class: Log, inputs: [lines]}
"""


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("Files", '{paths: "${NOPE}"}', ["E_UNSET spouts.lines.args.paths: ${NOPE} is not set"]),
        ("Files", '{paths: ["${NOPE}"]}', ["E_UNSET spouts.lines.args.paths[0]: ${NOPE} is not"]),
        ("Files", "{paths: 5}", ["E_ARGS spouts.lines.args.paths: expected a text or a list of"]),
        ("Files", '{paths: ""}', ["E_ARGS spouts.lines.args.paths: expected a text that is not"]),
        ("Files", "{paths: }", ["args.paths: expected a text or a list of texts, got nothing"]),
        (
            "Files", "{paths: x, encoding: utf-99, line_bytes_max: 0}",
            ["args.encoding: 'utf-99' is no text enc", "args.line_bytes_max: expected an integer"],
        ),
        ("Files", "{paths: x, encoding: 5}", ["args.encoding: expected a text encoding such as"]),
        ("Files", "{paths: x, include_path: yes}", ["E_TYPE spouts.lines.args.include_path: 'y"]),
        (
            "Files", "{include_path: no}",
            ["E_ARGS spouts.lines.args: Files(", "E_TYPE spouts.lines.args.include_path: 'no'"],
        ),
        (
            "Sequence", "{count: -3, rate: 0}",
            ["args.count: expected an integer of 0 or", "args.rate: expected a finite number over"],
        ),
        ("Timer", "{interval: 5 minutes}", ["args.interval: expected a duration over 0 such as"]),
        ("StdinLines", "{line_bytes_max: 1MB}", ["args.line_bytes_max: expected an integer of 1"]),
    ],
)  # fmt: skip
def test_each_wrong_argument_of_a_ready_made_spout_is_one_line(
    folder: Path, name: str, args: str, expected: list[str]
) -> None:
    problems = lint(READY.replace("Files", name).replace("ARGS", args)).problems
    found = [problem for problem in problems if problem.level == "error"]
    assert len(found) == len(expected), found
    assert [text in str(one) for text, one in zip(expected, found, strict=True)] == [True] * len(
        found
    ), found
    assert all(problem.details == "" for problem in found)


#: What the arguments below get that have no default.
GIVEN = {"iterable": "wordcount:one", "function": "wordcount:one", "interval": 1, "fields": ["a"]}
ODD = (-1, float("nan"), "", "a\0b", "~no-such-user/x", [5], [[]], {"a": [1]}, None)


@pytest.mark.parametrize(("kind", "registry"), [("spout", SPOUTS), ("bolt", BOLTS)])
def test_no_value_of_an_argument_has_a_ready_made_class_raise_anything_but_its_own_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, registry: dict[str, str]
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    (folder / "wordcount.py").write_text("def one(value): return value\n")
    allow, found = AllowList(local=("wordcount",)), []
    for name, path in registry.items():
        names = inspect.signature(load_class(path)).parameters
        empty = inspect.Parameter.empty
        needed = {each: GIVEN.get(each, "x") for each, of in names.items() if of.default is empty}
        for argument, odd in itertools.product(names, ODD):
            args = {**needed, argument: odd}
            asked = {"kind": kind, "class_path": path, "args": args, "customs": ()}
            findings: list[Finding] = []
            inspect_component(asked, allow, findings)
            found += [(name, argument, odd, one.text) for one in findings if one.details]
    del sys.modules["wordcount"]
    assert found == []


def test_what_only_follows_from_an_argument_that_was_refused_is_not_said(folder: Path) -> None:
    """Neither what the class says of all arguments, nor what its outputs would be without it."""
    (folder / "wordcount.py").write_text(MODULE + """
class Fields(Lines):
    def __init__(self, fields, other=""): pass
    @classmethod
    def declare_outputs(cls, args): return args["fields"]
class Raises(Fields):
    @classmethod
    def declare_outputs(cls, args): return args["fields"].split()
class Defaults(Fields):
    @classmethod
    def declare_outputs(cls, args): return args["fields"] or ["a"]
""")
    keyed = "inputs: [{from: lines, grouping: fields, fields: [b]}]"
    text = READY.replace("inputs: [lines]", keyed)
    for name in ("Fields", "Raises", "Defaults"):
        made = text.replace("class: Files", f"class: wordcount.{name}")
        (line,) = lines(lint(made.replace("ARGS", '{fields: "${NOPE}"}')))
        assert "E_UNSET" in line
        args = '{fields: b, othr: "${NOPE}"}'
        assert len(lines(lint(made.replace("ARGS", args)))) == 2, "that it is unknown is not new"


def test_a_module_that_is_missing_is_that_in_an_argument_too(folder: Path) -> None:
    mapped = "class: Map, args: {function: MODULE.f, fields: [a]}"
    text = READY.replace("ARGS", "{paths: x}").replace("class: Log", mapped)
    (line,) = lines(lint(text.replace("MODULE", "wordcont")))
    assert "E_IMPORT bolts.log.args.function: there is no module 'wordcont', neither" in line
    assert "did you mean 'wordcount'?" in line
    (line,) = lines(lint(text.replace("MODULE", "hypothesis")))
    assert "E_CLASS_DENIED bolts.log.args.function: 'hypothesis' is not under" in line


def test_problems_of_text_graph_and_classes_come_together_in_order(folder: Path) -> None:
    text = GOOD.replace("name: words", "name: 5").replace('","', "5").replace("[lines]", "[liens]")
    assert [line.split()[1] for line in lines(lint(text))] == ["E_TYPE", "E_ARGS", "E_REF"]


def test_the_users_traceback_is_in_the_details_and_in_the_json(folder: Path) -> None:
    result = lint(GOOD.replace("wordcount.Split", "broken.Split"))
    problem = json.loads(json.dumps(result.to_json()))["problems"][0]
    assert problem["code"] == "E_IMPORT" and problem["level"] == "error"
    assert "ZeroDivisionError" in problem["message"]
    assert "1 / 0" in problem["details"]


def test_prefixes_of_the_allow_list_come_from_the_call_and_the_environment(folder: Path) -> None:
    text = GOOD.replace("wordcount.Split", "hypothesis.strategies:text")
    for more in ({"allow": ["hypothesis"]}, {"env": {"WATERSPOUT_ALLOW": "x,hypothesis"}}):
        assert "E_CLASS_KIND" in lines(lint(text, **more))[0]


def test_sets_and_workers_go_through_to_the_loader(folder: Path) -> None:
    result = lint(GOOD, sets=["bolts.split.parallelism=3"], workers=2)
    assert result.spec is not None
    assert (result.spec.workers, result.spec.bolts["split"].parallelism) == (2, 3)


def test_variables_come_from_the_given_environment(folder: Path) -> None:
    text = GOOD.replace('","', "'${SEP}'")
    assert "E_UNSET" in lines(lint(text))[0]
    result = lint(text, env={"SEP": ";", "PYTHON_STDLIB": "/elsewhere"})
    assert result.spec is not None
    assert result.spec.bolts["split"].args == {"sep": ";"}
    assert result.spec.spouts["lines"].args["paths"] == "${PYTHON_STDLIB}/*.py"


def test_classes_are_looked_at_with_the_variables_of_this_host(folder: Path) -> None:
    (folder / "wordcount.py").write_text(
        MODULE
        + """
class Looks(Lines):
    @classmethod
    def declare_outputs(cls, args):
        raise ValueError(f"it got {args['paths']}")
"""
    )
    text = GOOD.replace("wordcount.Lines", "wordcount.Looks")
    (line,) = lines(lint(text.replace("PYTHON_STDLIB", "TOPOLOGY_DIR")))
    assert f"it got {folder}/*.py" in line
    (line,) = lines(lint(text))
    assert f"it got {sysconfig.get_paths()['stdlib']}/*.py" in line


def test_the_problems_are_the_same_from_another_folder(folder: Path) -> None:
    result = lint(GOOD.replace('","', "5"))
    os.chdir("/")
    other = lint_file(folder / "t.yaml", env={})
    assert [p.text for p in other.problems] == [p.text for p in result.problems]


def test_entry_points_are_short_names(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"Others": "json.decoder:Split", "Map": "mine:Map"}
    monkeypatch.setattr(linting, "plugins", lambda group: points)
    names = linting.short_names()
    assert names.bolts["Others"] == "json.decoder:Split"
    assert names.bolts["Map"] == "waterspout.bolts.functions:Map", "ready-made ones stay"


def test_the_list_that_classes_were_checked_against_is_handed_on(folder: Path) -> None:
    Path("t.yaml").write_text(GOOD)
    found = lint_file("t.yaml", allow=["more"], env={"WATERSPOUT_ALLOW": "yet_more"})
    assert "wordcount" in found.allow.local
    assert found.allow.prefixes[-2:] == ("more", "yet_more")


def test_a_file_that_cannot_be_read_says_why(folder: Path) -> None:
    Path("t.yaml").write_text(GOOD)
    os.mkfifo("pipe")
    Path("large.yaml").write_bytes(b"#" * 2_000_000)
    reasons = {
        "x.yaml": "E_FILE cannot read 'x.yaml': there is no such file, did you mean 't.yaml'?",
        ".": "E_FILE cannot read '.': a folder, a YAML file expected",
        "pipe": "E_FILE cannot read 'pipe': not a regular file, a YAML file expected",
        "a\x00b": "E_FILE cannot read 'a\\x00b': embedded null byte",
        "t.yaml/x": "E_FILE cannot read 't.yaml/x': Not a directory",
        "large.yaml": "large.yaml:1:1: E_SIZE the file is over 1048576 bytes",
    }
    for path, expected in reasons.items():
        assert expected in lines(lint_file(path, env={}))[0]
