"""The usual cases of ``emit``: a plain row goes straight to its route, all else the slower way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from waterspout.topology.bound_emit import bound_emit
from waterspout.topology.channels import OpenFrame
from waterspout.topology.emit_limit import EmitLimit
from waterspout.topology.errors import EmitError, EmitOverflow
from waterspout.topology.groupings import AllRoute, FieldsRoute, GlobalRoute, Route
from waterspout.topology.keys import group_owners, key_group

from ..each_case import each_case

#: What subscribes to the stream; each has an ``emit`` of its own.
CASES: dict[str, Callable[[list[OpenFrame]], list[Route]]] = {
    "nobody": lambda targets: [],
    "one": lambda targets: [GlobalRoute(targets)],
    "two": lambda targets: [GlobalRoute(targets[:1]), AllRoute(targets[1:])],
    "fields": lambda targets: [FieldsRoute(targets, [0])],
    "fields to one task": lambda targets: [FieldsRoute(targets[:1], [0])],
    "two fields": lambda targets: [FieldsRoute(targets, [1, 0])],
}
KEYS = ["word", "ß", "\ud800", "", 7, 1.5, None, b"x", ("a", 1)]


class Bench:
    """Streams with the fields ``word`` and ``n``."""

    def __init__(self, case: str, limit: EmitLimit | None = None) -> None:
        self.targets = [OpenFrame((1, 0, 10 + n), 0) for n in range(3)]
        self.slower: list[tuple[Any, ...]] = []
        self.routes = CASES[case](self.targets)
        self.emit = bound_emit(self.routes, self.put_all, 2, self.slow, limit, self.refused)

    def put_all(self, row: Any) -> None:
        for route in self.routes:
            route.put(row)

    def slow(self, *arguments: Any) -> list[int]:
        self.slower.append(arguments)
        return [99]

    def refused(self, stream: str, error: Exception) -> EmitError:
        return EmitError("split", stream, str(error))

    def rows(self) -> list[Any]:
        return [target.rows for target in self.targets]


@each_case("case", CASES)
def test_a_plain_row_goes_where_its_routes_put_it(case: str) -> None:
    bench, other = Bench(case), Bench(case)
    for key in KEYS:
        assert bench.emit([key, "x"]) is None
        other.put_all([key, "x"])
    assert bench.rows() == other.rows() and not bench.slower


def test_the_written_out_hash_is_that_of_the_key_groups() -> None:
    owners = group_owners(3)
    for key in KEYS:
        bench = Bench("fields")
        bench.emit([key, 1])
        assert [len(rows) for rows in bench.rows()].index(1) == owners[key_group([key])]


@each_case("case, arguments", product(CASES, [
        (("a", 1), None, None, None, False), (["a"], None, None, None, False),
        ("ab", None, None, None, False), (["a", 1], "default", None, None, False),
        (["a", 1], None, [], None, False), (["a", 1], None, None, 10, False),
        (["a", 1], None, None, None, True),
    ]))
def test_all_else_goes_the_slower_way_with_all_that_it_was_called_with(
    case: str, arguments: tuple[Any, ...]
) -> None:
    bench = Bench(case)
    assert bench.emit(*arguments) == [99]
    assert bench.slower == [arguments] and bench.rows() == [[], [], []]


@pytest.mark.parametrize("case", [case for case in CASES if "fields" in case])
def test_what_a_route_refuses_is_told_by_name(case: str) -> None:
    bench = Bench(case)
    with pytest.raises(EmitError, match="split: emit to stream 'default': a dict cannot be a key"):
        bench.emit([{}, "x"])
    assert bench.rows() == [[], [], []]


@each_case("case", CASES)
def test_each_counts_down_to_emit_max(case: str) -> None:
    bench = Bench(case, EmitLimit("split", 8, lambda: 1))
    with pytest.raises(EmitOverflow):
        for _ in range(10):
            bench.emit(["a", 1])
    with pytest.raises(EmitOverflow):
        bench.emit(["a", 1])
