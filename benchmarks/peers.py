"""The same work in other stream processors from PyPI. Each runs in a process of its own.

Bytewax gets its best foot forward: its source reads the same files the same way but hands
over 1,000 items at a time, its fastest counting operator is used, and the clock runs from the
first read to the last write to its sink, without start and stop.
Run as ``python -m benchmarks.peers PEER WORKLOAD ...``; prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from .bare import digest
from .components import alone, keep, same

#: Items that a Bytewax source hands over at a time; larger batches were not faster.
SOURCE_BATCH = 1000
#: Bytewax's epoch with recovery on: the same second as Waterspout's round interval.
EPOCH = timedelta(seconds=1)
WORKLOADS = ("wordcount", "wordcount-running", "map", "filter", "flat-map", "map-lines")

#: Called after a run: what came out of it.
Results = Callable[[], dict[str, Any]]


class Clock:
    """First read and last write of one process, and the CPU time that it took between them."""

    def __init__(self) -> None:
        self.first_s = self.last_s = 0.0
        self.first_cpu_s = self.last_cpu_s = 0.0

    def start(self) -> None:
        """Note the first read."""
        if not self.first_s:
            self.first_s, self.first_cpu_s = time.monotonic(), time.process_time()

    def stop(self) -> None:
        """Note a write, which may be the last."""
        self.last_s, self.last_cpu_s = time.monotonic(), time.process_time()

    def figures(self) -> dict[str, float]:
        """Return what was noted."""
        cpu_s = max(self.last_cpu_s - self.first_cpu_s, 0.0)
        return {"first_s": self.first_s, "last_s": self.last_s, "cpu_s": cpu_s}


class LineBatches:
    """Reads one file of lines forward; ``position`` is a byte offset, as in ``Lines``."""

    def __init__(self, path: Path, position: int) -> None:
        self.file = path.open("rb")
        self.file.seek(position)
        self.position = position

    def next_batch(self) -> list[str]:
        """Return the next lines; an empty list at the end."""
        lines = list(islice(self.file, SOURCE_BATCH))
        self.position += sum(map(len, lines))
        # Decoded and cut in one go each, as Waterspout's ``Files`` does.
        return b"".join(lines).decode().split("\n")[: len(lines)]


class NumberBatches:
    """The numbers from ``position`` up to ``count``, made while being read, as in ``Numbers``."""

    def __init__(self, count: int, position: int) -> None:
        self.count = count
        self.position = position

    def next_batch(self) -> list[int]:
        """Return the next numbers; an empty list at the end."""
        start = self.position
        self.position = min(start + SOURCE_BATCH, self.count)
        return list(range(start, self.position))


def bytewax_source(parts: list[str], make: Callable[[str, int], Any], clock: Clock) -> Any:
    """Return a Bytewax source whose part ``name`` is read by ``make(name, position)``."""
    from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

    class Part(StatefulSourcePartition[Any, int]):
        def __init__(self, batches: Any) -> None:
            self.batches = batches
            clock.start()

        def next_batch(self) -> list[Any]:
            items: list[Any] = self.batches.next_batch()
            if not items:
                raise StopIteration
            return items

        def snapshot(self) -> int:
            return int(self.batches.position)

    class Resumable(FixedPartitionedSource[Any, int]):
        def list_parts(self) -> list[str]:
            return parts

        def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Part:
            return Part(make(for_part, resume_state or 0))

    return Resumable()


def bytewax_sink(take: Callable[[list[Any]], None], clock: Clock) -> Any:
    """Return a Bytewax sink that calls ``take`` with each batch and notes the time."""
    from bytewax.outputs import DynamicSink, StatelessSinkPartition

    class Part(StatelessSinkPartition[Any]):
        def write_batch(self, items: list[Any]) -> None:
            take(items)
            clock.stop()

    class Sink(DynamicSink[Any]):
        def build(self, step_id: str, worker_index: int, worker_count: int) -> Part:
            return Part()

    return Sink()


def lines_source(folder: Path, clock: Clock) -> Any:
    """Return a Bytewax source of the prepared corpus, one part a file."""
    parts = sorted(path.name for path in folder.iterdir())
    return bytewax_source(parts, lambda name, at: LineBatches(folder / name, at), clock)


def bytewax_word_count(folder: Path, running: bool, clock: Clock) -> tuple[Any, Results]:
    """Return the word count dataflow, and what gives this process' counts after the run.

    ``running``: every new count of a word goes to the sink (``stateful_map``); else only the
    last ones do, when the input has ended (``count_final``), as in the Waterspout rows.
    """
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow

    counts: dict[str, int] = {}
    flow = Dataflow("word_count")
    words = op.flat_map("split", op.input("lines", flow, lines_source(folder, clock)), str.split)
    if running:
        keyed = op.key_on("key", words, lambda word: word)
        counted = op.stateful_map("count", keyed, lambda was, word: ((was or 0) + 1,) * 2)
    else:
        counted = op.count_final("count", words, lambda word: word)
    op.output("out", counted, bytewax_sink(counts.update, clock))
    return flow, lambda: {"counts": counts}


def bytewax_step(kind: str, source: Any, clock: Clock) -> tuple[Any, Results]:
    """Return an identity ``map``, ``filter`` or ``flat-map``, and what gives the items written.

    The functions are those that Waterspout's ``Map``, ``Filter`` and ``FlatMap`` get.
    """
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow

    step: Any = {"filter": op.filter, "flat-map": op.flat_map}.get(kind, op.map)
    function = {"filter": keep, "flat-map": alone}.get(kind, same)

    written = [0]

    def take(items: list[Any]) -> None:
        written[0] += len(items)

    flow = Dataflow("step")
    made = step("apply", op.input("items", flow, source), function)
    op.output("out", made, bytewax_sink(take, clock))
    return flow, lambda: {"tuples": written[0]}


def bytewax_flow(given: argparse.Namespace, clock: Clock) -> tuple[Any, Results]:
    """Return the dataflow that the command line asks for."""
    if given.workload in ("map", "filter", "flat-map"):
        numbers = bytewax_source(["0"], lambda _, at: NumberBatches(given.messages, at), clock)
        return bytewax_step(given.workload, numbers, clock)
    if given.workload == "map-lines":
        return bytewax_step("map", lines_source(Path(given.folder), clock), clock)
    return bytewax_word_count(Path(given.folder), given.workload == "wordcount-running", clock)


def run_bytewax(given: argparse.Namespace) -> dict[str, Any]:
    """Run one Bytewax process (worker) to its end; return its marks and results."""
    from bytewax import recovery as bytewax_recovery
    from bytewax import testing

    # Compiled functions without type hints.
    make_config: Any = bytewax_recovery.RecoveryConfig
    cluster_main: Any = testing.cluster_main

    clock = Clock()
    flow, results = bytewax_flow(given, clock)
    addresses = given.addresses.split(",") if given.addresses else []
    recovery = make_config(Path(given.recovery)) if given.recovery else None
    cluster_main(flow, addresses, given.process, recovery_config=recovery, epoch_interval=EPOCH)
    return {**clock.figures(), **results()}


def init_recovery(folder: str) -> str:
    """Make Bytewax's empty SQLite recovery store, one part a process; return its path."""
    from bytewax import recovery

    init_db_dir: Any = recovery.init_db_dir

    path = Path(tempfile.mkdtemp(prefix="bytewax-", dir=folder))
    init_db_dir(path, 2)
    return str(path)


def run_streamz(given: argparse.Namespace) -> dict[str, Any]:
    """Count words in streamz: no guarantee, one process."""
    from streamz import Stream  # type: ignore[import-untyped]

    counts: dict[str, int] = {}

    def count(word: str) -> None:
        counts[word] = counts.get(word, 0) + 1

    lines: list[str] = []
    for path in sorted(Path(given.folder).iterdir()):
        lines += path.read_bytes().decode().split("\n")
    source = Stream()
    source.map(str.split).flatten().sink(count)
    clock = Clock()
    clock.start()
    for line in lines:
        source.emit(line)
    clock.stop()
    return {**clock.figures(), "counts": counts}


def main() -> None:
    """Run one process of a peer and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=["bytewax", "streamz"])
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--folder", default="", help="the prepared corpus")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--recovery", default="", help="a folder made by init_recovery")
    parser.add_argument("--addresses", default="", help="host:port of all processes")
    parser.add_argument("--process", type=int, default=0)
    given = parser.parse_args()
    found = run_bytewax(given) if given.peer == "bytewax" else run_streamz(given)
    counts = found.pop("counts", None)
    if counts is not None:
        found["words"], found["distinct"] = sum(counts.values()), len(counts)
        found["digest"] = digest(counts)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
