"""Answers what is asked about savepoints, for ``run`` and for a cluster alike.

  {action: ask}        -> {savepoint: id}         one is to be made
  {action: look, savepoint: id}  -> {state: waiting | cutting}
                                    {state: failed, why} or {state: held, manifest}
  {action: done, savepoint: id}  -> {}            it was copied: its files need not be held

One that nobody looks after any more is let go (savepoint_requests.HOLD_S).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterspout.topology.plan import Plan

from .savepoint_manifest import Savepoint
from .savepoint_requests import SavepointRequests, SavepointState, TooManySavepoints

ACTIONS = ("ask", "look", "done")


def answer_savepoint(
    savepoints: SavepointRequests, plan: Plan, request: Mapping[str, Any], now: float, wall: float
) -> dict[str, Any]:
    """Return the answer to a request.

    Args:
        savepoints: of the topology.
        plan: of the topology.
        request: action and, but for ``ask``, savepoint.
        now: monotonic seconds.
        wall: wall clock seconds.

    Raises:
        ValueError: it cannot be done.
    """
    match request:
        case {"action": "ask"}:
            try:
                return {"savepoint": savepoints.ask(now)}
            except TooManySavepoints as error:
                raise ValueError(str(error)) from None
        case {"action": "look", "savepoint": int(id)}:
            return _look(savepoints, plan, id, now, wall)
        case {"action": "done", "savepoint": int(id)}:
            savepoints.release(id)
            return {}
    raise ValueError(f"unknown request {request!r:.80}")


def _look(
    savepoints: SavepointRequests, plan: Plan, id: int, now: float, wall: float
) -> dict[str, Any]:
    found = savepoints.look(id, now)
    if found is None:
        raise ValueError(f"there is no savepoint {id} (any more): ask for another one")
    if found.state is SavepointState.FAILED:
        savepoints.release(id)
        return {"state": str(found.state), "why": found.why}
    if found.state is not SavepointState.HELD:
        return {"state": str(found.state)}
    made = Savepoint(plan, found.round, wall, found.positions, found.parts)
    return {"state": str(found.state), "manifest": made.to_json()}
