"""The components under test, written as a user would write them.

The bare loop and the Waterspout topologies run these same classes on the same input, so
that a ratio between the two is the price of the engine and of nothing else.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from waterspout.bolts.contract import Batch, Bolt
from waterspout.spouts.contract import Messages, Reader, Source
from waterspout.spouts.files import Files
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context
from waterspout.topology.errors import FailTuple
from waterspout.topology.tuples import Tuple

from .marks import FOLDER_VARIABLE, mark


class Lines(Files):
    """The ready-made ``Files`` over a folder, noting when files are taken up and read out."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"{folder}/part-*.txt")

    def reader(self, partition: str, position: int | None) -> Reader:
        return NotedReader(super().reader(partition, position), fresh=position is None)


class NotedReader(Reader):
    """Reads through another reader and notes when it is made, unless for a replay, and its end.

    What a run still has to do then is at most what it may have pending: with the end of the
    run, as its bolts see it, that brackets the time it took.
    """

    def __init__(self, reader: Reader, *, fresh: bool) -> None:
        self._reader = reader
        if fresh:
            mark("reading")

    def read(self, limit: int) -> tuple[Messages, int] | None:
        found = self._reader.read(limit)
        if found is None:
            mark("read out")
        return found

    def close(self) -> None:
        self._reader.close()


class Numbers(Source):
    """The whole numbers from 0 to ``count`` - 1."""

    outputs = ("number",)

    def __init__(self, count: int) -> None:
        self.count = count

    def partitions(self) -> list[str]:
        return ["numbers"]

    def reader(self, partition: str, position: int | None) -> Reader:
        reader = NumbersReader(position or 0, self.count)
        return NotedReader(reader, fresh=position is None)


class NumbersReader(Reader):
    """Makes the numbers while it is read, as a real source would."""

    def __init__(self, position: int, count: int) -> None:
        self.position = position
        self.count = count

    def read(self, limit: int) -> tuple[Messages, int] | None:
        start = self.position
        if start >= self.count:
            return None
        self.position = min(start + limit, self.count)
        return Columns([list(range(start, self.position))]), self.position


class Split(Bolt):
    """A line into its words."""

    outputs = ("word",)
    deterministic = True

    def process(self, tup: Tuple) -> None:
        for word in tup["line"].split():
            self.emit([word])


class Count(Bolt):
    """How often each word came, in state that survives its worker."""

    stateful = True

    def prepare(self, context: Context) -> None:
        self.counts: dict[str, int] = context.state.keyed("counts")

    def process(self, tup: Tuple) -> None:
        word = tup["word"]
        self.counts[word] = self.counts.get(word, 0) + 1

    def finish(self) -> None:
        mark("finished", task=self.context.task)
        note_counts(self.context.task, self.counts)


class RunningCount(Count):
    """``Count`` that emits each new count."""

    outputs = ("word", "count")

    def process(self, tup: Tuple) -> None:
        word = tup["word"]
        count = self.counts[word] = self.counts.get(word, 0) + 1
        self.emit([word, count])


class SplitBatch(Bolt):
    """``Split`` over many lines at once."""

    outputs = ("word",)

    def process_batch(self, batch: Batch) -> None:
        self.emit_many(Columns([[word for line in batch.column("line") for word in line.split()]]))


class CountBatch(Count):
    """``Count`` over many words at once."""

    def process_batch(self, batch: Batch) -> None:
        counts = self.counts
        for word, times in Counter(batch.column("word")).items():
            counts[word] = counts.get(word, 0) + times


class FlakySplit(Split):
    """``Split`` that fails each ``every``-th tuple it is given; 0: none."""

    def __init__(self, every: int = 0) -> None:
        self.every = every
        self.seen = 0

    def process(self, tup: Tuple) -> None:
        self.seen += 1
        if self.every and self.seen % self.every == 0:
            raise FailTuple("this one fails, its replay does not")
        for word in tup["line"].split():
            self.emit([word])


class FlakyCount(Count):
    """``Count`` that fails each ``every``-th tuple it is given; 0: none."""

    def __init__(self, every: int = 0) -> None:
        self.every = every
        self.seen = 0

    def process(self, tup: Tuple) -> None:
        self.seen += 1
        if self.every and self.seen % self.every == 0:
            raise FailTuple("this one fails, its replay does not")
        word = tup["word"]
        self.counts[word] = self.counts.get(word, 0) + 1


class Identity(Bolt):
    """Passes on what it gets."""

    outputs = ("number",)

    def process(self, tup: Tuple) -> None:
        self.emit([tup["number"]])


class Sink(Bolt):
    """The end of a chain: counts its tuples."""

    def prepare(self, context: Context) -> None:
        self.tuples = 0
        mark("sink ready")

    def process(self, tup: Tuple) -> None:
        self.tuples += 1

    def finish(self) -> None:
        mark("finished", task=self.context.task, tuples=self.tuples)


class BatchSink(Sink):
    """The end of a chain of ready-made bolts: counts its tuples, a batch at a time."""

    def process_batch(self, batch: Batch) -> None:
        self.tuples += len(batch)


class Collect(Bolt):
    """Takes the last counts of the ready-made ``Count``; its first one ends the measured time."""

    def prepare(self, context: Context) -> None:
        self.counts: dict[str, int] = {}

    def process(self, tup: Tuple) -> None:
        if not self.counts:
            mark("finished", task=self.context.task)
        self.counts[tup[0]] = tup[1]

    def finish(self) -> None:
        note_counts(self.context.task, self.counts)


def words(line: str) -> list[str]:
    """Return the words of a line: the function of ``FlatMap`` in the word count."""
    return line.split()


def same(value: Any) -> Any:
    """Return the value: the function of ``Map``."""
    return value


def keep(value: Any) -> bool:
    """Keep every value: the function of ``Filter``."""
    return True


def alone(value: Any) -> list[Any]:
    """Return a list of just the value: the function of ``FlatMap``."""
    return [value]


def note_counts(task: int, counts: dict[str, int]) -> None:
    """Leave a task's counts beside the marks, so that they can be checked."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        text = json.dumps(dict(counts))
        (Path(folder) / f"counts-{os.getpid()}-{task}.json").write_text(text)
