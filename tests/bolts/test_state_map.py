"""The contract of state backends, run over each of them; and copies of state values."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts import state_memory, state_sqlite_map
from waterspout.bolts.chains import chained
from waterspout.bolts.snapshots import MapCopy, StateCopy, StatePart, decode_part, encode_part
from waterspout.bolts.state_backends import STATE_BACKENDS
from waterspout.bolts.state_map import ABSENT, Backend, StateMap, copied


@pytest.fixture(params=STATE_BACKENDS)
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Backend]:
    # So little memory that all that is not at work is on disk.
    monkeypatch.setattr(state_sqlite_map, "CACHE_ENTRIES_MIN", 8)
    monkeypatch.setattr(state_sqlite_map, "UNWRITTEN_MAX", 6)
    monkeypatch.setattr(state_sqlite_map, "READ_ROWS", 5)
    made = STATE_BACKENDS[request.param](tmp_path / "state.sqlite", 1)
    yield made
    made.close()


@pytest.fixture
def entries(backend: Backend) -> StateMap:
    return backend.map("count", "m")


def test_it_is_a_mapping(entries: StateMap) -> None:
    for number in range(50):
        entries[f"k{number}"] = number
    del entries["k7"]
    entries["k8"] += 100
    assert (entries["k8"], entries.get("k7"), entries.get("k7", 3)) == (108, None, 3)
    assert len(entries) == 49
    assert "k9" in entries
    assert "k7" not in entries
    assert dict(entries.items()) == {f"k{n}": n + 100 * (n == 8) for n in range(50) if n != 7}
    assert set(entries) == {f"k{n}" for n in range(50)} - {"k7"}
    with pytest.raises(KeyError):
        entries["k7"]
    with pytest.raises(KeyError):
        del entries["k7"]


@pytest.mark.parametrize(
    "key", ["", "x", b"\x00", 0, -1, 2**63, 1.5, None, (), ("a", 1), (("b",), None)]
)
def test_every_key_keeps_its_type(entries: StateMap, key: Any) -> None:
    entries[key] = 1
    fill(entries)
    assert entries[key] == 1
    assert [(type(k), k) for k in entries if k == key] == [(type(key), key)]


@pytest.mark.parametrize("value", [0, "x", None, (1, (2, [3])), [1, (2,)], {"a": [1]}, b"\x00"])
def test_every_value_keeps_its_type(entries: StateMap, value: Any) -> None:
    entries["k"] = value
    fill(entries)
    assert repr(entries["k"]) == repr(value)


def test_keys_that_are_equal_are_one_key(entries: StateMap) -> None:
    for key in (1, 1.0, True):
        entries[key] = key
        fill(entries)
    assert sum(key == 1 for key in entries) == 1
    assert entries[1] is True


def test_a_list_that_was_changed_in_place_is_changed_for_good(entries: StateMap) -> None:
    entries["k"] = []
    for number in range(5):
        fill(entries)
        entries["k"].append(number)
        entries.get("k").append("x")
    fill(entries)
    assert entries["k"] == [0, "x", 1, "x", 2, "x", 3, "x", 4, "x"]


@pytest.mark.parametrize("others", range(6))
def test_a_list_may_be_changed_although_others_were_set_meanwhile(
    entries: StateMap, others: int
) -> None:
    fill(entries)
    entries["k"] = []
    for number in range(others):
        entries[f"other{number}"] = number
    rows = entries["k"]
    entries["one more"] = entries["and one"] = 1
    rows.append("late")
    fill(entries)
    assert entries["k"] == ["late"]


def test_a_counter_and_a_defaultdict_stand_in_for_missing_keys(entries: StateMap) -> None:
    entries.make = Counter
    assert entries["none"] == 0
    assert "none" not in entries
    entries.make = lambda: defaultdict(list)
    entries["some"].append(1)
    assert entries["some"] == [1]


def test_some_has_every_key_in_its_turn_and_few_at_once(entries: StateMap) -> None:
    fill(entries)
    for _ in range(2):
        seen: set[Any] = set()
        while not {f"fill{n}" for n in range(20)} <= seen:
            some = entries.some(7)
            assert len(some) <= 7
            seen.update(some)


def test_what_was_loaded_is_there_and_in_the_first_snapshot_only_when_it_is_whole(
    entries: StateMap,
) -> None:
    entries.load([("a", 1), ("b", [2])])
    assert dict(entries.items()) == {"a": 1, "b": [2]}
    snapshots = Snapshots(entries)
    assert snapshots.take() == {"a": 1, "b": [2]}
    entries["a"] = 5
    part = snapshots.part(entries.cut(whole=False))
    assert part.keyed == {"m": {"a": 5}}


def test_what_is_loaded_goes_over_what_was_dropped_or_read_before(entries: StateMap) -> None:
    entries.load([("a", 1), ("b", 1)])
    assert entries["b"] == 1
    entries.drop("a")
    entries.load([("a", 2), ("b", 2)])
    assert dict(entries.items()) == {"a": 2, "b": 2}
    assert (entries["a"], entries["b"]) == (2, 2)


@pytest.mark.parametrize("name", STATE_BACKENDS)
@pytest.mark.parametrize("room", [1, 2000, 1 << 20])
def test_a_chain_is_loaded_in_its_order_in_pieces_of_any_size(
    tmp_path: Path, name: str, room: int
) -> None:
    rng = random.Random(room)
    history: list[tuple[Any, Any]] = [
        (rng.randrange(50), rng.choice([ABSENT, number, [number], "x" * number]))
        for number in range(400)
    ]
    model = {key: value for key, value in dict(history).items() if value is not ABSENT}
    backend = STATE_BACKENDS[name](tmp_path / "state.sqlite", room)
    entries = backend.map("count", "m")
    entries.load(history)
    assert dict(entries.items()) == model and len(entries) == len(model)
    assert Snapshots(entries).take() == model
    backend.close()


def test_a_key_that_comes_again_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    original = state_sqlite_map.SqliteMap._put_rows

    def put_rows(self: Any, rows: Any) -> None:
        written.append(list(rows))
        original(self, written[-1])

    monkeypatch.setattr(state_sqlite_map.SqliteMap, "_put_rows", put_rows)
    backend = STATE_BACKENDS["sqlite"](tmp_path / "state.sqlite", 1 << 20)
    backend.map("count", "m").load((number * 37 % 100, number) for number in range(1000))
    assert [len(rows) for rows in written] == [100]
    assert written[0] == sorted(written[0])
    backend.close()
    small = STATE_BACKENDS["sqlite"](tmp_path / "small.sqlite", 20_000)
    del written[:]
    small.map("count", "m").load((number, number) for number in range(1000))
    assert len(written) > 5 and sum(map(len, written)) == 1000
    small.close()


@pytest.mark.parametrize(
    ("value_bytes", "page"), [(20, 2048), (600, 4096), (1000, 8192), (3000, 16384), (9000, 8192)]
)
@pytest.mark.parametrize("restored", [False, True])
def test_pages_of_a_file_are_as_big_as_its_values_need(
    tmp_path: Path, value_bytes: int, page: int, restored: bool
) -> None:
    backend: Any = STATE_BACKENDS["sqlite"](tmp_path / "state.sqlite", 1 << 20)
    entries = backend.map("count", "m")
    pairs = [(number, "x" * value_bytes) for number in range(500)]
    if restored:
        entries.load(pairs)
    else:
        entries.put_all(dict(pairs))
        assert len(entries) == 500
    assert backend.file.execute("PRAGMA page_size").fetchone() == (page,)
    # It is chosen once: others are not moved for one that is bigger.
    entries["big"] = "x" * 4000
    assert dict(entries.items()) == {**dict(pairs), "big": "x" * 4000}
    assert Snapshots(entries).take() == dict(entries.items())
    assert backend.file.execute("PRAGMA page_size").fetchone() == (page,)
    backend.close()


def test_a_delta_names_what_is_gone(entries: StateMap) -> None:
    snapshots = Snapshots(entries)
    fill(entries)
    snapshots.take()
    del entries["fill3"]
    entries["fill4"] = "new"
    del entries["fill5"]
    entries["fill5"] = "again"
    part = snapshots.part(entries.cut(whole=False))
    assert part.gone == {("keyed", "m"): {"fill3"}}
    assert part.keyed["m"].items() >= {"fill4": "new", "fill5": "again"}.items()


@pytest.mark.parametrize("value", [1, "x", (1, 2), [1], {"n": 1}, ([1],), {"n": [1]}])
def test_what_changes_after_the_cut_is_not_in_the_snapshot(entries: StateMap, value: Any) -> None:
    #  k = value        cut       k = changed in place, j = new        encoded
    #  ------------------|-------------------------------------------------|--->
    snapshots = Snapshots(entries)
    entries["k"] = copied(value)
    cut = entries.cut(whole=True)
    change(entries["k"])
    entries["j"] = "late"
    fill(entries)
    change(entries["k"])
    part = snapshots.part(cut)
    assert repr(part.keyed["m"]) == repr({"k": value})


def test_a_snapshot_that_was_not_written_is_in_the_next(entries: StateMap) -> None:
    snapshots = Snapshots(entries)
    fill(entries)
    snapshots.take()
    entries["a"] = 1
    del entries["fill1"]
    entries.cut(whole=False)
    entries["b"] = 2
    entries.cut(whole=False)
    entries.settle(written=False)
    entries["c"] = [3]
    expected = dict(entries.items())
    assert snapshots.take() == expected
    assert expected.keys() >= {"a", "b", "c"}


@pytest.mark.parametrize("seed", range(25))
def test_any_history_is_in_the_chain_of_its_snapshots(entries: StateMap, seed: int) -> None:
    rng = random.Random(seed)
    snapshots = Snapshots(entries)
    model: dict[Any, Any] = {}
    keys = [f"k{n}" for n in range(rng.choice([3, 40]))] + [1]
    for _ in range(rng.randrange(5, 400)):
        key = rng.choice(keys)
        match rng.randrange(10):
            case 0 | 1:
                model[key] = rng.randrange(1000)
                entries[key] = model[key]
            case 2 | 3:
                if type(model.get(key)) is list:
                    model[key].append(rng.randrange(10))
                    entries[key].append(model[key][-1])
                else:
                    model[key] = []
                    entries[key] = []
            case 4:
                assert entries.drop(key) == (model.pop(key, None) is not None)
            case 5:
                assert entries.get(key) == model.get(key)
            case 8:
                some = {rng.choice(keys): (rng.randrange(1000), "x") for _ in range(4)}
                model.update(some)
                entries.put_all(some)
            case 6 if rng.random() < 0.2:
                entries.cut(whole=rng.random() < 0.5)
                if rng.random() < 0.5:
                    entries.settle(written=False)
            case 7 if rng.random() < 0.4:
                cut = entries.cut(whole=snapshots.due(rng))
                at_cut = copied(model)
                for _ in range(rng.randrange(12)):
                    other = rng.choice(keys)
                    if type(model.get(other)) is list:
                        model[other].append("late")
                        entries[other].append("late")
                    elif rng.random() < 0.3:
                        model.update({other: "late", "new": "late"})
                        entries.put_all({other: "late", "new": "late"})
                    elif rng.random() < 0.5:
                        model[other] = entries[other] = "late"
                    else:
                        model.pop(other, None)
                        entries.drop(other)
                assert snapshots.take(cut) == at_cut
    assert dict(entries.items()) == model
    assert len(entries) == len(model)
    assert snapshots.take() == model


def test_keys_that_came_and_went_make_the_next_part_whole(
    entries: StateMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is noted of them would take more memory than what is there.
    monkeypatch.setattr(state_memory, "CHANGES_MIN", 10)
    snapshots = Snapshots(entries)
    entries["stays"] = 1
    snapshots.take()
    for number in range(100):
        entries[f"k{number}"] = number
        del entries[f"k{number}"]
    entries["stays"] = 2
    if isinstance(entries, state_memory.MemoryMap):
        assert len(entries._changed) < 20
    entries["last"] = 3
    del entries["last"]
    assert snapshots.take() == {"stays": 2}
    entries["k1"] = 1
    del entries["stays"]
    assert snapshots.take() == {"k1": 1}


def test_two_maps_of_a_task_are_apart(backend: Backend) -> None:
    a, b = backend.map("count", "a"), backend.map("count", "b")
    a["k"], b["k"] = 1, 2
    fill(a)
    assert (a["k"], b["k"], len(b)) == (1, 2, 1)
    assert Snapshots(b).take() == {"k": 2}


def test_copies_share_nothing_that_can_change() -> None:
    value = {"a": [1, (2, [3])], "b": {"c": []}}
    copy = copied(value)
    assert copy == value
    copy["a"][1][1].append(4)
    copy["b"]["c"].append(5)
    assert value == {"a": [1, (2, [3])], "b": {"c": []}}


class Snapshots:
    """Writes cuts of one map as parts of a chain, and reads the chain."""

    def __init__(self, entries: StateMap) -> None:
        self._entries = entries
        self._parts: list[tuple[bytes, str]] = []
        self._base = ""

    def due(self, rng: random.Random) -> bool:
        """Say whether the next part is to be whole."""
        if rng.random() < 0.3:
            self._base = ""
        return not self._base

    def take(self, cut: MapCopy | None = None) -> dict[Any, Any]:
        """Write a cut; return what the chain holds then."""
        cut = self._entries.cut(whole=not self._base) if cut is None else cut
        data = b"".join(encode_part(StateCopy("count", 0, (cut,), self._base)))
        self._entries.settle(written=True)
        if not self._base:
            self._parts.clear()
        self._base = data[-32:].hex()
        self._parts.append((data, self._base))
        (whole,) = chained((decode_part(data), sha256) for data, sha256 in self._parts)
        return whole.keyed.get("m", whole.keyed.get("b", {}))

    @staticmethod
    def part(cut: MapCopy) -> StatePart:
        """Return a cut as the part that it makes."""
        return decode_part(b"".join(encode_part(StateCopy("count", 0, (cut,)))))


def fill(entries: StateMap) -> None:
    """Work on so many other keys that a cache of the size of these tests forgets the rest."""
    for number in range(20):
        entries[f"fill{number}"] = number


def change(value: Any) -> None:
    """Change a value in place as deep as it goes."""
    if isinstance(value, list):
        value.append("late")
    if isinstance(value, dict):
        value["late"] = 1
    inner: Callable[[], Any] = value.values if isinstance(value, dict) else lambda: value
    if isinstance(value, (list, tuple, dict)):
        for item in inner():
            if isinstance(item, (list, tuple, dict)):
                change(item)
