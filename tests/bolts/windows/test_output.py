"""Rows out of firings, by column where nothing can raise, one by one where it does."""

from __future__ import annotations

from typing import Any

from waterspout.bolts.windows.aggregates import CountRows, Mean
from waterspout.bolts.windows.logic import Unmerged
from waterspout.bolts.windows.output import Output, Span
from waterspout.bolts.windows.row_aggregates import Monoid, Rows

from ...each_case import each_case


def rows(output: Output, firings: list[Any]) -> list[list[Any]]:
    found, wrong = output.rows(firings)
    assert wrong == []
    return list(map(list, found))


def test_a_row_has_the_key_start_end_and_results() -> None:
    made = [CountRows("n"), Mean("m", ["v"])]
    firings = [("a", 0, 10, (2, (3, 2))), ("b", 5, 15, (1, (4, 1)))]
    assert rows(Output(1, made, lambda ms: ms / 10), firings) == [
        ["a", 0.0, 1.0, 2, 1.5], ["b", 0.5, 1.5, 1, 4.0],
    ]  # fmt: skip
    two = [(("a", 1), 0, 10, (2, (3, 2)))]
    assert rows(Output(2, made, None), two) == [["a", 1, 0, 10, 2, 1.5]]
    assert rows(Output(0, made, None), [((), 0, 10, (2, (3, 2)))]) == [[0, 10, 2, 1.5]]


def test_a_count_that_is_only_for_early_firings_is_not_shown() -> None:
    assert rows(Output(1, [CountRows("n")], None), [("a", 0, 10, (2, 2))]) == [["a", 0, 10, 2]]


class Odd:
    """Raises for what is not odd."""

    def zero(self) -> int:
        return 0

    add = merge = lambda self, one, other: one + other

    def result(self, acc: int) -> int:
        if acc % 2 == 0:
            raise ValueError(f"{acc} is even")
        return acc


def test_a_result_that_raises_takes_no_other_along() -> None:
    output = Output(1, [Monoid("m", "v", Odd)], None)
    found, wrong = output.rows([("a", 0, 10, (1,)), ("b", 0, 10, (2,)), ("c", 0, 10, (4,))])
    assert found == [["a", 0, 10, 1]]
    assert [(firing[0], str(error)) for firing, error in wrong] == [
        ("b", "2 is even"), ("c", "4 is even"),
    ]  # fmt: skip


def test_panes_that_were_not_merged_are_merged_here() -> None:
    output = Output(1, [Monoid("m", "v", Odd), Monoid("n", "v", Odd)], None)
    unmerged = ("b", 0, 10, Unmerged([(1, 3), (1, 1), (1, 1)]))
    found = rows(output, [("a", 0, 10, (1, 3)), unmerged])
    assert found == [["a", 0, 10, 1, 3], ["b", 0, 10, 3, 5]]
    even = ("b", 0, 10, Unmerged([(1, 3), (1, 1)]))
    found, wrong = output.rows([even])
    assert found == [] and [firing for firing, _ in wrong] == [even]


def test_a_function_gets_key_span_and_rows_and_may_give_any_number_of_rows() -> None:
    seen = []

    def function(key: Any, span: Span, rows: list[Any]) -> Any:
        seen.append((key, span.start, span.end, rows))
        for row in rows:
            yield [row["v"], key]

    firings = [("a", 0, 10, ([[(1, {"v": 1}), (0, {"v": 2})]],))]
    assert rows(Output(1, [Rows(9)], None, function, 2), firings) == [
        ["a", 0, 10, 2, "a"], ["a", 0, 10, 1, "a"],
    ]  # fmt: skip
    assert seen == [("a", 0, 10, [{"v": 2}, {"v": 1}])]
    firings = [((), 0, 10, firings[0][3])]
    assert rows(Output(0, [Rows(9)], None, lambda key, *_: [key], 1), firings) == [[0, 10, None]]
    assert rows(Output(0, [Rows(9)], None, lambda *_: None, 1), firings) == []


@each_case("given", ["text", [[1]], [[1, 2, 3]], [5]])
def test_a_function_that_gives_no_rows_is_told_so(given: Any) -> None:
    output = Output(1, [Rows(9)], None, lambda *_: given, 2)
    found, wrong = output.rows([("a", 0, 10, ([[]],))])
    assert found == [] and len(wrong) == 1
