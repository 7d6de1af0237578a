"""What is answered about savepoints, from the question to the copy."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.savepoint_answers import ACTIONS, answer_savepoint
from waterspout.supervisor.savepoint_manifest import Savepoint
from waterspout.supervisor.savepoint_requests import TRIES_MAX, SavepointRequests
from waterspout.supervisor.store import Part

from .savepoint_rig import plan_of

PART = Part(2, "epoch-1.round-9.task-2.part", 1, "ab")


def answer(requests: SavepointRequests, action: str, id: Any = None) -> dict[str, Any]:
    request = {"action": action, "savepoint": id}
    return answer_savepoint(requests, plan_of(), request, 5.0, 99.0)


def test_it_is_asked_for_looked_after_and_let_go() -> None:
    requests = SavepointRequests()
    id = answer(requests, "ask")["savepoint"]
    assert answer(requests, "look", id) == {"state": "waiting"}
    requests.began()
    assert answer(requests, "look", id) == {"state": "cutting"}
    requests.complete(9, {1: {"p": [3, []]}}, [PART])
    assert answer(requests, "look", id) == {"state": "stored"}
    requests.committed()
    found = answer(requests, "look", id)
    made = Savepoint.from_json(found["manifest"], "x")
    assert (found["state"], made.round, made.at, made.parts) == ("held", 9, 99.0, [PART])
    assert answer(requests, "done", id) == {}
    with pytest.raises(ValueError, match="any more"):
        answer(requests, "look", id)


def test_one_that_failed_says_why_once() -> None:
    requests = SavepointRequests()
    id = answer(requests, "ask")["savepoint"]
    for _ in range(TRIES_MAX):
        requests.began()
        requests.broken("disk full")
    assert answer(requests, "look", id) == {"state": "failed", "why": "disk full"}
    with pytest.raises(ValueError):
        answer(requests, "look", id)


@pytest.mark.parametrize(("action", "id"), [("take", 1), ("look", "1"), ("look", None)])
def test_anything_else_is_refused(action: str, id: Any) -> None:
    with pytest.raises(ValueError):
        answer(SavepointRequests(), action, id)
    assert action == "take" or action in ACTIONS


def test_too_many_are_refused() -> None:
    requests = SavepointRequests()
    with pytest.raises(ValueError, match="under way already"):
        for _ in range(100):
            answer(requests, "ask")
