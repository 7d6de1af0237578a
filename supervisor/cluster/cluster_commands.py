"""What the verbs of the cluster do: one request each, and the answer as people or programs read it.

Data goes to stdout, chatter to stderr. The command line itself is in cli_cluster.py.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.live import Live

from ..exit_codes import HEALTHS, ExitCode
from ..rendering import console
from ..rendering_status import Rates
from ..rendering_values import lines, plural, text
from .client import Asker, Unreachable
from .following import follow
from .rendering_cluster import list_view, status_view

#: How often ``status --watch`` asks, and ``kill`` looks whether it is done.
WATCH_S = 1.0
LOOK_S = 0.2
Sleep = Callable[[float], None]


def status(asker: Asker, name: str | None, as_json: bool) -> ExitCode:
    """Print how the cluster is, or one topology; return how the worst of it is."""
    found = _status(asker, name)
    if as_json:
        click.echo(json.dumps(found, default=repr))
    else:
        console().print(status_view(found, {}, whole=name is None))
    return _health(found, name)


def watch(asker: Asker, name: str | None, as_json: bool, sleep: Sleep = time.sleep) -> ExitCode:
    """Print it again and again, until Ctrl-C; a coordinator that is away is waited for."""
    rates: dict[str, Rates] = {}
    code = ExitCode.OK
    live = None if as_json or not sys.stdout.isatty() else Live(console=console(), screen=False)
    try:
        if live is not None:
            live.start()
        while True:
            try:
                found = _status(asker, name)
            except Unreachable as error:
                code = ExitCode.UNREACHABLE
                click.echo(f"waterspout: {error}", err=True)
            else:
                code = _health(found, name)
                _show(found, rates, live, as_json, whole=name is None)
            sleep(WATCH_S)
    except KeyboardInterrupt:
        return code
    finally:
        if live is not None:
            live.stop()


def _show(
    found: Mapping[str, Any], rates: dict[str, Rates], live: Live | None, as_json: bool,
    *, whole: bool,
) -> None:  # fmt: skip
    if as_json:
        click.echo(json.dumps(found, default=repr))
        return
    speeds = {
        row["id"]: rates.setdefault(row["id"], Rates()).update(row)
        for row in found["topologies"]
        if "spouts" in row
    }
    view = status_view(found, speeds, whole=whole)
    if live is not None:
        live.update(view, refresh=True)
    else:
        console().print(view)


def _status(asker: Asker, name: str | None) -> dict[str, Any]:
    found: dict[str, Any] = asker.ask({"kind": "status", "name": name})["status"]
    return found


def _health(found: Mapping[str, Any], name: str | None) -> ExitCode:
    if name is None:
        return HEALTHS.get(found["cluster"]["health"], ExitCode.DEGRADED)
    return HEALTHS.get(found["topologies"][0]["health"], ExitCode.DEGRADED)


def list_topologies(asker: Asker, as_json: bool) -> ExitCode:
    """Print a row per topology."""
    rows = asker.ask({"kind": "list"})["topologies"]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
    elif rows:
        console().print(list_view(rows))
    else:
        click.echo("no topology was submitted (waterspout submit FILE does it)", err=True)
    return ExitCode.OK


def kill(
    asker: Asker, name: str, wait_s: float | None, now: bool, sleep: Sleep = time.sleep
) -> ExitCode:
    """End a topology; returns when it has ended."""
    answer = asker.ask({"kind": "kill", "name": name, "now": now, "wait_s": wait_s})
    while answer["state"] != "ended":
        sleep(LOOK_S)
        rows = asker.ask({"kind": "list"})["topologies"]
        answer = next(({"state": r["life"]} for r in rows if r["name"] == name), {"state": "ended"})
    click.echo(f"ended: {name}; its state is kept (submit goes on from it, --fresh forgets it)")
    return ExitCode.OK


def pause(asker: Asker, name: str) -> ExitCode:
    """Have its spouts stop; what is under way is worked off."""
    asker.ask({"kind": "pause", "name": name})
    click.echo(f"paused: {name}")
    return ExitCode.OK


def resume(asker: Asker, name: str) -> ExitCode:
    """Have its spouts go on."""
    asker.ask({"kind": "resume", "name": name})
    click.echo(f"resumed: {name}")
    return ExitCode.OK


def rebalance(
    asker: Asker, name: str, workers: int | None, parallelism: Mapping[str, int],
    wait: Callable[[], ExitCode] = lambda: ExitCode.OK,
) -> ExitCode:  # fmt: skip
    """Have a topology run with other numbers of workers and tasks; ``wait`` till it does."""
    request = {"kind": "rebalance", "name": name, "workers": workers}
    answer = asker.ask({**request, "parallelism": dict(parallelism)}, timeout_s=30.0)
    print_diff(answer["diff"])
    return wait()


def print_diff(diff: list[str]) -> None:
    """Print what changes between two plans."""
    for line in diff:
        click.echo(text(line))
    if not diff:
        click.echo("no difference", err=True)


def drain_host(asker: Asker, host: str, undo: bool, force: bool = False) -> ExitCode:
    """Move all workers away from a host and give it no new ones; or take that back."""
    request = {"kind": "drain_host", "host": host, "undo": undo, "force": force}
    answer = asker.ask(request)
    moves = answer["moves"]
    if undo:
        click.echo(f"{host} takes workers again")
        return ExitCode.OK
    for topology, worker in moves:
        click.echo(f"{text(topology)} worker {worker} moves away")
    click.echo(f"{host} gets no more workers; {plural(len(moves), 'worker')} to move", err=True)
    if answer.get("crowding"):
        click.echo(f"not all find a free slot: {text(answer['crowding'])}", err=True)
    return ExitCode.OK


def events(asker: Asker, name: str | None, after: int, limit: int, as_json: bool) -> ExitCode:
    """Print what happened, oldest first."""
    names = ("id", "at", "topology", "host", "name", "fields")
    for row in asker.ask({"kind": "events", "name": name, "after": after, "limit": limit})[
        "events"
    ]:
        event = dict(zip(names, row, strict=True))
        if as_json:
            click.echo(json.dumps(event, default=repr))
            continue
        at = datetime.fromtimestamp(event["at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        where = [f"{key}={text(event[key])}" for key in ("topology", "host") if event[key]]
        fields = [f"{key}={text(value)}" for key, value in event["fields"].items()]
        click.echo(" ".join([str(event["id"]), at, event["name"], *where, *fields]))
    return ExitCode.OK


def logs(
    asker: Asker, name: str, component: str | None, following: bool, tail_lines: int
) -> ExitCode:
    """Print log lines of all workers of a topology, each with its host.

    With ``following`` it goes on over restarts of the coordinator, from the marks it was told.
    """
    marks: dict[tuple[str, int], list[Any]] = {}
    waiting: list[Any] = []

    def request() -> dict[str, Any]:
        waiting.clear()
        asked = {"kind": "logs", "name": name, "component": component, "follow": following}
        return {**asked, "tail_lines": tail_lines, "marks": list(marks.values()) or None}

    for answer in follow(asker, request) if following else asker.stream(request()):
        waiting += answer["lines"]
        if following and "marks" not in answer:
            # What of a batch was lost with its coordinator is read again as a whole.
            continue
        for host, file, line in waiting:
            click.echo(f"{text(host)} {text(file)} {lines(line)}")
        waiting.clear()
        marks |= {(mark[0], mark[1]): mark for mark in answer.get("marks", ())}
    return ExitCode.OK


def tap(
    asker: Asker, name: str, component: str | None, where: str, limit: int, rate: float,
    as_json: bool,
) -> ExitCode:  # fmt: skip
    """Print a sample of the tuples that go through a component, live."""
    seen = 0

    def request() -> dict[str, Any]:
        asked = {"kind": "tap", "name": name, "component": component, "where": where}
        return {**asked, "limit": limit - seen, "rate": rate}

    for answer in follow(asker, request):
        for row in answer["rows"]:
            seen += 1
            if as_json:
                click.echo(json.dumps(row, default=repr))
            else:
                pairs = [f"{text(key)}={value!r:.80}" for key, value in row["values"].items()]
                click.echo(f"{row['component']}[{row['index']}] {row['stream']} {' '.join(pairs)}")
    return ExitCode.OK


def log_level(asker: Asker, name: str, logger: str, level: str, for_s: float) -> ExitCode:
    """Have workers log more or less for a time."""
    request = {"kind": "log_level", "name": name, "logger": logger, "level": level, "for_s": for_s}
    workers = asker.ask(request)["workers"]
    click.echo(f"{logger} logs {level} for {for_s:g} s on {plural(workers, 'worker')}")
    return ExitCode.OK


