"""Taps: what tasks emit is shown, at a rate, for a time, and the topology goes on as before."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor import worker_taps

from ..each_case import each_case
from .core_rig import CLASSES, Cores, Double, plan_of

ALL_TWICE = dict.fromkeys(range(40), 2)


def order(cores: Cores, **fields: Any) -> None:
    """Tell all workers to tap."""
    message = {"id": 7, "component": None, "where": "", "rate": 1000.0, "for_s": 60.0, **fields}
    cores.tell_all("tap", **message)


def rows(cores: Cores) -> list[dict[str, Any]]:
    """Return what was shown, and forget it."""
    found = cores.of("taps")
    assert all(message["id"] == 7 and len(message["rows"]) <= 100 for message in found)
    return [row for message in found for row in message["rows"]]


def started(**settings: Any) -> Cores:
    cores = Cores(plan_of(**settings))
    cores.start()
    return cores


def test_without_a_tap_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = started()
    monkeypatch.setattr(cores.cores[0].taps, "look", None)
    cores.run()
    assert cores.spout().ledger.emitted == 40


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_component_emits_is_shown_with_where_it_comes_from(workers: int) -> None:
    cores = started(workers=workers, parallelism=workers)
    order(cores, component="double")
    cores.run()
    shown = rows(cores)
    assert {(row["component"], row["stream"]) for row in shown} == {("double", "default")}
    assert {row["index"] for row in shown} == set(range(workers))
    assert {row["values"]["n"] for row in shown} <= set(range(40))
    of_task = {task.task: task.component for task in cores.plan.tasks}
    assert {of_task[row["task"]] for row in shown} == {"double"}
    # The topology does not notice.
    assert cores.seen() == ALL_TWICE


def test_what_goes_to_a_component_without_outputs_is_shown_where_it_is_sent() -> None:
    cores = started()
    cores.run()
    order(cores, component="out")
    for level in range(3):
        cores.tell_all("finish", level=level)
        cores.run(20)
    assert [(row["component"], row["values"]) for row in rows(cores)] == [("sum", {"n": 80})]


def test_a_filter_keeps_the_rest_back() -> None:
    cores = started()
    order(cores, component="numbers", where="n >= 38")
    cores.run()
    assert sorted(row["values"]["n"] for row in rows(cores)) == [38, 39]


def test_no_more_is_shown_than_the_rate_allows() -> None:
    """Drawn one by one, a turn of 0.06 s each: 2 at first, 2 in each second."""
    cores = started(max_pending=1)
    order(cores, component="numbers", rate=2.0)
    cores.run(40)
    shown = rows(cores)
    assert cores.spout().ledger.emitted > 20
    assert 4 <= len(shown) <= 7


def test_a_tap_ends_with_its_time_or_when_it_is_taken_back() -> None:
    cores = started()
    taps = cores.cores[0].taps
    order(cores, for_s=0.5)
    order(cores, id=8, for_s=60.0)
    cores.run(5)
    assert set(taps.active) == {7, 8}
    order(cores, for_s=0.5)
    cores.run(5)
    assert set(taps.active) == {7, 8}, "asked for again, it goes on"
    cores.run(6)
    assert set(taps.active) == {8}
    order(cores, id=8, for_s=0.0)
    assert taps.active == {}


def test_taps_are_few_and_one_that_cannot_be_read_is_none() -> None:
    cores = started()
    for number in range(worker_taps.TAPS_MAX + 5):
        order(cores, id=number)
    order(cores, id=0, where="n ==")
    assert len(cores.cores[0].taps.active) == worker_taps.TAPS_MAX
    cores = started()
    order(cores, where="n ==")
    assert cores.cores[0].taps.active == {}


def test_a_worker_without_tasks_taps_nothing() -> None:
    cores = Cores(plan_of())
    order(cores)
    assert cores.cores[0].taps.active == {}


class Unshowable:
    """A value of the user that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_value_that_cannot_be_shown_ends_the_tap_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut(value: Any) -> Any:
        return repr(Unshowable())

    monkeypatch.setattr(worker_taps, "_cut", cut)
    cores = started()
    order(cores)
    cores.run()
    assert cores.cores[0].taps.active == {}
    assert cores.seen() == ALL_TWICE
    errors = cores.cores[0].report(cores.now)["errors"]
    assert [error["text"] for error in errors] == ["tap: RuntimeError('no')"]


@each_case(
    "value, shown",
    [(1, 1), (None, None), (True, True), ("a" * 500, "a" * 500), ("a" * 501, "a" * 500 + "…"),
     ([1, [2]], [1, [2]]), (b"ab", b"ab"), (list(range(1000)), None), (b"\x00" * 600, None),
     ({n: n for n in range(1000)}, None), (["x" * 600], None)],
)  # fmt: skip
def test_what_is_long_is_cut(value: Any, shown: Any) -> None:
    found = worker_taps._cut(value)
    if shown is not None or value is None:
        assert found == shown
    else:
        assert isinstance(found, str)
        assert len(found) == worker_taps.VALUE_MAX + 1
        assert found.endswith("…")


class Wide(Double):
    """Emits many rows at once, as columns."""

    def process(self, tup: Any) -> None:
        self.emit_many([[n] for n in range(100)])


def test_rows_that_travel_as_columns_are_shown_too() -> None:
    cores = Cores(plan_of(stateful=False), {**CLASSES, "double": Wide})
    cores.start()
    order(cores, component="double", where="n == 99")
    cores.run(3)
    assert {row["values"]["n"] for row in rows(cores)} == {99}


def test_a_row_that_goes_to_several_receivers_is_shown_once() -> None:
    cores = started(parallelism=2)
    order(cores, component="numbers")
    spout = cores.spout()
    frames = spout.emitter.frames
    assert len(frames) == 2
    row = [5]
    for frame in frames:
        frame.rows.append(row)
    taps = cores.cores[0].taps
    taps.look(spout)
    assert [each["values"] for each in taps.active[7].rows] == [{"n": 5}]
