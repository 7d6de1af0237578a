"""Map, FlatMap and Filter: plain functions over runs of rows."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.functions import Filter, FlatMap, Map
from waterspout.topology.classes import ImportFailed
from waterspout.topology.columns import Columns
from waterspout.topology.component import Needs
from waterspout.topology.errors import EmitError, EmitOverflow, UserError


def upper(text):
    return text.upper()


def halves(number):
    return divmod(number, 2)


def join(*values):
    return "-".join(map(str, values))


def words(line):
    return line.split()


def numbered(line):
    yield from enumerate(line.split())


def is_long(*values):
    return len(str(values[0])) > 2


def run(bench, bolt, fields: list[str], rows: list[Any]) -> list[list[Any]]:
    columns = Columns.of_rows(rows, len(fields))
    made, counts = bench.start(bolt).columns(bench.stream(*fields), columns, [len(rows)])
    assert counts == [len(made)]
    return list(made)


def test_map_with_one_field_makes_a_row_of_each_result(bench) -> None:
    assert run(bench, Map(upper, ["word"]), ["word"], [["a"], ("b",)]) == [["A"], ["B"]]


def test_map_with_several_fields_takes_a_value_for_each(bench) -> None:
    bolt = Map(halves, ["half", "rest"])
    assert run(bench, bolt, ["n"], [[7], [4]]) == [[3, 1], [2, 0]]


def test_a_list_that_map_returns_for_one_field_is_the_value(bench) -> None:
    assert run(bench, Map(words, ["words"]), ["line"], [["a b"]]) == [[["a", "b"]]]


def test_the_function_gets_all_values_in_order_or_those_of_on(bench) -> None:
    rows = [[1, 2, 3]]
    fields = ["a", "b", "c"]
    assert run(bench, Map(join, ["x"]), fields, rows) == [["1-2-3"]]
    assert run(bench, Map(join, ["x"], field=["c", "a"]), fields, rows) == [["3-1"]]
    assert run(bench, Map(join, ["x"], field="b"), fields, rows) == [["2"]]


def test_field_is_looked_up_anew_for_each_stream(bench) -> None:
    bolt = bench.start(Map(join, ["x"], field=["b"]))
    columns = Columns([[1], [2]])
    assert bolt.columns(bench.stream("a", "b"), columns, [1])[0] == [["2"]]
    assert bolt.columns(bench.stream("b", "a"), columns, [1])[0] == [["1"]]


def test_a_field_that_the_stream_lacks_names_component_stream_and_fields(bench) -> None:
    with pytest.raises(UserError, match=r"field: stream 'default' of 'source' .*'z'.*'a', 'b'"):
        run(bench, Map(join, ["x"], field=["z"]), ["a", "b"], [[1, 2]])


@pytest.mark.parametrize("result", [None, 5, "ab", [1], (1, 2, 3), {"a": 1, "b": 2}])
def test_map_refuses_what_is_not_a_value_per_field(bench, result: Any) -> None:
    with pytest.raises(EmitError, match="step: emit to stream 'default': the function returned"):
        run(bench, Map(lambda _: result, ["a", "b"]), ["n"], [[1]])


def test_flat_map_makes_a_row_of_each_item(bench) -> None:
    bolt = FlatMap(words, ["word"])
    assert run(bench, bolt, ["line"], [["a b"], [""], ["c"]]) == [["a"], ["b"], ["c"]]


def test_flat_map_takes_generators_and_other_iterables(bench) -> None:
    bolt = FlatMap(numbered, ["n", "word"])
    assert run(bench, bolt, ["line"], [["a b"], ["c"]]) == [[0, "a"], [1, "b"], [0, "c"]]
    assert run(bench, FlatMap(range, ["n"]), ["end"], [[2], [0]]) == [[0], [1]]


@pytest.mark.parametrize("result", [None, "text", b"bytes", 5, {"a": 1}])
def test_flat_map_refuses_what_is_no_list_of_items(bench, result: Any) -> None:
    with pytest.raises(EmitError, match="a list of items, or to yield them"):
        run(bench, FlatMap(lambda _: result, ["a"]), ["n"], [[1]])


def test_filter_passes_rows_unchanged(bench) -> None:
    rows = [["ab", 1], ["abc", 2], ["abcd", 3]]
    kept = run(bench, Filter(is_long, ["word", "n"]), ["word", "n"], rows)
    assert kept == rows[1:]
    assert run(bench, Filter(is_long, ["w", "n"], field=["word"]), ["word", "n"], rows) == rows[1:]


def test_filter_with_another_number_of_fields_than_its_input_is_refused(bench) -> None:
    with pytest.raises(
        EmitError, match=r"\['word'\] are not as many as the fields \['word', 'n'\]"
    ):
        run(bench, Filter(is_long, ["word"]), ["word", "n"], [["abc", 1]])


@pytest.mark.parametrize("cls", [Map, FlatMap, Filter])
def test_what_the_function_raises_comes_through(bench, cls: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        run(bench, cls(lambda n: [1 / n], ["n"]), ["n"], [[1], [0]])


@pytest.mark.parametrize("cls", [Map, FlatMap, Filter])
def test_the_function_is_given_as_an_import_path(bench, cls: Any) -> None:
    assert cls.import_args == ("function",)
    assert run(bench, cls("builtins:str", ["n"]), ["n"], []) == []
    with pytest.raises(ImportFailed, match="no_such"):
        cls("os.path:no_such", ["n"])


async def later(value):
    return value


def test_async_functions_and_an_empty_list_of_fields_are_refused_at_once() -> None:
    with pytest.raises(UserError, match="async"):
        Map(later, ["x"])
    with pytest.raises(UserError, match="field: name at least one"):
        Map(upper, ["x"], field=[])


@pytest.mark.parametrize("cls", [Map, FlatMap, Filter])
def test_a_function_of_several_values_that_raises_stop_iteration_loses_no_row(
    bench, cls: Any
) -> None:
    def stop(a: Any, b: Any) -> list[Any]:
        return [next(iter([a] if a else []))]

    with pytest.raises((EmitError, StopIteration)):
        run(bench, cls(stop, ["x", "y"][: 1 + (cls is Filter)]), ["a", "b"], [[1, 1], [0, 1]])


@pytest.mark.parametrize(
    ("bolt", "counts"),
    [(Map(upper, ["x"]), [2, 0, 1]), (FlatMap(words, ["x"]), [3, 0, 1]),
     (Filter(is_long, ["x"]), [1, 0, 0])],
)  # fmt: skip
def test_what_came_of_each_run_is_told(bench, bolt: Any, counts: list[int]) -> None:
    columns = Columns([["a b", "c", "d"]])
    made, got = bench.start(bolt).columns(bench.stream("line"), columns, [2, 0, 1])
    assert (got, sum(got)) == (counts, len(made))


def test_more_items_than_a_call_may_emit_are_refused_before_they_are_all_there(bench) -> None:
    drawn = []

    def endless(n: int):
        while True:
            drawn.append(n)
            yield n

    bolt = bench.start(FlatMap(endless, ["n"]))
    bolt._emit_max = 5
    with pytest.raises(EmitOverflow):
        bolt.columns(bench.stream("n"), Columns([[1, 2]]), [2])
    assert len(drawn) == 6


def test_filter_says_that_what_it_passes_on_is_still_normal(bench) -> None:
    for normal in (True, False):
        columns = Columns.of((["abc", "d"],), 2, normal=normal)
        bolt = bench.start(Filter(is_long, ["word"]))
        made, _ = bolt.columns(bench.stream("word"), columns, [2])
        assert (made.normal, made) == (normal, [["abc"]])


def test_a_stream_without_fields_still_has_its_rows(bench) -> None:
    columns = Columns.of((), 3)
    made, counts = bench.start(Map(lambda: 7, ["x"])).columns(bench.stream(), columns, [1, 2])
    assert (made, counts) == ([[7], [7], [7]], [1, 2])
    made, counts = bench.start(FlatMap(lambda: [7, 8], ["x"])).columns(
        bench.stream(), columns, [1, 2]
    )
    assert (len(made), counts) == (6, [2, 4])


def least_one(first, *more):
    return first


@pytest.mark.parametrize(
    ("name", "arity"),
    [("upper", (1, 1)), ("join", (0, None)), ("least_one", (1, None)), ("x", None)],
)
def test_lint_hears_how_many_values_a_function_takes(name: str, arity: Any) -> None:
    args = {"function": f"{__name__}:{name}", "fields": ["a"]}
    assert Map.declare_needs(args).arity == arity
    assert Map.declare_needs({**args, "field": "a"}).arity is None
    assert Filter.declare_needs(args) == Needs(width=("fields", 1), arity=arity)


def test_a_function_that_was_not_imported_is_not_imported_for_that() -> None:
    assert Map.declare_needs({"function": "not.there:f", "fields": ["a"]}).arity is None
    assert Map.declare_needs({"function": 5}).arity is None
