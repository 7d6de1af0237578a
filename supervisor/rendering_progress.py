"""A run while it goes on: a live table on a terminal, a plain line now and then elsewhere.

All of it goes to stderr; stdout belongs to the summary.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from .new_errors import ERRORS_SAID_MAX, NewErrors, error_line, of_the_run
from .rendering import console
from .rendering_failing import failing_short
from .rendering_status import Rates, progress_view
from .rendering_values import count, rate, seconds, text
from .slow_start import RESTORES_TOLD_MIN

#: Seconds between two plain lines: often at first, then as often as a log can bear.
PLAIN_INTERVALS_S = (2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
#: Refreshes of the live table per second.
REFRESHES_PER_S = 4

#: Events that are told as they happen; the others stand in the history of the store. A worker that
#: is killed is told of when it is gone, with the same reason.
EVENT_WORDS = {
    "worker lost": "worker {worker} is gone ({reason}); it is started again{when}",
    "restore": "all tasks go back to {place}: {why}",
    "snapshot cannot be read": "snapshot {snapshot} cannot be read ({why}): all tasks go back to "
    "snapshot {instead}; {note}",
    "epoch not raised": "the state store fails: {error}",
    "store failed": "the state store fails: {error}",
}


class ProgressView(Protocol):
    """Shows a run to somebody. Used from one thread, but ``note``, which a signal may call."""

    def say(self, line: str) -> None:
        """Say one line."""

    def note(self, line: str) -> None:
        """Show a line from inside a signal handler; nothing is written there that may block."""

    def show(self, status: Mapping[str, Any]) -> None:
        """Take a new status."""

    def close(self) -> None:
        """Nothing more comes."""


def make_view(stream: IO[str] | None = None) -> ProgressView:
    """Return the view that fits ``stream`` (stderr when None)."""
    stream = stream if stream is not None else sys.stderr
    return LiveView(stream) if stream.isatty() else PlainView(stream)


def event_line(name: str, fields: Mapping[str, Any]) -> str | None:
    """Return what to say about an event, or None when it goes without saying."""
    words = EVENT_WORDS.get(name)
    times = fields.get("boot_losses") or 0
    if name == "worker lost" and times > 1:
        if times & (times - 1):
            return None  # Said when it had died so for the 2nd, 4th, 8th .. time.
        words = "worker {worker} is gone while it starts, {boot_losses} times in a row ({reason})"
    if name == "worker lost":
        wait_s = fields.get("wait_s")
        fields = {**fields, "when": "" if wait_s is None else f" in {seconds(wait_s)}"}
    if name == "restore":
        number = fields.get("checkpoint")
        place = "the start, as no checkpoint is complete yet"
        fields = {**fields, "place": place if number is None else f"checkpoint {number}"}
    return None if words is None else words.format_map(_Harmless(fields))


class _Harmless(dict[str, Any]):
    """Fields of an event as text; one that is missing is a dash."""

    def __getitem__(self, name: str) -> str:
        return text(dict.get(self, name, "-"))

    def __missing__(self, name: str) -> str:
        return "-"


class LiveView:
    """A table that is drawn again and again, on a terminal; gone at the end of the run."""

    def __init__(self, stream: IO[str]) -> None:
        self._console = console(stream)
        self._rates = Rates()
        self._errors = NewErrors()
        self._note = ""
        self._shown: RenderableType = Text()
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._started = False

    def say(self, line: str) -> None:
        """Print a line above the table."""
        self._console.print(Text(line, style="dim"))

    def note(self, line: str) -> None:
        """Show a line under the table from the next refresh on."""
        self._note = line

    def show(self, status: Mapping[str, Any]) -> None:
        """Draw this status from now on."""
        self._shown = progress_view(status, self._rates.update(status))
        for error in self._errors.take(status["errors"]):
            # Those of components are in the table; there what is wrong with the run may be cut.
            if of_the_run(error):
                self._console.print(Text(error_line(error), style="yellow"))
        if not self._started:
            self._started = True
            self._live.start()

    def close(self) -> None:
        """Take the table away."""
        if self._started:
            self._live.stop()

    def _draw(self) -> Group:
        note = [Text(self._note, style="bold yellow")] if self._note else []
        return Group(Text(), self._shown, *note)


class PlainView:
    """A line now and then, for logs and pipes."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._rates = Rates()
        self._lines = 0
        self._next_at_s = PLAIN_INTERVALS_S[0]
        self._errors = NewErrors()
        self._said: deque[str] = deque(maxlen=ERRORS_SAID_MAX)

    def say(self, line: str) -> None:
        """Print a line."""
        self._said.append(line)
        print(line, file=self._stream, flush=True)

    def note(self, line: str) -> None:
        """Print a line; the stream of a signal handler's own, so that no buffer is shared."""
        # Nobody may be reading any more.
        with suppress(OSError), open(self._stream.fileno(), "w", closefd=False) as own:
            own.write(line + "\n")

    def show(self, status: Mapping[str, Any]) -> None:
        """Print a line when it is time for one; an error when it is new."""
        rates = self._rates.update(status)
        for error in self._errors.take(status["errors"]):
            # What a worker was lost for was said with its loss.
            if of_the_run(error) or not any(text(error["text"]) in line for line in self._said):
                self.say(error_line(error))
        if status["uptime_s"] >= self._next_at_s:
            self._lines = min(self._lines + 1, len(PLAIN_INTERVALS_S) - 1)
            self._next_at_s = status["uptime_s"] + PLAIN_INTERVALS_S[self._lines]
            self.say(progress_line(status, rates))

    def close(self) -> None:
        """Nothing to take away."""


def progress_line(status: Mapping[str, Any], rates: Mapping[str, float]) -> str:
    """Return one line about a run: ``running 12 s: acked 350,000 (35,000/s), pending 9,812``."""
    spouts = status["spouts"]
    totals = {
        name: sum(row[name] for row in spouts)
        for name in ("acked", "pending", "failed", "replayed", "worked_through")
    }
    speed = sum(rates.get(row["component"], 0.0) for row in spouts)
    state = status["state"] if status["health"] == "healthy" else status["health"]
    parts = [f"acked {count(totals['acked'])} ({rate(speed)})"]
    parts.append(f"pending {count(totals['pending'])}")
    parts += [f"{name} {count(totals[name])}" for name in ("failed", "replayed") if totals[name]]
    if status["dead_letters"]:
        parts.append(f"dead letters {count(status['dead_letters'])}")
    again = (status.get("checkpoint") or {}).get("restores_in_row", 0)
    if again >= RESTORES_TOLD_MIN:
        parts.append(f"{count(again)} restores in a row with no checkpoint complete")
    line = f"{state} {seconds(status['uptime_s'])}: " + ", ".join(parts)
    return line + failing_short(spouts)
