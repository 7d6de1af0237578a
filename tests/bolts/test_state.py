"""context.state: plain dicts that survive their worker, cut cheaply and cut clean."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from typing import Any

import pytest
from waterspout.bolts.snapshots import StateCopy, StatePart, decode_part, encode_part
from waterspout.bolts.state import MAPS_MAX, TaskState
from waterspout.topology.errors import StateError


def part_of(copy: StateCopy) -> StatePart:
    return decode_part(b"".join(encode_part(copy)))


def restored(state: TaskState, index: int = 0) -> TaskState:
    after = TaskState("count", index)
    after.restore([part_of(state.snapshot_begin())])
    return after


def test_maps_are_plain_dicts_and_the_same_ones_each_time() -> None:
    state = TaskState("count")
    assert type(state.keyed("counts")) is dict
    assert state.keyed("counts") is state.keyed("counts")
    assert state.keyed("x") is not state.task("x")


def test_state_survives_a_snapshot_and_a_restore() -> None:
    state = TaskState("count")
    state.keyed("counts").update({"a": 1, "b": 2})
    state.task("seen")["last"] = [1, (2, 3)]
    after = restored(state)
    assert after.keyed("counts") == {"a": 1, "b": 2}
    assert after.task("seen") == {"last": [1, (2, 3)]}


def test_a_list_can_be_appended_to_after_a_restore() -> None:
    state = TaskState("count")
    state.task("rows")["k"] = [1]
    after = restored(state)
    after.task("rows")["k"].append(2)
    assert after.task("rows")["k"] == [1, 2]


@pytest.mark.parametrize("value", [1, "x", (1, 2), [1], {"n": 1}, ([1],), (1, [2])])
@pytest.mark.parametrize("beside", [1, (1, 2), None])
def test_what_changes_after_the_cut_is_not_in_the_snapshot(value: Any, beside: Any) -> None:
    #  k = value        cut       k = changed in place, j = new        encoded
    #  ------------------|-------------------------------------------------|--->
    state = TaskState("count")
    entries = state.keyed("m")
    entries.update({"k": copy.deepcopy(value), "beside": beside})
    value = entries["k"]
    expected = part_of(state.snapshot_begin()).keyed
    cut = state.snapshot_begin()
    for inner in (value, *value) if isinstance(value, (tuple, list)) else (value,):
        if isinstance(inner, list):
            inner.append("late")
        if isinstance(inner, dict):
            inner["late"] = 1
    entries["j"] = entries["k"] = "late"
    assert part_of(cut).keyed == expected
    assert "late" not in repr(part_of(cut).keyed)


@pytest.mark.parametrize("value", [1, "x", None, (1, "x"), ()])
def test_values_that_cannot_change_are_packed_after_the_pause_not_in_it(value: Any) -> None:
    state = TaskState("count")
    state.keyed("m").update({"k": value, "l": value})
    (one,) = state.snapshot_begin().maps
    assert (one.slices, one.entries) == (None, {"k": value, "l": value})


def test_a_snapshot_that_is_being_encoded_does_not_see_new_keys() -> None:
    state = TaskState("count")
    counts = state.keyed("counts")
    counts.update({i: i for i in range(10_000)})
    pieces = encode_part(state.snapshot_begin())
    first = [next(pieces), next(pieces)]
    counts.clear()
    counts["new"] = 1
    part = decode_part(b"".join([*first, *pieces]))
    assert part.keyed["counts"] == {i: i for i in range(10_000)}


def test_a_map_can_be_a_counter_before_and_after_a_restore() -> None:
    state = TaskState("count")
    state.keyed("n", Counter).update("aab")
    counts = restored(state).keyed("n", Counter)
    assert isinstance(counts, Counter) and counts == {"a": 2, "b": 1}
    counts.update("a")
    assert counts["a"] == 3
    assert restored(state).keyed("n", lambda: Counter(a=5, c=1)) == {"a": 2, "b": 1, "c": 1}


def test_a_map_can_have_defaults() -> None:
    state = TaskState("count")
    state.task("rows", lambda: defaultdict(list))["k"].append(1)
    assert restored(state).task("rows") == {"k": [1]}


def test_a_restored_map_that_nobody_asked_for_stays_in_the_next_snapshot() -> None:
    state = TaskState("count")
    state.keyed("rare")["k"] = 1
    assert restored(restored(state)).keyed("rare") == {"k": 1}


def test_a_restored_map_that_was_emptied_stays_empty() -> None:
    state = TaskState("count")
    state.keyed("m")["k"] = 1
    after = restored(state)
    after.keyed("m").clear()
    assert restored(after).keyed("m") == {}


def group_of(values: tuple[Any, ...]) -> int:
    return int(values[0]) % 4


def test_after_a_rebalance_each_task_takes_the_key_groups_it_owns_from_all_parts() -> None:
    parts = []
    for index in range(2):
        state = TaskState("count", index)
        state.keyed("counts").update({key: index for key in range(20) if key % 2 == index})
        state.keyed("pairs").update({(key, "x"): 1 for key in range(20) if key % 2 == index})
        state.task("seen")["index"] = index
        parts.append(part_of(state.snapshot_begin()))
    found = []
    for index, owned in enumerate([{0, 3}, {1}, {2}]):
        after = TaskState("count", index)
        after.restore(parts, owned, group_of)
        found.append(after)
    assert set(found[0].keyed("counts")) == {key for key in range(20) if key % 4 in (0, 3)}
    assert set(found[1].keyed("pairs")) == {(key, "x") for key in range(20) if key % 4 == 1}
    assert sum(len(state.keyed("counts")) for state in found) == 20
    assert [state.task("seen").get("index") for state in found] == [0, 1, None]


def test_a_set_as_value_is_refused_by_bolt_map_and_key() -> None:
    state = TaskState("count")
    state.keyed("seen")["k"] = {1}
    with pytest.raises(StateError, match=r"count: state 'seen', key 'k': .*'set'"):
        state.snapshot_begin()


def test_names_are_str_and_limited_in_number() -> None:
    state = TaskState("count")
    with pytest.raises(StateError, match="name is a str"):
        state.keyed(1)  # type: ignore[arg-type]
    with pytest.raises(StateError, match="makes no dict"):
        state.keyed("x", list)  # type: ignore[arg-type]
    for number in range(MAPS_MAX):
        state.task(f"m{number}")
    with pytest.raises(StateError, match=f"more than {MAPS_MAX}"):
        state.task("one more")
