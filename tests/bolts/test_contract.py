"""What every ready-made bolt must do, run over everything in the registry; and the contract.

A new bolt gets a row in ``CASES``: YAML arguments and something to work on.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from waterspout.bolts.contract import Batch, Bolt, ColumnBolt
from waterspout.bolts.registry import BOLTS
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.topology.classes import load_class
from waterspout.topology.columns import Columns
from waterspout.topology.component import normal_outputs

#: What all cases work on, unless they have rows of their own.
FIELDS = ["word", "n"]
ROWS = [["b", 1], ["a", 2], ["b", 3], ["ü", 4]]

#: Name of the case -> short name, YAML arguments, a row that makes it fail (None: none does).
CASES: dict[str, tuple[str, dict[str, Any], list[Any] | None]] = {
    "Map": ("Map", {"function": "builtins:str", "fields": ["x"], "field": "n"}, None),
    "Map to several": ("Map", {"function": "os.path:split", "fields": ["a", "b"], "field": "word"},
                       [5, 5]),
    "FlatMap": ("FlatMap", {"function": "builtins:range", "fields": ["x"], "field": "n"},
                ["x", "no number"]),
    "Filter": ("Filter", {"function": "builtins:len", "fields": ["w", "m"], "field": "word"},
               [5, 5]),
    "Count": ("Count", {}, [{}, 1]),
    "Count with updates": ("Count", {"emit": "updates", "field": "n"}, ["x", [1, {}]]),
    "Count at the end": ("Count", {"emit": "final", "field": ["word", "n"]}, [{}, 1]),
    "Window": ("Window", {"key": "word", "time": "n", "tumbling": "2s",
                          "aggregate": {"c": "count"}}, [{}, 1]),
    "Window that slides": (
        "Window", {"key": "word", "time": "n", "sliding": {"size": "3s", "slide": "1s"},
                   "lateness": "1s", "aggregate": {"s": {"sum": "n"}, "d": {"distinct": "word"}}},
        [[{}], 1]),
    "Window of sessions": (
        "Window", {"time": "n", "session": "2s", "aggregate": {"t": {"top": {"field": "word"}}}},
        [{}, 1]),
    "Window of counts": ("Window", {"key": ["word"], "count": 5, "aggregate": {"c": "count"}},
                         [{}, 1]),
    "WriteLines": ("WriteLines", {"path": "{folder}/f-{index}"}, None),
    "WriteCsv": ("WriteCsv", {"path": "{folder}/f-{task}.csv", "fields": ["n"]}, None),
    "WriteJsonl": ("WriteJsonl", {"path": "{folder}/f.jsonl"}, None),
    "Log": ("Log", {"level": "debug", "every": 2}, None),
}  # fmt: skip

_SIDES = {"left": "a", "right": "b", "select": {"x": "left.n"}}
#: Bolts of another kind, with tests of their own in joins/ and sinks/: only what a YAML may say.
OTHERS: dict[str, dict[str, Any]] = {
    "IntervalJoin": {**_SIDES, "time": "n", "lower": "0s", "upper": "1s"},
    "WindowJoin": {**_SIDES, "time": "n", "size": "1s"},
    "StreamJoin": _SIDES,
    "StateJoin": _SIDES,
    "LookupJoin": {"table": "{folder}/t.csv", "key": "n", "select": {"x": "table.x"}},
    "Deduplicate": {"fields": ["n"]},
    "TopN": {"item": "word", "value": "n"},
    "CommitJsonl": {"folder": "{folder}"},
    "CommitCsv": {"folder": "{folder}"},
    "CommitParquet": {"folder": "{folder}"},
    "SqliteTable": {"path": "{folder}/t.db", "table": "t"},
    "PostgresTable": {"dsn": "dbname=t", "table": "t"},
}
CASES_AND_OTHERS = {**CASES, **{name: (name, args, None) for name, args in OTHERS.items()}}


class Case:
    """A bolt of one kind, made anew as often as a test asks."""

    def __init__(self, name: str, folder: Path) -> None:
        self.short_name, args, self.poison = CASES_AND_OTHERS[name]
        self.cls: type[Bolt] = load_class(BOLTS[self.short_name])
        self.args = {
            key: value.replace("{folder}", str(folder)) if isinstance(value, str) else value
            for key, value in args.items()
        }

    def start(self, bench: Any, **place: Any) -> Any:
        return bench.start(self.cls(**self.args), **place)

    def feed(self, bench: Any, bolt: Any, rows: list[Any], fields: list[str] = FIELDS) -> None:
        """Call the bolt as its executor does; what it gives back counts as emitted."""
        cls = bench.stream(*fields)
        if isinstance(bolt, ColumnBolt):
            columns = Columns.of_rows(rows, len(cls.fields))
            bench.emitted.extend(bolt.columns(cls, columns, [len(rows)])[0])
        elif hasattr(bolt, "process_batch"):
            bolt.process_batch(Batch(cls, rows))
        else:
            for row in rows:
                bolt.process(cls(row))

    def finish(self, bench: Any, bolt: Any) -> None:
        bench.emitted.extend(row for row in bolt.finish() or () if row is not None)


@pytest.fixture(params=CASES)
def case(request: Any, tmp_path: Path) -> Case:
    return Case(request.param, tmp_path)


@pytest.fixture(params=CASES_AND_OTHERS)
def described(request: Any, tmp_path: Path) -> Case:
    return Case(request.param, tmp_path)


def test_every_registered_bolt_has_a_case() -> None:
    assert {short_name for short_name, _, _ in CASES_AND_OTHERS.values()} == set(BOLTS)


def test_it_is_a_bolt_that_can_be_written_in_yaml(described: Case) -> None:
    case = described
    assert issubclass(case.cls, Bolt)
    assert json.loads(json.dumps(case.args)) == case.args
    inspect.signature(case.cls).bind(**case.args)
    assert all(isinstance(case.args[name], str) for name in case.cls.import_args)


def test_each_argument_is_explained(described: Case) -> None:
    case = described
    names = set(inspect.signature(case.cls).parameters)
    bases = (base for base in case.cls.__mro__ if "__init__" in vars(base) and base is not object)
    text = " ".join(f"{base.__doc__} {vars(base)['__init__'].__doc__}" for base in bases)
    assert case.cls.__doc__
    assert not {name for name in names if f"{name}:" not in text and f"``{name}``" not in text}


def test_what_it_emits_is_what_it_declares(case: Case, bench: Any) -> None:
    outputs = normal_outputs(case.cls.declare_outputs(case.args))
    assert set(outputs) <= {"default"}
    bolt = case.start(bench)
    case.feed(bench, bolt, ROWS)
    case.finish(bench, bolt)
    assert bool(bench.emitted) == bool(outputs)
    for row in bench.emitted:
        assert isinstance(row, list)
        assert len(row) == len(outputs["default"].fields)
        msgpack.packb(row, strict_types=True)


def test_rows_from_other_workers_are_tuples_and_give_the_same(case: Case, bench: Any) -> None:
    found = []
    for rows in (ROWS, list(map(tuple, ROWS))):
        bench.emitted = []
        bolt = case.start(bench)
        case.feed(bench, bolt, rows)
        case.finish(bench, bolt)
        found.append(list(map(list, bench.emitted)))
    assert found[0] == found[1]


def test_its_input_is_not_changed(case: Case, bench: Any) -> None:
    rows = [list(row) for row in ROWS]
    case.feed(bench, case.start(bench), rows)
    assert rows == ROWS


def test_a_tuple_that_comes_twice_does_no_harm(case: Case, bench: Any) -> None:
    bolt = case.start(bench)
    case.feed(bench, bolt, ROWS)
    once = len(bench.emitted)
    case.feed(bench, bolt, ROWS)
    assert len(bench.emitted) == 2 * once
    bolt.flush()
    case.finish(bench, bolt)


def test_a_poison_tuple_raises_and_its_neighbours_go_through_without_it(
    case: Case, bench: Any
) -> None:
    clean = case.start(bench)
    case.feed(bench, clean, ROWS)
    case.finish(bench, clean)
    expected, bench.emitted = bench.emitted, []
    if case.poison is None:
        return
    bolt = case.start(bench)
    with pytest.raises(TypeError):
        case.feed(bench, bolt, [*ROWS, case.poison])
    assert bench.emitted == []
    case.feed(bench, bolt, ROWS)
    case.finish(bench, bolt)
    assert bench.emitted == expected
    assert bolt.summary() == clean.summary()


def test_what_it_keeps_survives_its_worker(case: Case, bench: Any) -> None:
    bolt = case.start(bench)
    case.feed(bench, bolt, ROWS)
    part = decode_part(b"".join(encode_part(bolt.context.state.snapshot_begin())))
    assert bool(part.keyed or part.task) == case.cls.stateful
    state = TaskState("step")
    state.restore([part])
    after = case.start(bench, state=state)
    assert after.summary() == bolt.summary()
    bench.emitted = []
    case.finish(bench, after)
    restored, bench.emitted = bench.emitted, []
    case.finish(bench, bolt)
    assert restored == bench.emitted


def test_what_a_sink_took_is_there_after_a_flush_and_stays_after_a_kill(
    case: Case, bench: Any, tmp_path: Path
) -> None:
    sizes = []
    for _ in range(2):
        bolt = case.start(bench)
        bolt.flush()
        case.feed(bench, bolt, ROWS)
        bolt.flush()
        sizes.append(sum(file.stat().st_size for file in tmp_path.rglob("*")))
    assert (sizes[1] > sizes[0] > 0) == case.cls.sink


def test_nothing_to_do_is_fine(case: Case, bench: Any) -> None:
    bolt = case.start(bench)
    bolt.flush()
    case.finish(bench, bolt)
    assert bench.emitted == []
    bolt.cleanup()
    bolt.cleanup()


def test_its_summary_can_be_sent(case: Case, bench: Any) -> None:
    bolt = case.start(bench)
    case.feed(bench, bolt, ROWS)
    msgpack.packb(bolt.summary(), strict_types=True)


@pytest.mark.parametrize("by_column", [False, True])
def test_a_batch_is_a_sequence_of_tuples_with_columns(bench: Any, by_column: bool) -> None:
    batch = bench.batch(FIELDS, Columns.of_rows(ROWS, 2) if by_column else ROWS)
    assert (len(batch), batch.component, batch.stream) == (4, "source", "default")
    assert batch.column("n") == batch.column(1) == [1, 2, 3, 4]
    batch.column("n").clear()
    assert batch.column("n") == [1, 2, 3, 4]
    assert list(map(list, batch.rows)) == ROWS
    assert [tup["word"] for tup in batch] == ["b", "a", "b", "ü"]
    assert (batch[1].word, [tup.n for tup in batch[2:]]) == ("a", [3, 4])
    with pytest.raises(KeyError) as unknown:
        batch.column("wrod")
    what = "stream 'default' of 'source' has no field 'wrod', did you mean 'word'?; it has word, n"
    assert str(unknown.value) == what


def test_a_bolt_outside_a_topology_says_so() -> None:
    bolt, tup = Bolt(), load_class("waterspout.topology.tuples:TICK_CLASS")((1.0,))
    for call in (
        lambda: bolt.emit([1]),
        lambda: bolt.emit_many([[1]]),
        lambda: bolt.ack(tup),
        lambda: bolt.fail(tup),
        lambda: bolt.extend_timeout(tup),
    ):
        with pytest.raises(RuntimeError, match="not running in a topology"):
            call()
    with pytest.raises(NotImplementedError, match="Bolt has neither process nor process_batch"):
        bolt.process(tup)
    with pytest.raises(NotImplementedError):
        ColumnBolt().columns(type(tup), Columns([[]]), [])


def test_a_ported_bolt_is_initialized_with_settings_and_context(bench: Any) -> None:
    seen = []

    class Ported(Bolt):
        def initialize(self, conf: dict[str, Any], context: Any) -> None:
            seen.append((conf, context))

    bolt = bench.start(Ported())
    assert seen == [({}, bolt.context)]
