"""Windows whose result raised stay in the state until they come, or are given up."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.records import Records
from waterspout.bolts.windows.failed_firings import FailedFirings
from waterspout.bolts.windows.logic import Unmerged


class Bench:
    """Emits windows by noting them; those of ``bad`` keys raise."""

    def __init__(self, entries: Any = None) -> None:
        self.entries: dict[Any, Any] = {} if entries is None else entries
        self.emitted: list[Any] = []
        self.bad: set[Any] = set()
        self.failed = FailedFirings(Records(self.entries), self.emit, lambda ms: ms // 1000)

    def emit(self, firing: Any) -> None:
        if firing[0] in self.bad:
            raise ValueError(firing[0])
        self.emitted.append(firing)


@pytest.fixture
def bench() -> Bench:
    return Bench()


A, B = ("a", 0, 10_000, (1, 2)), ("a", 10_000, 20_000, (3, 4))
C = (("b", 7), 0, 10_000, (5, 6))


def test_they_are_kept_by_key_and_told_of(bench: Bench) -> None:
    parts = bench.failed.keep([(A, ValueError("x")), (B, ValueError("y")), (C, ValueError("z"))])
    assert bench.entries == {
        "a": ((0, 10_000, ((1, 2),)), (10_000, 20_000, ((3, 4),))),
        ("b", 7): ((0, 10_000, ((5, 6),)),),
    }
    calls = [call for call, _ in parts.parts]
    assert [call.values for call in calls] == [
        ["a", 0, 10, (1, 2)], ["a", 10, 20, (3, 4)], ["b", 7, 0, 10, (5, 6)],
    ]  # fmt: skip
    assert [str(error) for _, error in parts.parts] == ["x", "y", "z"]
    assert calls[0].text == "the window ['a'] from 0 to 10" and all(call.plain for call in calls)
    assert len({call.id for call in calls}) == 3


def test_one_that_comes_at_last_is_dropped(bench: Bench) -> None:
    parts = bench.failed.keep([(A, ValueError()), (B, ValueError())])
    first, second = (call for call, _ in parts.parts)
    bench.bad = {"a"}
    with pytest.raises(ValueError, match="a"):
        first.again()
    bench.bad = set()
    first.again()
    assert bench.emitted == [A] and len(bench.entries["a"]) == 1
    first.again()
    assert bench.emitted == [A], "there is nothing left to do"
    second.gone()
    assert not bench.failed and bench.entries == {}


def test_a_window_that_fires_anew_takes_the_place_of_the_one_that_failed(bench: Bench) -> None:
    bench.failed.keep([(A, ValueError()), (B, ValueError())])
    bench.failed.replace([("a", 0, 10_000, (9, 9)), ("q", 0, 10_000, (9, 9))])
    assert bench.entries == {"a": ((10_000, 20_000, ((3, 4),)),)}
    newer = ("a", 10_000, 20_000, (8, 8))
    bench.failed.keep([(newer, ValueError())])
    assert bench.entries == {"a": ((10_000, 20_000, ((8, 8),)),)}


def test_a_restored_task_tries_what_it_finds(bench: Bench) -> None:
    bench.failed.keep([(A, ValueError()), (B, ValueError()), (C, ValueError())])
    after = Bench({key: [list(each) for each in record] for key, record in bench.entries.items()})
    after.bad = {"a"}
    parts = after.failed.emit_some(9)
    assert parts is not None
    assert [call.id[1:3] for call, _ in parts.parts] == [("a", 0), ("a", 10_000)]
    assert after.emitted == [C] and len(after.failed) == 1
    after.bad = set()
    for call, _ in parts.parts:
        call.again()
    assert after.emitted == [C, A, B] and after.failed.emit_some(9) is None


def test_a_restored_task_tries_some_in_each_call_and_none_twice(bench: Bench) -> None:
    bench.failed.keep([(A, ValueError()), (B, ValueError()), (C, ValueError())])
    after = Bench(bench.entries)
    after.bad = {"a"}
    parts = after.failed.emit_some(2)
    assert parts is not None and len(parts.parts) == 2
    assert after.emitted == [] and after.failed.untried
    assert after.failed.emit_some(2) is None and after.emitted == [C]
    assert not after.failed.untried and after.failed.emit_some(2) is None
    assert len(after.failed) == 1, "those that failed again are made again as other calls are"


def test_a_window_that_came_anew_before_its_turn_is_not_tried(bench: Bench) -> None:
    bench.failed.keep([(A, ValueError()), (C, ValueError())])
    after = Bench(bench.entries)
    after.failed.replace([A])
    assert after.failed.emit_some(2) is None and after.emitted == [C]


def test_panes_that_could_not_be_merged_are_kept_each(bench: Bench) -> None:
    (part,) = bench.failed.keep([(("a", 0, 10, Unmerged([(1,), (2,)])), ValueError())]).parts
    assert bench.entries == {"a": ((0, 10, ((1,), (2,))),)}
    part[0].again()
    ((_, _, _, accs),) = bench.emitted
    assert accs.panes == ((1,), (2,))
