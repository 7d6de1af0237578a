"""The arguments of windows as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.windows.arguments import read_needs, read_spec
from waterspout.bolts.windows.logic import Options
from waterspout.bolts.windows.windowers import Aligned, Counted, Session
from waterspout.topology.component import Needs
from waterspout.topology.errors import UserError, WrongArguments

from ...each_case import each_case

GOOD: dict[str, Any] = {"key": "user", "time": "ts", "tumbling": "60s", "aggregate": {"n": "count"}}


@each_case(
    "given, windower",
    [
        ({"tumbling": "60s"}, Aligned(60_000, 60_000)),
        ({"tumbling": "1d", "offset": "-8h"}, Aligned(86_400_000, 86_400_000, -28_800_000)),
        ({"sliding": {"size": "1.5s", "slide": "500ms"}, "offset": "1ms"}, Aligned(1500, 500, 1)),
        ({"session": "10s"}, Session(10_000)),
        ({"count": 5}, Counted(5, 5)),
        ({"count": {"size": 5}}, Counted(5, 5)),
        ({"count": {"size": 100, "slide": 10}}, Counted(100, 10)),
    ],
)
def test_each_form_of_a_window_is_read(given: dict[str, Any], windower: Any) -> None:
    spec = read_spec({"aggregate": {"n": "count"}, **given})
    assert spec.windower == windower
    assert (spec.key, spec.time, spec.unit, spec.late) == ((), None, "s", None)
    assert spec.options == Options()


def test_what_is_said_of_late_and_early_rows_is_read() -> None:
    spec = read_spec(
        {**GOOD, "lateness": "5s", "late": "too_late", "early": {"every": 100, "after": "10s"},
         "panes_max": 7, "unit": "ms"}
    )  # fmt: skip
    assert spec.options == Options(5000, 100, 10_000, 7)
    assert (spec.late, spec.unit, spec.time) == ("too_late", "ms", "ts")
    assert read_spec({**GOOD, "lateness": "0s"}).options.lateness_ms == 0


def test_the_time_of_a_nested_window_is_the_end_of_the_inner_one() -> None:
    spec = read_spec({"nested": True, "tumbling": "1s", "aggregate": {"n": "count"}})
    assert (spec.time, spec.nested) == ("window_end", True)


def test_outputs_are_the_key_the_window_and_what_is_made_of_it() -> None:
    assert read_spec(GOOD).outputs() == {"default": ["user", "window_start", "window_end", "n"]}
    more = {**GOOD, "key": ["a", "b"], "late": "late", "aggregate": None, "function": "m:f"}
    assert read_spec({**more, "fields": ["x", "y"]}).outputs() == {
        "default": ["a", "b", "window_start", "window_end", "x", "y"],
        "late": ["key", "time", "row"],
    }


@each_case(
    "given, message",
    [
        ({"tumbling": None}, "exactly one of tumbling, sliding, session, count expected, got none"),
        ({"session": "1s"}, "count expected, got tumbling, session"),
        ({"tumbling": 60}, "tumbling: a duration such as 500ms, 30s, 5m expected, got 60; a number "
         "needs its unit: 60s"),
        ({"tumbling": "0s"}, "tumbling: whole milliseconds, at least 1ms, expected, got '0s'"),
        ({"tumbling": "1.5ms"}, "tumbling: whole milliseconds"),
        ({"tumbling": None, "sliding": "60s"}, "sliding: a mapping with size, slide expected"),
        ({"tumbling": None, "sliding": {"size": "60s"}}, "sliding: 'slide' is missing"),
        ({"tumbling": None, "sliding": {"size": "60s", "slid": "1s"}}, "sliding.slid: unknown, "
         "allowed: size, slide, did you mean 'slide'?"),
        ({"tumbling": None, "sliding": {"size": "60s", "slide": "1d"}, "panes_max": 9},
         "sliding: a window has 1440 panes, at most panes_max = 9"),
        ({"tumbling": None, "time": None, "count": {"size": 0}}, "count.size: a whole number > 0"),
        ({"tumbling": None, "count": 5}, "time: count windows go by the number of rows"),
        ({"tumbling": None, "session": "1s", "offset": "1s"}, "offset: session windows"),
        ({"offset": 5}, "offset: a duration"),
        ({"lateness": "5"}, "lateness: a duration"),
        ({"time": None, "lateness": "5s"}, "lateness: rows are late only in event time"),
        ({"time": None, "late": "late"}, "late: rows are late only in event time"),
        ({"late": "default"}, "late: the name of a stream other than default"),
        ({"late": "too late"}, "late: the name of a stream"),
        ({"time": 5}, "time: the name of a field"),
        ({"unit": "sec"}, "unit: 'sec' unknown, allowed: s, ms, us, iso"),
        ({"nested": "yes"}, "nested: true or false expected"),
        ({"early": 5}, "early: {every: 100} or {after: 10s} expected, got 5"),
        ({"early": {"evry": 5}}, "early.evry: unknown, allowed: every, after, did you mean"),
        ({"early": {"every": "5"}}, "early.every: a whole number > 0 expected"),
        ({"tumbling": None, "sliding": {"size": "2s", "slide": "1s"}, "early": {"every": 5}},
         "early: only tumbling and session windows"),
        ({"key": 5}, "key: a field or a list of fields"),
        ({"key": ["a", ""]}, "key: a field or a list of fields"),
        ({"aggregate": None}, "either 'aggregate' or 'function' expected, got none"),
        ({"function": "m:f"}, "either 'aggregate' or 'function' expected, got both"),
        ({"fields": ["a"]}, "fields: the names of 'aggregate' are the output fields"),
        ({"aggregate": None, "function": "m:f"}, "fields: names of what the function returns"),
        ({"aggregate": {"user": "count"}}, "aggregate.user: the output has a field 'user' already"),
        ({"aggregate": {"window_end": "count"}}, "aggregate.window_end: the output has a field"),
        ({"panes_max": 0}, "panes_max: a whole number > 0"),
        ({"rows_max": "5"}, "rows_max: a whole number > 0"),
        ({"items_max": True}, "items_max: a whole number > 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_name_of_the_argument(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_spec({**GOOD, **given})
    assert message in str(caught.value)


def test_one_mistake_does_not_hide_the_next() -> None:
    given = {
        "sliding": {"size": 3}, "time": 5, "unit": "sec", "key": 7, "lateness": 1,
        "early": {"evry": 1}, "aggregate": {"n": "cuont", "m": {"top": {"n": 0, "by": 4}}},
        "late": "default", "panes_max": 0,
    }  # fmt: skip
    with pytest.raises(WrongArguments) as caught:
        read_spec(given)
    assert [text.split(": ")[0] for text in caught.value.found] == [
        "sliding", "sliding.size", "time", "panes_max", "lateness", "early.evry", "key", "unit",
        "aggregate.n", "aggregate.m.top", "late",
    ]  # fmt: skip


def test_needs_are_known_of_the_arguments_that_are_right() -> None:
    given = {
        "key": ["a", 5], "time": "ts", "tumbling": 5,
        "aggregate": {
            "n": "cuont", "s": {"sum": "x"}, "t": {"top": {"field": "y", "by": "z"}},
            "c": {"combine": {"with": "m:f", "field": "w"}}, "d": {"distinct": 5}, "e": {"x": "y"},
        },
    }  # fmt: skip
    fields = {
        "a": "key[0]", "ts": "time", "x": "aggregate.s.sum", "y": "aggregate.t.top.field",
        "z": "aggregate.t.top.by", "w": "aggregate.c.combine.field",
    }  # fmt: skip
    assert read_needs(given) == Needs(fields, ("a",), "time")
    assert read_needs({"time": 5, "aggregate": ["x"]}) == Needs()
