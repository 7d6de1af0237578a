"""Log: one line per tuple, and no way out of it."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.log import Log
from waterspout.topology.errors import UserError


def lines(bench, caplog, bolt, *rows: list[Any]) -> list[str]:
    caplog.set_level("DEBUG")
    bench.start(bolt)
    cls = bench.stream("word", "n")
    for row in rows:
        bolt.process(cls(row))
    return [record.getMessage() for record in caplog.records]


def test_it_logs_where_a_tuple_came_from_and_its_fields(bench, caplog) -> None:
    assert lines(bench, caplog, Log("warning"), ["a", 1]) == [
        "tuple from=source/default word='a' n=1"
    ]
    assert caplog.records[0].levelname == "WARNING"


def test_control_characters_and_percent_signs_cannot_break_the_line(bench, caplog) -> None:
    (line,) = lines(bench, caplog, Log(), ["\x1b[31m\nfake %s", 1])
    assert "\x1b" not in line and "\n" not in line
    assert "fake %s" in line


def test_long_values_are_cut(bench, caplog) -> None:
    (line,) = lines(bench, caplog, Log(), ["x" * 10_000, list(range(1000))])
    assert len(line) < 500


def test_every_nth_tuple_is_logged_from_the_first_on(bench, caplog) -> None:
    found = lines(bench, caplog, Log(every=3), *(["a", n] for n in range(7)))
    assert [line[-1] for line in found] == ["0", "3", "6"]


@pytest.mark.parametrize("args", [{"level": "loud"}, {"every": 0}, {"every": True}])
def test_wrong_arguments_are_named(args: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"Log: {next(iter(args))}: "):
        Log(**args)
