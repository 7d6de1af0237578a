"""A run while it goes on: lines that come when there is something to say."""

from __future__ import annotations

import io
import os

from waterspout.supervisor.rendering_progress import (
    LiveView,
    PlainView,
    event_line,
    make_view,
    progress_line,
)

from .shown import status


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_line_says_how_fast_it_goes_and_what_is_wrong() -> None:
    line = progress_line(status(dead_letters=2), {"lines": 35_040.0})
    assert line == "running 12 s: acked 850,123 (35,000/s), pending 9,812, dead letters 2"
    assert progress_line(status(health="stalled"), {}).startswith("stalled 12 s: ")


def test_plain_lines_come_often_at_first_then_rarely() -> None:
    out = io.StringIO()
    view = PlainView(out)
    for half_second in range(0, 240):
        view.show(status(uptime_s=half_second / 2))
    times = [line.split(":")[0] for line in out.getvalue().splitlines()]
    assert times == [
        f"running {at}" for at in ("2.0 s", "5.0 s", "10 s", "20 s", "50 s", "1 min 50 s")
    ]


def test_restores_in_a_row_stand_in_the_line_about_a_run() -> None:
    for number, words in ((2, ""), (3, ", 3 restores in a row with no checkpoint complete")):
        row = {"restores_in_row": number}
        assert ("restores" in words) == ("restores" in progress_line(status(checkpoint=row), {}))
        assert words in progress_line(status(checkpoint=row), {})


def test_an_error_is_told_once() -> None:
    out = io.StringIO()
    view = PlainView(out)
    error = {"component": "split", "task": 1, "text": "ValueError: 1", "count": 1, "traceback": ""}
    for count in (1, 2, 3):
        view.show(status(uptime_s=0.5, errors=[{**error, "count": count}]))
    assert out.getvalue() == "split: ValueError: 1\n"


def test_why_a_run_is_degraded_is_told_when_it_begins_however_many_errors_there_were() -> None:
    errors = [
        {"component": "split", "task": 1, "text": f"ValueError: {n}", "count": 1, "traceback": ""}
        for n in range(50)
    ]
    full = {"component": "dead letters", "task": None, "text": "3 are kept", "count": 1,
            "traceback": ""}  # fmt: skip
    for view_class, out in ((PlainView, io.StringIO()), (LiveView, Terminal())):
        view = view_class(out)
        for now in ([], [full], [full], [], [full]):
            view.show(status(uptime_s=0.5, errors=[*errors, *now]))
        assert out.getvalue().count("dead letters: 3 are kept") == 2, view_class
        view.close()


def test_losses_are_told_and_what_goes_without_saying_is_not() -> None:
    line = event_line("worker lost", {"worker": 1, "reason": "killed by signal 9", "restarts": 1})
    assert line == "worker 1 is gone (killed by signal 9); it is started again"
    line = event_line("worker lost", {"worker": 1, "reason": "exit code 7", "wait_s": 12.8})
    assert line == "worker 1 is gone (exit code 7); it is started again in 13 s"
    assert event_line("epoch raised", {"epoch": 1}) is None
    assert event_line("worker lost", {}) == "worker - is gone (-); it is started again"


def test_a_worker_that_cannot_be_built_is_told_of_ever_more_seldom() -> None:
    why = "component 'store' cannot be built: UserError: store: no disk"
    said = []
    for number in range(1, 11):
        fields = {"worker": 0, "reason": why, "boot_losses": number}
        said += [event_line("worker killed", {"worker": 0, "why": why})]
        said += [event_line("worker lost", fields)]
    assert [line for line in said if line] == [
        f"worker 0 is gone ({why}); it is started again",
        f"worker 0 is gone while it starts, 2 times in a row ({why})",
        f"worker 0 is gone while it starts, 4 times in a row ({why})",
        f"worker 0 is gone while it starts, 8 times in a row ({why})",
    ]


def test_what_a_worker_was_lost_for_is_not_told_again_as_an_error() -> None:
    out = io.StringIO()
    view = PlainView(out)
    view.say("worker 0 is gone (component 'store' cannot be built: no disk); it is started again")
    error = {"component": "store", "task": None, "count": 1, "traceback": ""}
    for what in ("cannot be built: no disk", "another"):
        view.show(status(uptime_s=0.5, errors=[{**error, "text": what}]))
    assert out.getvalue().splitlines()[1:] == ["store: another"]


def test_a_restore_says_where_to() -> None:
    line = event_line("restore", {"checkpoint": 7, "why": "r: ValueError: no"})
    assert line == "all tasks go back to checkpoint 7: r: ValueError: no"
    line = event_line("restore", {"checkpoint": None, "why": "x"})
    assert line == "all tasks go back to the start, as no checkpoint is complete yet: x"


def test_the_view_fits_the_stream() -> None:
    assert isinstance(make_view(io.StringIO()), PlainView)
    view = make_view(Terminal())
    assert isinstance(view, LiveView)
    view.close()


def test_a_note_that_nobody_reads_any_more_raises_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream:
        PlainView(stream).note("draining")


def test_a_note_stands_below_the_table_and_the_table_is_gone_at_the_end() -> None:
    out = Terminal()
    view = LiveView(out)
    view.say("begins")
    view.note("draining")
    view.show(status())
    view.close()
    said = out.getvalue()
    assert "begins" in said
    assert "wordcount" in said
    assert "draining" in said
    assert said.rstrip().endswith("\x1b[2K") or "\x1b[1A" in said
