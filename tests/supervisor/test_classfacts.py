"""What a class is and declares. Runs here what production only runs in the child."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.classfacts import Finding, inspect_component
from waterspout.topology.classes import AllowList
from waterspout.topology.component import Needs, StreamDecl
from waterspout.topology.facts import ComponentFacts

from ..each_case import each_case

MODULE = '''
import abc
from waterspout.bolts.contract import Bolt, ColumnBolt
from waterspout.bolts.functions import Map
from waterspout.spouts.contract import Source, Spout
from waterspout.topology.component import Needs, Stream
from waterspout.topology.errors import UserError, WrongArguments

def function(x): return x
value = 5

class Lines(Source):
    outputs = ["line"]
    def __init__(self, paths: str): pass
    def partitions(self): return []
    def reader(self, partition, position): pass

class Numbers(Spout):
    outputs = {"default": ["n"], "errors": Stream(["text"], direct=True)}
    replay = "none"
    def next_tuple(self): pass

class BadReplay(Numbers):
    replay = "maybe"

class BadSink(Bolt):
    sink_kind = "twice"
    def process(self, tup): pass

class Split(Bolt):
    outputs = ["word"]
    def process(self, tup): yield ["a"]

class Steady(Split):
    deterministic = True
    auto_anchor = False
    def finish(self): pass
    def after_batch(self): pass

class Async(Bolt):
    auto_ack = False
    async def process(self, tup): pass

class Batches(Bolt):
    stateful = True
    sink = True
    sink_kind = "append"
    rescalable = True
    outputs_hint = "with args {emit: true}"
    def process_batch(self, batch): pass
    def process_tick(self, tup): pass

class Timed(Bolt):
    def process(self, tup): pass
    def on_timer(self, timer): pass

class AsyncTimer(Split):
    async def on_timer(self, timer): pass

class Rows(ColumnBolt):
    import_args = ("function", "functions")
    def __init__(self, function: str = "", functions: list = ()): pass
    def columns(self, cls, columns, runs): return columns, runs

class NoTuple(Bolt):
    def process(self): pass
class Empty(Bolt): pass
class NoReader(Source):
    def partitions(self): return []
class Abstract(Bolt, abc.ABC):
    def process(self, tup): pass
    @abc.abstractmethod
    def hook(self): pass
class Stranger: pass

class BadOutputs(Split):
    outputs = 5
class TwoAlike(Split):
    outputs = ["a", "a"]
class Declared(Split):
    def __init__(self, field: str = ""): pass
    @classmethod
    def declare_outputs(cls, args): return [args["field"]]
class Refusing(Declared):
    @classmethod
    def declare_outputs(cls, args): raise UserError("Refusing: field: 'x' unknown")
class Several(Split):
    def __init__(self, field: str, other: int = 0): pass
    @classmethod
    def declare_outputs(cls, args):
        raise WrongArguments(["Several: field.a[1]: bad", "Several: other: bad", "Several: odd"])
    @classmethod
    def declare_needs(cls, args): return Needs({"x": "field"})
class SeveralOdd(Several):
    @classmethod
    def declare_needs(cls, args): return 1 / 0
class Reshaped(Map):
    def __init__(self): super().__init__("users:function", ["x"])
class BadNeeds(Split):
    @classmethod
    def declare_needs(cls, args): return 5
class Needy(Declared):
    @classmethod
    def declare_needs(cls, args): return Needs({args["field"]: "field"}, ("a",))

class AsyncYield(Bolt):
    async def process(self, tup): yield ["a"]
class YieldingSpout(Spout):
    def next_tuple(self): yield [1]
class AsyncReader(Source):
    def partitions(self): return ["a"]
    async def reader(self, partition, position): pass
class AsyncBatch(Bolt):
    async def process_batch(self, batch): pass

class Grouping:
    def __init__(self, n: int): pass
    def prepare(self, context, stream, targets): pass
    def choose_tasks(self, values): return []
'''


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "users.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import users\n\n1 / 0\n")
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "syntax.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "needs.py").write_text("import not_there_at_all\n")
    (tmp_path / "forbidden.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("users", "broken", "exits", "syntax", "needs", "forbidden"):
        sys.modules.pop(name, None)


ALLOW = AllowList(local=("users", "broken", "exits", "syntax", "needs"))


def look(
    class_path: str, kind: str = "bolt", customs: Any = (), **args: Any
) -> tuple[ComponentFacts | None, list[Finding]]:
    """Return (facts, findings) of one component."""
    findings: list[Finding] = []
    component = {"kind": kind, "class_path": class_path, "args": args, "customs": customs}
    return inspect_component(component, ALLOW, findings), findings


def test_facts_of_a_source() -> None:
    assert look("users:Lines", "spout", paths="*") == (
        ComponentFacts("spout", {"default": StreamDecl(("line",))}, replay="seek"),
        [],
    )


def test_facts_of_a_spout_with_several_streams() -> None:
    facts, _ = look("users:Numbers", "spout")
    assert facts is not None and facts.replay == "none"
    assert facts.outputs["errors"] == StreamDecl(("text",), direct=True)


def test_facts_of_bolts() -> None:
    assert look("users:Split")[0] == ComponentFacts(
        "bolt", {"default": StreamDecl(("word",))}, is_generator=True
    )
    assert look("users:Async")[0] == ComponentFacts("bolt", auto_ack=False, is_async=True)
    assert look("users:Batches")[0] == ComponentFacts(
        "bolt", has_process=False, has_batch=True, has_tick=True, stateful=True, sink=True,
        sink_kind="append",
        rescalable=True, outputs_hint="with args {emit: true}", own_emits=("process_tick",),
    )  # fmt: skip


def test_facts_that_effectively_once_asks_for() -> None:
    facts, _ = look("users:Steady")
    assert facts is not None and facts.deterministic and not facts.auto_anchor
    assert facts.own_emits == ("after_batch", "finish")
    assert ComponentFacts.from_json(facts.to_json()) == facts


def test_a_bolt_with_timers_keeps_state() -> None:
    facts, findings = look("users:Timed")
    assert facts == ComponentFacts(
        "bolt", has_timer=True, stateful=True, own_emits=("on_timer",)
    )
    assert findings == []


@each_case(
    "path, codes",
    [
        ("users:function", []),
        ("forbidden:when", ["E_CLASS_DENIED"]),
        ("users:functoin", ["E_IMPORT"]),
        ("users:value", ["E_IMPORT"]),
    ],
)
def test_the_function_of_event_time_is_imported_when_it_may_be(
    path: str, codes: list[str]
) -> None:
    findings: list[Finding] = []
    component = {
        "kind": "spout", "class_path": "users:Numbers", "args": {}, "customs": (),
        "time_function": path,
    }  # fmt: skip
    assert inspect_component(component, ALLOW, findings) is not None
    assert [(each.path, each.code) for each in findings] == [
        ("event_time.function", code) for code in codes
    ]


def test_outputs_may_depend_on_the_arguments() -> None:
    facts, findings = look("users:Declared", field="x")
    assert facts is not None and facts.outputs == {"default": StreamDecl(("x",))}
    assert findings == []


WRONG_KIND = [
    ("users:function", "bolt", "'users:function' is a function, not a class"),
    ("users:value", "bolt", "'users:value' is an int, not a class"),
    ("users:Stranger", "bolt", "'Stranger' is not a bolt: it does not derive from Bolt"),
    ("users:Stranger", "spout", "it does not derive from Spout or Source"),
    ("users:Split", "spout", "'Split' is a bolt, listed under spouts"),
    ("users:Lines", "bolt", "'Lines' is a spout, listed under bolts"),
    ("users:Empty", "bolt", "'Empty' does not define process or process_batch"),
    ("users:NoReader", "spout", "'NoReader' does not define reader"),
    ("users:AsyncYield", "bolt", "'AsyncYield': 'async def process' cannot yield; call self.emit"),
    ("users:AsyncBatch", "bolt", "'AsyncBatch': 'process_batch' cannot be 'async def'; only 'pr"),
    ("users:AsyncTimer", "bolt", "'AsyncTimer': 'on_timer' cannot be 'async def'; only 'proce"),
    ("users:YieldingSpout", "spout", "'YieldingSpout': 'next_tuple' cannot yield; call self.emit"),
    ("users:AsyncReader", "spout", "'AsyncReader': 'reader' cannot be 'async def'; only 'proces"),
    ("users:NoTuple", "bolt", "'NoTuple': 'process' is called with (tup) and takes ()"),
    ("users:Abstract", "bolt", "'Abstract' does not define hook"),
]


@each_case("path, kind, expected", WRONG_KIND)
def test_a_class_of_the_wrong_kind_is_refused(path: str, kind: str, expected: str) -> None:
    facts, findings = look(path, kind)
    assert facts is None
    assert [finding[:2] for finding in findings] == [("class", "E_CLASS_KIND")]
    assert expected in findings[0].text


def test_what_raises_on_import_is_quoted_with_the_users_traceback_and_not_ours() -> None:
    _, findings = look("broken:Anything")
    assert findings[0].code == "E_IMPORT"
    assert findings[0].text.startswith("importing 'broken' raised ZeroDivisionError: division by")
    assert "broken.py:3)" in findings[0].text
    assert "1 / 0" in findings[0].details
    assert "classfacts" not in findings[0].details and "importlib" not in findings[0].details


IMPORTS = [
    ("exits:A", "importing 'exits' raised SystemExit: 3"),
    ("syntax:A", "importing 'syntax' raised SyntaxError: invalid syntax"),
    ("needs:A", "importing 'needs' raised ModuleNotFoundError: No module named 'not_there_at_all'"),
    ("users.inner:A", "there is no module 'users.inner'"),
    ("users:Splt", "'users' has no 'Splt', did you mean 'Split'?"),
]


@each_case("path, expected", IMPORTS)
def test_what_cannot_be_imported_says_why(path: str, expected: str) -> None:
    _, findings = look(path)
    assert [finding.code for finding in findings] == ["E_IMPORT"]
    assert findings[0].text.startswith(expected)


def test_a_mistake_of_syntax_is_placed_in_the_users_file() -> None:
    _, findings = look("syntax:A")
    assert findings[0].text.endswith("syntax.py:2)")


def test_arguments_that_do_not_fit_are_placed_at_the_argument_or_at_all_of_them() -> None:
    facts, findings = look("users:Lines", "spout", path="*")
    assert facts is not None
    assert [finding[:2] for finding in findings] == [("args.path", "E_ARGS"), ("args", "E_ARGS")]


def test_a_custom_grouping_that_cannot_be_imported_is_one_problem() -> None:
    custom = {"path": "inputs[0].class", "class_path": "users:Nobody", "args": {}}
    _, findings = look("users:Split", customs=[custom])
    assert [finding[:2] for finding in findings] == [("inputs[0].class", "E_IMPORT")]


def test_a_denied_class_is_not_imported() -> None:
    _, findings = look("forbidden:A")
    assert [finding.code for finding in findings] == ["E_CLASS_DENIED"]
    assert "forbidden" not in sys.modules


def test_functions_named_by_arguments_are_checked_and_imported() -> None:
    assert look("users:Rows", function="users:function")[1] == []
    found = [
        look("users:Rows", function="os:system")[1],
        look("users:Rows", function="users:nobody")[1],
        look("users:Rows", function="users:value")[1],
        look("users:Rows", functions=["users:function", "forbidden:f"])[1],
    ]
    assert [(finding.path, finding.code) for (finding,) in found] == [
        ("args.function", "E_CLASS_DENIED"),
        ("args.function", "E_IMPORT"),
        ("args.function", "E_IMPORT"),
        ("args.functions", "E_CLASS_DENIED"),
    ]
    assert "forbidden" not in sys.modules


@each_case(
    "path, kind, code, expected",
    [
        ("users:BadOutputs", "bolt", "E_OUTPUTS", "outputs of stream 'default': expected a list"),
        ("users:TwoAlike", "bolt", "E_OUTPUTS", "stream 'default' has field 'a' twice"),
        ("users:Declared", "bolt", "E_ARGS", "Declared.declare_outputs raised KeyError: 'field'"),
        ("users:Reshaped", "bolt", "E_OUTPUTS", "has other arguments than the class that it der"),
        ("users:BadNeeds", "bolt", "E_ARGS", "BadNeeds.declare_needs raised AssertionError: it re"),
        ("users:BadReplay", "spout", "E_CLASS_KIND", "expected seek, re-emit or none, got 'maybe'"),
        ("users:BadSink", "bolt", "E_CLASS_KIND", "sink_kind is 'twice', one of none, append"),
    ],
)
def test_declarations_that_cannot_be_used_are_refused(
    path: str, kind: str, code: str, expected: str
) -> None:
    _, findings = look(path, kind)
    assert [finding.code for finding in findings] == [code]
    assert expected in findings[0].text


def test_what_the_arguments_need_of_the_inputs_is_a_fact() -> None:
    facts, findings = look("users:Needy", field="x")
    assert facts is not None and facts.needs == Needs({"x": "field"}, ("a",))
    assert findings == []


def test_a_refusal_of_ours_is_placed_at_its_argument_without_a_traceback() -> None:
    assert look("users:Refusing", field="x")[1] == [
        Finding("args.field", "E_ARGS", "'x' unknown")
    ]
    assert look("users:Refusing")[1][0].path == "args"


def test_several_refusals_are_placed_each_at_its_argument() -> None:
    facts, findings = look("users:Several", field="x", other=1)
    assert findings == [
        Finding("args.field.a[1]", "E_ARGS", "bad"),
        Finding("args.other", "E_ARGS", "bad"),
        Finding("args", "E_ARGS", "Several: odd"),
    ]
    assert facts is not None and not facts.outputs_known
    assert facts.needs == Needs({"x": "field"})


def test_what_needs_raise_is_passed_over_when_the_arguments_are_wrong() -> None:
    facts, findings = look("users:SeveralOdd", field="x")
    assert facts is not None and facts.needs == Needs()
    assert len(findings) == 3


def test_nothing_is_said_twice_and_nothing_that_follows_from_a_slip() -> None:
    # "field" is of the wrong type, which the class says better; "odd" may follow from "othr".
    _, findings = look("users:Several", field=5, othr=1)
    assert [finding[:2] for finding in findings] == [
        ("args.othr", "E_ARGS"), ("args.field.a[1]", "E_ARGS"),
    ]  # fmt: skip


def test_the_class_of_a_custom_grouping_is_looked_at_too() -> None:
    custom = {"path": "inputs[0].class", "class_path": "users:Grouping", "args": {}}
    _, findings = look("users:Split", customs=[custom])
    assert findings == [Finding("inputs[0].class", "E_ARGS", "Grouping(n): 'n' is missing")]
    custom = {"path": "inputs[0].class", "class_path": "users:Stranger", "args": {}}
    _, findings = look("users:Split", customs=[custom])
    assert [finding.code for finding in findings] == ["E_CLASS_KIND"]
    assert "'Stranger' is no grouping: it does not define prepare, choose_tasks" in findings[0].text
