"""What a simulated topology is made of, and what each message must lead to in it.

The meaning of a bolt is a pure function of the tuple, so that the oracle can work out every
effect of a message without running anything. A tuple is [mid, path, key, jid]: the message it
comes from, how it came about (unique), a value to group by, and the path of its parent (two
branches of one tuple share it, so that they can be joined again).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FIELDS = ("mid", "path", "key", "jid")
#: Number of different keys.
KEYS = 7
Values = list[Any]


@dataclass(frozen=True)
class InputShape:
    """One input of a bolt; as topology.spec.InputSpec."""

    source: str
    stream: str = "default"
    grouping: str = "shuffle"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoltShape:
    """One bolt.

    Attributes:
        role: pass (one out per in) | fan (0 to 3) | join | tick (emits from its ticks) | end.
        style: emit | yield | many | batch | columns | hand | async | meet | timer; how its class
            is written.
    """

    id: str
    role: str
    style: str
    inputs: tuple[InputShape, ...]
    parallelism: int = 1
    stateful: bool = False
    sink: bool = False
    streams: tuple[str, ...] = ("default",)
    direct: bool = False
    tick_s: float | None = None
    #: It writes in transactions that are committed with checkpoints (exactly-once).
    commits: bool = False
    #: Each tuple counts once in its state, under at-least-once.
    once: bool = False

    @property
    def keyed(self) -> bool:
        """Its state may be kept by key."""
        return all(i.grouping == "fields" and i.fields == ("key",) for i in self.inputs)

    @property
    def copied(self) -> list[str]:
        """Its inputs of which every task gets a copy."""
        return [f"{i.source}/{i.stream}" for i in self.inputs if i.grouping == "all"]


@dataclass(frozen=True)
class SpoutShape:
    """One spout: ``source`` (positions, partitions) or ``re-emit``."""

    id: str
    kind: str
    messages: int
    parallelism: int = 1
    partitions: int = 1
    #: Positions of one message; a position is not always a number of messages.
    stride: int = 1
    #: Seconds between two messages of a partition (a task of a re-emit spout).
    pause_s: float = 0.0

    def mids(self) -> list[str]:
        """Return all its messages."""
        return [f"{self.id}/{n % self.lanes}/{n // self.lanes}" for n in range(self.messages)]

    @property
    def lanes(self) -> int:
        """Partitions, or tasks of a re-emit spout: each has messages of its own."""
        return self.partitions if self.kind == "source" else self.parallelism


@dataclass(frozen=True)
class Shape:
    """A whole topology and how it is run."""

    spouts: tuple[SpoutShape, ...]
    bolts: tuple[BoltShape, ...]
    workers: int
    guarantee: str = "at-least-once"
    settings: dict[str, Any] = field(default_factory=dict)
    #: Share of the calls that fail, where faults do not say; 0: they do.
    fail_share: float = 0.0

    @property
    def kept(self) -> bool:
        """Some bolt keeps state or buffers output: what is durable comes from rounds."""
        return any(b.stateful or b.sink for b in self.bolts)

    def describe(self) -> str:
        """Return the topology in a few lines, for the report of a failure."""
        lines = [f"{self.workers} workers, {self.guarantee}, {self.settings}"]
        lines += [f"  {s}" for s in self.spouts]
        lines += [f"  {b}" for b in self.bolts]
        return "\n".join(lines)


class Effect(NamedTuple):
    """Something a message must lead to: ``ident`` worked on by ``component``."""

    component: str
    ident: str
    #: It comes by way of a tick: the message does not wait for it.
    late: bool


def chance(text: str) -> int:
    """Return a number that only depends on ``text``."""
    return zlib.crc32(text.encode())


def first_values(mid: str) -> Values:
    """Return the values of a message."""
    return [mid, mid, chance(mid) % KEYS, ""]


def ident(values: Iterable[Any], copy: int | None) -> str:
    """Return the name of one piece of work."""
    _, path, _, _ = values
    return str(path) if copy is None else f"{path}#{copy}"


def outcomes(
    component: str, role: str, streams: tuple[str, ...], values: Iterable[Any], copy: int | None
) -> list[tuple[str, Values]]:
    """Return (stream, values) of what a bolt emits for one tuple."""
    mid, path, _, _ = values
    base = f"{ident((mid, path, 0, 0), copy)}>{component}"
    if role == "end":
        return []
    paths = [f"{base}.{n}" for n in range(chance(base) % 4)] if role == "fan" else [base]
    return [
        (streams[chance(p) // 7 % len(streams)], [mid, p, chance(p) % KEYS, path]) for p in paths
    ]


def joined(component: str, mid: str, jid: str) -> Values:
    """Return what a join emits for two tuples of one parent."""
    path = f"{jid}>{component}!"
    return [mid, path, chance(path) % KEYS, jid]


class Meaning:
    """Works out the effects of messages in a shape."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._known: dict[str, list[Effect]] = {}
        self._tasks = {b.id: b.parallelism for b in shape.bolts}

    def effects(self, mid: str) -> list[Effect]:
        """Return everything that message ``mid`` must lead to."""
        if mid not in self._known:
            self._known[mid] = self._work_out(mid)
        return self._known[mid]

    def _work_out(self, mid: str) -> list[Effect]:
        emitted: dict[tuple[str, str], list[tuple[Values, bool]]] = {}
        emitted[mid.partition("/")[0], "default"] = [(first_values(mid), False)]
        found: list[Effect] = []
        for bolt in self._shape.bolts:
            halves: dict[str, int] = {}
            for one in bolt.inputs:
                for values, late in emitted.get((one.source, one.stream), []):
                    copies = range(bolt.parallelism) if one.grouping == "all" else [None]
                    for copy in copies:
                        found.append(Effect(bolt.id, ident(values, copy), late))
                        outs = self._outs(bolt, values, copy, halves)
                        for stream, out in outs:
                            to = emitted.setdefault((bolt.id, stream), [])
                            to.append((out, late or bolt.role == "tick"))
        return found

    def _outs(
        self, bolt: BoltShape, values: Values, copy: int | None, halves: dict[str, int]
    ) -> list[tuple[str, Values]]:
        if bolt.role != "join":
            return outcomes(bolt.id, bolt.role, bolt.streams, values, copy)
        halves[values[3]] = halves.get(values[3], 0) + 1
        if halves[values[3]] < 2:
            return []
        return [("default", joined(bolt.id, values[0], values[3]))]
