"""Windows whose result is a method."""

# ruff: noqa: RUF012 (classes as users write them)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.bolts.windows import Span, WindowBolt
from waterspout.topology.errors import UserError

FIELDS = ["sensor", "ts", "value"]
ROWS = [["a", 1, 5], ["b", 2, 1], ["a", 3, 9], ["a", 11, 2]]


class Spread(WindowBolt):
    windows = {"key": "sensor", "time": "ts", "tumbling": "10s"}
    fields = ["spread", "rows"]

    def fire(self, key: Any, window: Span, rows: list[dict[str, Any]]) -> Iterator[list[Any]]:
        values = [row["value"] for row in rows]
        yield [max(values) - min(values), len(rows)]


class Range(WindowBolt):
    """The same without keeping rows."""

    windows = Spread.windows
    fields = Spread.fields

    def zero(self) -> Any:
        return None

    def add(self, acc: Any, row: dict[str, Any]) -> Any:
        one = (row["value"], row["value"], 1)
        return one if acc is None else self.merge(acc, one)

    def merge(self, one: Any, other: Any) -> Any:
        return (min(one[0], other[0]), max(one[1], other[1]), one[2] + other[2])

    def result(self, acc: Any) -> list[Any]:
        return [acc[1] - acc[0], acc[2]]


@pytest.mark.parametrize("kind", [Spread, Range])
def test_rows_and_a_value_kept_in_their_place_give_the_same(bench: Any, kind: Any) -> None:
    assert kind.declare_outputs({}) == {
        "default": ["sensor", "window_start", "window_end", "spread", "rows"]
    }
    assert kind.declare_needs({}).fields == {"sensor": "key", "ts": "time"}
    bolt = bench.start(kind())
    bolt.process_batch(bench.batch(FIELDS, ROWS))
    assert set(bolt.on_watermark(9_999)) <= {None}
    assert list(map(list, bench.emitted)) == [["a", 0, 10, 4, 2], ["b", 0, 10, 0, 1]]
    assert set(bolt.finish()) <= {None}
    assert list(bench.emitted[2]) == ["a", 10, 20, 0, 1]


def test_a_class_that_says_too_little_or_too_much_is_told_so() -> None:
    class Nothing(WindowBolt):
        windows = Spread.windows
        fields = ["x"]

    class Both(Spread):
        add = Range.add

    class Twice(Spread):
        windows = {**Spread.windows, "aggregate": {"n": "count"}}

    class Wrong(Spread):
        windows = {**Spread.windows, "unit": "sec"}

    class Fieldless(Spread):
        fields = []

    for kind, text in [
        (Nothing, "Nothing: either 'fire' or"), (Both, "Both: either 'fire' or"),
        (Twice, "Twice: windows: 'aggregate' is said by the class"),
        (Wrong, "Wrong: windows: unit: 'sec' unknown"),
        (Fieldless, "Fieldless: windows: fields: names of what"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=text):
            kind.declare_outputs({})


def test_the_base_alone_is_no_bolt() -> None:
    base = WindowBolt()
    for call in (
        lambda: base.fire("k", Span(0, 1), []), base.zero, lambda: base.add(0, {}),
        lambda: base.merge(0, 0), lambda: base.result(0),
    ):  # fmt: skip
        with pytest.raises(NotImplementedError):
            call()
