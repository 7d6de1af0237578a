"""The summary as people read it: figures with their meaning, nothing that harms a terminal."""

from __future__ import annotations

import io

import pytest
from waterspout.supervisor.rendering import console, print_summary, summary_view, warnings_of
from waterspout.supervisor.state_folder import state_folder

from .shown import drawn, summary


def row(text: str, name: str) -> str:
    """Return the line that begins with ``name``."""
    return next(line for line in text.splitlines() if line.startswith(name))


def test_a_good_run_shows_figures_rates_and_top_words() -> None:
    text = drawn(summary_view(summary()))
    assert text.splitlines()[0] == "wordcount  finished  in 5.4 s"
    assert row(text, "messages").split() == ["messages", "858,237"]
    assert row(text, "acked").split() == ["acked", "858,237", "159,000/s"]
    assert row(text, "lines").split() == ["lines", "858,237", "159,000"]
    assert row(text, "self").split() == ["self", "222,424"]
    assert row(text, "latency p99").split()[2:4] == ["524", "ms"]


def test_zeros_are_not_explained_but_the_bound_on_duplicates_is() -> None:
    text = drawn(summary_view(summary()))
    assert row(text, "failed").split() == ["failed", "0"]
    assert row(text, "duplicates").endswith("every message was worked on once")
    text = drawn(summary_view(summary(duplicates_possible=94_700, restarts=1)))
    assert "at most were worked on twice" in row(text, "duplicates possible   94,700")
    assert row(text, "restarts").endswith("worker processes that were lost")


def test_at_most_once_shows_what_was_skipped_and_never_promises_a_replay() -> None:
    once = summary(guarantee="at-most-once", skipped_possible=0)
    text = drawn(summary_view(once))
    assert row(text, "skipped possible").split() == ["skipped", "possible", "0"]
    assert row(text, "duplicates").endswith("no message was worked on twice")
    text = drawn(summary_view({**once, "skipped_possible": 900, "outcome": "stopped"}))
    assert row(text, "skipped possible").endswith("never sent, and do not come again")
    assert "what was under way is lost" in text.splitlines()[0]
    assert "skipped" not in drawn(summary_view(summary()))


def test_tuples_that_were_too_late_are_counted_by_component() -> None:
    assert "late" not in drawn(summary_view(summary())).replace("latency", "")
    rows = [
        {"component": name, "kind": "bolt", "tuples": 5, "tuples_per_s": 1.0, "late": late}
        for name, late in (("sums", 1200), ("other", 0), ("pairs", 3))
    ]
    line = row(drawn(summary_view(summary(components=rows))), "late ")
    assert line.split() == ["late", "1,203", *line.split()[2:]]
    assert line.endswith("too late for their windows or joins: sums 1,200, pairs 3")


def test_messages_that_are_not_acked_are_counted() -> None:
    text = drawn(summary_view(summary(ok=False, outcome="stopped", acked=858_000)))
    assert row(text, "messages").endswith("237 were not acked yet")
    assert "replayed by the next run" in text.splitlines()[0]


def test_files_and_the_state_are_named() -> None:
    files = [{"component": "write", "path": "counts.csv"}]
    places = {"state_dir": "/var/state", "logs_dir": "/var/state/logs"}
    text = drawn(summary_view(summary(files=files, **places)))
    said = "write: counts.csv\nstate: /var/state\nlogs of components: /var/state/logs"
    assert text.endswith(said)


def test_keys_of_a_top_list_cannot_harm_a_terminal() -> None:
    text = drawn(summary_view(summary(top={"count": [["\x1b[31mred\n", 2], [None, 1]]})))
    assert "\\x1b[31mred\\n" in text
    assert "\x1b" not in text
    assert drawn(summary_view(summary(top={"count": [["[bold]x", 1]]}))).count("[bold]x") == 1


def test_there_are_no_colours_where_there_is_no_terminal_or_where_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for wanted in (True, False):
        if not wanted:
            monkeypatch.setenv("NO_COLOR", "1")
        out = Terminal()
        console(out).print(summary_view(summary()))
        assert ("\x1b[1;32m" in out.getvalue()) is wanted
    out = io.StringIO()
    console(out).print(summary_view(summary()))
    assert "\x1b" not in out.getvalue()


def test_dead_letters_deserve_a_warning() -> None:
    assert warnings_of(summary()) == []
    (line,) = warnings_of(summary(dead_letters=1))
    assert line == "1 dead letter: waterspout dead-letters list --topology wordcount"


def test_the_command_that_lists_dead_letters_works_when_it_is_copied() -> None:
    known = {"dead_letters": 2, "state_dir": str(state_folder("wordcount").absolute())}
    for folder, options in ((known["state_dir"], "--topology wordcount"),
                            ("/my st/x", "--state-dir '/my st/x'")):  # fmt: skip
        of_run = summary(**{**known, "state_dir": folder})
        command = f"waterspout dead-letters list {options}"
        assert warnings_of(of_run) == [f"2 dead letters: {command}"]
        assert f"\ndead letters: {command}\n" in drawn(summary_view(of_run))


def test_dead_letters_that_were_tried_again_have_a_line() -> None:
    assert "tried again" not in drawn(summary_view(summary()))
    text = drawn(summary_view(summary(dead_letters_through=38, dead_letters_failed_again=31)))
    shown = " ".join(row(text, "dead letters tried again").split())
    assert shown == "dead letters tried again 69 38 went through, 31 failed again"


def test_what_was_written_is_shown_with_its_table() -> None:
    rows = [
        {"component": "a", "path": "out/"},
        {"component": "b", "path": "x.db", "table": "counts"},
        {"component": "c", "path": "", "table": "totals"},
    ]
    shown = drawn(summary_view(summary(files=rows))).splitlines()
    assert [line.strip() for line in shown if line[:2] in ("a:", "b:", "c:")] == [
        "a: out/", "b: x.db, table counts", "c: table totals",
    ]  # fmt: skip


def test_an_error_and_a_path_are_never_cut() -> None:
    said = "x: emit to stream 'default': " + "long " * 40 + "what to do"
    row = {"component": "x", "task": 2, "text": f"EmitError: {said}", "count": 1, "traceback": ""}
    out = io.StringIO()
    print_summary(summary(errors=[row], failed=1, state_dir="/var/" + "s" * 200), out)
    shown = out.getvalue().splitlines()
    assert f"x (task 2): EmitError: {said.removeprefix('x: ')}" in shown
    assert "state: /var/" + "s" * 200 in shown


def test_what_failed_is_said_with_its_reason_at_the_end() -> None:
    row = {"component": "b", "task": 2, "text": "KeyError: 'nn'", "traceback": "", "count": 3}
    assert "KeyError" not in drawn(summary_view(summary(errors=[row])))
    for more in ({"dead_letters": 3}, {"failed": 1}, {"ok": False, "outcome": "failed"}):
        shown = drawn(summary_view(summary(errors=[row], **more))).splitlines()
        assert "b (task 2), 3 times: KeyError: 'nn'" in shown


def test_what_components_said_is_shown_beside_their_tops_and_what_was_none_in_one_line() -> None:
    values = {"count": {"keys": 61_156, "share": 0.5, "mode": ["a", True], "odd\x1b": ["x"]}}
    errors = [
        {"component": "count", "task": 3, "count": 1, "text": f"{begin}no dict", "traceback": "T"}
        for begin in ("summary: ", "")
    ]
    text = drawn(summary_view(summary(values=values, errors=errors)))
    shown = row(text, "summary of")
    assert shown == r"summary of count: keys 61,156, share 0.5, mode a | True, odd\x1b x"
    assert "summary: no dict" in text and text.count("no dict") == 1
