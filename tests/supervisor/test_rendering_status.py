"""A running topology as tables."""

from __future__ import annotations

import pytest
from waterspout.supervisor.rendering_status import Rates, progress_view, status_view

from .shown import drawn, status


def test_status_shows_every_figure_that_a_user_asks_for() -> None:
    text = drawn(status_view(status(), {}))
    lines = text.splitlines()
    assert lines[0] == "wordcount  running  at-least-once, 2 workers, epoch 1, up 12 s".replace(
        "2 workers", "1 worker"
    )
    cells = next(line for line in lines if line.startswith("lines x2")).split()
    assert cells == ["lines", "x2", "900,000", "850,123", "9,812", "0", "0", "12", "ms", "1.5", "s"]
    cells = next(line for line in lines if line.startswith("split")).split()
    assert cells == ["split", "870,000", "869,000", "64", "0", "40%"]
    assert "lines: first unacked is a.py at 17, for 0.2 s, at split[0]; its tree" in text
    assert "; its tree made progress 0.1 s ago" in text
    assert lines[-1] == "round 3, 0.5 s ago, took 4.0 ms, 0 dead letters"


def test_the_link_with_the_least_credit_is_shown_where_there_are_links() -> None:
    (row,) = status()["workers"]
    links = [{"to": 1, "frames": 9, "credit": 0.875}, {"to": 2, "frames": 90, "credit": 0.02}]
    rows = [{**row, "links": links}, {**row, "worker": 1}]
    lines = drawn(status_view(status(workers=rows), {})).splitlines()
    at = next(number for number, line in enumerate(lines) if "restarts" in line)
    assert lines[at].split()[-2:] == ["credit", "restarts"]
    assert [line.split()[-2] for line in lines[at + 1 : at + 3]] == ["2%", "-"]


def test_the_age_of_workers_is_shown_where_it_is_known() -> None:
    (row,) = status()["workers"]
    header = next(x for x in drawn(status_view(status(), {})).splitlines() if "restarts" in x)
    assert header.split() == ["worker", "state", "pid", "memory", "cpu", "restarts"]
    rows = [{**row, "uptime_s": 75.0}, {**row, "worker": 1, "uptime_s": None}]
    lines = drawn(status_view(status(workers=rows), {})).splitlines()
    at = next(number for number, line in enumerate(lines) if "restarts" in line)
    assert lines[at].split()[-2:] == ["up", "restarts"]
    assert "1 min" in lines[at + 1] or "75 s" in lines[at + 1]
    assert lines[at + 2].split()[-2] == "-"


def test_event_time_is_shown_with_what_holds_it_back_and_what_came_late() -> None:
    assert "event time" not in drawn(status_view(status(), {}))
    mark = {"at": "2013-01-31T12:05:00Z", "ended": False, "task": 0, "behind": "lines[1] is silent"}
    (bolt, *_) = status()["bolts"]
    bolts = [
        {**bolt, "watermark": mark, "metrics": {"late": 1234}},
        {**bolt, "component": "next", "watermark": {**mark, "at": None}, "metrics": {}},
        {**bolt, "component": "over", "watermark": {**mark, "ended": True, "behind": ""}},
    ]
    shown = drawn(status_view(status(bolts=bolts), {}))
    came = "event time 2013-01-31T12:05:00Z; lines[1] is silent; 1,234 late tuples"
    assert f"{bolt['component']}: {came}" in shown
    assert "next: event time no watermark yet; lines[1] is silent" in shown
    assert "over: event time ended" in shown.splitlines()


def test_lag_is_shown_where_the_source_knows_it() -> None:
    assert "lag" not in drawn(status_view(status(), {}))
    for lag, unit, shown in (
        (1234, "messages", "1,234 messages"),
        (14_046_972, "bytes", "14 MB"),
        (0, "bytes", " 0"),
    ):
        spout = {**status()["spouts"][0], "lag": lag, "lag_unit": unit}
        (line,) = (
            line for line in drawn(status_view(status(spouts=[spout]), {})).splitlines()
            if line.startswith("lines ")
        )  # fmt: skip
        assert line.rstrip().endswith(shown)


def test_an_unhealthy_topology_says_so_on_the_first_line() -> None:
    text = drawn(status_view(status(health="stalled"), {}))
    assert text.splitlines()[0].startswith("wordcount  running  stalled")


def test_errors_come_with_the_end_of_the_users_traceback() -> None:
    error = {
        "component": "split", "task": 3, "text": "ValueError: \x1b[31m", "count": 12,
        "traceback": "Traceback\n" + "  line\n" * 50 + "ValueError: last",
    }  # fmt: skip
    text = drawn(status_view(status(errors=[error]), {}))
    assert "split (task 3), 12 times: ValueError: \\x1b[31m" in text
    assert text.endswith("    ValueError: last")
    assert text.count("line") < 15


def test_progress_names_workers_only_while_one_is_missing() -> None:
    assert "worker  state" not in drawn(progress_view(status(), {}))
    lost = {**status()["workers"][0], "state": "backoff", "last_exit": "killed by signal 9"}
    text = drawn(progress_view(status(workers=[lost]), {}))
    assert "killed by signal 9" in text


@pytest.mark.parametrize("state", ["starting", "draining"])
def test_workers_that_come_or_go_by_plan_are_not_shown(state: str) -> None:
    worker = {**status()["workers"][0], "state": "stopping"}
    assert "stopping" not in drawn(progress_view(status(state=state, workers=[worker]), {}))


def acked(uptime_s: float, number: int) -> dict[str, float]:
    """Return the part of a status that rates are made of."""
    spout = {**status()["spouts"][0], "acked": number}
    return status(uptime_s=uptime_s, spouts=[spout])


def test_rates_are_taken_over_the_last_seconds() -> None:
    rates = Rates()
    assert rates.update(acked(0.0, 0)) == {}
    assert rates.update(acked(1.0, 100))["lines"] == 100
    for second in range(2, 20):
        latest = rates.update(acked(float(second), 100 + 1000 * second))
    assert latest["lines"] == 1000


def test_rates_begin_anew_with_another_run_and_are_never_negative() -> None:
    rates = Rates()
    rates.update(acked(50.0, 1000))
    assert rates.update(acked(1.0, 10)) == {}
    assert rates.update(acked(2.0, 5))["lines"] == 0


def test_messages_that_a_crash_would_skip_have_a_column_when_there_are_some() -> None:
    plain = status()
    assert "reserved" not in drawn(status_view(plain, {}))
    once = status(spouts=[{**plain["spouts"][0], "reserved": 32_100}])
    shown = drawn(status_view(once, {}))
    assert "reserved" in shown and "32,100" in shown
