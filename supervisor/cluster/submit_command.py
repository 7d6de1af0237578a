"""``waterspout submit`` and ``swap``: lint, pack the code, send both, wait until it runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from waterspout.topology.errors import UserError
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.secret_values import masked

from ..exit_codes import ExitCode
from ..lint_command import is_refused, problem_lines
from ..linting import lint_file
from ..rendering_values import lines, plural, text
from .blob_client import BlobClient, BlobError
from .blobs import REQUIREMENTS_BYTES_MAX
from .client import Asker, Unreachable
from .cluster_commands import print_diff
from .code_pack import sha256_of
from .code_store import Packed, pack_folder
from .move_wait import tell_whys
from .savepoints import State

#: How long ``submit`` waits until the topology runs, in seconds, and how often it looks.
WAIT_S = 60.0
LOOK_S = 0.1
#: Files left out of a pack that are named; the others are counted.
LEFT_OUT_SHOWN = 10

#: Makes the client for blobs, once it is needed.
Blobs = Callable[[], BlobClient]


class SubmitFailed(UserError):
    """A topology could not be sent."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A topology with its code, ready to be sent.

    Attributes:
        plan: of it.
        packed: the folder of its code.
        sub: where in the pack the topology's file lies; that folder goes on the workers' path.
        requirements: what its requirements file holds; None: it has none.
    """

    plan: Plan
    packed: Packed
    sub: str = ""
    requirements: bytes | None = None

    @property
    def requirements_sha256(self) -> str:
        """The name of the requirements, "" for none."""
        return "" if self.requirements is None else sha256_of(self.requirements)


def make_bundle(
    file: str, sets: Sequence[str], allow: Sequence[str], workers: int | None
) -> Bundle | None:
    """Lint a file, plan it and pack its code; None: it was refused, and said why.

    Raises:
        UserError: the code cannot be packed.
    """
    linted = lint_file(file, sets, allow, workers)
    refused = is_refused(linted)
    for line in problem_lines(linted, () if refused else ("warning",)):
        click.echo(line, err=True)
    if refused or linted.spec is None:
        return None
    plan = make_plan(linted.spec, linted.facts, workers)
    folder = Path(plan.folder).resolve()
    code = (folder / plan.spec.code).resolve()
    sub = folder.relative_to(code).as_posix()
    packed = pack_folder(code)
    return Bundle(plan, packed, "" if sub == "." else sub, _requirements(plan))


def _requirements(plan: Plan) -> bytes | None:
    if not plan.spec.requirements:
        return None
    path = Path(plan.folder) / plan.spec.requirements
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SubmitFailed(f"requirements: {path}: {error.strerror}") from error
    if len(data) > REQUIREMENTS_BYTES_MAX:
        text = f"{len(data)} bytes, at most {REQUIREMENTS_BYTES_MAX}"
        raise SubmitFailed(f"requirements: {path}: {text}")
    return data


def tell_pack(bundle: Bundle) -> None:
    """Say on stderr what of the folder goes along, and what does not."""
    packed = bundle.packed
    size = f"{len(packed.data) / 1024:.0f} KiB"
    folder = os.path.normpath(Path(bundle.plan.folder) / bundle.plan.spec.code)
    click.echo(
        f"code: {plural(packed.files, 'file')} of {text(folder)}, {size}, {packed.sha256[:12]}",
        err=True,
    )
    for name, why in packed.left_out[:LEFT_OUT_SHOWN]:
        click.echo(f"  left out: {text(name)} ({why})", err=True)
    if len(packed.left_out) > LEFT_OUT_SHOWN:
        click.echo(f"  left out: {len(packed.left_out) - LEFT_OUT_SHOWN} more", err=True)


def request_of(bundle: Bundle, kind: str, **more: Any) -> dict[str, Any]:
    """Return the request that brings a bundle."""
    wire = bundle.plan.to_wire()
    code = {"code": bundle.packed.sha256, "sub": bundle.sub}
    requirements = bundle.requirements_sha256
    return {"kind": kind, "wire": wire, **code, "requirements": requirements, **more}


def send_code(bundle: Bundle, blobs: Blobs) -> None:
    """Have the code at the coordinator.

    Raises:
        SubmitFailed: it did not take it.
    """
    packed = bundle.packed
    try:
        with blobs() as client:
            client.put("code", packed.data, name=packed.sha256, sha256=packed.sha256)
            if bundle.requirements is not None:
                sha256 = bundle.requirements_sha256
                client.put("requirements", bundle.requirements, name=sha256, sha256=sha256)
    except BlobError as error:
        raise SubmitFailed(f"the code could not be sent: {error}") from error


def send_state(state: State, blobs: Blobs) -> dict[str, Any]:
    """Have the files of a savepoint at the coordinator; return what the request says of them.

    Raises:
        SubmitFailed: it did not take them.
    """
    try:
        with blobs() as client:
            return state.send(client)
    except (BlobError, OSError) as error:
        raise SubmitFailed(f"the savepoint could not be sent: {error}") from error


def submit(
    asker: Asker,
    blobs: Blobs,
    bundle: Bundle,
    *,
    fresh: bool = False,
    dry_run: bool = False,
    wait_s: float = WAIT_S,
    as_json: bool = False,
    state: State | None = None,
    allow_dropped: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ExitCode:
    """Send a topology and wait until it runs.

    Args:
        asker: of the coordinator.
        blobs: makes the client for its code.
        bundle: from ``make_bundle``.
        fresh: forget the state that a topology of this name left.
        dry_run: only say where its tasks would go.
        wait_s: how long to wait until it runs; 0: not at all.
        as_json: print the answer as JSON.
        state: that it begins with; None: with what one of this name left that has ended.
        allow_dropped: of that, what has no place in the new topology may be dropped.

    Raises:
        UserError, Unreachable: it is refused, or nobody answers.
    """
    if dry_run:
        answer = asker.ask({"kind": "plan", "wire": bundle.plan.to_wire(), "fresh": fresh})
        _print_placement(answer["placement"], as_json)
        return ExitCode.OK
    tell_pack(bundle)
    more: dict[str, Any] = {"allow_dropped": True} if allow_dropped and state is None else {}
    # Whether it would be taken is known before the code is sent. With a state of its own it does
    # not go on with what is kept.
    anew = fresh or state is not None
    known = asker.ask(request_of(bundle, "submit", fresh=anew, dry_run=True, **more), 30.0)
    _tell_changes(bundle.plan, known.get("diff", ()))
    send_code(bundle, blobs)
    if state is not None:
        more["state"] = send_state(state, blobs)
    answer = asker.ask(request_of(bundle, "submit", fresh=fresh, **more), timeout_s=30.0)
    click.echo(f"submitted: {bundle.plan.name} as {answer['topology']}", err=True)
    _print_placement(answer["placement"], as_json)
    return wait_until_running(asker, bundle.plan, wait_s, clock, sleep) if wait_s else ExitCode.OK


def swap(
    asker: Asker,
    blobs: Blobs,
    bundle: Bundle,
    name: str,
    *,
    dry_run: bool = False,
    agreed: Callable[[], bool] = lambda: True,
    wait: Callable[[], ExitCode] = lambda: ExitCode.OK,
) -> ExitCode:
    """Replace a running topology by a new version.

    Args:
        asker, blobs, bundle: as for ``submit``.
        name: of the topology that runs.
        dry_run: only say what would change.
        agreed: asked after what changes was shown.
        wait: called when it has begun; what it returns is returned.

    Raises:
        UserError, Unreachable: it is refused, or nobody answers.
    """
    tell_pack(bundle)
    answer = asker.ask(request_of(bundle, "swap", name=name, dry_run=True), timeout_s=30.0)
    print_diff(answer["diff"])
    if dry_run:
        return ExitCode.OK
    if not agreed():
        click.echo("nothing was changed", err=True)
        return ExitCode.REFUSED
    send_code(bundle, blobs)
    asker.ask(request_of(bundle, "swap", name=name, dry_run=False), timeout_s=30.0)
    return wait()


def wait_until_running(
    asker: Asker,
    plan: Plan,
    wait_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ExitCode:
    """Wait until a topology runs or has ended; say what became of it."""
    end = clock() + wait_s
    row: dict[str, Any] = {}
    while clock() < end:
        try:
            (row,) = asker.ask({"kind": "status", "name": plan.name})["status"]["topologies"]
        except Unreachable as error:
            click.echo(f"waterspout: {error}", err=True)
            return ExitCode.UNREACHABLE
        if row["life"] == "ended":
            return _tell_end(row, plan)
        if row["life"] == "active" and row.get("state") == "running":
            click.echo(f"running: {plan.name}", err=True)
            return ExitCode.OK
        sleep(LOOK_S)
    state = f"{row.get('life')}, {row.get('state')}"
    click.echo(f"waterspout: {plan.name} does not run after {wait_s:g} s ({state})", err=True)
    tell_whys(row)
    return ExitCode.RUN_FAILED


def _tell_end(row: dict[str, Any], plan: Plan) -> ExitCode:
    outcome = row["outcome"]
    if outcome in ("finished", "drained"):
        click.echo(f"{outcome}: {plan.name}", err=True)
        return ExitCode.OK
    click.echo(f"waterspout: {plan.name}: {_without_secrets(row['reason'], plan)}", err=True)
    for line in lines(_without_secrets(str(row.get("details", "")), plan)).splitlines():
        click.echo(f"    {line}", err=True)
    return ExitCode.BOOT_FAILED if outcome == "boot_failed" else ExitCode.RUN_FAILED


def _tell_changes(plan: Plan, changes: Sequence[str]) -> None:
    """Say what is other than in the topology whose state is gone on with."""
    if changes:
        click.echo(f"goes on with the kept state of {plan.name}; what changes:", err=True)
    for line in changes:
        click.echo(f"  {text(line)}", err=True)


def _print_placement(placement: Sequence[Sequence[Any]], as_json: bool) -> None:
    names = ("task", "component", "index", "worker", "host")
    if as_json:
        rows = [dict(zip(names, row, strict=True)) for row in placement]
        click.echo(json.dumps(rows, indent=2))
        return
    by_worker: dict[tuple[int, str], list[str]] = {}
    for _, component, index, worker, host in placement:
        by_worker.setdefault((worker, host or "no host yet"), []).append(f"{component}[{index}]")
    for (worker, host), tasks in sorted(by_worker.items()):
        click.echo(f"worker {worker} on {text(host)}: {', '.join(map(text, tasks))}")


def _without_secrets(said: str, plan: Plan) -> str:
    for component in plan.spec.components():
        said = masked(said, component.args)
    return said
