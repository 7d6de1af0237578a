"""TopN: the same as sorting all, for values that grow."""

from __future__ import annotations

import random
from typing import Any

import pytest
from waterspout.bolts.joins.top_n import TopN
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.topology.errors import UserError

from ...each_case import each_case


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_sorting_all(task, seed: int) -> None:
    rng = random.Random(seed)
    top = task(lambda: TopN("item", "value", n=3, key=["group"]))
    values: dict[Any, dict[Any, int]] = {"a": {}, "b": {}}
    for _ in range(200):
        group, item = rng.choice("ab"), rng.randrange(8)
        # No two values are equal: equal ones keep their order of arrival, tested below.
        value = values[group].get(item, 0) + rng.randrange(1, 1000) * 8 + 8
        values[group][item] = value = value - value % 8 + item
        top.row("in", group, group=group, item=item, value=value)
        if rng.random() < 0.1:
            top.die()
    shown: dict[tuple[str, int], Any] = {}
    for group, rank, item, value in top.emitted:
        shown[group, rank] = (item, value)
    for group, of_group in values.items():
        best = sorted(of_group.items(), key=lambda entry: -entry[1])[:3]
        assert [shown[group, rank] for rank in (1, 2, 3)] == best


def test_only_ranks_that_changed_are_emitted(task) -> None:
    top = task(lambda: TopN("item", "value", n=2))
    for item, value in [("a", 5), ("b", 3), ("c", 1), ("b", 4), ("a", 5)]:
        top.row("in", None, item=item, value=value)
    assert top.emitted == [[1, "a", 5], [2, "b", 3], [2, "b", 4]]
    top.row("in", None, item="b", value=6)
    assert top.emitted[3:] == [[1, "b", 6], [2, "a", 5]]


def test_lists_follow_their_key_and_the_one_without_a_key_its_task(task) -> None:
    for key, kind in (["k"], "keyed"), (None, "task"):
        top = task(lambda key=key: TopN("item", "value", key=key))
        top.row("in", "a", k="a", item="x", value=1)
        part = decode_part(b"".join(encode_part(top.state.snapshot_begin())))
        assert list(part.maps(kind)["best"].values()) == [(("x", 1),)]


def test_of_equal_values_the_first_is_better(task) -> None:
    top = task(lambda: TopN("item", "value", n=2, emit="final"))
    for item in "abc":
        top.row("in", None, item=item, value=1)
    assert top.emitted == []
    top.finish()
    assert top.emitted == [[1, "a", 1], [2, "b", 1]]


def test_several_key_fields_stand_before_the_rank(task) -> None:
    top = task(lambda: TopN("item", "value", key=["g", "h"]))
    top.row("in", (1, 2), g=1, h=2, item="a", value=1)
    assert top.emitted == [[1, 2, 1, "a", 1]]
    assert TopN.declare_outputs({"item": "i", "value": "v", "key": ["g"]}) == [
        "g", "rank", "item", "value",
    ]  # fmt: skip


@each_case(
    "more, text",
    [
        ({"n": 0}, "n: a number from 1"),
        ({"n": True}, "n: a number from 1"),
        ({"emit": "last"}, "emit: one of changes, final expected, got 'last'"),
        ({"key": "a"}, "key: a list of fields expected, got 'a'"),
    ],
)
def test_arguments_that_cannot_be_are_refused(more: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError) as caught:
        TopN("item", "value", **more)
    assert text in str(caught.value)
