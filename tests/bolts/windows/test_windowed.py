"""What all window bolts do between their executor and a logic."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_sqlite import SqliteBackend
from waterspout.bolts.timers import Timer
from waterspout.bolts.windows import Window
from waterspout.topology.errors import UserError
from waterspout.topology.keys import key_group
from waterspout.topology.marks import MAX_WATERMARK

from ..rig import Rig

FIELDS = ["user", "ts", "amount"]
TUMBLING: dict[str, Any] = {"key": "user", "time": "ts", "tumbling": "10s"}


class Timers:
    """Processing time by hand."""

    def __init__(self) -> None:
        self.now, self.set = 1_000_000, []  # type: ignore[var-annotated]

    def now_ms(self) -> int:
        return self.now

    def processing(self, at: int, name: str = "") -> None:
        self.set.append(at)


def start(
    bench: Any, state: Any = None, timers: Any = None, settings: Any = None, **args: Any
) -> Any:
    """Start a Window; what it emits is noted as (stream, row)."""
    bolt: Any = Window(**{"aggregate": {"n": "count"}, **args})
    bolt.context = bench.context(state=state)
    bolt.context = SimpleNamespace(
        **{name: getattr(bolt.context, name) for name in ("state", "metrics")},
        timers=timers or Timers(), settings=settings or {},
    )  # fmt: skip
    bolt.emit_many = lambda rows, stream="default": bench.emitted.extend(
        (stream, list(row)) for row in rows
    )
    bolt.prepare(bolt.context)
    return bolt


def feed(bench: Any, bolt: Any, *rows: Any) -> None:
    bolt.process_batch(bench.batch(FIELDS, [list(row) for row in rows]))
    while bolt.due:
        bolt.after_batch()


def pass_to(bolt: Any, watermark: int) -> None:
    """Tell of a watermark, and let all happen that it sets off."""
    assert set(bolt.on_watermark(watermark)) <= {None}


def finished(bench: Any, bolt: Any) -> list[Any]:
    """Let the input end; return the rows that come out."""
    assert taken(bench) == [] and set(bolt.finish()) <= {None}
    return [row for _, row in taken(bench)]


def taken(bench: Any) -> list[Any]:
    found, bench.emitted = bench.emitted, []
    return list(found)


def restored(bolt: Any, **owned: Any) -> TaskState:
    """Return the state as another process finds it."""
    state = TaskState("step")
    part = decode_part(b"".join(encode_part(bolt.context.state.snapshot_begin())))
    state.restore([part], **owned)
    return state


def test_a_window_fires_with_the_watermark_and_rows_come_out(bench: Any) -> None:
    bolt = start(bench, **TUMBLING, aggregate={"n": "count", "total": {"sum": "amount"}})
    feed(bench, bolt, ["a", 1, 5], ["b", 2.5, 1], ["a", 12, 7], ["a", 3, 6])
    pass_to(bolt, 9_998)
    assert taken(bench) == []
    pass_to(bolt, 9_999)
    assert taken(bench) == [("default", ["a", 0, 10, 2, 11]), ("default", ["b", 0, 10, 1, 1])]
    pass_to(bolt, MAX_WATERMARK)
    assert taken(bench) == [("default", ["a", 10, 20, 1, 7])]
    assert finished(bench, bolt) == []


def test_p7_a_row_is_done_with_when_it_is_in_the_state_however_long_its_window_is_open(
    bench: Any,
) -> None:
    bolt = start(bench, time="n", tumbling="1h")
    assert bolt.auto_ack
    rig = Rig(bolt, "batch")
    rig.feed((2, (1,)), (1, (1, 2)))
    rig.run()
    assert sorted(rig.done) == [1, 2] and rig.take() == ([], [])
    fired: list[Any] = []
    bolt.emit_many = fired.extend
    pass_to(bolt, 3_600_000)
    assert [list(row) for row in fired] == [[0, 3600, 3]]


def test_what_is_open_fires_when_the_input_has_ended(bench: Any) -> None:
    bolt = start(bench, **TUMBLING)
    feed(bench, bolt, ["a", 12, 0], ["a", 1, 0])
    assert finished(bench, bolt) == [["a", 0, 10, 1], ["a", 10, 20, 1]]
    assert bolt.summary() == {"open_keys": 0, "late": 0}


def test_keys_of_several_fields_and_none_at_all(bench: Any) -> None:
    for key, heads in [(["user", "amount"], [["a", 1], ["a", 2]]), (None, [[]])]:
        bolt = start(bench, **{**TUMBLING, "key": key})
        feed(bench, bolt, ["a", 1, 1], ["a", 1, 2])
        assert [row[:-3] for row in finished(bench, bolt)] == heads


@pytest.mark.parametrize(
    "more",
    [
        {"aggregate": {"n": "count"}},
        {"aggregate": {"best": {"top": {"field": "amount"}}, "all": {"distinct": "amount"}}},
        {"aggregate": None, "function": f"{__name__}:nothing", "fields": ["x"]},
    ],
)
@pytest.mark.parametrize(
    "windows", [{"tumbling": "10s"}, {"sliding": {"size": "10s", "slide": "5s"}}, {"session": "9s"}]
)
def test_a_cut_packs_nothing_and_the_next_one_holds_what_changed(
    bench: Any, windows: Any, more: Any
) -> None:
    bolt = start(bench, key="user", time="ts", **windows, **more)
    feed(bench, bolt, *([f"user{n}", 1, n] for n in range(20)))
    state: TaskState = bolt.context.state
    first = state.snapshot_begin()
    # Beside how far time has come, which is one number.
    assert not any(one.entries for one in first.maps if one.name != "window")
    assert not any(isinstance(one.slices, tuple) for one in first.maps)
    data = b"".join(encode_part(first))
    state.snapshot_written(first, SimpleNamespace(file="a", bytes=len(data), sha256="f" * 64))
    feed(bench, bolt, ["user3", 2, 1])
    second = decode_part(b"".join(encode_part(state.snapshot_begin())))
    changed = {name: list(entries) for name, entries in second.keyed.items() if entries}
    assert second.base == "f" * 64 and list(changed.values()) == [["user3"]]


def nothing(key: Any, window: Any, rows: Any) -> None:
    """Make no rows of a window."""


def test_one_window_of_all_rows_is_the_tasks_own(bench: Any) -> None:
    bolt = start(bench, time="ts", tumbling="10s")
    feed(bench, bolt, ["a", 1, 1])
    part = decode_part(b"".join(encode_part(bolt.context.state.snapshot_begin())))
    assert "window_open" in part.task and "window_open" not in part.keyed


def test_late_rows_go_to_their_stream_and_late_firings_after_the_batch(bench: Any) -> None:
    bolt = start(bench, **TUMBLING, lateness="5s", late="late")
    feed(bench, bolt, ["a", 1, 5])
    pass_to(bolt, 14_998)
    assert taken(bench) == [("default", ["a", 0, 10, 1])]
    bolt.process_batch(bench.batch(FIELDS, [["a", 2, 6], ["a", -1, 7], ["b", -3.5, 8]]))
    row = {"user": "a", "ts": -1, "amount": 7}
    assert taken(bench) == [
        ("late", ["a", -1, row]), ("late", ["b", -3.5, {"user": "b", "ts": -3.5, "amount": 8}]),
    ]  # fmt: skip
    # What the late row set off is a message of its own: it is not lost with that of the row.
    assert bolt.due
    bolt.after_batch()
    assert not bolt.due
    assert taken(bench) == [("default", ["a", 0, 10, 2])]
    assert bolt.summary()["late"] == bolt.context.metrics.values["late"] == 2


def test_late_rows_without_a_stream_are_counted(bench: Any) -> None:
    bolt = start(bench, **TUMBLING)
    pass_to(bolt, 20_000)
    feed(bench, bolt, ["a", 1, 5])
    assert (taken(bench), bolt.summary()["late"]) == ([], 1)


def test_rows_between_windows_are_counted(bench: Any) -> None:
    bolt = start(bench, **{**TUMBLING, "tumbling": None}, sliding={"size": "1s", "slide": "10s"})
    feed(bench, bolt, ["a", 0.5, 0], ["a", 5, 0])
    assert bolt.summary() == {"open_keys": 1, "late": 0, "outside": 1}


def test_count_windows_fire_after_their_batch(bench: Any) -> None:
    bolt = start(bench, key="user", count={"size": 3, "slide": 2})
    feed(bench, bolt, *([key, None, None] for key in "aabaaa"))
    assert taken(bench) == [("default", ["a", 0, 2, 2]), ("default", ["a", 1, 4, 3])]
    assert finished(bench, bolt) == [["a", 3, 5, 2], ["b", 0, 1, 1]]


def test_windows_of_windows_nest(bench: Any) -> None:
    # A row of the window that ends at 10 is in the outer window that ends at 10, not at 20.
    bolt = start(bench, nested=True, tumbling="10s", aggregate={"n": {"sum": "n"}})
    batch = bench.batch(["user", "window_end", "n"], [["a", 10, 1], ["b", 10, 2], ["a", 20, 4]])
    bolt.process_batch(batch)
    pass_to(bolt, 9_999)
    assert taken(bench) == [("default", [0, 10, 3])]


def test_processing_time_goes_by_the_clock_and_sets_a_timer(bench: Any) -> None:
    timers = Timers()
    bolt = start(bench, timers=timers, key="user", tumbling="10s")
    assert timers.set == []
    feed(bench, bolt, ["a", None, None])
    timers.now += 3000
    feed(bench, bolt, ["a", None, None])
    assert timers.set == [1_010_000]
    timers.now = 1_010_000
    assert set(bolt.on_timer(Timer("__window", 1_010_000, "window", "processing"))) <= {None}
    assert taken(bench) == [("default", ["a", 1000, 1010, 2])]
    assert timers.set == [1_010_000]
    pass_to(bolt, MAX_WATERMARK)
    feed(bench, bolt, ["a", None, None])
    assert timers.set == [1_010_000, 1_020_000]
    assert bolt.summary()["late"] == 0


def test_processing_time_goes_on_after_a_restart(bench: Any) -> None:
    bolt = start(bench, key="user", tumbling="10s")
    feed(bench, bolt, ["a", None, None])
    timers = Timers()
    timers.now += 60_000
    after = start(bench, state=restored(bolt), timers=timers, key="user", tumbling="10s")
    assert timers.set == [1_010_000]
    assert set(after.on_timer(Timer("__window", 1_010_000, "window", "processing"))) <= {None}
    assert taken(bench) == [("default", ["a", 1000, 1010, 1])]


def test_a_clock_that_was_set_back_makes_no_row_late(bench: Any) -> None:
    timers = Timers()
    bolt = start(bench, timers=timers, key="user", tumbling="10s")
    feed(bench, bolt, ["a", None, None])
    timers.now += 60_000
    assert set(bolt.on_timer(Timer("__window", 1_010_000, "window", "processing"))) <= {None}
    after = start(bench, state=restored(bolt), key="user", tumbling="10s")
    feed(bench, after, ["a", None, None])
    assert after.summary() == {"open_keys": 1, "late": 0}


def test_a_restart_remembers_how_far_time_had_come_but_not_its_end(bench: Any) -> None:
    bolt = start(bench, **TUMBLING)
    feed(bench, bolt, ["a", 1, 0])
    pass_to(bolt, 12_000)
    pass_to(bolt, MAX_WATERMARK)
    after = start(bench, state=restored(bolt), **TUMBLING)
    feed(bench, after, ["a", 2, 0], ["a", 13, 0])
    assert after.summary() == {"open_keys": 1, "late": 1}


@pytest.mark.parametrize(
    "kind",
    [{"tumbling": "10s"}, {"sliding": {"size": "10s", "slide": "3s"}}, {"session": "2s"},
     {"count": 3, "time": None}],
)  # fmt: skip
def test_key_groups_may_be_split_over_tasks_in_the_middle(bench: Any, kind: Any) -> None:
    args = {**TUMBLING, "tumbling": None, **kind, "aggregate": {"n": "count", "t": {"top": {
        "field": "amount"}}}}  # fmt: skip
    rows = [[f"u{n % 7}", n * 0.37 % 23, n % 3] for n in range(200)]
    whole = start(bench, **args)
    feed(bench, whole, *rows[:120])
    pass_to(whole, 13_500)
    before = Counter(map(repr, taken(bench)))
    part = decode_part(b"".join(encode_part(whole.context.state.snapshot_begin())))
    feed(bench, whole, *rows[120:])
    expected = Counter(map(repr, taken(bench))) + Counter(
        repr(("default", row)) for row in finished(bench, whole)
    )
    found: Counter[str] = Counter()
    for task in range(2):
        state = TaskState("step", task)
        owned = range(64 * task, 64 * task + 64)
        state.restore([part], owned, key_group)
        half = start(bench, state=state, **args)
        pass_to(half, 13_500)
        feed(bench, half, *[row for row in rows[120:] if key_group((row[0],)) in owned])
        found += Counter(map(repr, taken(bench)))
        found += Counter(repr(("default", row)) for row in finished(bench, half))
    assert found == expected and bool(before)


def test_a_batch_that_raises_leaves_nothing_behind(bench: Any) -> None:
    bolt = start(bench, **TUMBLING, aggregate={"total": {"sum": "amount"}})
    for rows in ([["a", 1, 1], ["a", None, 1]], [["a", 1, 1], ["b", 1, "x"]]):
        with pytest.raises(UserError):
            feed(bench, bolt, *rows)
    assert finished(bench, bolt) == []


def test_many_windows_fire_step_by_step_and_what_is_out_is_not_in_the_state(bench: Any) -> None:
    def bolt_of(state: Any = None) -> Any:
        return start(bench, state=state, settings={"emit_max": 2}, **TUMBLING)

    bolt = bolt_of()
    feed(bench, bolt, *([key, 1, 0] for key in "abcde"), ["a", 11, 0])
    steps = bolt.on_watermark(9_999)
    next(steps)
    assert [row[0] for _, row in taken(bench)] == ["a", "b"]
    # Here the worker is lost: what its successor finds is what had not gone out.
    after = bolt_of(restored(bolt))
    feed(bench, after, ["e", 2, 0])
    assert [row for _, row in taken(bench)] == [[key, 0, 10, 1] for key in "cde"]
    assert after.summary() == {"open_keys": 1, "late": 1}
    # None stands for a row that went out: one of the first two, and three.
    assert list(steps) == [None] * 4
    assert [row[0] for _, row in taken(bench)] == ["c", "d", "e"]


def test_what_a_batch_fires_goes_out_step_by_step(bench: Any) -> None:
    bolt = start(bench, settings={"emit_max": 2}, key="user", count=1)
    bolt.process_batch(bench.batch(FIELDS, [["a", 0, 0]] * 5))
    sizes = []
    while bolt.due:
        bolt.after_batch()
        sizes.append(len(taken(bench)))
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    "kind",
    [{"tumbling": "10s"}, {"sliding": {"size": "20s", "slide": "1s"}, "lateness": "5s"},
     {"session": "2s"}, {"count": 3, "time": None}],
)  # fmt: skip
def test_state_in_a_file_makes_no_difference_nor_does_a_snapshot_of_it(
    bench: Any, kind: Any
) -> None:
    args = {**TUMBLING, "tumbling": None, **kind, "aggregate": {"n": "count", "t": {"top": {
        "field": "amount"}}}}  # fmt: skip
    rows = [[f"u{n % 7}", n * 0.37 % 23 + n // 50, n % 3] for n in range(200)]
    found = []
    for in_file in (False, True):
        backends = [SqliteBackend() if in_file else None for _ in range(2)]
        bolt = start(bench, state=TaskState("step", backend=backends[0]), **args)
        feed(bench, bolt, *rows[:120])
        pass_to(bolt, 13_500)
        copy = bolt.context.state.snapshot_begin()
        # What comes after the cut is not in it, though the bolt goes on.
        feed(bench, bolt, *rows[120:])
        before = taken(bench)
        state = TaskState("step", backend=backends[1])
        state.restore([decode_part(b"".join(encode_part(copy)))])
        after = start(bench, state=state, **args)
        feed(bench, after, *rows[120:])
        found.append((before, taken(bench), finished(bench, after)))
        for backend in backends:
            if backend is not None:
                backend.close()
    assert found[0] == found[1]
    assert sum(map(len, found[0])) >= 7
