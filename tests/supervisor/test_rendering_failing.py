"""Sources that cannot be read, as lines."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.rendering import summary_view
from waterspout.supervisor.rendering_failing import LINES_MAX, failing_lines, failing_short
from waterspout.supervisor.rendering_progress import progress_line
from waterspout.supervisor.rendering_status import progress_view, status_view

from .shown import drawn, status, summary

LINE = "lines[1]: reading a.py fails for 12 s, 11 times in a row: OSError: no broker"


def failing(**changes: Any) -> dict[str, Any]:
    return {
        "task": 1, "doing": "reading a.py", "error": "OSError: no broker", "times": 11,
        "since_s": 12.0, **changes,
    }  # fmt: skip


def spout(*rows: dict[str, Any]) -> dict[str, Any]:
    return {**status()["spouts"][0], "failing": list(rows)}


def test_a_line_says_what_fails_for_how_long_how_often_and_why() -> None:
    once = failing(task=0, times=1, since_s=0.2, doing="next_tuple")
    assert [str(line) for line in failing_lines([spout(once, failing())])] == [
        LINE, "lines[0]: next_tuple fails for 0.2 s, 1 time: OSError: no broker",
    ]  # fmt: skip


def test_many_are_counted() -> None:
    rows = [failing(task=n) for n in range(LINES_MAX + 2)]
    lines = [str(line) for line in failing_lines([spout(*rows)])]
    assert len(lines) == LINES_MAX + 1
    assert lines[-1] == "2 more fail"


def test_the_line_about_a_run_ends_with_the_oldest_and_how_many_more() -> None:
    spouts = [spout(failing(since_s=1.0), failing()), spout(failing(since_s=2.0))]
    assert failing_short(spouts) == f"; {LINE} (and 2 more)"
    line = progress_line(status(health="degraded", spouts=[spout(failing())]), {})
    assert line.startswith("degraded 12 s: acked ") and line.endswith(f"; {LINE}")


def test_where_nothing_fails_nothing_is_said() -> None:
    without = {"component": "lines"}
    assert failing_lines([spout(), without]) == []
    assert failing_short([spout(), without]) == ""


def test_status_progress_and_summary_say_it() -> None:
    found = status(spouts=[spout(failing())])
    assert LINE in drawn(status_view(found, {}))
    assert LINE in drawn(progress_view(found, {}))
    rows = [{"component": "lines", "failing": [failing()]}]
    assert LINE in drawn(summary_view(summary(failing=rows)))
