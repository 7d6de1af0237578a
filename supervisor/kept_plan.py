"""The plan that the state in a folder is of, kept beside it, so that another one can take it over.

    plan.json    without arguments, as they may be secret; written when a run begins

It is used only while the store says that its state is of this plan. A run that died between
the two, or state of another version, leaves state that only its own topology goes on with.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from waterspout.topology.errors import WaterspoutError
from waterspout.topology.plan import Plan

from .cluster.plan_move import diff, homes
from .savepoint_manifest import without_args
from .savepoint_start import taken_over
from .state_folder import STORE_FILE
from .store import Store, StoreError
from .store_sqlite import SqliteStore

PLAN_FILE = "plan.json"
#: Largest plan that is read, in bytes.
PLAN_BYTES_MAX = 64 << 20


def fit_state(
    folder: Path, plan: Plan, *, fresh: bool = False, allow_dropped: bool = False
) -> list[str]:
    """Have the state in a folder fit a plan: dealt out anew, when it is of another parallelism.

    Called by ``run`` before the run, for every run.

    Args:
        folder: of the state.
        plan: that goes on with it.
        fresh: it is dropped by the run.
        allow_dropped: what has no place in the plan may be dropped.

    Returns:
        A line for each thing that is other than in the run before.

    Raises:
        TopologyChanged: it is of a topology that is not known.
        StateUnmatched, PlanMoveRefused: some of it has no place, or cannot be dealt out anew.
        StateInUse, StoreError: the store cannot be used, or the plan not be written.
    """
    store = SqliteStore(folder / STORE_FILE, owner=True)
    try:
        changes: list[str] = []
        if not fresh:
            changes = _take_over(store, _read(folder), plan, allow_dropped=allow_dropped)
            store.bind(plan.fingerprint())
        _write(folder, plan)
        return changes
    finally:
        store.close()


def _take_over(
    store: Store, before: Plan | None, plan: Plan, *, allow_dropped: bool
) -> list[str]:
    # Where the end of the input is in the state, ``finish`` was called: nobody else may again.
    if before is None or before.name != plan.name or store.final() or store.finished():
        return []
    if before.fingerprint() == plan.fingerprint() or not store.is_of(before.fingerprint()):
        return []
    positions, parts = taken_over(
        before, store.positions(), store.parts(), plan, f"the state of {plan.name}",
        allow_dropped=allow_dropped,
    )  # fmt: skip
    store.replace_plan(plan.fingerprint(), positions, parts, homes(before, plan))
    return diff(before, Plan.from_wire(_known(plan)))


def _known(plan: Plan) -> dict[str, Any]:
    """Return what is kept of a plan, as JSON has it."""
    made: dict[str, Any] = json.loads(json.dumps(without_args(plan.to_wire())))
    return made


def _read(folder: Path) -> Plan | None:
    """Return the plan that is kept; None: there is none, or none that can be read."""
    try:
        with open(folder / PLAN_FILE, "rb") as file:
            return Plan.from_wire(json.loads(file.read(PLAN_BYTES_MAX)))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, WaterspoutError):
        return None


def _write(folder: Path, plan: Plan) -> None:
    half = folder / f".{PLAN_FILE}.tmp"
    try:
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(_known(plan), file)
        os.replace(half, folder / PLAN_FILE)
    except OSError as error:
        raise StoreError(f"{folder / PLAN_FILE}: {error.strerror}") from error
