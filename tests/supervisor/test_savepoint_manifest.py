"""The manifest of a savepoint: whole or refused, and nothing secret in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from waterspout.supervisor.savepoint_manifest import FORMAT, BadSavepoint, Savepoint
from waterspout.supervisor.store import Part

from ..each_case import each_case
from .savepoint_rig import plan_of


def savepoint() -> Savepoint:
    file = "epoch-1.round-7.task-2.part"
    positions = {1: {"a\udcff": [17, [[20, 22]]], "b": [0, []]}}
    parts = [Part(2, file, 9, "ab"), Part(3, file, 9, "ab")]
    return Savepoint(plan_of(), 7, 12.5, positions, parts)


def test_what_was_written_is_read() -> None:
    made = savepoint()
    again = Savepoint.from_json(json.loads(json.dumps(made.to_json())), "x")
    assert (again.round, again.at, again.parts) == (made.round, made.at, made.parts)
    assert again.positions == made.positions
    assert again.plan.tasks == made.plan.tasks
    assert again.plan.facts == made.plan.facts


def test_arguments_and_folders_of_one_machine_are_not_in_it() -> None:
    text = json.dumps(savepoint().to_json())
    assert "s3cret" not in text and "someone" not in text


@each_case(
    "change",
    [
        {"round": 8},
        {"positions": []},
        {"sha256": "00"},
        {"parts": [{"task": 2, "file": "../x", "bytes": 1, "sha256": ""}]},
    ],
)
def test_one_that_was_changed_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadSavepoint, match="x: its sha256 does not match"):
        Savepoint.from_json({**savepoint().to_json(), **change}, "x")


@each_case("made", [None, [], {}, {"format": "1"}, {"format": FORMAT, "sha256": ""}])
def test_what_is_no_manifest_is_refused(made: Any) -> None:
    with pytest.raises(BadSavepoint):
        Savepoint.from_json(made, "x")


def test_a_later_format_is_refused_by_its_number() -> None:
    with pytest.raises(BadSavepoint, match=f"format {FORMAT + 1}, this version reads {FORMAT}"):
        Savepoint.from_json({**savepoint().to_json(), "format": FORMAT + 1}, "x")
