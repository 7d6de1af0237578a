"""Waits until a topology has gone over to another version, or back; says how far it is.

After ``swap`` and ``rebalance``: what they asked for has begun, and is done by the coordinator
whether somebody waits or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from ..exit_codes import ExitCode
from ..rendering_values import lines, text
from .client import Asker, Unreachable

#: How long is waited when nothing else is said, in seconds, and how often it is looked.
WAIT_S = 300.0
LOOK_S = 0.2

#: What is said on the way.
_ON_THE_WAY = {
    "quiescing": "spouts stop, what is under way is worked off",
    "switching": "the new version starts",
    "rolling back": "the new version does not run: the last one starts again",
}
#: How the reason of a topology begins that went back; of topology_move.rolled_back.
_BACK = "rolled back: "


def wait_for_move(
    asker: Asker,
    name: str,
    wait_s: float = WAIT_S,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ExitCode:
    """Wait for the end of a move that was begun; say on stderr what became of it.

    A coordinator that is away meanwhile is waited for: the next one goes on with the move.

    Returns:
        OK: it runs as it was asked for, or its input had ended. BOOT_FAILED: it was rolled back.
        RUN_FAILED: it has ended, or is still on the way after ``wait_s``. UNREACHABLE: by then the
        coordinator does not answer.
    """
    end, told, row = clock() + wait_s, "", dict[str, Any]()
    away: Unreachable | None = None
    while clock() < end:
        try:
            (row,) = asker.ask({"kind": "status", "name": name})["status"]["topologies"]
        except Unreachable as error:
            if away is None:
                click.echo(f"waterspout: {error}; what was begun goes on when it is back", err=True)
            away = error
            sleep(LOOK_S)
            continue
        away, life = None, row["life"]
        if life == "ended":
            return _ended(row, name)
        if life in ("active", "paused") and row.get("state") == "running":
            return _runs(row, name)
        if life != told and life in _ON_THE_WAY:
            click.echo(f"{life}: {name}: {_ON_THE_WAY[life]}", err=True)
            told = life
        sleep(LOOK_S)
    if away is not None:
        return ExitCode.UNREACHABLE
    click.echo(f"waterspout: {name} is still {row.get('life')} after {wait_s:g} s", err=True)
    tell_whys(row)
    return ExitCode.RUN_FAILED


def tell_whys(row: Mapping[str, Any]) -> None:
    """Say on stderr why workers of a topology do not run yet, as far as their hosts say it."""
    for worker in row.get("workers", ()):
        if worker.get("why"):
            click.echo(f"    worker {worker['worker']}: {lines(worker['why'])}", err=True)


def _runs(row: Mapping[str, Any], name: str) -> ExitCode:
    reason = str(row["reason"])
    if not reason.startswith(_BACK):
        click.echo(f"done: {name} runs", err=True)
        return ExitCode.OK
    why, _, details = reason.removeprefix(_BACK).partition("\n")
    click.echo(f"waterspout: {name} was rolled back, it runs as before: {text(why)}", err=True)
    for line in lines(details).splitlines():
        click.echo(f"    {line}", err=True)
    return ExitCode.BOOT_FAILED


def _ended(row: Mapping[str, Any], name: str) -> ExitCode:
    if row["outcome"] in ("finished", "drained"):
        click.echo(f"{row['outcome']}: {name} has ended", err=True)
        return ExitCode.OK
    click.echo(f"waterspout: {name} has ended: {lines(str(row['reason']))}", err=True)
    return ExitCode.RUN_FAILED
