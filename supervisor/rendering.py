"""The end of a run as people read it: what came through, what it cost, and what was found."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import IO, Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from .rendering_failing import failing_lines
from .rendering_status import error_lines, table
from .rendering_values import count, milliseconds, plural, rate, seconds, text
from .state_folder import state_folder
from .summaries import FAULT

#: Characters of a value of a component's summary.
VALUE_CHARS = 100
#: Width of what does not go to a terminal.
PLAIN_WIDTH = 120

#: How the first line says that what was under way is not settled, by guarantee.
_LEFT = {
    "at-least-once": "what was not acked is replayed by the next run",
    "at-most-once": "what was under way is lost",
    "exactly-once": "the next run goes on from the last checkpoint",
}
#: Outcome of a run -> how the first line says it; {left}: one of the above.
OUTCOME_WORDS = {
    "finished": "finished",
    "drained": "drained; the next run goes on from here",
    "stopped": "stopped; {left}",
    "boot_failed": "could not start",
    "failed": "failed; {left}",
}


def console(stream: IO[str] | None = None) -> Console:
    """Return a console for ``stream`` (stdout when None): colours only on a terminal.

    NO_COLOR is honoured (by rich). Numbers are not highlighted, markup is not read.
    """
    stream = stream if stream is not None else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def print_summary(summary: Mapping[str, Any], stream: IO[str] | None = None) -> None:
    """Print everything that is shown at the end of a run to ``stream`` (stdout when None).

    Errors and paths are never cut: how to go on stands at their end. A terminal wraps them.
    """
    console(stream).print(summary_view(summary), crop=False)


def _whole(lines: list[Text]) -> list[Text]:
    """Have lines be as long as they are."""
    for line in lines:
        line.no_wrap, line.overflow = True, "ignore"
    return lines


def summary_view(summary: Mapping[str, Any]) -> RenderableType:
    """Return everything that is shown at the end of a run."""
    parts: list[RenderableType] = [_headline(summary), Text(), _messages(summary), Text()]
    parts += [_components(summary)]
    for component, top in summary["top"].items():
        parts += [Text(), _top(component, top)]
    said = [_values(component, each) for component, each in summary.get("values", {}).items()]
    parts += [Text(), *_whole(said)] if said else []
    failing = failing_lines(summary.get("failing", ()))
    parts += [Text(), *_whole(failing)] if failing else []
    rows = summary.get("errors", ())
    if not (failing or summary["failed"] or summary["dead_letters"] or not summary["ok"]):
        rows = [row for row in rows if row["text"].startswith(FAULT)]
    errors = error_lines(rows, tracebacks=False)
    parts += [Text(), *_whole(errors)] if errors else []
    files = summary.get("files", ())
    parts += [Text()] if files or summary.get("state_dir") or summary["dead_letters"] else []
    parts += [_place(text(each["component"]), _written_to(each)) for each in files]
    if summary["dead_letters"]:
        parts.append(_place("dead letters", letters_command(summary)))
    if summary.get("state_dir"):
        parts.append(_place("state", summary["state_dir"]))
    if summary.get("logs_dir"):
        parts.append(_place("logs of components", summary["logs_dir"]))
    return Group(*parts)


def _headline(summary: Mapping[str, Any]) -> Text:
    words = OUTCOME_WORDS.get(summary["outcome"], summary["outcome"])
    words = words.replace("{left}", _LEFT[summary["guarantee"]])
    line = Text(text(summary["topology"]), style="bold")
    style = "green" if summary["ok"] else "bold red"
    line.append("  ").append(words, style=style)
    return line.append(f"  in {seconds(summary['duration_s'])}", style="dim not bold")


def _messages(summary: Mapping[str, Any]) -> RenderableType:
    made = table("", "", "")
    made.show_header = False
    made.columns[2].justify = "left"
    made.columns[2].style = "dim"
    made.columns[2].no_wrap = False
    duration_s = summary["duration_s"]
    per_s = rate(summary["acked"] / duration_s) if duration_s > 0 else ""
    left = summary["messages"] - summary["acked"] - summary["dead_letters"]
    waiting = f"{count(left)} were not acked yet" if left > 0 else ""
    letters = "given up on, and kept" if summary["dead_letters"] else ""
    latency = summary["latency_ms"]
    rows = (
        ("messages", count(summary["messages"]), waiting),
        ("acked", count(summary["acked"]), per_s),
        ("failed", count(summary["failed"]), "attempts that did not get through"),
        ("replayed", count(summary["replayed"]), "attempts that were not the first"),
        ("duplicates possible", count(summary["duplicates_possible"]), _bound(summary)),
        ("worked again", count(summary["worked_again"]), _AGAIN),
        ("skipped possible", count(summary["skipped_possible"]), _SKIPPED),
        ("dead letters", count(summary["dead_letters"]), letters),
        ("dead letters tried again", *_tried_again(summary)),
        ("late", *_late(summary)),
        ("checkpoints", *_checkpoints(summary)),
        ("restarts", count(summary["restarts"]), "worker processes that were lost"),
        ("latency p50", milliseconds(latency["p50"]), "half of the messages took at most this"),
        ("latency p99", milliseconds(latency["p99"]), "99 of 100 took at most this"),
    )
    for name, number, meaning in rows:
        if _ONLY.get(name, summary["guarantee"]) != summary["guarantee"]:
            continue
        if name in _ONLY_IF_ANY and number == "0":
            continue
        alarming = number not in ("0", "-") and name in _ALARMING
        style = "yellow" if alarming else ""
        always = name in _EXPLAINED or name.startswith("lat")
        said = meaning if alarming or always else ""
        made.add_row(Text(name), Text(number, style=style), said)
    return made


#: Figures of one guarantee alone.
_ONLY = {
    "skipped possible": "at-most-once",
    "worked again": "exactly-once",
    "checkpoints": "exactly-once",
}
#: Figures that are not shown when they are 0.
_ONLY_IF_ANY = ("late", "dead letters tried again")
#: Figures whose meaning is always said.
_EXPLAINED = (
    "messages", "acked", "duplicates possible", "worked again", "checkpoints",
    "dead letters tried again",
)  # fmt: skip
#: Figures that are 0 when all went well.
_ALARMING = (
    "failed", "replayed", "duplicates possible", "skipped possible", "dead letters", "late",
    "restarts",
)  # fmt: skip
_AGAIN = "so many messages at most went through again after a restore, and count once"
_SKIPPED = "so many messages at most were never sent, and do not come again"


def _bound(summary: Mapping[str, Any]) -> str:
    if summary["duplicates_possible"]:
        return "so many messages at most were worked on twice; counts may be too high by that"
    if summary["guarantee"] == "at-most-once":
        return "no message was worked on twice"
    if summary["guarantee"] == "exactly-once":
        return "every message counts once in state and sinks"
    return "every message was worked on once"


def _tried_again(summary: Mapping[str, Any]) -> tuple[str, str]:
    through = summary.get("dead_letters_through", 0)
    failed = summary.get("dead_letters_failed_again", 0)
    return count(through + failed), f"{count(through)} went through, {count(failed)} failed again"


def _late(summary: Mapping[str, Any]) -> tuple[str, str]:
    """Return how many tuples came too late, and for which components."""
    rows = [row for row in summary["components"] if row.get("late")]
    said = ", ".join(f"{text(row['component'], 64)} {count(row['late'])}" for row in rows)
    number = count(sum(row["late"] for row in rows))
    return number, f"came too late for their windows or joins: {said}"


def _checkpoints(summary: Mapping[str, Any]) -> tuple[str, str]:
    """Return how many were complete, and what became of the others."""
    made = summary["checkpoints"]
    if made is None:
        return "", ""
    failed = f"{plural(made['failures'], 'failure')}" if made["failures"] else "none failed"
    return count(made["complete"]), failed


def _components(summary: Mapping[str, Any]) -> RenderableType:
    made = table("component", "tuples", "tuples/s")
    for row in summary["components"]:
        per_s = rate(row["tuples_per_s"]).removesuffix("/s")
        made.add_row(text(row["component"], 64), count(row["tuples"]), per_s)
    return made


def _top(component: str, top: Any) -> RenderableType:
    made = table(f"top of {text(component, 64)}", "times")
    for key, number in top:
        made.add_row(text(key, 64), count(number))
    return made


def _values(component: str, values: Mapping[str, Any]) -> Text:
    """Return what ``summary`` of a component said beside ``top``."""
    shown = (f"{text(name, 64)} {_value(value)}" for name, value in values.items())
    line = Text(f"summary of {text(component, 64)}: ", style="dim")
    return line.append(", ".join(shown), style="not dim")


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " | ".join(map(_value, value))
    if isinstance(value, float):
        return f"{value:,.6g}"
    return count(value) if type(value) is int else text(value, VALUE_CHARS)


def _written_to(row: Mapping[str, str]) -> str:
    table = f"table {row['table']}" if "table" in row else ""
    return ", ".join(filter(None, [row["path"], table]))


def _place(what: str, path: str) -> Text:
    line = Text(f"{what}: ", style="dim").append(text(path, 1000), style="not dim")
    return _whole([line])[0]


def warnings_of(summary: Mapping[str, Any]) -> list[str]:
    """Return what deserves a line on stderr although the run is over."""
    found = []
    if summary["dead_letters"]:
        letters = plural(summary["dead_letters"], "dead letter")
        found.append(f"{letters}: {letters_command(summary)}")
    return found


def letters_command(summary: Mapping[str, Any]) -> str:
    """Return the command that lists the dead letters of a run, ready to be copied."""
    name, folder = summary["topology"], summary.get("state_dir")
    if folder and Path(folder) != state_folder(name).absolute():
        return f"waterspout dead-letters list --state-dir {quote(folder)}"
    return f"waterspout dead-letters list --topology {quote(name)}"
