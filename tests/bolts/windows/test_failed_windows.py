"""Windows whose result raises: kept, tried again, and no other is taken along."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.failed_calls import PartsFailed
from waterspout.bolts.timers import Timer

from .test_windowed import TUMBLING, Timers, feed, finished, pass_to, restored, start, taken


def test_a_result_that_raises_takes_nothing_else_along(bench: Any) -> None:
    combine = {"x": {"combine": {"with": f"{__name__}:Odd", "field": "amount"}}}
    bolt = start(bench, **TUMBLING, aggregate=combine)
    feed(bench, bolt, ["a", 1, 1], ["b", 1, 2], ["c", 1, 3], ["a", 11, 5])
    with pytest.raises(PartsFailed) as failed:
        pass_to(bolt, 30_000)
    ((call, error),) = failed.value.parts
    assert (call.values, str(error)) == (["b", 0, 10, (2,)], "2 is even")
    assert [row for _, row in taken(bench)] == [
        ["a", 0, 10, 1], ["c", 0, 10, 3], ["a", 10, 20, 5],
    ]  # fmt: skip
    feed(bench, bolt, ["a", 41, 4], ["b", 41, 7])
    with pytest.raises(PartsFailed) as failed:
        list(bolt.finish())
    assert [call.values[:3] for call, _ in failed.value.parts] == [["a", 40, 50]]
    assert taken(bench) == [("default", ["b", 40, 50, 7])]


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the function that has the result of even sums raise, or not any more."""
    monkeypatch.setattr(Odd, "odd", True)
    return lambda odd: monkeypatch.setattr(Odd, "odd", odd)


@pytest.mark.parametrize("windows", [
    {"tumbling": "10s"}, {"sliding": {"size": "20s", "slide": "10s"}}, {"session": "5s"},
    {"count": 3, "time": None}, {"tumbling": "10s", "time": None},
])  # fmt: skip
def test_a_window_whose_result_raised_comes_later_also_after_a_restore(
    bench: Any, moody: Any, windows: Any
) -> None:
    combine = {"x": {"combine": {"with": f"{__name__}:Odd", "field": "amount"}}}
    args = {"key": "user", "time": "ts", "aggregate": combine, **windows}
    timers = Timers()
    bolt = start(bench, timers=timers, **args)
    feed(bench, bolt, ["a", 1, 2])
    with pytest.raises(PartsFailed):
        list(bolt.finish())
    assert taken(bench) == []
    after = start(bench, state=restored(bolt), timers=timers, **args)
    timer = Timer(None, timers.set[-1], "failed", "processing")
    with pytest.raises(PartsFailed) as failed:
        list(after.on_timer(timer))
    moody(False)
    for call, _ in failed.value.parts:
        call.again()
    rows = taken(bench)
    assert len(rows) == len(failed.value.parts) and {row[0] for _, row in rows} == {"a"}
    again = start(bench, state=restored(bolt), timers=timers, **args)
    list(again.on_timer(timer))
    assert taken(bench) == rows
    assert list(again.on_timer(timer)) == [] and taken(bench) == []


def test_a_restored_task_tries_many_windows_a_step_in_each_call_and_the_rest_before_its_end(
    bench: Any, moody: Any
) -> None:
    combine = {"x": {"combine": {"with": f"{__name__}:Odd", "field": "amount"}}}
    args: dict[str, Any] = {**TUMBLING, "aggregate": combine, "settings": {"emit_max": 2}}
    timers = Timers()
    bolt = start(bench, timers=timers, **args)
    feed(bench, bolt, *([user, 1, 2] for user in "abcdefg"))
    with pytest.raises(PartsFailed):
        list(bolt.finish())
    moody(False)
    after = start(bench, state=restored(bolt), timers=timers, **args)
    sizes = []
    for at in range(3):
        timer = Timer(None, timers.set[-1], "failed", "processing")
        assert list(after.on_timer(timer)) == []
        assert timers.set[-1] == timers.now + 1, f"step {at} sets the timer of the next"
        sizes.append(len(bench.emitted))
    assert sizes == [2, 4, 6]
    assert set(after.finish()) <= {None}
    assert sorted(row[0] for _, row in taken(bench)) == [*"abcdefg"]


def test_what_was_not_tried_before_the_end_and_fails_stops_no_other_window(
    bench: Any, moody: Any
) -> None:
    combine = {"x": {"combine": {"with": f"{__name__}:Odd", "field": "amount"}}}
    bolt = start(bench, **TUMBLING, aggregate=combine)
    feed(bench, bolt, ["a", 1, 2], ["b", 1, 2])
    with pytest.raises(PartsFailed):
        pass_to(bolt, 10_000)
    after = start(bench, state=restored(bolt), **TUMBLING, aggregate=combine)
    feed(bench, after, ["c", 11, 3], ["d", 11, 4])
    with pytest.raises(PartsFailed) as failed:
        list(after.finish())
    assert sorted(call.values[0] for call, _ in failed.value.parts) == ["a", "b", "d"]
    assert [row[0] for _, row in taken(bench)] == ["c"]


def test_a_late_row_that_fires_a_window_anew_makes_the_failed_one_void(
    bench: Any, moody: Any
) -> None:
    combine = {"x": {"combine": {"with": f"{__name__}:Odd", "field": "amount"}}}
    bolt = start(bench, **TUMBLING, lateness="60s", aggregate=combine)
    feed(bench, bolt, ["a", 1, 2])
    with pytest.raises(PartsFailed) as failed:
        pass_to(bolt, 10_000)
    feed(bench, bolt, ["a", 2, 1])
    assert taken(bench) == [("default", ["a", 0, 10, 3])]
    failed.value.parts[0][0].again()
    assert taken(bench) == [], "an older result must not come after a newer one"


def test_rows_that_are_refused_take_no_other_window_along(bench: Any) -> None:
    bolt = start(bench, **TUMBLING)

    def emit_whole(rows: Any) -> None:
        if any(row[0] == "b" for row in rows):
            raise ValueError("no b")
        bench.emitted.extend(("default", list(row)) for row in rows)

    bolt.emit_whole = emit_whole
    feed(bench, bolt, ["a", 1, 0], ["b", 1, 0], ["c", 1, 0])
    with pytest.raises(PartsFailed) as failed:
        pass_to(bolt, 10_000)
    assert [row[0] for _, row in taken(bench)] == ["a", "c"]
    assert [call.values[0] for call, _ in failed.value.parts] == ["b"]


@pytest.mark.parametrize("windows", [
    {"sliding": {"size": "40s", "slide": "10s"}},
    {"count": {"size": 6, "slide": 2}, "time": None},
])  # fmt: skip
def test_a_window_whose_panes_cannot_be_merged_is_whole_when_they_can(
    bench: Any, monkeypatch: pytest.MonkeyPatch, windows: Any
) -> None:
    """Nothing is lost, of this window and of those that overlap it."""
    combine = {"x": {"combine": {"with": f"{__name__}:Sums", "field": "amount"}}}
    args = {"key": "user", "time": "ts", "aggregate": combine, **windows}
    rows = [["a", n, n] for n in range(0, 95, 5)]
    usual = start(bench, **args)
    feed(bench, usual, *rows)
    taken(bench)
    expected = sorted(map(repr, finished(bench, usual)))
    bolt = start(bench, **args)
    feed(bench, bolt, *rows)
    taken(bench)
    monkeypatch.setattr(Sums, "broken", True)
    found, parts = [], []
    try:
        list(bolt.finish())
    except PartsFailed as failed:
        parts = [call for call, _ in failed.parts]
    found += [row for _, row in taken(bench)]
    assert parts and all(call.values[0] == "a" for call in parts)
    monkeypatch.setattr(Sums, "broken", False)
    for call in parts:
        call.again()
    found += [row for _, row in taken(bench)]
    assert sorted(map(repr, found)) == expected


class Sums:
    """Adds up; cannot merge while it is broken."""

    broken = False

    def zero(self) -> int:
        return 0

    def add(self, acc: int, value: int) -> int:
        return acc + value

    def merge(self, acc: int, value: int) -> int:
        if self.broken:
            raise ValueError("broken")
        return acc + value

    def result(self, acc: int) -> int:
        return acc


class Odd:
    """Raises for what is not odd."""

    odd = True

    def zero(self) -> int:
        return 0

    def add(self, acc: int, value: int) -> int:
        return acc + value

    merge = add

    def result(self, acc: int) -> int:
        if self.odd and acc % 2 == 0:
            raise ValueError(f"{acc} is even")
        return acc
