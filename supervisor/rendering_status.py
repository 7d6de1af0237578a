"""A running topology as tables: for ``status``, ``status --watch`` and the progress of ``run``.

Reads the status dict and nothing else, so that what people see and ``--json`` cannot differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .new_errors import error_text
from .rendering_failing import failing_lines
from .rendering_values import count, lines, milliseconds, plural, rate, seconds, size, text

#: Span over which rates are taken, in seconds.
RATE_WINDOW_S = 3.0
#: Errors that are shown; the newest ones.
ERRORS_MAX = 5
#: Lines of a traceback that are shown; its end says most.
TRACEBACK_LINES_MAX = 12

#: A snapshot that takes this many seconds or longer is mentioned while it does; so is a pause.
SHOWN_S = 2.0
#: Name of the counter of tuples that came after their window was gone.
LATE = "late"
#: What is shown in which style; everything else is plain.
STYLES = {
    "running": "green",
    "finished": "green",
    "healthy": "green",
    "starting": "yellow",
    "draining": "yellow",
    "degraded": "yellow",
    "backoff": "yellow",
    "failed": "bold red",
    "stalled": "bold red",
    "fatal": "bold red",
}


class Rates:
    """Tuples per second of each component over the last few seconds, from successive statuses."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, dict[str, int]]] = deque()

    def update(self, status: Mapping[str, Any]) -> dict[str, float]:
        """Take a status; return component -> tuples per second (acked ones for a spout)."""
        now = float(status["uptime_s"])
        counts = {row["component"]: row["acked"] for row in status["spouts"]}
        counts |= {row["component"]: row["executed"] for row in status["bolts"]}
        if self._seen and now < self._seen[-1][0]:
            self._seen.clear()
        self._seen.append((now, counts))
        while len(self._seen) > 2 and self._seen[1][0] <= now - RATE_WINDOW_S:
            self._seen.popleft()
        then, before = self._seen[0]
        if now <= then:
            return {}
        return {
            name: max(0.0, (number - before.get(name, 0)) / (now - then))
            for name, number in counts.items()
        }


def status_view(status: Mapping[str, Any], rates: Mapping[str, float]) -> RenderableType:
    """Return everything that ``status`` shows of one topology."""
    parts: list[RenderableType] = [headline(status), Text()]
    parts += [spout_table(status["spouts"], rates), Text()]
    if status["bolts"]:
        parts += [bolt_table(status["bolts"], rates), Text()]
    parts += [worker_table(status["workers"]), Text()]
    parts += failing_lines(status["spouts"])
    parts += _first_unacked(status["spouts"])
    parts += watermark_lines([*status["spouts"], *status["bolts"]])
    parts += [_round_line(status), *error_lines(status["errors"])]
    return Group(*parts)


def progress_view(status: Mapping[str, Any], rates: Mapping[str, float]) -> RenderableType:
    """Return what a run shows of itself while it goes on."""
    parts: list[RenderableType] = [headline(status), spout_table(status["spouts"], rates)]
    if status["bolts"]:
        parts.append(bolt_table(status["bolts"], rates))
    missing = [row for row in status["workers"] if row["state"] != "running"]
    if missing and status["state"] == "running":
        parts.append(worker_table(missing))
    parts += failing_lines(status["spouts"])
    return Group(*parts, *error_lines(status["errors"], tracebacks=False))


def headline(status: Mapping[str, Any]) -> Text:
    """Return ``wordcount  running  healthy  at-least-once, 2 workers, epoch 1, up 12 s``."""
    line = Text(text(status["topology"]), style="bold")
    for name in ("state", "health"):
        word = status[name]
        if (name, word) != ("health", "healthy"):
            line.append("  ").append(word, style=STYLES.get(word, ""))
    facts = (
        status["guarantee"],
        plural(len(status["workers"]), "worker"),
        f"epoch {status['epoch']}",
        f"up {seconds(status['uptime_s'])}",
    )
    return line.append("  " + ", ".join(facts), style="dim not bold")


def table(*columns: str) -> Table:
    """Return a table without lines: the first column is text, the others are figures."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for number, name in enumerate(columns):
        made.add_column(
            name, justify="right" if number else "left", no_wrap=True, overflow="ellipsis"
        )
    return made


def spout_table(rows: Sequence[Mapping[str, Any]], rates: Mapping[str, float]) -> Table:
    """Return a row per spout."""
    speed = ("per s",) if rates else ()
    lag = ("lag",) if any(row["lag"] is not None for row in rows) else ()
    ahead = ("reserved",) if any(row["reserved"] for row in rows) else ()
    names = ("emitted", "acked", *speed, "pending", *ahead)
    names += ("failed", "replayed", "p50", "p99", *lag)
    made = table("spout", *names)
    for row in rows:
        cells: dict[str, str | Text] = {
            "emitted": count(row["emitted"]),
            "acked": count(row["acked"]),
            "per s": _per_s(rates, row),
            "pending": count(row["pending"]),
            "reserved": count(row["reserved"]),
            "failed": _alarming(row["failed"]),
            "replayed": _alarming(row["replayed"]),
            "p50": milliseconds(row["latency_ms"]["p50"]),
            "p99": milliseconds(row["latency_ms"]["p99"]),
            "lag": _lag(row["lag"], row["lag_unit"]),
        }
        made.add_row(_named(row), *(cells[name] for name in names))
    return made


def _lag(behind: int | None, unit: str | None) -> str:
    if not behind or unit is None:
        return count(behind)
    return size(behind) if unit == "bytes" else f"{count(behind)} {text(unit)}"


def bolt_table(rows: Sequence[Mapping[str, Any]], rates: Mapping[str, float]) -> Table:
    """Return a row per bolt; capacity is the share of time that its busiest task works."""
    speed = ("per s",) if rates else ()
    names = ("executed", "acked", *speed, "queue", "failed", "capacity")
    made = table("bolt", *names)
    for row in rows:
        busy = row["capacity"]
        cells: dict[str, str | Text] = {
            "executed": count(row["executed"]),
            "acked": count(row["acked"]),
            "per s": _per_s(rates, row),
            "queue": count(row["queue"]),
            "failed": _alarming(row["failed"]),
            "capacity": Text(f"{busy:.0%}", style="yellow" if busy >= 0.95 else ""),
        }
        made.add_row(_named(row), *(cells[name] for name in names))
    return made


def worker_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row per worker process."""
    # How old a process is, is known of those of a cluster.
    aged = ("up",) if any(row.get("uptime_s") is not None for row in rows) else ()
    linked = ("credit",) if any(row.get("links") for row in rows) else ()
    made = table("worker", "state", "pid", "memory", "cpu", *aged, *linked, "restarts")
    lost = any(row["last_exit"] for row in rows)
    if lost:
        made.add_column("last exit")
    for row in rows:
        cpu = row["cpu_percent"]
        made.add_row(
            str(row["worker"]),
            Text(row["state"], style=STYLES.get(row["state"], "")),
            "-" if row["pid"] is None else str(row["pid"]),
            size(row["memory_bytes"]),
            "-" if cpu is None else f"{cpu:.0f} %",
            *([_age(row)] if aged else []),
            *([_credit(row)] if linked else []),
            _alarming(row["restarts"]),
            *([text(row["last_exit"] or "", 60)] if lost else []),
        )
    return made


def _credit(row: Mapping[str, Any]) -> Text:
    """Return what the link with the least credit has left."""
    least = min((link["credit"] for link in row.get("links", ())), default=None)
    if least is None:
        return Text("-")
    return Text(f"{least:.0%}", style="yellow" if least <= 0.05 else "")


def _age(row: Mapping[str, Any]) -> str:
    return "-" if row.get("uptime_s") is None else seconds(row["uptime_s"])


def error_lines(errors: Sequence[Mapping[str, Any]], *, tracebacks: bool = True) -> list[Text]:
    """Return the newest errors of components, with the end of the user's traceback."""
    found = []
    for row in errors[-ERRORS_MAX:]:
        place = text(row["component"]) or "worker"
        task = "" if row["task"] is None else f" (task {row['task']})"
        times = "" if row["count"] == 1 else f", {row['count']:,} times"
        line = Text(f"{place}{task}{times}: ", style="red")
        if not tracebacks:
            line.no_wrap, line.overflow = True, "ellipsis"
        found.append(line.append(error_text(row), style="not bold"))
        if tracebacks and row["traceback"]:
            end = lines(row["traceback"]).splitlines()[-TRACEBACK_LINES_MAX:]
            found.append(Text("\n".join(f"    {each}" for each in end), style="dim"))
    return found


def _first_unacked(rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    found: list[RenderableType] = []
    for row in rows:
        first = row["first_unacked"]
        if first:
            where = f"{text(first['partition'], 120)} at {first['position']}"
            what = f"{text(row['component'])}: first unacked is {where}, "
            line = Text(f"{what}for {seconds(first['age_s'])}")
            if first.get("at"):
                line.append(f", at {text(', '.join(first['at']), 200)}")
            if first.get("progress_s") is not None:
                line.append(f"; its tree made progress {seconds(first['progress_s'])} ago")
            found.append(line)
    return found


def watermark_lines(rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return how far event time has come in each component, and what holds it back there."""
    found: list[RenderableType] = []
    for row in rows:
        mark = row.get("watermark")
        if not mark:
            continue
        at = "ended" if mark["ended"] else mark["at"] or "no watermark yet"
        line = Text(f"{text(row['component'])}: event time {at}")
        if mark["behind"]:
            line.append(f"; {text(mark['behind'], 200)}", style="dim")
        late = row.get("metrics", {}).get(LATE)
        if late:
            line.append(f"; {plural(int(late), 'late tuple')}", style="yellow")
        found.append(line)
    return found


def _round_line(status: Mapping[str, Any]) -> Text:
    last, checkpoint = status["round"], status.get("checkpoint")
    noun = "round" if checkpoint is None else "checkpoint"
    line = Text(f"no {noun} yet")
    if last["age_s"] is not None:
        took = milliseconds(last["duration_ms"])
        line = Text(f"{noun} {last['last']}, {seconds(last['age_s'])} ago, took {took}")
        if checkpoint is not None:
            line.append(f", {size(checkpoint['bytes'])}").append(_longest_alignment(checkpoint))
            line.append(_overtaking(checkpoint))
    if last["failures"]:
        why = f", since the last one: {text(last['failure'], 200)}" if last.get("failure") else ""
        line.append(f", {plural(last['failures'], 'failure')}{why}", style="yellow")
    if (last.get("under_way_s") or 0) >= SHOWN_S:
        line.append(f", another under way for {seconds(last['under_way_s'])}")
    elif (last.get("next_s") or 0) >= SHOWN_S:
        line.append(f", the next in {seconds(last['next_s'])}")
    letters = status["dead_letters"]
    style = "yellow" if letters else ""
    return line.append(", ").append(plural(letters, "dead letter"), style=style)


def _longest_alignment(checkpoint: Mapping[str, Any]) -> str:
    rows = [row for row in checkpoint["components"] if row["align_ms"]]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: float(row["align_ms"]))
    where = f"{text(worst['component'], 40)} task {worst['task']}"
    return f", aligned for {milliseconds(worst['align_ms'])} ({where})"


def _overtaking(checkpoint: Mapping[str, Any]) -> str:
    tasks = sum(row["overtook"] for row in checkpoint["components"])
    rows = sum(row["logged_rows"] for row in checkpoint["components"])
    what = f"{plural(tasks, 'task')} overtook, {plural(rows, 'tuple')} logged"
    return f", {what}" if tasks else ""


def _named(row: Mapping[str, Any]) -> str:
    tasks = "" if row["tasks"] == 1 else f" x{row['tasks']}"
    return text(row["component"], 40) + tasks


def _per_s(rates: Mapping[str, float], row: Mapping[str, Any]) -> str:
    return rate(rates.get(row["component"])).removesuffix("/s")


def _alarming(number: int) -> Text:
    return Text(count(number), style="yellow" if number else "")
