"""context.state: plain dicts that survive their worker, cut cheaply and cut clean."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from itertools import product
from typing import Any, NamedTuple

import pytest
from waterspout.bolts.chains import merged
from waterspout.bolts.snapshots import (
    StateCopy,
    StatePart,
    decode_part,
    encode_part,
    part_sha256,
)
from waterspout.bolts.state import MAPS_MAX, TaskState
from waterspout.bolts.state_slices import Kind
from waterspout.topology.errors import StateError

from ..each_case import each_case


def part_of(copy: StateCopy) -> StatePart:
    return decode_part(b"".join(encode_part(copy)))


class Written:
    """Writes the snapshots of a task, which add to each other."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def part(self, cut: StateCopy) -> WrittenPart:
        """Write a cut."""
        data = b"".join(encode_part(cut))
        file = f"part-{len(self._data)}"
        self._data[file] = data
        return WrittenPart(file, len(data), part_sha256(data))

    def parts_of(self, state: TaskState) -> list[StatePart]:
        """Write a snapshot; return the parts that it consists of."""
        cut = state.snapshot_begin()
        chain = state.snapshot_written(cut, self.part(cut))
        return [decode_part(self._data[part.file]) for part in chain]


class WrittenPart(NamedTuple):
    """What a state is told of a part."""

    file: str
    bytes: int
    sha256: str


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


@each_case(
    "value, beside",
    product([1, "x", (1, 2), [1], {"n": 1}, ([1],), (1, [2])], [1, (1, 2), None]),
)
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


@each_case("value", [1, "x", None, (1, "x"), ()])
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


def test_it_is_not_written_again_where_a_part_adds_to_one_that_has_it() -> None:
    state = TaskState("count")
    state.keyed("rare")["k"] = [1]
    after, written = restored(state), Written()
    after.records("seen").put("a", (1,))
    assert written.parts_of(after)[-1].keyed == {"rare": {"k": [1]}, "seen": {"a": (1,)}}
    after.records("seen").put("b", (2,))
    assert written.parts_of(after)[-1].keyed == {"seen": {"b": (2,)}}
    # Asked for while a cut is written that has it, and changed in place.
    cut = after.snapshot_begin()
    after.keyed("rare")["k"].append(2)
    assert after.snapshot_written(cut, written.part(cut))
    assert merged(written.parts_of(after)).keyed["rare"] == {"k": [1, 2]}


def test_what_is_asked_for_while_it_is_written_may_be_changed_in_place() -> None:
    state = TaskState("count")
    state.keyed("rare")["k"] = [1]
    after = restored(state)
    cut = after.snapshot_begin()
    after.keyed("rare")["k"].append(2)
    assert part_of(cut).keyed["rare"] == {"k": [1]}


@pytest.mark.parametrize("kind", ["keyed", "task"])
def test_a_snapshot_has_the_records_that_changed_and_a_chain_all(kind: Kind) -> None:
    state, written = TaskState("count"), Written()
    records = state.records("open", kind)
    assert records._entries is state.records("open", kind)._entries
    records.put_all({key: (key, {"n": 1}) for key in range(10)})
    written.parts_of(state)
    records.put(3, (3, {"n": 2}))
    records.drop(4)
    parts = written.parts_of(state)
    assert parts[-1].maps(kind) == {"open": {3: (3, {"n": 2})}}
    assert merged(parts).maps(kind)["open"] == dict(records)
    after = TaskState("count")
    after.restore([merged(parts)])
    assert dict(after.records("open", kind)) == dict(records)


def test_a_whole_map_of_an_older_version_goes_on_as_records() -> None:
    state = TaskState("count")
    state.keyed("best").update({"a": ((1, 2), (3, 4))})
    state.task("best")["all"] = ()
    after = restored(state)
    assert dict(after.records("best")) == {"a": ((1, 2), (3, 4))}
    after.records("best").put("b", ())
    assert restored(after).keyed("best") == {"a": ((1, 2), (3, 4)), "b": ()}
    assert restored(after).task("best") == {"all": ()}


def test_one_name_is_one_way_of_keeping() -> None:
    state = TaskState("count")
    state.records("m")
    state.task("m")
    for again in (state.keyed, lambda name: state.records(name, "task")):
        with pytest.raises(StateError, match="count: state 'm' is asked for in two ways"):
            again("m")


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
