"""Random topologies for real processes under exactly-once, and what they must come to."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

#: Keys that rows are counted by.
KEYS = 50

COMPONENTS = '''\
"""User code of a random topology. What a bolt makes of a row depends on the row alone."""

import asyncio
import json
import time
from pathlib import Path

from waterspout.bolts import Bolt
from waterspout.spouts import Reader, Source

KEYS = 50


class Numbers(Source):
    """Each partition has ``count`` messages, and gives out ``rate`` of them a second."""

    outputs = ["n", "key"]

    def __init__(self, count, parts, rate):
        self.count, self.parts, self.rate = count, parts, rate

    def partitions(self):
        return [str(n) for n in range(self.parts)]

    def reader(self, partition, position):
        return NumberReader(self, int(partition), position or 0)


class NumberReader(Reader):
    def __init__(self, source, part, position):
        self.source, self.part, self.at = source, part, position
        self.base, self.since = position, time.monotonic()

    def read(self, limit):
        if self.at >= self.source.count:
            return None
        due = self.base + int((time.monotonic() - self.since) * self.source.rate)
        end = max(self.at, min(self.at + limit, due, self.source.count))
        numbers = [n * self.source.parts + self.part for n in range(self.at, end)]
        self.at = end
        return [[n, n % KEYS] for n in numbers], end


class Fan(Bolt):
    outputs = ["n", "key"]

    def rows(self, n):
        return [[n * 3 + i, (n * 7 + i) % KEYS] for i in range(n % 4)]

    def process(self, tup):
        for row in self.rows(tup["n"]):
            self.emit(row)


class Yielding(Fan):
    def process(self, tup):
        yield from self.rows(tup["n"])


class Waiting(Fan):
    async def process(self, tup):
        await asyncio.sleep(0.001)
        for row in self.rows(tup["n"]):
            self.emit(row)


class Sleeping(Fan):
    def process(self, tup):
        time.sleep(0.0005)
        super().process(tup)


class Later(Bolt):
    """Keeps rows by key and passes them on when a timer is due."""

    outputs = ["n", "key"]
    stateful = True

    def prepare(self, context):
        self.kept = context.state.list("kept")

    def process(self, tup):
        self.kept.append(tup["n"])
        timers = self.context.timers
        timers.processing(timers.now_ms() + 50)

    def on_timer(self, timer):
        for n in list(self.kept.get()):
            self.emit([n, timer.key])
        self.kept.clear()

    def finish(self):
        # Timers that are not due when all input has ended are not waited for.
        for key, numbers in list(self.kept.all()):
            self.context.state.key = key
            self.kept.clear()
            for n in numbers:
                self.emit([n, key])


class Tally(Bolt):
    """Counts by key; tells its counts when all input has ended."""

    stateful = True

    def __init__(self, out):
        self.out = out

    def prepare(self, context):
        self.counts = context.state.value("count", 0)

    def process(self, tup):
        self.counts.set(self.counts.get() + 1)

    def finish(self):
        context = self.context
        path = Path(self.out) / f"{context.component}-{context.index}.json"
        path.write_text(json.dumps({str(k): n for k, n in self.counts.all()}))
'''


@dataclass
class Node:
    """One component: where its rows come from, and what it makes of them."""

    name: str
    kind: str
    inputs: list[str]
    parallelism: int = 1
    grouping: str = "shuffle"


@dataclass
class Chaos:
    """One topology in a folder of its own.

    Args:
        folder: where topology, components and counts go.
        rng: draws the shape.
        seconds: how long its sources give out messages, about.
    """

    folder: Path
    rng: random.Random
    seconds: float = 8.0
    nodes: list[Node] = field(default_factory=list)
    #: Source -> (messages of a partition, partitions, messages of a partition a second).
    sources: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "out").mkdir(exist_ok=True)
        (self.folder / "components.py").write_text(COMPONENTS)
        self._draw()
        (self.folder / "topology.yaml").write_text(self.yaml())

    def _draw(self) -> None:
        rng = self.rng
        for n in range(rng.choice((1, 1, 2))):
            parts, rate = rng.choice((1, 2, 3)), rng.choice((100, 200))
            self.sources[f"numbers{n}"] = (int(rate * self.seconds), parts, rate)
        names = list(self.sources)
        for n in range(rng.randint(1, 4)):
            kind = rng.choice(("Fan", "Yielding", "Waiting", "Sleeping", "Later"))
            inputs = sorted({rng.choice(names), *rng.sample(names, int(rng.random() < 0.3))})
            grouping = "fields" if kind == "Later" else rng.choice(
                ("shuffle", "fields", "local-or-shuffle", "global", "all", "partial-key")
            )
            self._add(f"step{n}", kind, inputs, grouping)
            names.append(f"step{n}")
        read = {each for node in self.nodes for each in node.inputs}
        for n, name in enumerate(name for name in names if name not in read or rng.random() < 0.3):
            self._add(f"tally{n}", "Tally", [name], "fields")

    def _add(self, name: str, kind: str, inputs: list[str], grouping: str) -> None:
        self.nodes.append(Node(name, kind, inputs, self.rng.choice((1, 2, 3)), grouping))

    def yaml(self) -> str:
        """Return the topology file."""
        rng = self.rng
        lines = ["name: chaos", "guarantee: exactly-once", f"workers: {rng.choice((1, 2, 3))}"]
        lines.append("spouts:")
        for name, (count, parts, rate) in self.sources.items():
            args = f"{{count: {count}, parts: {parts}, rate: {rate}}}"
            lines += [f"  {name}:", "    class: components:Numbers", f"    args: {args}",
                      f"    parallelism: {rng.choice((1, 2))}"]  # fmt: skip
        lines.append("bolts:")
        for node in self.nodes:
            lines += [f"  {node.name}:", f"    class: components:{node.kind}"]
            if node.kind == "Tally":
                lines.append(f"    args: {{out: {json.dumps(str(self.folder / 'out'))}}}")
            keyed = ", fields: [key]" if node.grouping in ("fields", "partial-key") else ""
            inputs = ", ".join(
                f"{{from: {each}, grouping: {node.grouping}{keyed}}}" for each in node.inputs
            )
            lines += [f"    inputs: [{inputs}]", f"    parallelism: {node.parallelism}"]
            if node.kind == "Sleeping":
                lines.append("    blocking: true")
            if node.kind in ("Later", "Tally") and rng.random() < 0.3:
                lines.append("    state: sqlite")
        settings: dict[str, object] = {
            "checkpoint_interval": rng.choice(("50ms", "200ms", "1s")),
            "max_pending": rng.choice((20, 200, 10_000)),
            "batch_max": rng.choice((1, 16, 64)),
            **rng.choice((
                {"queue_rows_max": 20, "frame_rows_max": 4}, {"queue_rows_max": 2000}, {},
            )),
            "restart_backoff_min": "50ms",
            "restart_backoff_max": "500ms",
        }
        lines.append("settings: {" + ", ".join(f"{k}: {v}" for k, v in settings.items()) + "}")
        return "\n".join(lines) + "\n"

    # What it must come to.

    def wanted(self) -> dict[str, Counter[int]]:
        """Return tally -> key -> count, worked out without running anything."""
        rows: dict[str, Counter[tuple[int, int]]] = {}
        for name, (count, parts, _) in self.sources.items():
            rows[name] = Counter({(n, n % KEYS): 1 for n in range(count * parts)})
        for node in self.nodes:
            copies = node.parallelism if node.grouping == "all" else 1
            made: Counter[tuple[int, int]] = Counter()
            for source in node.inputs:
                for (n, key), times in rows[source].items():
                    outs = [(n, key)]
                    if node.kind not in ("Later", "Tally"):
                        outs = [(n * 3 + i, (n * 7 + i) % KEYS) for i in range(n % 4)]
                    for out in outs:
                        made[out] += times * copies
            rows[node.name] = made
        tallies = [node.name for node in self.nodes if node.kind == "Tally"]
        found: dict[str, Counter[int]] = {name: Counter() for name in tallies}
        for name in tallies:
            for (_, key), times in rows[name].items():
                found[name][key] += times
        return found

    def counted(self) -> dict[str, Counter[int]]:
        """Return tally -> key -> count, as the run has counted."""
        found: dict[str, Counter[int]] = {
            node.name: Counter() for node in self.nodes if node.kind == "Tally"
        }
        for path in (self.folder / "out").glob("*.json"):
            counts = json.loads(path.read_text())
            found[path.name.rpartition("-")[0]].update({int(k): n for k, n in counts.items()})
        return found
