"""Handles over every backend: whose key they go by, what a ttl means, and that they move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts import state_handles
from waterspout.bolts.chains import chained
from waterspout.bolts.snapshots import StatePart, decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_backends import STATE_BACKENDS
from waterspout.topology.errors import StateError
from waterspout.topology.keys import group_owners, key_group


class Clock:
    """Milliseconds that only a test moves."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


Make = Callable[..., TaskState]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=STATE_BACKENDS)
def make(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Make]:
    """Makes states over one of the backends."""
    made: list[TaskState] = []

    def new(index: int = 0, parallelism: int = 1) -> TaskState:
        path = tmp_path / f"{len(made)}.sqlite"
        backend = STATE_BACKENDS[request.param](path, 1 << 20)
        state = TaskState("bolt", index, parallelism=parallelism, backend=backend, wall_ms=clock)
        made.append(state)
        return state

    yield new
    for state in made:
        state.close()


def part_of(state: TaskState) -> StatePart:
    return decode_part(b"".join(encode_part(state.snapshot_begin())))


def test_each_key_has_a_value_of_its_own(make: Make) -> None:
    state = make()
    total = state.value("total", default=0)
    for key, amount in [("a", 1), ("b", 10), ("a", 2)]:
        state.key = key
        total.set(total.get() + amount)
    assert sorted(total.all()) == [("a", 3), ("b", 10)]
    total.clear()
    assert total.get() == 0
    assert state.value("total") is total


def test_a_value_that_is_looked_at_is_not_in_the_next_snapshot(make: Make, clock: Clock) -> None:
    state = make()
    value, young = state.value("v", default=()), state.value("young", default=0, ttl=10)
    state.key = "k"
    assert (value.peek(), young.peek()) == ((), 0)
    value.set([1])
    young.set([2])
    cut = state.snapshot_begin()
    data = b"".join(encode_part(cut))
    state.snapshot_written(cut, Written("part", len(data), data[-32:].hex()))
    assert (value.peek(), young.peek()) == ([1], [2])
    assert not any(part_of(state).keyed.values())
    clock.ms += 10_000
    assert (value.peek(), young.peek()) == ([1], 0)


def test_each_key_has_a_list_of_its_own(make: Make) -> None:
    state = make()
    rows = state.list("rows")
    for key, row in [("a", 1), ("b", 2), ("a", 3)]:
        state.key = key
        rows.append(row)
    assert (rows.get(), list(rows), len(rows)) == ([1, 3], [1, 3], 2)
    rows.set([7])
    rows.extend([8, 9])
    assert dict(rows.all()) == {"a": [7, 8, 9], "b": [2]}
    rows.get().append("not in the state")
    assert rows.get() == [7, 8, 9]
    rows.clear()
    assert len(rows) == 0


def test_each_key_has_a_map_of_its_own(make: Make) -> None:
    state = make()
    seen = state.map("seen")
    for key, entry in [("a", "x"), ("b", "x"), ("a", "y")]:
        state.key = key
        seen[entry] = seen.get(entry, 0) + 1
    assert (dict(seen), len(seen), "x" in seen, "z" in seen) == ({"x": 1, "y": 1}, 2, True, False)
    del seen["x"]
    assert dict(seen.all()) == {"a": {"y": 1}, "b": {"x": 1}}
    del seen["y"]
    assert dict(seen.all()) == {"b": {"x": 1}}
    with pytest.raises(KeyError):
        seen["y"]
    state.key = "b"
    seen.clear()
    assert not seen


@pytest.mark.parametrize("ttl", [None, 10])
def test_an_entry_is_taken_out_once_and_what_was_taken_is_the_callers(make: Make, ttl: Any) -> None:
    state = make()
    rows = state.map("rows", ttl=ttl)
    state.key = "k"
    rows["a"], rows["b"] = [1], 2
    cut = state.snapshot_begin()
    taken = rows.pop("a")
    taken.append("late")
    assert (rows.get("a"), rows.get("a", 0), rows.pop("a", 7)) == (None, 0, 7)
    assert (taken, rows.pop("b"), dict(rows.all())) == ([1, "late"], 2, {})
    for missing in (lambda: rows.pop("b"), lambda: rows["b"], lambda: rows.__delitem__("b")):
        with pytest.raises(KeyError, match="'b'"):
            missing()
    assert "late" not in repr(decode_part(b"".join(encode_part(cut))).keyed)


def test_a_list_without_elements_is_not_kept(make: Make) -> None:
    state = make()
    rows = state.list("rows")
    state.key = "k"
    rows.append(1)
    rows.set([])
    assert not part_of(state).keyed.get("list:rows")


def test_a_value_that_is_changed_in_place_is_kept_and_not_torn_by_a_snapshot(make: Make) -> None:
    state = make()
    value, entries = state.value("v"), state.map("m")
    state.key = "k"
    value.set({"n": [1]})
    entries["e"] = [1]
    cut = state.snapshot_begin()
    value.get()["n"].append("late")
    entries["e"].append("late")
    assert (value.get(), entries["e"]) == ({"n": [1, "late"]}, [1, "late"])
    part = decode_part(b"".join(encode_part(cut)))
    assert part.keyed == {"value:v": {"k": {"n": [1]}}, "map:m": {"k": {"e": [1]}}}


@pytest.mark.parametrize("kind", state_handles.HANDLES)
def test_without_a_key_at_work_a_handle_says_so(make: Make, kind: str) -> None:
    state = make()
    handle = getattr(state, kind)("h")
    for call in ({"value": handle.clear, "list": list, "map": list}[kind],):
        with pytest.raises(StateError, match="no key is at work"):
            call(handle) if kind != "value" else call()


#  ttl = 10 s     0 s        9.999 s        10 s
#  ---------------|-------------|-------------|-------->
#                written      there        absent


def test_a_value_is_gone_a_ttl_after_it_was_last_set(make: Make, clock: Clock) -> None:
    state = make()
    value = state.value("v", default="none", ttl=10)
    state.key = "k"
    value.set("first")
    clock.ms += 9_999
    assert value.get() == "first"
    value.set("second")
    clock.ms += 9_999
    assert value.get() == "second"
    clock.ms += 1
    assert value.get() == "none"
    assert list(value.all()) == []


def test_elements_of_a_list_go_one_by_one(make: Make, clock: Clock) -> None:
    state = make()
    rows = state.list("l", ttl="10s")
    state.key = "k"
    for number in range(3):
        rows.append(number)
        clock.ms += 4_000
    assert (rows.get(), len(rows)) == ([1, 2], 2)
    clock.ms += 4_000
    assert dict(rows.all()) == {"k": [2]}
    for number in range(state_handles.SWEEP_WRITES - 3):
        rows.append(number)
    assert len(rows._map.peek("k")) == len(rows), "what is over was swept away"


def test_elements_go_in_order_when_the_clock_was_set_back(make: Make, clock: Clock) -> None:
    state = make()
    rows = state.list("l", ttl=10)
    state.key = "k"
    rows.append("before")
    clock.ms -= 5_000
    rows.extend(["set back", "too"])
    clock.ms += 14_999
    assert (rows.get(), len(rows)) == (["before", "set back", "too"], 3)
    clock.ms += 1
    assert (rows.get(), len(rows), list(rows.all())) == ([], 0, [])


@pytest.mark.parametrize("ttl", [None, 10])
def test_a_list_that_nothing_was_added_to_is_not_kept(make: Make, ttl: Any) -> None:
    state = make()
    rows = state.list("rows", ttl=ttl)
    state.key = "k"
    rows.extend([])
    assert len(rows._map) == 0


def test_entries_of_a_map_go_one_by_one_after_their_last_write(make: Make, clock: Clock) -> None:
    state = make()
    seen = state.map("m", ttl=10)
    state.key = "k"
    seen["a"], seen["b"] = 1, [2]
    clock.ms += 5_000
    seen["a"] = 3
    seen["b"].append("read, not written")
    clock.ms += 5_000
    assert (dict(seen), len(seen), "b" in seen) == ({"a": 3}, 1, False)
    with pytest.raises(KeyError):
        seen["b"]


@pytest.mark.parametrize("kind", state_handles.HANDLES)
def test_what_is_over_is_swept_away_in_small_steps(make: Make, clock: Clock, kind: str) -> None:
    state = make()
    handle = getattr(state, kind)("h", ttl=10)
    write = {"value": handle.set if kind == "value" else None}.get(kind) or (
        handle.append if kind == "list" else lambda value: handle.__setitem__("e", value)
    )
    for number in range(500):
        state.key = number
        write(number)
    clock.ms += 10_000
    state.key = "other"
    before = len(handle._map)
    for _ in range(state_handles.SWEEP_WRITES):
        write(1)
    step = before - len(handle._map)
    assert 0 < step <= state_handles.SWEEP_KEYS
    for _ in range(400):
        write(1)
    assert len(handle._map) == 1


def test_a_handle_without_a_ttl_asks_for_no_time(make: Make) -> None:
    state = make()
    state._wall_ms = lambda: 1 // 0
    value, rows, seen = state.value("v"), state.list("l"), state.map("m")
    state.key = "k"
    value.set(1)
    rows.append(1)
    seen["e"] = 1
    assert (value.get(), rows.get(), dict(seen)) == (1, [1], {"e": 1})


def filled(state: TaskState, ttl: Any = None) -> tuple[Any, Any, Any]:
    return state.value("v", ttl=ttl), state.list("l", ttl=ttl), state.map("m", ttl=ttl)


@pytest.mark.parametrize("ttl", [None, 10])
@pytest.mark.parametrize("after_ttl", [None, 10])
def test_handles_come_back_also_when_a_ttl_was_added_or_taken_away(
    make: Make, clock: Clock, ttl: Any, after_ttl: Any
) -> None:
    state = make()
    value, rows, seen = filled(state, ttl)
    state.key = ("a", 1)
    value.set([1])
    rows.extend([1, 2])
    seen["e"] = (1,)
    after = make()
    after.restore([part_of(state)])
    value, rows, seen = filled(after, after_ttl)
    after.key = ("a", 1)
    assert (value.get(), rows.get(), dict(seen)) == ([1], [1, 2], {"e": (1,)})
    clock.ms += 10_000
    gone = after_ttl is not None
    assert (value.get(), rows.get()) == ((None, []) if gone else ([1], [1, 2]))


@pytest.mark.parametrize(("old", "new"), [(1, 3), (3, 1), (2, 5), (5, 2), (3, 3)])
def test_handles_ttls_and_own_maps_move_with_their_key_groups(
    make: Make, clock: Clock, old: int, new: int
) -> None:
    groups, owners = group_owners(old), group_owners(new)
    keys: list[Any] = [f"user-{n}" for n in range(60)]
    parts = []
    for index in range(old):
        state = make(index, old)
        value, rows, seen = filled(state)
        young, timers = state.value("young", ttl=10), state.keyed("__timers")
        for key in keys:
            if groups[key_group((key,))] == index:
                state.key = key
                value.set(key)
                rows.append([key])
                seen[key] = 1
                young.set(1)
                timers[key] = (0, 5, "")
        state.task("mine")[index] = index
        parts.append(part_of(state))
    clock.ms += 9_999
    found: dict[Any, int] = {}
    task_maps: dict[Any, Any] = {}
    for index in range(new):
        after = make(index, new)
        owned = {group for group, owner in enumerate(owners) if owner == index}
        after.restore(parts, owned, key_group)
        value, rows, seen = filled(after)
        young, timers = after.value("young", ttl=10), after.keyed("__timers")
        for key, kept in value.all():
            assert key not in found
            found[key] = index
            after.key = key
            assert (kept, rows.get(), dict(seen), young.get()) == (key, [[key]], {key: 1}, 1)
            assert timers[key] == (0, 5, "")
            clock.ms += 1
            assert young.get() is None
            clock.ms -= 1
        assert len(timers) == sum(owner == index for owner in found.values())
        task_maps |= after.task("mine")
    assert found == {key: owners[key_group((key,))] for key in keys}
    # What a task has that is no more is with another one.
    assert task_maps == {index: index for index in range(old)}


def test_a_chain_of_snapshots_holds_only_what_changed(make: Make) -> None:
    state = make()
    value = state.value("v")
    parts: list[bytes] = []

    def snapshot() -> int:
        copy = state.snapshot_begin()
        parts.append(b"".join(encode_part(copy)))
        part = Written(str(len(parts)), len(parts[-1]), parts[-1][-32:].hex())
        return len(state.snapshot_written(copy, part))

    for number in range(1000):
        state.key = f"user-{number:06}"
        value.set("x" * 50)
    assert snapshot() == 1
    state.key = "user-000007"
    value.set("new")
    state.task("raw")["n"] = 1
    assert snapshot() == 2
    value.clear()
    del state.task("raw")["n"]
    assert snapshot() == 3
    assert len(parts[0]) > 50_000
    assert max(len(parts[1]), len(parts[2])) < 1000
    (whole,) = chained((decode_part(data), data[-32:].hex()) for data in parts)
    assert len(whole.keyed["value:v"]) == 999
    assert whole.task == {"raw": {}}


class Written:
    """What a store says of a part."""

    def __init__(self, file: str, size: int, sha256: str) -> None:
        self.file, self.bytes, self.sha256 = file, size, sha256


def test_a_handle_is_asked_for_in_prepare_and_with_one_ttl(make: Make) -> None:
    state = make()
    state.value("v", ttl=10)
    with pytest.raises(StateError, match="two ttls"):
        state.value("v")
    for wrong in (0, -1, True, "soon", float("nan")):
        with pytest.raises(StateError, match="ttl: seconds or a text"):
            state.list("l", ttl=wrong)
    state.prepared = True
    assert state.value("v", ttl=10) is state.value("v", ttl="10s")
    with pytest.raises(StateError, match="after prepare"):
        state.map("late")


def test_a_whole_map_cannot_have_the_name_of_a_handle(make: Make) -> None:
    state = make()
    for name in ("value:v", "list+ttl:x"):
        with pytest.raises(StateError, match="handles have such names"):
            state.keyed(name)
    assert state.keyed("price:eur") == {}
