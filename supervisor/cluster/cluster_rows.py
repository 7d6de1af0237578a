"""The rows of the cluster's store: hosts, topologies, workers and events, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host that once said hello.

    Attributes:
        machine: boot id and data folder; tells a restart from a second one of that name.
        draining: it takes no new workers.
        seen_wall: wall clock seconds of its last hello.
    """

    name: str
    machine: str = ""
    address: str = ""
    slots: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    draining: bool = False
    seen_wall: float = 0.0


@dataclass(frozen=True, slots=True)
class TopologyRow:
    """A topology that was submitted.

    Attributes:
        id: ``NAME-xxxxxx``; of all that have one name at most one has not ended.
        state: of its life (lifecycle.py).
        wire: its plan, packed.
        code, sub, requirements: sha256 of the code pack, the folder in it, sha256 of the
            requirements; "" for none.
        generation: rises with every plan that it gets.
        previous: packed plan and state to go back to when the new plan does not come up.
        submitted_at: wall clock seconds.
        outcome, reason: how it ended, in a word and for people.
        paused: its spouts are to draw nothing.
        totals: packed figures for the next coordinator or version (figures.py), for display only.
    """

    id: str
    name: str
    state: str
    wire: bytes = b""
    code: str = ""
    sub: str = ""
    requirements: str = ""
    generation: int = 1
    previous: bytes = b""
    submitted_at: float = 0.0
    outcome: str = ""
    reason: str = ""
    paused: bool = False
    totals: bytes = b""


class WorkerRow(NamedTuple):
    """The incarnation of a worker that was placed last, and where."""

    id: str
    worker: int
    incarnation: int
    host: str


class EventRow(NamedTuple):
    """Something that happened. ``topology`` and ``host`` are "" where it concerns none."""

    id: int
    at: float
    topology: str
    host: str
    name: str
    fields: dict[str, Any]
