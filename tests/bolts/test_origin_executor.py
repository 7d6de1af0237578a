"""A bolt task whose rows have origins: what it emits descends from them, and is known again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.bolts.contract import Batch, Bolt
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.frame_work import FrameWork
from waterspout.bolts.functions import Filter, FlatMap
from waterspout.bolts.origin_executor import AGAIN_METRIC, OriginExecutor
from waterspout.bolts.seen import SEEN_MAP, Seen
from waterspout.bolts.seen_rows import SeenRows
from waterspout.topology.columns import Columns
from waterspout.topology.component import Metrics, StreamDecl
from waterspout.topology.emitter import StreamOut
from waterspout.topology.errors import UserError
from waterspout.topology.groupings import GlobalRoute
from waterspout.topology.keys import key_group
from waterspout.topology.origins import (
    OriginRoute,
    RowAtWork,
    copy_of,
    descendant,
    origin_of,
    partition_bytes,
    salt_of,
)

from .rig import EDGE, IN, SOURCE, TASK, Rig

P = partition_bytes("source", "p")
SALT = salt_of("step", "default")


def at(end: int) -> bytes:
    """Return the origin of the message that ends at a position."""
    return origin_of(P, end)


class OnceRig(Rig):
    """Its rows are [n, origin]; what it emits carries origins on."""

    def __init__(
        self, bolt: Bolt, kind: str = "process", *, asks: bool = True, reads: bool = True,
        copied: Any = (), carries: bool = True, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(bolt, "process", **settings)
        self.row = RowAtWork("step", self.env.settings.emit_max)
        routes = [GlobalRoute([self.out])]
        pair: Any = ([], routes) if carries else (routes, [])
        route = OriginRoute((0, "default"), *pair, self.row)
        streams = [StreamOut("default", StreamDecl(("x",)), [route])] if reads else []
        emitter = self.emitter
        emitter.streams = {stream.name: stream for stream in streams}
        emitter.frames = [self.out] if reads else []
        plan = self.executor.plan
        self.executor = OriginExecutor(
            plan, bolt, emitter, self.env, blocked=lambda: self.full, own=self.own
        )
        keys = {("source", "default"): ("n",)}
        self.seen = Seen("step", SeenRows("step", SEEN_MAP), keys) if asks else None
        self.executor.use_origins(self.row, self.seen, copied=copied)
        self.executor.use_step(kind=kind)
        self.metrics = Metrics()
        bolt.context = type("Context", (), {"metrics": self.metrics, "component": "step"})()
        self.bolt.emit, self.bolt.emit_many = emitter.bind(self._roots_of), emitter.bind_many()

    def rows(self, *rows: list[Any], root: int = 9) -> None:
        """Queue a frame of rows that are one run, and work on it."""
        self.acker.open(root, EDGE, self.now)
        given: Any = Columns.of_rows(rows, 2) if len(rows) > 3 else list(rows)
        self.executor.enqueue(
            FrameWork((SOURCE, 0, TASK), IN, EDGE, [(len(rows), (root,))], given, remote=False)
        )
        self.run()

    def sent(self) -> list[list[Any]]:
        """Take what was emitted."""
        edge, runs, rows, _ = self.out.take()
        for root in {root for _, roots in runs for root in roots}:
            self.env.toggles[root] = self.env.toggles.get(root, 0) ^ edge
        self.flush()
        return [list(row) for row in rows]


class Twice(Bolt):
    """Emits each n twice, and remembers what it was called with."""

    outputs = ("x",)

    def __init__(self, *bad: int) -> None:
        self.bad, self.got = set(bad), []  # type: ignore[var-annotated]

    def process(self, tup: Any) -> Any:
        self.got.append(tup["n"])
        self.emit([tup["n"]])
        if tup["n"] in self.bad:
            raise ValueError("bad")
        self.emit([-tup["n"]])


class Yields(Twice):
    def process(self, tup: Any) -> Iterator[list[Any] | None]:
        self.got.append(tup["n"])
        yield [tup["n"]]
        yield None
        if tup["n"] in self.bad:
            raise ValueError("bad")
        yield [-tup["n"]]


class InBatches(Twice):
    def process_batch(self, batch: Batch) -> None:
        self.got.append(batch.column("n"))
        if self.bad & set(batch.column("n")):
            raise ValueError("bad")
        for n in batch.column("n") if self.outputs else ():
            self.emit_many([[n], [-n]])


class Sums(InBatches):
    outputs = ()


KINDS = [(Twice, "process"), (Yields, "generator"), (InBatches, "batch")]


def two(n: int, end: int) -> list[list[Any]]:
    """Return what is emitted for row n of a message."""
    return [[n, descendant(at(end), SALT, 0)], [-n, descendant(at(end), SALT, 1)]]


@pytest.mark.parametrize(("cls", "kind"), KINDS)
def test_what_is_emitted_descends_from_the_row_at_work(cls: Any, kind: str) -> None:
    rig = OnceRig(cls(), kind, asks=False)
    rig.rows([1, at(1)], [2, at(2)])
    rig.rows([2, at(2)], [1, at(1)], root=10)
    assert rig.sent() == [*two(1, 1), *two(2, 2), *two(2, 2), *two(1, 1)]
    assert rig.done == [9, 10] and not rig.failures
    assert rig.row.origin == b"" and rig.row.kept is None


@pytest.mark.parametrize(("cls", "kind"), KINDS)
def test_a_row_that_comes_again_is_not_worked_on_and_what_it_led_to_goes_again(
    cls: Any, kind: str
) -> None:
    bolt = cls()
    rig = OnceRig(bolt, kind)
    rig.rows([1, at(1)])
    rig.rows([1, at(1)], [2, at(2)], root=10)
    assert rig.sent() == [*two(1, 1), *two(1, 1), *two(2, 2)]
    assert bolt.got in ([1, 2], [[1], [2]])
    assert rig.done == [9, 10] and rig.metrics.values == {AGAIN_METRIC: 1}
    assert rig.seen is not None
    rig.seen.durable({P: [1, []]})
    rig.rows([1, at(1)], root=11)
    assert rig.sent() == [], "an old copy"


def test_rows_that_are_durable_are_known_among_others_of_any_partition() -> None:
    #    P durable up to 10, and 14 to 16; Q up to 3; R not at all
    rig = OnceRig(Twice())
    q, r = partition_bytes("source", "q"), partition_bytes("source", "r")
    assert rig.seen is not None
    rig.seen.durable({P: [10, [[14, 16]]], q: [3, []]})
    new = [at(17), at(12), at(30), origin_of(q, 4), origin_of(r, 1), b"", b"", origin_of(r, 2)]
    old = [at(5), origin_of(q, 3), at(15), origin_of(q, 1), at(16), at(10), at(1), at(2)]
    mixed = [origin for pair in zip(new, old, strict=True) for origin in pair]
    rig.rows(*([n, origin] for n, origin in enumerate(mixed)))
    assert rig.bolt.got == list(range(0, 16, 2))
    assert rig.metrics.values[AGAIN_METRIC] == len(old)


@pytest.mark.parametrize(("cls", "kind"), KINDS)
def test_what_goes_again_does_not_count_for_the_row_before_it(cls: Any, kind: str) -> None:
    rig = OnceRig(cls(), kind, emit_max=3)
    rig.rows([1, at(1)])
    rig.rows([2, at(2)], [1, at(1)], root=10)
    assert not rig.failures
    assert rig.sent() == [*two(1, 1), *two(2, 2), *two(1, 1)]


@pytest.mark.parametrize(("cls", "kind"), KINDS)
def test_a_row_that_failed_is_worked_on_again_and_its_neighbours_are_not(
    cls: Any, kind: str
) -> None:
    bolt = cls(2)
    rig = OnceRig(bolt, kind)
    rig.rows([1, at(1)], [2, at(2)], [3, at(3)])
    assert [failure.root for failure in rig.failures] == [9]
    rig.sent()
    bolt.bad, bolt.got = set(), []
    rig.rows([1, at(1)], [2, at(2)], [3, at(3)], root=10)
    assert bolt.got in ([2, 3], [[2], [3]])
    assert rig.sent() == [*two(1, 1), *two(2, 2), *two(3, 3)]


def test_a_batch_of_a_bolt_that_nobody_reads_has_all_rows_that_are_new() -> None:
    bolt = Sums()
    rig = OnceRig(bolt, "batch", reads=False)
    rig.rows(*[[n, at(n)] for n in range(1, 20)])
    rig.rows([3, at(3)], [20, at(20)], [20, at(20)], [7, b""], [7, b""], root=10)
    rig.rows([5, at(5)], root=11)
    assert bolt.got == [list(range(1, 20)), [20, 7, 7]]
    assert rig.metrics.values == {AGAIN_METRIC: 3}
    assert rig.seen is not None and len(rig.seen.rows.entries) == 20
    assert rig.seen.rows.entries[at(3)] == key_group((3,))


def test_a_bolt_whose_batches_emit_nothing_gets_whole_ones_although_it_is_read() -> None:
    bolt = Sums()
    bolt.outputs, bolt.batch_emits = (), False
    rig = OnceRig(bolt, "batch")
    rig.rows([1, at(1)], [2, at(2)])
    assert bolt.got == [[1, 2]] and rig.done == [9]


@pytest.mark.parametrize("asks", [True, False])
def test_a_batch_that_emits_although_it_said_not_to_fails_by_name(asks: bool) -> None:
    bolt = InBatches()
    bolt.batch_emits = False
    rig = OnceRig(bolt, "batch", asks=asks)
    rig.rows([1, at(1)])
    assert "batch_emits = False" in rig.failures[0].reason
    assert rig.seen is None or not rig.seen.rows.entries


def test_a_batch_that_raised_was_not_seen() -> None:
    bolt = Sums(2)
    rig = OnceRig(bolt, "batch", reads=False)
    rig.rows([1, at(1)], [2, at(2)])
    assert rig.seen is not None and not rig.seen.rows.entries
    assert rig.failures


def test_a_bolt_whose_readers_want_no_origins_still_repeats_what_it_emitted() -> None:
    rig = OnceRig(Twice(), carries=False)
    rig.rows([1, at(1)])
    rig.rows([1, at(1)], root=10)
    assert rig.sent() == [[1], [-1], [1], [-1]]


def test_functions_over_columns_say_which_row_each_of_theirs_comes_of() -> None:
    rig = OnceRig(FlatMap(lambda n: list(range(n)), ["x"]), "columns", asks=False)
    rig.rows([2, at(1)], [0, at(2)], [1, at(3)], [3, at(4)])
    assert rig.sent() == [
        [x, descendant(at(end), SALT, x)] for end, n in ((1, 2), (3, 1), (4, 3)) for x in range(n)
    ]
    rig = OnceRig(Filter(lambda n: n % 2, ["x"]), "columns", asks=False)
    rig.rows([1, at(1)], [2, at(2)], [3, b""])
    assert rig.sent() == [[1, descendant(at(1), SALT, 0)], [3, b""]]


def test_each_copy_of_a_row_has_an_origin_of_its_own() -> None:
    rig = OnceRig(Twice(), asks=False, copied=[("source", "default")])
    rig.rows([1, at(1)])
    assert rig.sent()[0] == [1, descendant(copy_of(at(1), 0), SALT, 0)]


def test_a_paused_generator_goes_on_with_its_row_after_other_calls() -> None:
    class Many(Bolt):
        outputs = ("x",)

        def process(self, tup: Any) -> Iterator[list[int]]:
            yield from ([n] for n in range(70))

    rig = OnceRig(Many(), "generator", asks=False)
    rig.full = True
    rig.executor.enqueue(FrameWork((SOURCE, 0, TASK), IN, EDGE, [(1, ())], [[1, at(1)]],
                                   remote=False))  # fmt: skip
    rig.executor.run()
    assert rig.executor.paused
    rig.executor.own.emit(lambda: rig.bolt.emit([-1]), rig.now)
    rig.full = False
    rig.run()
    sent = rig.sent()
    assert [-1, b""] in sent
    sent.remove([-1, b""])
    assert sent == [[n, descendant(at(1), SALT, n)] for n in range(70)]


def test_a_generator_of_a_bolt_that_asks_is_not_paused_and_has_a_limit() -> None:
    class Endless(Bolt):
        outputs = ("x",)

        def process(self, tup: Any) -> Iterator[list[int]]:
            while True:
                yield [1]

    rig = OnceRig(Endless(), "generator", emit_max=100)
    rig.rows([1, at(1)])
    assert "more than emit_max = 100" in rig.failures[0].reason
    assert rig.seen is not None and not rig.seen.rows.entries


def test_rows_that_were_emitted_on_a_stream_that_is_no_more_fail_by_name() -> None:
    rig = OnceRig(Twice())
    assert rig.seen is not None
    rig.seen.mark(at(1), 1, [(4, ["x"])])
    rig.rows([1, at(1)])
    assert "change of the streams" in rig.failures[0].reason


@pytest.mark.parametrize("asks", [True, False])
def test_rows_that_are_returned_by_mistake_fail_by_name_and_were_not_seen(asks: bool) -> None:
    class Returns(Bolt):
        outputs = ("x",)

        def process(self, tup: Any) -> Any:
            return [[tup["n"]]]

    rig = OnceRig(Returns(), asks=asks)
    rig.rows([1, at(1)])
    assert "process returned [[1]], which goes nowhere" in rig.failures[0].reason
    assert rig.seen is None or not rig.seen.knows(at(1))


def test_a_new_epoch_forgets_the_row_and_not_what_was_seen() -> None:
    rig = OnceRig(Twice())
    rig.rows([1, at(1)])
    rig.row.begin(at(2))
    rig.executor.new_epoch(rig.now)
    assert rig.row.origin == b"" and rig.seen is not None and list(rig.seen.rows.entries) == [at(1)]


@pytest.mark.parametrize(("kind", "asks"), [("held", False), ("columns", True)])
def test_other_kinds_of_bolts_are_refused(kind: str, asks: bool) -> None:
    with pytest.raises(UserError, match="step: effectively_once"):
        OnceRig(Twice(), kind, asks=asks)


def test_no_other_executor_hides_values() -> None:
    assert BoltExecutor.hidden == 0 and OriginExecutor.hidden == 1
