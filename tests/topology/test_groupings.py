"""Every grouping: which tasks get a row, alone and in groups."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from waterspout.topology.channels import OpenFrame
from waterspout.topology.columns import Columns
from waterspout.topology.errors import UserError
from waterspout.topology.groupings import (
    AllRoute,
    CustomRoute,
    DirectRoute,
    FieldsRoute,
    GlobalRoute,
    PartialKeyRoute,
    Route,
    ShuffleRoute,
)
from waterspout.topology.keys import group_owners, key_group, two_choices

from ..each_case import each_case

KEYS = ["word", "ß", "\ud800", "", 1, 1.0, None, b"x", ("a", 1)]


def frames(count: int, *, workers: int = 1) -> list[OpenFrame]:
    """Return the frames of tasks 10, 11 ..., dealt out to workers in turn."""
    return [OpenFrame((1, 0, 10 + n), n % workers) for n in range(count)]


def rows_of(targets: list[OpenFrame]) -> list[list[Any]]:
    return [target.rows[:] for target in targets]


def shuffle(targets: list[OpenFrame], seed: int = 1, **load: int) -> ShuffleRoute:
    return ShuffleRoute(targets, 0, lambda frame: load.get(f"t{frame.key[2]}", 0)
                        + len(frame.rows), random.Random(seed))  # fmt: skip


class ByLength:
    """A grouping of the user's: the length of the first value picks the tasks."""

    def __init__(self, *extra: int) -> None:
        self.targets: list[int] = []
        self.extra = list(extra)

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None:
        self.targets = targets

    def choose_tasks(self, values: list[Any]) -> list[int]:
        return [self.targets[len(values[0]) % len(self.targets)], *self.extra]


def custom(targets: list[OpenFrame], *extra: int) -> CustomRoute:
    grouping = ByLength(*extra)
    grouping.prepare(None, "default", [target.key[2] for target in targets])
    return CustomRoute(targets, grouping)


MAKERS: dict[str, Callable[[list[OpenFrame]], Route]] = {
    "global": GlobalRoute,
    "one target": Route,
    "shuffle": shuffle,
    "fields": lambda targets: FieldsRoute(targets, [0]),
    "two fields": lambda targets: FieldsRoute(targets, [0, 1]),
    "partial-key": lambda targets: PartialKeyRoute(targets, [0]),
    "all": AllRoute,
    "custom": custom,
}


@each_case("name", MAKERS)
def test_a_group_goes_where_its_rows_would_go_one_by_one(name: str) -> None:
    rows = [[f"w{n % 7}" * (n % 3), n] for n in range(40)]
    single, many = frames(3), frames(3)
    one, group = MAKERS[name](single), MAKERS[name](many)
    for row in rows:
        one.put(row)
    group.put_many(rows)
    assert rows_of(single) == rows_of(many)
    copies = 3 if name == "all" else 1
    assert sum(map(len, rows_of(many))) == copies * len(rows)


@each_case("name", MAKERS)
def test_the_task_ids_that_are_told_are_those_that_got_the_row(name: str) -> None:
    targets = frames(3)
    route = MAKERS[name](targets)
    for number in range(10):
        before = [len(target.rows) for target in targets]
        told = route.chosen([f"w{number}" * number, number])
        got = [10 + n for n, target in enumerate(targets) if len(target.rows) > before[n]]
        assert told == got


def test_fields_sends_every_kind_of_key_to_the_owner_of_its_group() -> None:
    targets = frames(5)
    route, owners = FieldsRoute(targets, [1]), group_owners(5)
    for key in KEYS:
        assert route.chosen(["x", key]) == [10 + owners[key_group([key])]]


def test_fields_on_two_fields_uses_both() -> None:
    route, owners = FieldsRoute(frames(5), [2, 0]), group_owners(5)
    for key in KEYS:
        assert route.chosen([key, "between", "k"]) == [10 + owners[key_group(["k", key])]]


def test_fields_to_one_task_takes_every_kind_of_key() -> None:
    keys = [*KEYS, 2**64 - 1, -(2**63), 0.5, True, (1, [2])]
    for positions in ([0], [1, 0]):
        (target,) = targets = frames(1)
        route = FieldsRoute(targets, positions)
        for key in keys:
            route.put([key, "x"])
        assert [row[0] for row in target.rows] == keys


NO_KEYS = [{}, {1}, object(), 2**64, -(2**63) - 1, [{}]]


@each_case("key, tasks", [(key, tasks) for key in NO_KEYS for tasks in (1, 3)])
def test_a_value_that_is_no_key_goes_nowhere(key: Any, tasks: int) -> None:
    targets = frames(tasks)
    routes = [FieldsRoute(targets, [0]), FieldsRoute(targets, [1, 0])]
    for route in (*routes, *([PartialKeyRoute(targets, [0])] if tasks > 1 else ())):
        with pytest.raises(TypeError, match="cannot be a key"):
            route.put([key, "x"])
        assert rows_of(targets) == [[]] * tasks


def test_partial_key_splits_a_hot_key_evenly_over_its_two_choices() -> None:
    targets = frames(6)
    route = PartialKeyRoute(targets, [0])
    for _ in range(100):
        route.put(["hot"])
    first, second = two_choices(["hot"], 6)
    assert [len(targets[first].rows), len(targets[second].rows)] == [50, 50]


def test_shuffle_keeps_a_run_together_and_turns_between_runs() -> None:
    targets = frames(3)
    route = shuffle(targets)
    for _ in range(3):
        route.put([1])
        route.put([2])
        route.turn()
    assert rows_of(targets) == [[[1], [2]]] * 3


def test_shuffle_without_load_takes_turns() -> None:
    targets = frames(4)
    route = ShuffleRoute(targets, 9, lambda frame: 0, random.Random(1))
    for _ in range(40):
        route.put([1])
        route.turn()
    assert [len(rows) for rows in rows_of(targets)] == [10] * 4


def test_shuffle_prefers_the_own_worker_until_it_is_busier() -> None:
    targets = frames(2, workers=2)  # 10 is local, 11 is not
    load = {10: 0, 11: 0}
    route = ShuffleRoute(targets, 0, lambda frame: load[frame.key[2]], random.Random(1))
    chosen = []
    for here, there in ((0, 0), (5, 5), (6, 5), (5, 6)):
        load.update({10: here, 11: there})
        route.turn()
        chosen += route.chosen([1])
    assert chosen == [10, 10, 11, 10]


def test_shuffle_keeps_some_rows_under_way_to_other_workers_while_the_own_is_at_work() -> None:
    targets = frames(2, workers=2)  # 10 is local, 11 is not
    load = {10: 0, 11: 0}
    route = ShuffleRoute(
        targets, 0, lambda frame: load[frame.key[2]], random.Random(1), lambda frame: 100
    )
    chosen = []
    for here, there in ((0, 0), (0, 50), (1, 100), (1, 101), (2, 101)):
        load.update({10: here, 11: there})
        route.turn()
        chosen += route.chosen([1])
    assert chosen == [10, 10, 11, 10, 11]


def test_senders_start_shuffling_at_different_tasks() -> None:
    starts = Counter(
        ShuffleRoute(frames(4), 9, lambda frame: 0, random.Random(seed)).chosen([1])[0]
        for seed in range(40)
    )
    assert set(starts) == {10, 11, 12, 13}


def test_all_gives_each_row_to_every_task() -> None:
    targets = frames(3)
    AllRoute(targets).put_many([[1], [2]])
    assert rows_of(targets) == [[[1], [2]]] * 3


def test_a_direct_route_refuses_a_row_without_a_named_task() -> None:
    targets = frames(2)
    route = DirectRoute(targets)
    with pytest.raises(UserError, match="direct_task="):
        route.put([1])
    assert route.by_task == {10: targets[0], 11: targets[1]}


def test_a_custom_grouping_that_names_a_strange_task_sends_the_row_nowhere() -> None:
    targets = frames(2)
    with pytest.raises(UserError, match=r"ByLength.choose_tasks gave 99, not one of the targets"):
        custom(targets, 99).put(["ab"])
    assert rows_of(targets) == [[], []]


# Columns.


# Of one task partial-key has no two to choose from.
@each_case("name, tasks", [(n, t) for n in MAKERS for t in (1, 3) if (n, t) != ("partial-key", 1)])
def test_columns_go_where_their_rows_would_go(name: str, tasks: int) -> None:
    rows = [[f"w{n % 7}" * (n % 3), n] for n in range(90)]
    single, many = frames(tasks), frames(tasks)
    one, group = MAKERS[name](single), MAKERS[name](many)
    for row in rows:
        one.put(row)
    group.put_many(Columns.of_rows(rows, 2))
    assert [list(map(list, target.all_rows())) for target in many] == rows_of(single)
    if group.by_column:
        assert all(target.blocks for target in many if target.count >= Columns.height_min)


@each_case("key, tasks", product([*KEYS, 2**64 - 1, -(2**63), 0.5, True, (1, [2]), [1]], [1, 4]))
def test_columns_of_every_kind_of_key_go_to_the_owner_of_its_group(key: Any, tasks: int) -> None:
    targets, owners = frames(tasks), group_owners(tasks)
    alone = frames(tasks)
    FieldsRoute(targets, [1]).put_many(Columns([["x", "y"], ["word", key]]))
    FieldsRoute(alone, [0]).put_many(Columns([["word", key]]))
    expected: list[list[Any]] = [[] for _ in range(tasks)]
    for each in ("word", key):
        expected[owners[key_group([each])]].append(each)
    for got, place in ((targets, 1), (alone, 0)):
        assert [[row[place] for row in target.rows] for target in got] == expected


@each_case("key, tasks", product(NO_KEYS, [1, 4]))
def test_columns_with_a_value_that_is_no_key_go_nowhere(key: Any, tasks: int) -> None:
    for keys in (["word", key], [7, key], [b"", key, None]):
        targets = frames(tasks)
        with pytest.raises(TypeError, match="cannot be a key"):
            FieldsRoute(targets, [0]).put_many(Columns([keys, list(range(len(keys)))]))
        assert [target.count for target in targets] == [0] * tasks


def test_rows_of_several_runs_may_go_together_only_where_they_go_the_same_way() -> None:
    whole = {name for name, make in MAKERS.items() if make(frames(3)).whole}
    assert whole == {"global", "all"}
    assert FieldsRoute(frames(1), [0]).whole
