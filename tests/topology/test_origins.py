"""Origins: the same row has the same one each time, and no other row has it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.errors import UserError
from waterspout.topology.groupings import AllRoute, DirectRoute, GlobalRoute, Route
from waterspout.topology.origins import (
    ORIGIN_BYTES,
    OriginDirectRoute,
    OriginRoute,
    RowAtWork,
    copy_of,
    descendant,
    descendants,
    origin_of,
    partition_bytes,
    salt_of,
    with_origins,
    without_origins,
)

from ..each_case import each_case

P = partition_bytes("lines", "a.txt")
ROOT = origin_of(P, 7)
SALT = salt_of("split", "default")


def route_of(row: RowAtWork, plain: int = 1, carrying: int = 1) -> tuple[OriginRoute, list[Any]]:
    frames = [OpenFrame((2, 0, 3 + n), 0) for n in range(plain + carrying)]
    routes = [GlobalRoute([frame]) for frame in frames]
    return OriginRoute((0, "default"), routes[:plain], routes[plain:], row), frames


def test_an_origin_has_one_size_and_says_partition_and_position() -> None:
    deep = ROOT
    for _ in range(50):
        deep = descendant(deep, SALT, 3)
        assert len(deep) == ORIGIN_BYTES
        assert deep[:16] == P + (7).to_bytes(8, "big") == ROOT[:16]


def test_what_differs_in_message_way_emitter_stream_place_or_copy_differs_in_origin() -> None:
    once = descendant(ROOT, SALT, 0)
    rows = [
        ROOT, origin_of(P, 8), origin_of(partition_bytes("lines", "b.txt"), 7),
        origin_of(partition_bytes("other", "a.txt"), 7), once, descendant(ROOT, SALT, 1),
        descendant(ROOT, salt_of("split", "odd"), 0), descendant(ROOT, salt_of("other", "odd"), 0),
        descendant(once, SALT, 0), descendant(once, SALT, 1), copy_of(ROOT, 0), copy_of(ROOT, 1),
        descendant(copy_of(ROOT, 0), SALT, 0), descendant(copy_of(ROOT, 1), SALT, 0),
    ]  # fmt: skip
    assert len(set(rows)) == len(rows)


def test_origins_are_the_same_in_every_process() -> None:
    assert descendant(ROOT, SALT, 2).hex() == GOLDEN


@each_case("origin, count", product([ROOT, b""], [0, 1, 3, 1500]))
def test_all_rows_of_a_row_have_the_origins_that_each_has_alone(origin: bytes, count: int) -> None:
    each = [descendant(origin, SALT, index) for index in range(count)]
    assert descendants(origin, SALT, count) == each
    assert descendants(origin, SALT, max(count - 2, 0), 2) == each[2:]


def test_what_comes_of_a_row_without_origin_has_none() -> None:
    assert descendant(b"", SALT, 0) == copy_of(b"", 1) == b""


@pytest.mark.parametrize("many", [[[1, "a"], [2, "b"]], Columns([[1, 2], ["a", "b"]])])
def test_origins_are_put_behind_the_values_and_taken_off_again(many: Any) -> None:
    stamped = with_origins(many, [b"x", b"y"])
    assert stamped == [[1, "a", b"x"], [2, "b", b"y"]]
    bare, origins = without_origins(stamped)
    assert bare == many and origins == [b"x", b"y"]


def test_only_routes_to_bolts_that_want_origins_carry_them() -> None:
    row = RowAtWork("split", 10)
    route, (plain, carrying) = route_of(row)
    row.begin(ROOT)
    route.put(["a"])
    route.put_many([["b"], ["c"]])
    assert plain.rows == [["a"], ["b"], ["c"]]
    assert carrying.rows == [
        [word, descendant(ROOT, SALT, n)] for n, word in enumerate(("a", "b", "c"))
    ]
    row.begin(ROOT)
    route.put(["a"])
    assert carrying.rows[-1] == carrying.rows[0], "the same row, made once more"


@pytest.mark.parametrize("plain", [0, 1])
def test_rows_have_the_origins_of_their_places_however_they_are_emitted(plain: int) -> None:
    row = RowAtWork("split", 10)
    route, (*_, carrying) = route_of(row, plain)
    other, expected = origin_of(P, 8), []
    for origin, first in [(ROOT, 0), (other, 0), (ROOT, 5), (ROOT, 1020), (other, 2000)]:
        row.begin(origin, first)
        route.put(["a"])
        route.put_many([["b"], ["c"]])
        route.put(["d"])
        route.put_many([])
        route.put(["e"])
        expected += [descendant(origin, SALT, first + place) for place in range(5)]
    assert [origin for _, origin in carrying.rows] == expected


@pytest.mark.parametrize("plain", [0, 1])
def test_what_a_bolt_emits_by_itself_has_no_origin(plain: int) -> None:
    row = RowAtWork("split", 10)
    route, (*_, carrying) = route_of(row, plain)
    row.begin(ROOT)
    route.put(["of a row"])
    row.end()
    route.put(["a"])
    route.put_many([["b"]])
    assert carrying.rows[1:] == [["a", b""], ["b", b""]]


def test_a_spout_gives_the_origins_and_columns_bring_them_along() -> None:
    row = RowAtWork("lines", 10)
    route, (plain, carrying) = route_of(row)
    row.given = [ROOT, origin_of(P, 8)]
    route.put_many([["a"], ["b"]])
    row.given = None
    row.attached = True
    route.put_many(Columns([["c"], [b"o"]]))
    assert plain.rows == [["a"], ["b"], ("c",)]
    assert carrying.rows == [["a", ROOT], ["b", origin_of(P, 8)], ("c", b"o")]


def test_given_origins_of_other_rows_are_not_taken() -> None:
    row = RowAtWork("lines", 10)
    route, (_, carrying) = route_of(row)
    row.given = [ROOT, ROOT]
    route.put_many([["a"]])
    assert carrying.rows == [["a", b""]]


def test_what_is_emitted_is_kept_where_that_is_wanted_and_has_a_limit() -> None:
    row = RowAtWork("count", 2)
    route, _ = route_of(row, carrying=0)
    route.put(["a"])
    row.begin(ROOT)
    row.kept = []
    route.put(["b"])
    route.put_many(Columns([["c"]]))
    assert row.kept == [(0, ["b"]), (0, ["c"])]
    with pytest.raises(UserError, match="emit_max = 2"):
        route.put(["d"])


def test_a_direct_stream_carries_origins_to_the_task_that_is_named() -> None:
    row = RowAtWork("split", 10)
    frames = [OpenFrame((2, 0, task), 0) for task in (3, 4)]
    route = OriginDirectRoute(DirectRoute(frames), "default", row)
    row.begin(ROOT)
    route.by_task[4].rows.append(["a"])
    route.by_task[3].rows.append(["b"])
    assert frames[1].rows == [["a", descendant(ROOT, SALT, 0)]]
    assert frames[0].rows == [["b", descendant(ROOT, SALT, 1)]]


def test_it_stands_for_its_routes() -> None:
    class Turning(GlobalRoute):
        turns = 0

        def turn(self) -> None:
            self.turns += 1

    frames = [OpenFrame((2, 0, n), 0) for n in (3, 4, 5)]
    turning, every = Turning(frames[:1]), AllRoute(frames[1:])
    route = OriginRoute((0, "default"), [turning], [every], RowAtWork("split", 10))
    route.turn()
    assert turning.turns == 1
    assert route.by_column and route.whole
    assert route.chosen(["a"]) == [3, 4, 5]
    assert not OriginRoute((0, "d"), [Route(frames[:1])], [every], RowAtWork("s", 1)).whole


GOLDEN = "6180bb2c1d2605610000000000000007125e087d53a72008d3064702c050e557"
