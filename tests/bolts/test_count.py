"""Count: as Counter counts, whatever the keys are, and never by halves."""

from __future__ import annotations

import random
import types
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.contract import Batch
from waterspout.bolts.count import Count
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_backends import STATE_BACKENDS
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import tuple_class

from ..each_case import each_case


def feed(bench, bolt, *rows: list[Any], fields: list[str] | None = None) -> None:
    names = fields or [f"f{n}" for n in range(len(rows[0]))]
    bolt.process_batch(bench.batch(names, list(rows)))


def test_it_counts_what_counter_counts(bench) -> None:
    draw = random.Random(7)
    words = [f"w{draw.randrange(50)}" for _ in range(2000)]
    bolt = bench.start(Count(emit="final"))
    for start in range(0, len(words), 64):
        feed(bench, bolt, *([word] for word in words[start : start + 64]))
    assert dict(bolt.finish()) == Counter(words)
    assert bench.emitted == []


def test_the_key_is_the_first_field_a_named_one_or_a_tuple(bench) -> None:
    for field, key in [(None, "a"), ("f1", 1), (["f1", "f0"], '[1,"a"]')]:
        bolt = bench.start(Count(field=field))
        feed(bench, bolt, ["a", 1], ("a", 1))
        assert bolt.summary() == {"top": [[key, 2]], "keys": 1}


def test_updates_are_emitted_once_per_key_and_batch_with_the_count_after_it(bench) -> None:
    bolt = bench.start(Count(emit="updates"))
    feed(bench, bolt, ["a"], ["b"], ["a"])
    feed(bench, bolt, ["a"])
    assert bench.emitted == [["a", 2], ["b", 1], ["a", 3]]
    assert list(bolt.finish()) == []


def test_several_fields_are_emitted_one_by_one(bench) -> None:
    bolt = bench.start(Count(emit="final", field=["f0", "f1"]))
    feed(bench, bolt, ["a", 1], ["a", 2])
    assert list(bolt.finish()) == [["a", 1, 1], ["a", 2, 1]]


@each_case(
    "args, outputs",
    [
        ({}, []),
        ({"emit": "none", "field": "word"}, []),
        ({"emit": "final"}, ["key", "count"]),
        ({"emit": "updates", "field": "word"}, ["word", "count"]),
        ({"emit": "final", "field": ["a", "b"]}, ["a", "b", "count"]),
    ],
)
def test_what_it_declares_follows_its_arguments(args: dict[str, Any], outputs: list[str]) -> None:
    assert Count.declare_outputs(args) == outputs


def test_counts_survive_a_snapshot(bench) -> None:
    bolt = bench.start(Count())
    feed(bench, bolt, ["a"], ["b"])
    copy = bolt.context.state.snapshot_begin()
    feed(bench, bolt, ["late"])
    state = TaskState("step")
    state.restore([decode_part(b"".join(encode_part(copy)))])
    after = bench.start(Count(emit="final"), state=state)
    feed(bench, after, ["a"])
    assert list(after.finish()) == [["a", 2], ["b", 1]]


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_batch_with_an_unhashable_key_counts_none_of_its_neighbours(bench, at: int) -> None:
    bolt = bench.start(Count(emit="final"))
    feed(bench, bolt, ["a"])
    rows: list[list[Any]] = [["a"], ["b"], ["a"]]
    rows.insert(at, [{"no": "key"}])
    with pytest.raises(TypeError, match="unhashable"):
        feed(bench, bolt, *rows)
    assert list(bolt.finish()) == [["a", 1]]


def test_the_summary_shows_the_most_frequent_keys(bench) -> None:
    bolt = bench.start(Count(top=2))
    feed(bench, bolt, *([key] for key in "aaabbcd"))
    assert bolt.summary() == {"top": [["a", 3], ["b", 2]], "keys": 4}
    assert bench.start(Count(top=0)).summary() == {"top": [], "keys": 0}


@each_case(
    "args, word",
    [
        ({"emit": "all"}, "emit"),
        ({"emit": []}, "emit"),
        ({"top": -1}, "top"),
        ({"top": True}, "top"),
        ({"field": []}, "field"),
        ({"field": 5}, "field"),
        ({"field": ["a", 1]}, "field"),
    ],
)
def test_wrong_arguments_are_named(args: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=f"Count: {word}: "):
        Count(**args)


def test_a_key_field_called_count_can_be_counted_but_not_emitted() -> None:
    assert Count.declare_outputs({"field": "count"}) == []
    with pytest.raises(UserError, match="'count' is the output field"):
        Count.declare_outputs({"field": "count", "emit": "final"})


def test_counts_kept_in_a_file_are_those_kept_in_memory(tmp_path: Path) -> None:
    from_memory, from_file = (
        counted(TaskState("count", backend=STATE_BACKENDS[name](tmp_path / "s.sqlite", 1 << 20)))
        for name in ("memory", "sqlite")
    )
    assert from_file == from_memory


def counted(state: TaskState) -> Any:
    """Return what a Count says, shows and keeps that has counted some words."""
    bolt, emitted = Count(emit="updates", top=2), []
    bolt.context = types.SimpleNamespace(state=state)  # type: ignore[assignment]
    bolt.emit_many = lambda rows, stream=None: emitted.append(rows.values)  # type: ignore[method-assign]
    bolt.prepare(bolt.context)
    cls = tuple_class("words", "default", ("word",))
    for words in (["a", "b", "a"], ["c", "a"], ["c"]):
        bolt.process_batch(Batch(cls, [(word,) for word in words]))
    bolt._emit = "final"
    return emitted, bolt.summary(), sorted(bolt.finish()), dict(state.counts("counts").items())
