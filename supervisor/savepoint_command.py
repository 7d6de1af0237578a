"""``waterspout savepoint``: has a savepoint made, and copies it to a folder of the user's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from waterspout.topology.errors import UserError, WaterspoutError
from waterspout.topology.problems import listed

from .exit_codes import ExitCode
from .part_folders import part_folder, remote_url
from .rendering_values import plural, size, text
from .savepoint_folder import Fetch, have_copy, write_savepoint
from .savepoint_manifest import Savepoint
from .status_client import RunInfo, ask, find_runs, not_running

#: How often it is asked how far it is.
LOOK_S = 0.1

#: Sends a request about savepoints; returns the answer.
Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class SavepointFailed(UserError):
    """No savepoint was made."""


def take_savepoint(
    name: str, send: Ask, fetch: Fetch, *, out: Path | None, wait_s: float, as_json: bool,
    clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
) -> ExitCode:  # fmt: skip
    """Have a savepoint made and write it to a folder.

    Args:
        name: of the topology.
        send: asks the one who runs it.
        fetch: has a part, by name, lie at a path.
        out: the folder; None: one in the working directory, named by topology and number.
        wait_s: how long to wait for its snapshot.
        as_json: print what it is as JSON.
        clock, sleep: of this process.

    Raises:
        SavepointFailed: none was made.
        BadSavepoint: the folder is not empty.
        OSError: it cannot be written.
    """
    id = send({"action": "ask"})["savepoint"]
    try:
        found = _wait(send, id, clock() + wait_s, wait_s, clock, sleep)
        savepoint = Savepoint.from_json(found["manifest"], name)
        folder = (out or Path(f"{name}-savepoint-{savepoint.round}")).absolute()

        def fetch_and_look(file: str, to: Path) -> None:
            # Its files are held as long as it is looked after.
            send({"action": "look", "savepoint": id})
            fetch(file, to)

        write_savepoint(folder, savepoint, fetch_and_look)
    finally:
        # When nobody hears it the savepoint is let go a little later.
        with suppress(WaterspoutError):
            send({"action": "done", "savepoint": id})
    _tell(savepoint, folder, as_json)
    return ExitCode.OK


def _wait(
    send: Ask, id: int, end: float, wait_s: float, clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Mapping[str, Any]:  # fmt: skip
    while True:
        found = send({"action": "look", "savepoint": id})
        if found["state"] == "held":
            return found
        if found["state"] == "failed":
            raise SavepointFailed(f"no savepoint was made: {found['why']}")
        if clock() >= end:
            raise SavepointFailed(
                f"no savepoint within {wait_s:g} s: waterspout status says what is in the way"
            )
        sleep(LOOK_S)


def _tell(savepoint: Savepoint, folder: Path, as_json: bool) -> None:
    files = {part.file: part.bytes for part in savepoint.parts}
    total = sum(files.values())
    if as_json:
        facts = {"topology": savepoint.plan.name, "round": savepoint.round, "folder": str(folder)}
        click.echo(json.dumps({**facts, "files": len(files), "bytes": total}))
        return
    click.echo(str(folder))
    what = f"savepoint of {text(savepoint.plan.name)}: snapshot {savepoint.round}"
    click.echo(f"{what}, {plural(len(files), 'file')}, {size(total)}", err=True)


def of_run(name: str, state_dir: Path | None = None) -> tuple[Ask, Fetch]:
    """Return how to ask, and get parts of, the run of this name on this machine.

    Args:
        state_dir: where it keeps its state, when several have the name.

    Raises:
        SavepointFailed: there is none; or there are several.
    """
    run = _only_run(name, state_dir)

    def fetch(file: str, to: Path) -> None:
        folder = Path(run.state_dir) / "snapshots"
        if remote_url(folder):
            to.write_bytes(part_folder(folder).open(file))
        else:
            have_copy(folder / file, to)

    return lambda request: _ask_run(run, request), fetch


def _only_run(name: str, state_dir: Path | None) -> RunInfo:
    known = find_runs()
    runs = [each for each in known if each.name == name]
    if not runs:
        raise SavepointFailed(not_running(name, [each.name for each in known]))
    if state_dir is not None:
        there = [each for each in runs if Path(each.state_dir) == state_dir.absolute()]
    else:
        there = runs
    if len(there) == 1:
        return there[0]
    folders = listed(sorted(each.state_dir for each in runs))
    if not there:
        raise SavepointFailed(
            f"topology {name!r} keeps no state in {text(str(state_dir))}; it does in {folders}"
        )
    raise SavepointFailed(
        f"{len(runs)} runs are named {name!r}: say which with --state-dir ({folders})"
    )


def _ask_run(run: RunInfo, request: Mapping[str, Any]) -> Mapping[str, Any]:
    answer = ask(run, {"kind": "savepoint", **request}, timeout_s=10.0)
    if not answer.get("ok"):
        raise SavepointFailed(str(answer.get("error")))
    return answer
