"""What a savepoint says about itself: its manifest, as a dict that JSON can hold, and back.

It names the plan, what is known of the classes, every position and every file with its checksum,
so that the state can be matched with another plan by whoever reads it, wherever that is. Arguments
of components are not in it: they may be secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.plan import Plan

from .snapshot_store import is_part_name
from .store import Part, TaskPositions

#: Raised when the fields change; a manifest of a later format is refused.
FORMAT = 1


class BadSavepoint(UserError):
    """A folder that is no savepoint, or one that was changed or is not whole."""


@dataclass(frozen=True)
class Savepoint:
    """A savepoint as its manifest has it.

    Attributes:
        plan: of the topology when it was taken, without arguments.
        round: number of its snapshot.
        at: wall clock seconds when it was taken.
        positions: task -> partition -> [first, [[start, end]]].
        parts: files of each task, in order.
    """

    plan: Plan
    round: int
    at: float
    positions: Mapping[int, TaskPositions]
    parts: Sequence[Part]

    def to_json(self) -> dict[str, Any]:
        """Return the manifest."""
        made: dict[str, Any] = {
            "format": FORMAT,
            "topology": self.plan.name,
            "guarantee": self.plan.guarantee,
            "round": self.round,
            "at": self.at,
            "plan": without_args(self.plan.to_wire()),
            "tasks": [[t.task, t.component, t.index] for t in self.plan.tasks],
            "positions": [
                [task, partition, position[0], [list(pair) for pair in position[1]]]
                for task, of_task in sorted(self.positions.items())
                for partition, position in sorted(of_task.items())
            ],
            "parts": [
                {"task": p.task, "file": p.file, "bytes": p.bytes, "sha256": p.sha256}
                for p in self.parts
            ],
        }
        return {**made, "sha256": _digest(made)}

    @classmethod
    def from_json(cls, made: Any, where: str) -> Savepoint:
        """Return what ``to_json`` was called on.

        Args:
            made: the manifest.
            where: named in the error.

        Raises:
            BadSavepoint: it is none, was changed, or is of a later version.
        """
        if not isinstance(made, dict) or not isinstance(made.get("format"), int):
            raise BadSavepoint(f"{where}: not the manifest of a savepoint")
        if made["format"] > FORMAT:
            text = f"format {made['format']}, this version reads {FORMAT}"
            raise BadSavepoint(f"{where}: {text}")
        rest = {name: value for name, value in made.items() if name != "sha256"}
        if made.get("sha256") != _digest(rest):
            raise BadSavepoint(f"{where}: its sha256 does not match: it was changed or cut short")
        try:
            return cls._read(made)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadSavepoint(f"{where}: {type(error).__name__}: {error}") from error

    @classmethod
    def _read(cls, made: Mapping[str, Any]) -> Savepoint:
        positions: dict[int, dict[str, list[Any]]] = {}
        for task, partition, first, ahead in made["positions"]:
            positions.setdefault(task, {})[partition] = [first, ahead]
        parts = [Part(p["task"], p["file"], p["bytes"], p["sha256"]) for p in made["parts"]]
        strange = next((part.file for part in parts if not is_part_name(part.file)), None)
        if strange is not None:
            raise ValueError(f"{strange!r:.80} is not the name of a part")
        plan = Plan.from_wire(made["plan"])
        if [[t.task, t.component, t.index] for t in plan.tasks] != made["tasks"]:
            raise ValueError("its tasks are not those of its plan")
        return cls(plan, made["round"], made["at"], positions, parts)


def without_args(wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wire form of a plan without anything that may be secret, or of one machine."""
    spec = {**wire["spec"], "folder": ""}
    for kind in ("spouts", "bolts"):
        spec[kind] = [
            {**each, "args": {}, "inputs": [{**item, "args": {}} for item in each["inputs"]]}
            for each in spec[kind]
        ]
    return {**wire, "spec": spec}


def _digest(made: Mapping[str, Any]) -> str:
    text = json.dumps(made, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
