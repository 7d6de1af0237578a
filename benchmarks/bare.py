"""The bare loop: the same component classes, called directly; what an engine can at best reach.

``emit`` is a direct call of the next component's ``process`` with a tuple object of
``waterspout.topology.tuples.tuple_class``; there is no queue, no tracking, no process
boundary. Run as ``python -m benchmarks.bare WORKLOAD ...``; prints one JSON line.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from waterspout.bolts.contract import Batch, Bolt
from waterspout.spouts.contract import Source
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context, normal_outputs
from waterspout.topology.tuples import Tuple, tuple_class

from . import components

#: Rows asked of a reader in one go; larger reads were not faster.
READ_MAX = 1024
#: The garbage collector settings of a Waterspout worker, for an even comparison.
WORKER_GC = (200_000, 20, 100)


class BareState:
    """Plain dicts in place of ``context.state``."""

    def __init__(self) -> None:
        self._dicts: dict[str, dict[Any, Any]] = {}

    def keyed(self, name: str) -> dict[Any, Any]:
        """Return the dict called ``name``."""
        return self._dicts.setdefault(name, {})


def bare_context(component: str) -> Context:
    """Return the context of the only task of ``component``."""
    return Context(
        topology="bare",
        component=component,
        task=1,
        index=0,
        parallelism=1,
        settings={},
        clock=time.monotonic,
        random=random.Random(0),
        state=BareState(),
    )


def stream_class(component: Any) -> type[Tuple]:
    """Return the tuple class of a component's default stream."""
    decl = normal_outputs(type(component).outputs)["default"]
    return tuple_class(type(component).__name__, "default", decl.fields)


def connect(bolts: list[Bolt]) -> None:
    """Make each bolt's ``emit`` a direct call of the next one's ``process``."""
    for bolt in bolts:
        bolt.context = bare_context(type(bolt).__name__)
        bolt.prepare(bolt.context)
    for bolt, following in pairwise(bolts):
        bolt.emit = direct_call(stream_class(bolt), following.process)  # type: ignore[method-assign]


def direct_call(cls: type[Tuple], process: Callable[[Tuple], Any]) -> Callable[..., Any]:
    """Return an ``emit`` that makes the tuple object and calls ``process`` with it."""

    def emit(tup: list[Any]) -> None:
        process(cls(tup))

    return emit


def run_tuples(source: Source, bolts: list[Bolt]) -> int:
    """Run the chain tuple by tuple; return the number of messages."""
    connect(bolts)
    process = bolts[0].process
    cls = stream_class(source)
    messages = 0
    for rows in reads(source):
        messages += len(rows)
        for tup in map(cls, rows.tuples() if isinstance(rows, Columns) else rows):
            process(tup)
    bolts[-1].finish()
    return messages


def run_batches(source: Source, split: Any, count: Any) -> int:
    """Run the two ``process_batch`` bolts a read at a time; return the number of messages."""
    connect([split, count])
    line_class, word_class = stream_class(source), stream_class(split)
    split.emit_many = lambda rows: count.process_batch(Batch(word_class, rows))
    messages = 0
    for rows in reads(source):
        messages += len(rows)
        split.process_batch(Batch(line_class, rows))
    count.finish()
    return messages


def reads(source: Source) -> Any:
    """Yield the rows of all partitions, a read at a time."""
    source.context = bare_context("source")
    source.open(source.context)
    for partition in source.partitions():
        reader = source.reader(partition, None)
        while (got := reader.read(READ_MAX)) is not None:
            yield got[0]
        reader.close()


def digest(counts: dict[str, int]) -> str:
    """Return a short fingerprint of word counts, to compare contestants' results."""
    text = json.dumps(sorted(counts.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Workload:
    """One thing to run, and what to report of it afterwards (outside the measured time)."""

    def run(self) -> int:
        """Do the work; return the number of messages."""
        raise NotImplementedError

    def report(self) -> dict[str, Any]:
        """Return what shows that the work was done right."""
        raise NotImplementedError


class WordCount(Workload):
    """Words counted tuple by tuple."""

    def __init__(self, folder: str) -> None:
        self.source = components.Lines(folder)
        self.split: Bolt = components.Split()
        self.count = components.Count()

    def run(self) -> int:
        return run_tuples(self.source, [self.split, self.count])

    def report(self) -> dict[str, Any]:
        return {"digest": digest(self.count.counts)}


class WordCountBatch(WordCount):
    """Words counted with ``process_batch``."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.split = components.SplitBatch()
        self.count = components.CountBatch()

    def run(self) -> int:
        return run_batches(self.source, self.split, self.count)


class Chain(Workload):
    """Numbers passed through ``stages`` identity bolts to a sink."""

    def __init__(self, messages: int, stages: int) -> None:
        self.source = components.Numbers(messages)
        self.bolts: list[Bolt] = [components.Identity() for _ in range(stages)]
        self.sink = components.Sink()

    def run(self) -> int:
        return run_tuples(self.source, [*self.bolts, self.sink])

    def report(self) -> dict[str, Any]:
        return {"tuples": self.sink.tuples}


def measure(workload: Workload) -> dict[str, Any]:
    """Run ``workload``; return its messages, wall and CPU seconds, and its report."""
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    messages = workload.run()
    seconds, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return {"messages": messages, "seconds": seconds, "cpu_s": cpu_s, **workload.report()}


def main() -> None:
    """Run one workload in this process and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=["wordcount", "wordcount-batch", "chain"])
    parser.add_argument("--folder", default="", help="the prepared corpus")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--stages", type=int, default=5)
    parser.add_argument("--default-gc", action="store_true", help="leave Python's gc as it is")
    given = parser.parse_args()
    if not given.default_gc:
        gc.freeze()
        gc.set_threshold(*WORKER_GC)
    workloads: dict[str, Callable[[], Workload]] = {
        "wordcount": lambda: WordCount(given.folder),
        "wordcount-batch": lambda: WordCountBatch(given.folder),
        "chain": lambda: Chain(given.messages, given.stages),
    }
    print(json.dumps(measure(workloads[given.workload]())))


if __name__ == "__main__":
    main()
