"""Reports on their way to the coordinator: few, the newest, and at once what an end waits for."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.cluster.report_thinning import REPORT_S, ReportThinning

KEY = ("words-0a1b2c", 0, 7)


def row(task: int = 1, *, emitted: int = 3, drained: bool = False, exhausted: bool = False) -> Any:
    return {"task": task, "emitted": emitted, "drained": drained, "exhausted": exhausted}


def due(thinning: ReportThinning, now: float, *rows: Any, epoch: int = 1) -> bool:
    data = f"report of {now}".encode()
    bolt = {"task": 9, "queue": 4}
    return thinning.due(KEY, {"epoch": epoch, "tasks": [*rows, bolt]}, data, now)


def test_of_many_reports_the_newest_goes_on_once_a_second() -> None:
    thinning = ReportThinning()
    assert due(thinning, 0.0, row())
    assert not due(thinning, 0.25, row(emitted=4))
    assert not due(thinning, 0.5, row(emitted=5))
    assert thinning.late(REPORT_S - 0.1) == []
    assert thinning.late(REPORT_S) == [(KEY, b"report of 0.5")]
    assert thinning.late(9.0) == []
    assert due(thinning, 9.0, row(emitted=9))


def test_spouts_that_are_drained_between_two_messages_are_no_news() -> None:
    thinning = ReportThinning()
    due(thinning, 0.0, row(emitted=1))
    passed = [due(thinning, at / 10, row(emitted=at, drained=at % 2 == 0)) for at in range(1, 10)]
    assert not any(passed)


def test_that_all_are_drained_and_emit_no_more_is_told_at_once() -> None:
    thinning = ReportThinning()
    due(thinning, 0.0, row(1), row(2))
    assert not due(thinning, 0.1, row(1, drained=True), row(2))
    assert not due(thinning, 0.2, row(1, drained=True), row(2, emitted=4, drained=True))
    assert due(thinning, 0.3, row(1, drained=True), row(2, emitted=4, drained=True))
    assert not due(thinning, 0.4, row(1, drained=True), row(2, emitted=4, drained=True))


def test_that_spouts_are_drained_no_more_is_told_at_once() -> None:
    """Also when the second was over in between: the coordinator must not take them for drained."""
    thinning = ReportThinning()
    due(thinning, 0.0, row())
    assert not due(thinning, 0.1, row(emitted=4, drained=True))
    assert thinning.late(REPORT_S)
    assert due(thinning, REPORT_S + 0.1, row(emitted=5))


def test_the_end_of_input_and_a_new_epoch_are_told_at_once() -> None:
    thinning = ReportThinning()
    due(thinning, 0.0, row())
    assert due(thinning, 0.1, row(exhausted=True))
    assert not due(thinning, 0.2, row(exhausted=True))
    assert due(thinning, 0.3, row(exhausted=True), epoch=2)


def test_the_last_report_of_a_worker_is_handed_out_once() -> None:
    thinning = ReportThinning()
    due(thinning, 0.0, row())
    due(thinning, 0.1, row())
    assert thinning.forget(KEY) == b"report of 0.1"
    assert thinning.forget(KEY) is None
