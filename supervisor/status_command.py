"""``waterspout status``: asks the runs of this user how they are, from another process."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from .exit_codes import HEALTHS, ExitCode, worst
from .rendering import console
from .rendering_status import Rates, status_view
from .status_client import NoAnswer, RunInfo, ask, find_runs, not_running

#: How often --watch asks.
WATCH_S = 1.0


@dataclass(slots=True)
class Asker:
    """Asks the runs of one name, or all; remembers what rates need.

    Attributes:
        name: of a topology; None: all of them.
        find, request: ``find_runs`` and ``ask``, or what a test puts in their place.
    """

    name: str | None
    find: Callable[[], Sequence[RunInfo]] = find_runs
    request: Callable[[RunInfo, dict[str, Any]], dict[str, Any]] = ask
    rates: dict[int, Rates] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def look(self) -> ExitCode:
        """Ask once; ``statuses`` and ``failures`` hold what came of it."""
        runs = self.find()
        chosen = [run for run in runs if self.name in (None, run.name)]
        self.statuses, self.failures = [], []
        codes = [self._ask(run) for run in chosen]
        if not chosen:
            self.failures.append(self._nobody(runs))
            codes.append(ExitCode.UNREACHABLE)
        return worst(codes)

    def _ask(self, run: RunInfo) -> ExitCode:
        try:
            answer = self.request(run, {"kind": "status"})
        except NoAnswer as error:
            self.failures.append(str(error))
            return ExitCode.UNREACHABLE
        status = answer.get("status")
        if not answer.get("ok") or not isinstance(status, dict):
            self.failures.append(f"{run.name} (pid {run.pid}): {answer.get('error', 'no status')}")
            return ExitCode.UNREACHABLE
        self.statuses.append(status)
        return HEALTHS.get(status["health"], ExitCode.DEGRADED)

    def _nobody(self, runs: Sequence[RunInfo]) -> str:
        if self.name is None:
            return "no topology is running (waterspout run FILE starts one)"
        return not_running(self.name, [run.name for run in runs])

    def view(self) -> RenderableType:
        """Return all statuses as tables."""
        parts: list[RenderableType] = []
        for status in self.statuses:
            rates = self.rates.setdefault(status["pid"], Rates())
            parts += [Text()] if parts else []
            parts.append(status_view(status, rates.update(status)))
        return Group(*parts)


def show_status(name: str | None, as_json: bool) -> ExitCode:
    """Print how the runs are, once; return how the worst of them is."""
    asker = Asker(name)
    code = asker.look()
    _print(asker, as_json)
    return code


def _print(asker: Asker, as_json: bool) -> None:
    for status in asker.statuses if as_json else ():
        click.echo(json.dumps(status, default=repr))
    if asker.statuses and not as_json:
        console().print(asker.view())
    for failure in asker.failures:
        click.echo(f"waterspout: {failure}", err=True)


def watch_status(name: str | None, as_json: bool) -> ExitCode:
    """Print how the runs are again and again, until they have ended or Ctrl-C."""
    asker = Asker(name)
    code = asker.look()
    if not asker.statuses:
        _print(asker, as_json)
        return code
    try:
        if as_json or not sys.stdout.isatty():
            return _watch_plain(asker, as_json)
        return _watch_live(asker)
    except KeyboardInterrupt:
        return ExitCode.OK


def _watch_plain(asker: Asker, as_json: bool) -> ExitCode:
    while asker.statuses:
        _print(asker, as_json)
        time.sleep(WATCH_S)
        asker.look()
    return _ended(asker)


def _watch_live(asker: Asker) -> ExitCode:
    with Live(asker.view(), console=console(), auto_refresh=False, screen=False) as live:
        while asker.statuses:
            live.update(asker.view(), refresh=True)
            time.sleep(WATCH_S)
            asker.look()
    return _ended(asker)


def _ended(asker: Asker) -> ExitCode:
    click.echo("the run has ended", err=True)
    return ExitCode.OK
