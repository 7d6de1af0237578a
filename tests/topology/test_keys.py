"""Key groups: equal keys meet, and the hash is pinned: a change would scatter stored state."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.keys import KEY_GROUPS, group_owners, key_bytes, key_group, two_choices

from ..each_case import each_case

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(),
                    st.text(), st.binary())  # fmt: skip


@each_case(
    "key, group",
    [
        (["word"], 85),
        (["ß"], 84),
        ([""], 66),
        ([1], 66),
        ([None], 36),
        ([b"x"], 26),
        ([1.5], 74),
        ([2**63], 64),
        (["a", "b"], 121),
        ([("a", 1)], 67),
    ],
)
def test_the_group_of_a_key_never_changes_between_versions(key: list[Any], group: int) -> None:
    assert key_group(key) == group


@each_case("equal", [(1, 1.0, True), (0, -0.0, False), (2**63, 2.0**63), (-(2**63), -(2.0**63))])
def test_keys_that_are_equal_in_python_fall_into_one_group(equal: tuple[Any, ...]) -> None:
    assert len({key_bytes([key]) for key in equal}) == 1
    assert len({key_bytes(["x", (key,)]) for key in equal}) == 1


def test_a_list_and_a_tuple_are_one_key_because_the_wire_makes_tuples_of_both() -> None:
    assert key_bytes([[1, [2]]]) == key_bytes([(1, (2,))])


def test_a_subclass_of_str_is_the_key_that_its_text_is() -> None:
    class Name(str):
        """A str of the user's."""

    assert key_bytes([Name("a")]) == key_bytes(["a"])


def test_text_bytes_and_none_are_different_keys() -> None:
    keys = [["1"], [b"1"], [1], [None], ["None"], [("1",)], ["1", ""]]
    assert len({key_bytes(key) for key in keys}) == len(keys)


def test_lone_surrogates_are_keys_alone_and_beside_others() -> None:
    assert key_bytes(["\ud800"]) != key_bytes(["\ud801"])
    assert key_bytes(["\ud800", "b"]) != key_bytes(["\ud801", "b"])


@each_case("value", [{}, {1}, object(), 2**64, -(2**63) - 1, bytearray(b"x")])
def test_what_cannot_be_a_key_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(TypeError, match=r"an? \w+( over 64 bits)? cannot be a key"):
        key_group([value])


@given(st.lists(SCALARS, min_size=1, max_size=3))
def test_every_scalar_has_a_group(key: list[Any]) -> None:
    assert 0 <= key_group(key) < KEY_GROUPS


@given(st.text(), st.integers(2, 200))
def test_two_choices_are_distinct_tasks_and_the_same_each_time(key: str, tasks: int) -> None:
    first, second = two_choices([key], tasks)
    assert first != second
    assert {first, second} <= set(range(tasks))
    assert (first, second) == two_choices([key], tasks)


def test_two_choices_never_change_between_versions() -> None:
    assert [two_choices([key], 5) for key in ("a", "b", "c", "word")] == [
        (2, 4), (3, 0), (2, 3), (1, 4),
    ]  # fmt: skip


def test_both_choices_reach_every_task() -> None:
    pairs = [two_choices([str(key)], 3) for key in range(300)]
    assert set(Counter(pairs)) == {(a, b) for a in range(3) for b in range(3) if a != b}


@each_case("tasks", [1, 3, 7, 127, 128])
def test_owners_take_groups_evenly(tasks: int) -> None:
    counts = Counter(group_owners(tasks))
    assert set(counts) == set(range(tasks))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_beyond_as_many_tasks_as_groups_some_own_none() -> None:
    owners = group_owners(200)
    assert len(owners) == KEY_GROUPS == len(set(owners))
    assert max(owners) < 200
