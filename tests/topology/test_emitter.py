"""``emit`` and ``emit_many``: what is refused, by name, and what is sent under which roots."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.component import StreamDecl
from waterspout.topology.emit_limit import EmitLimit
from waterspout.topology.emitter import Emitter, StreamOut
from waterspout.topology.errors import EmitError, EmitOverflow, UserError
from waterspout.topology.groupings import (
    AllRoute,
    CustomRoute,
    DirectRoute,
    FieldsRoute,
    GlobalRoute,
    Route,
)
from waterspout.topology.tuples import tuple_class

from ..each_case import each_case


class Choosy:
    """A custom grouping that raises."""

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None: ...

    def choose_tasks(self, values: list[Any]) -> list[int]:
        return [99]


class Rig:
    """An emitter with streams ``default`` (one field), ``side`` (two) and ``told`` (direct)."""

    def __init__(
        self,
        make: Callable[[list[OpenFrame]], Route] = GlobalRoute,
        roots_of: Callable[[Sequence[Any]], tuple[int, ...]] | None = None,
    ) -> None:
        self.frames = [OpenFrame((1, stream, 10 + n), 0) for stream in range(3) for n in range(2)]
        self.toggles: dict[int, int] = {}
        self.main, self.side, told = self.frames[:2], self.frames[2:4], self.frames[4:]
        self.told = told
        streams = [
            StreamOut("default", StreamDecl(("word",)), [make(self.main)]),
            StreamOut("side", StreamDecl(("a", "b")), [GlobalRoute(self.side)]),
            StreamOut("told", StreamDecl(("x",), direct=True), [DirectRoute(told)]),
            StreamOut("alone", StreamDecl(("x",)), []),
        ]
        self.emitter = Emitter("split", streams, self.frames, self.toggles,
                               random.Random(1).getrandbits)  # fmt: skip
        self.emit = self.emitter.bind(roots_of)
        self.emit_many = self.emitter.bind_many()

    def rows(self) -> list[Any]:
        return [row for frame in self.frames for row in frame.rows]


#: Each has an ``emit`` of its own.
ROUTES: dict[str, Callable[[list[OpenFrame]], Route]] = {
    "global": GlobalRoute,
    "fields": lambda targets: FieldsRoute(targets, [0]),
    "fields to one task": lambda targets: FieldsRoute(targets[:1], [0]),
}


@pytest.fixture(params=list(ROUTES))
def rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(ROUTES[request.param])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("word",), "'default': expected a list of values, got str 'word'"),
        ((5,), "'default': expected a list of values, got int 5"),
        (({"word": 1},), "'default': expected a list of values, got dict"),
        (([],), r"'default': 0 values for the fields \['word'\]"),
        ((["a", "b"],), r"'default': 2 values for the fields \['word'\]"),
        ((["a"], "side"), r"'side': 1 values for the fields \['a', 'b'\]"),
        ((["a"], "nowhere"), "'nowhere': not declared; declared: default, side, told, alone"),
        ((["a"], ""), "'': not declared"),
        ((["a"], "told"), "'told': the stream is direct: give direct_task="),
        ((["a"], "told", None, 99), "'told': task 99 does not subscribe to it"),
        ((["a"], None, None, 10), "'default': direct_task= on a stream that is not declared"),
    ],
)
def test_a_bad_emit_names_component_and_stream_and_sends_nothing(
    rig: Rig, arguments: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(EmitError, match=f"split: emit to stream {words}") as caught:
        rig.emit(*arguments)
    assert isinstance(caught.value, TypeError)
    assert rig.rows() == []


def test_a_class_without_outputs_hears_what_it_lacks() -> None:
    emitter = Emitter("split", [], [], {}, random.Random(1).getrandbits)
    with pytest.raises(EmitError, match=r'declared: none; its class needs outputs = \["name", '):
        emitter.bind(lambda anchors: ())(["a"])


@pytest.mark.parametrize(
    ("rows", "stream", "words"),
    [
        ([["a"], ["b", "c"]], None, "'default': 2 values"),
        (["a"], None, "'default': expected a list of values, got str"),
        ([["a", 1], "ab"], "side", "'side': expected a list of values, got str"),
        ([5], None, "'default': expected a list of values, got int"),
        ([["a"]], "nowhere", "'nowhere': not declared"),
        ([["a"]], "told", "'told': the stream is direct"),
    ],
)
def test_a_bad_row_among_many_sends_none_of_them(
    rig: Rig, rows: list[Any], stream: str | None, words: str
) -> None:
    with pytest.raises(EmitError, match=words):
        rig.emit_many(rows, stream)
    assert rig.rows() == []


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("route", ["fields", "fields to one task"])
def test_a_key_that_is_none_names_component_and_stream(route: str, many: bool) -> None:
    rig = Rig(ROUTES[route])
    with pytest.raises(EmitError, match="split: emit to stream 'default': a dict cannot be a key"):
        rig.emit_many([[{}]]) if many else rig.emit([{}])


@pytest.mark.parametrize("options", [{}, {"stream": "default"}, {"need_task_ids": True}])
def test_what_a_custom_grouping_does_wrong_names_component_and_stream(options: Any) -> None:
    rig = Rig(lambda targets: CustomRoute(targets, Choosy()))
    with pytest.raises(EmitError, match=r"split: emit to stream 'default': Choosy.choose_tasks"):
        rig.emit(["a"], **options)


def test_a_direct_default_stream_refuses_plain_emits() -> None:
    target = OpenFrame((1, 0, 10), 0)
    out = StreamOut("default", StreamDecl(("x",), direct=True), [DirectRoute([target])])
    emitter = Emitter("split", [out], [target], {}, random.Random(1).getrandbits)
    with pytest.raises(EmitError, match="split: emit to stream 'default': the stream is direct"):
        emitter.bind()(["a"])
    assert emitter.bind()(["a"], direct_task=10) == [10]


def test_rows_arrive_by_every_form_of_emit(rig: Rig) -> None:
    rig.emit(["a"])
    rig.emit(("b",))
    rig.emit(["c"], "default")
    rig.emit_many([["d"], ("e",)])
    rig.emit_many(["f"] for _ in range(1))
    rig.emit_many([])
    assert sorted(row[0] for frame in rig.main for row in frame.rows) == list("abcdef")
    assert {type(row) for row in rig.rows()} == {list}


def test_named_and_direct_streams_find_their_tasks(rig: Rig) -> None:
    rig.emit([1, 2], "side")
    assert rig.emit([3], "told", direct_task=11) == [11]
    assert rig.side[0].rows == [[1, 2]]
    assert [frame.rows for frame in rig.told] == [[], [[3]]]


def test_task_ids_are_given_back_on_demand(rig: Rig) -> None:
    assert rig.emit(["a"]) is None
    ids = rig.emit(["a"], need_task_ids=True)
    assert ids == [frame.key[2] for frame in rig.main if len(frame.rows) == 2]


def test_a_stream_without_subscribers_takes_everything_silently(rig: Rig) -> None:
    rig.emit(["a"], "alone")
    assert rig.emit(["a"], "alone", need_task_ids=True) == []
    assert rig.rows() == []


def runs(frame: OpenFrame) -> list[Any]:
    return frame.take()[1]


def test_anchors_make_a_run_of_their_own_between_those_of_the_tuple_at_work() -> None:
    rig = Rig(roots_of=lambda anchors: tuple(anchors))
    rig.emitter.roots = (1,)
    rig.emit(["a"])
    rig.emit(["b"], anchors=[2, 3])
    rig.emit(["c"], anchors=[])
    rig.emit(["d"])
    rig.emitter.close_run((1,))
    edge = rig.main[0].edge
    assert runs(rig.main[0]) == [(1, (1,)), (1, (2, 3)), (1, ()), (1, (1,))]
    assert rig.toggles == {1: edge, 2: edge, 3: edge}


def test_a_lone_tuple_is_taken_for_the_list_of_it() -> None:
    seen: list[Any] = []
    rig = Rig(roots_of=lambda anchors: seen.extend(anchors) or (5,))
    tup = tuple_class("s", "default", ("a", "b"))((1, 2))
    rig.emit(["a"], anchors=tup)
    assert seen == [tup]
    assert runs(rig.main[0]) == [(1, (5,))]


def test_a_refused_emit_with_anchors_leaves_the_run_as_it_was() -> None:
    rig = Rig(roots_of=lambda anchors: (2,))
    rig.emitter.roots = (1,)
    rig.emit(["a"])
    with pytest.raises(UserError):
        rig.emit(["a", "b"], anchors=[object()])
    rig.emit(["c"])
    rig.emitter.close_run((1,))
    assert runs(rig.main[0]) == [(2, (1,))]


def test_rows_are_counted_when_their_run_is_closed(rig: Rig) -> None:
    rig.emit_many([["a"], ["b"]])
    rig.emit([1, 2], "side")
    rig.emitter.close_run(())
    assert rig.emitter.emitted == 3
    assert sorted(f.key[1] for f in rig.emitter.waiting()) in ([0, 1], [0, 0, 1])


def test_rows_taken_back_are_those_since_the_last_run() -> None:
    rig = Rig()
    rig.emit(["a"])
    rig.emitter.close_run((1,))
    rig.emit(["b"])
    rig.emitter.take_back()
    assert rig.rows() == [["a"]]


@each_case(
    "route, form",
    product(list(ROUTES), [{}, {"stream": "default"}, {"need_task_ids": True}, {"anchors": []}]),
)
def test_no_form_of_emit_goes_past_emit_max(route: str, form: dict[str, Any]) -> None:
    rig = Rig(ROUTES[route])
    calls = [0]
    rig.emitter.limit = EmitLimit("split", 3, lambda: calls[0])
    emit = rig.emitter.bind()
    for calls[0] in range(5):
        for _ in range(3):
            emit(["a"], **form)
    with pytest.raises(EmitOverflow, match=r"split: emit to stream 'default'.*emit_max = 3"):
        emit(["a"], **form)
    assert len(rig.rows()) == 15


def test_emit_many_beyond_emit_max_sends_nothing() -> None:
    rig = Rig()
    rig.emitter.limit = EmitLimit("split", 3, lambda: 0)
    with pytest.raises(EmitOverflow):
        rig.emit_many([["a"]] * 4)
    assert rig.rows() == []


def test_without_a_limit_emits_are_not_counted() -> None:
    rig = Rig()
    for _ in range(100):
        rig.emit(["a"])
    assert len(rig.rows()) == 100


def test_rows_for_an_undeclared_stream_are_refused_by_name_unless_there_are_none() -> None:
    rig = Rig()
    rig.emitter.put_many("default", [["a"], ["b"]])
    rig.emitter.put_many("nowhere", [])
    with pytest.raises(EmitError, match=r"split: emit to stream 'nowhere'.*not declared"):
        rig.emitter.put_many("nowhere", [["c"]])
    assert rig.rows() == [["a"], ["b"]]


# Columns.


def numbered(count: int) -> list[Any]:
    return [[str(number)] for number in range(count)]


def words_of(frame: OpenFrame) -> list[Any]:
    return [row[0] for row in frame.all_rows()]


@pytest.mark.parametrize("count", [1, 100])
def test_columns_are_emitted_as_their_rows_would_be(count: int) -> None:
    by_row, by_column = Rig(ROUTES["fields"]), Rig(ROUTES["fields"])
    by_row.emit_many(numbered(count))
    by_column.emit_many(Columns([[row[0] for row in numbered(count)]]))
    assert list(map(words_of, by_row.main)) == list(map(words_of, by_column.main))
    for rig in (by_row, by_column):
        rig.emitter.close_run((7,))
        assert rig.emitter.emitted == count


def test_many_rows_become_columns_where_a_grouping_keeps_them() -> None:
    rig = Rig()
    rig.emit_many(numbered(Columns.height_min))
    assert rig.main[0].blocks
    rig = Rig(lambda targets: CustomRoute(targets, Choosy()))
    with pytest.raises(EmitError, match="99"):
        rig.emit_many(numbered(Columns.height_min))


def test_columns_for_another_number_of_fields_are_refused_by_name() -> None:
    rig = Rig()
    with pytest.raises(EmitError, match=r"'default': 2 columns for the fields \['word'\]"):
        rig.emit_many(Columns([["a"], ["b"]]))
    with pytest.raises(EmitError, match=r"'told'.*direct"):
        rig.emit_many(Columns([["a"]]), "told")
    assert [frame.count for frame in rig.frames] == [0] * 6


def test_columns_that_are_taken_back_leave_what_was_before() -> None:
    rig = Rig(ROUTES["fields"])
    rig.emit_many(Columns([[row[0] for row in numbered(100)]]))
    rig.emitter.close_run((1,))
    before = list(map(words_of, rig.main))
    assert isinstance(rig.emitter.try_many(Columns([[*map(str, range(99)), {}]])), EmitError)
    rig.emit_many(numbered(50))
    rig.emitter.take_back()
    assert list(map(words_of, rig.main)) == before
    assert set(rig.emitter.waiting()) == set(rig.main)


def test_columns_beyond_emit_max_send_nothing() -> None:
    rig = Rig()
    rig.emitter.limit = EmitLimit("split", 3, lambda: 1)
    with pytest.raises(EmitOverflow):
        rig.emit_many(Columns([["a"] * 4]))
    assert rig.main[0].count == 0


def test_rows_of_several_runs_are_put_at_once_and_noted_one_by_one() -> None:
    rig = Rig(lambda targets: AllRoute(targets))
    assert rig.emitter.is_whole("default") and not rig.emitter.is_whole("nowhere")
    rig.emitter.put_runs("default", Columns([list("abcd")]), [(1, (7,)), (0, (8,)), (3, (9,))])
    rig.emitter.close_run((99,))
    for frame in rig.main:
        edge, runs, rows, _ = frame.take()
        assert (runs, rows) == ([(1, (7,)), (3, (9,))], [("a",), ("b",), ("c",), ("d",)])
        rig.toggles = {root: xor ^ edge for root, xor in rig.toggles.items()}
    assert set(rig.toggles) == {7, 9} and not any(rig.toggles.values())
    assert rig.emitter.emitted == 8
    assert not Rig(lambda targets: FieldsRoute(targets, [0])).emitter.is_whole("default")


def test_a_row_can_be_checked_without_being_emitted() -> None:
    rig = Rig()
    checked = rig.emitter.checked
    assert checked(("a",)) == ["a"]
    assert checked(["a", 1], "side") == ["a", 1]
    assert checked(["x"], "told", 10) == ["x"]
    for refused in (
        (["a", "b"],), ("a",), (["a"], "nowhere"), (["a"], "told"), (["a"], "told", 99),
        (["a"], None, 10),
    ):  # fmt: skip
        with pytest.raises(EmitError):
            checked(*refused)
    assert rig.rows() == []
