"""Counts that are added up while a snapshot of them is written: always as Counter has them."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts import counts as module
from waterspout.bolts.counts import CountMap
from waterspout.bolts.snapshots import MapCopy, StateCopy, decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_backends import STATE_BACKENDS
from waterspout.topology.errors import StateError

from ..each_case import each_case


def read(pieces: Any) -> dict[Any, Any]:
    """Return the counts of the part that a cut became."""
    return decode_part(b"".join(pieces)).keyed.get("n", {})


def pieces_of(cut: MapCopy) -> Any:
    return encode_part(StateCopy("count", 0, (cut,)))


@pytest.mark.parametrize("seed", range(30))
def test_any_history_counts_as_a_counter_does_and_each_snapshot_has_its_moment(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    #  add add | cut   add  slice  add  slice | settle  add (fresh goes back, some keys at once)
    rng = random.Random(seed)
    monkeypatch.setattr(module, "MERGE_KEYS", rng.choice([1, 3, 100]))
    monkeypatch.setattr(module, "SLICE_KEYS_MAX", rng.choice([1, 4, 100]))
    counts, model = CountMap("count", "n"), Counter[Any]()
    writing: tuple[Any, list[bytes], dict[Any, Any]] | None = None
    for _ in range(300):
        match rng.randrange(7):
            case 0 | 1 | 2:
                keys = [f"k{rng.randrange(30)}" for _ in range(rng.randrange(8))]
                counts.add(keys)
                model.update(keys)
            case 3:
                keys = list(model)[: rng.randrange(5)]
                assert counts.of(keys) == [model[key] for key in keys]
            case 4:
                assert dict(counts.items()) == model
                assert len(counts) == len(model)
            case 5 if writing is None:
                writing = pieces_of(counts.cut(whole=True)), [], dict(model)
            case 6 if writing is not None:
                pieces, done, expected = writing
                if rng.random() < 0.1:
                    counts.settle(written=False)
                    writing = None
                elif (piece := next(pieces, None)) is not None:
                    done.append(piece)
                else:
                    assert read(done) == expected
                    counts.settle(written=True)
                    writing = None


def test_a_snapshot_that_was_given_up_stops_before_it_says_something_wrong() -> None:
    for keys in (["a"], ["k1"], [f"other{n}" for n in range(9)]):
        counts = CountMap("count", "n")
        counts.add([f"k{n}" for n in range(6000)])
        pieces = pieces_of(counts.cut(whole=True))
        next(pieces), next(pieces)
        assert read(pieces_of(counts.cut(whole=True))).keys() == {f"k{n}" for n in range(6000)}
        counts.settle(written=True)
        counts.add(keys)
        with pytest.raises(StateError, match="count: this snapshot was given up"):
            list(pieces)


def test_a_cut_is_not_longer_with_more_keys() -> None:
    counts = CountMap("count", "n")
    counts.add(range(10_000))
    cut = counts.cut(whole=False)
    assert cut.whole and not cut.entries
    counts.add([5])
    # Nothing was copied, and nothing changes what is being written.
    assert counts._entries[5] == 1 and counts.of([5, 6]) == [2, 1]


@each_case("at, writing", product([0, 1, 2], [False, True]))
def test_a_key_that_cannot_be_counted_takes_no_other_along(at: int, writing: bool) -> None:
    counts = CountMap("count", "n")
    counts.add(["a", "b"])
    if writing:
        counts.cut(whole=True)
    keys: list[Any] = ["a", "c"]
    keys.insert(at, {"no": "key"})
    with pytest.raises(TypeError, match="unhashable"):
        counts.add(keys)
    assert dict(counts.items()) == {"a": 1, "b": 1}


@pytest.mark.parametrize("name", STATE_BACKENDS)
def test_counts_of_an_older_version_a_plain_counter_go_on(name: str, tmp_path: Path) -> None:
    before = TaskState("count")
    before.keyed("n", Counter).update("aab")
    part = decode_part(b"".join(encode_part(before.snapshot_begin())))
    state = TaskState("count", backend=STATE_BACKENDS[name](tmp_path / "s.sqlite", 1 << 20))
    state.restore([part])
    state.counts("n").add(["a", "c"])
    assert dict(state.counts("n").items()) == {"a": 3, "b": 1, "c": 1}
    assert len(state.counts("n")) == 3 and state.counts("n").of("ab") == [3, 1]
    after = decode_part(b"".join(encode_part(state.snapshot_begin())))
    assert after.keyed == {"n": {"a": 3, "b": 1, "c": 1}}
    state.close()


def test_a_part_that_has_all_is_added_to_no_other() -> None:
    state = TaskState("count")
    state.records("__emitted", "task")
    state.counts("n").add(["a"])
    for _ in range(3):
        copy = state.snapshot_begin()
        assert copy.base == ""
        state.snapshot_written(copy, Part())
        state.counts("n").add(["a"])
    # As soon as there is something that can be added to, it is.
    state.records("__emitted", "task").put(1, [[1]])
    state.snapshot_written(state.snapshot_begin(), Part())
    assert state.snapshot_begin().base == Part.sha256


class Part:
    """A part that was written."""

    file, bytes, sha256 = "part", 100, "f" * 64
