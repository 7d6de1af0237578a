"""What is measured of state, windows and exactly-once: blocks and their goals; see workloads.py."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import stateful as run
from .contestants import word_count
from .report import Goal
from .workloads import ALO, NONE, Block, Contestant

EO = "exactly once"
_ALO_KEYED, _EO_KEYED = "10,000 keys, at least once", "10,000 keys, exactly once"

KEYED = Block(
    "keyed",
    "Keyed count in memory, 1 worker, a snapshot every second, messages per second",
    "per_s",
    [
        Contestant(_ALO_KEYED, ALO, partial(run.keyed, keys=10_000)),
        Contestant(_EO_KEYED, EO, partial(run.keyed, keys=10_000, sets=run.EXACTLY_ONCE)),
        Contestant(
            "the same in a whole map, at least once", ALO,
            partial(run.keyed, keys=10_000, bolt="CountInMap"),
        ),
        Contestant(
            "the same in a whole map, exactly once", EO,
            partial(run.keyed, keys=10_000, bolt="CountInMap", sets=run.EXACTLY_ONCE),
        ),
    ],
    [
        Goal(
            "keyed count, 10,000 keys: exactly once with a checkpoint every second",
            _EO_KEYED, "per_s", against=_ALO_KEYED, at_least=0.85,
        ),
        Goal(
            "the same in a whole map", "the same in a whole map, exactly once", "per_s",
            against="the same in a whole map, at least once", at_least=0.85,
        ),
    ],
)  # fmt: skip

#: (mode, keys) -> messages: runs of 10 to 60 s, as fast as PyFlink is.
_FLINK_MESSAGES = {
    ("thread", 100): 500_000, ("process", 100): 200_000,
    ("thread", 10_000): 500_000, ("process", 10_000): 30_000,
}  # fmt: skip


def _flink(mode: str, keys: int, checkpoints: bool = False) -> Contestant:
    more = ", checkpoint every second" if checkpoints else ""
    measure = partial(
        run.flink, mode=mode, keys=keys, messages=_FLINK_MESSAGES[mode, keys],
        checkpoints=checkpoints,
    )  # fmt: skip
    name = f"PyFlink, {mode} mode, {keys:,} keys{more}"
    return Contestant(name, EO if checkpoints else NONE, measure, 3, run.flink_missing)


FLINK = Block(
    "flink",
    "Keyed ValueState count beside PyFlink, messages per second",
    "per_s",
    [
        *(
            Contestant(
                f"waterspout, {keys:,} keys", EO,
                partial(run.keyed, keys=keys, sets=run.EXACTLY_ONCE),
            )
            for keys in (100, 10_000)
        ),
        *(_flink(mode, keys) for mode, keys in _FLINK_MESSAGES),
        _flink("thread", 100, checkpoints=True),
    ],
    [
        Goal(
            f"keyed count, {keys:,} keys, exactly once, against PyFlink's {mode} mode without",
            f"waterspout, {keys:,} keys", "per_s",
            against=f"PyFlink, {mode} mode, {keys:,} keys",
            at_least={"thread": 10, "process": 20}[mode],
        )
        for mode, keys in _FLINK_MESSAGES
    ],
)  # fmt: skip

_SQLITE: dict[str, Any] = {"bolts.count.state": "sqlite", "spouts.keys.args.scatter": True}
_MILLION = partial(run.keyed, keys=1_000_000, messages=2_000_000)

SQLITE = Block(
    "sqlite",
    "Keyed count of 1,000,000 scattered keys, a snapshot every second, updates per second",
    "per_s",
    [
        Contestant("SQLite backend, at least once", ALO, partial(_MILLION, sets=_SQLITE), 2),
        Contestant(
            "SQLite backend, exactly once", EO,
            partial(_MILLION, sets={**_SQLITE, **run.EXACTLY_ONCE}), 2,
        ),
        Contestant(
            "SQLite backend, 2,000,000 keys, at least once", ALO,
            partial(run.keyed, keys=2_000_000, messages=4_000_000, sets=_SQLITE), 1,
        ),
        Contestant(
            "memory backend, at least once", ALO,
            partial(_MILLION, sets={"spouts.keys.args.scatter": True}), 2,
        ),
    ],
    [
        Goal(
            "SQLite backend, 1 M keys: updates per second",
            "SQLite backend, at least once", "per_s", at_least=50_000,
        ),
        Goal(
            "the same, per second of CPU time",
            "SQLite backend, at least once", "per_cpu_s", at_least=50_000,
        ),
        Goal(
            "SQLite backend, peak memory of all processes: 2 M keys against 1 M",
            "SQLite backend, 2,000,000 keys, at least once", "peak_mb",
            against="SQLite backend, at least once", at_most=1.3,
        ),
    ],
)  # fmt: skip

_LISTS = {"bolts.held.args.lists": True}
_TENTH, _ALL = "10 % of the keys change", "all keys change"
#: Ready-made bolts with as many keys.
_WINDOWS, _COUNTS = "1,000,000 open windows with top items", "1,000,000 counts"
_OPEN, _MANY = (
    {"bolts.held.class": f"benchmarks.keyed:{name}", "bolts.held.args.keys": 1_000_000}
    for name in ("OpenWindows", "ManyCounts")
)

PAUSE = Block(
    "pause",
    "Checkpoint of 100 MB state every 5 s: longest time without a tuple, ms",
    "pause_ms",
    [
        Contestant(_TENTH, EO, partial(run.pauses, changing=10_000), 2),
        Contestant(_ALL, EO, partial(run.pauses, changing=100_000), 2),
        Contestant(
            f"{_TENTH}, lists", EO, partial(run.pauses, changing=10_000, sets=_LISTS), 2
        ),
        Contestant(
            f"{_ALL}, lists", EO, partial(run.pauses, changing=100_000, sets=_LISTS), 2
        ),
        Contestant(_WINDOWS, EO, partial(run.pauses, changing=100_000, sets=_OPEN), 2),
        Contestant(_COUNTS, EO, partial(run.pauses, changing=100_000, sets=_MANY), 2),
    ],
    [
        Goal(
            "checkpoint of 100 MB, 10 % of the keys changed: longest pause, ms",
            _TENTH, "pause_ms", at_most=100,
        ),
        Goal("the same, first checkpoint, which is whole", _TENTH, "first_ms", at_most=100),
        *(
            Goal(f"{what}, 10 % changed: longest pause, ms", what, "pause_ms", at_most=100)
            for what in (_WINDOWS, _COUNTS)
        ),
    ],
)  # fmt: skip

RECOVERY = Block(
    "recovery",
    "kill -9 of a worker with 100 MB state, until a tuple is worked on with it, seconds",
    "seconds",
    [
        Contestant("memory backend", EO, run.recovery, 3),
        Contestant(
            "SQLite backend", EO,
            partial(run.recovery, sets={"bolts.held.state": "sqlite"}), 3,
        ),
    ],
    [
        Goal(
            "recovery from kill -9 with 100 MB state, s", "memory backend", "seconds", at_most=5
        )
    ],
)  # fmt: skip

_SIZES = ("6s", "60s", "600s")

SLIDING = Block(
    "sliding",
    "Sum and count per key in windows that slide by 1 s, CPU microseconds per tuple",
    "cpu_us",
    [
        *[
            Contestant(f"windows of {size}", ALO, partial(run.sliding, size=size))
            for size in _SIZES
        ],
        *[
            Contestant(
                f"windows of {size}, 1,000 keys: a firing per tuple", ALO,
                partial(run.sliding, size=size, keys=1000), 1,
            )
            for size in _SIZES
        ],
    ],
    [
        Goal(
            f"sliding windows: cost per tuple with {size} against 6s",
            f"windows of {size}", "cpu_us", against="windows of 6s", at_most=1.25,
        )
        for size in _SIZES[1:]
    ],
)  # fmt: skip

NEXMARK = Block(
    "nexmark",
    "Nexmark, exactly once: rows per second and core",
    "per_core_s",
    [
        Contestant(
            query + (", rows made beforehand" if made else ", rows drawn while they are read"),
            EO, partial(run.nexmark, query=query, made=made), 3,
        )
        for query in run.NEXMARK
        for made in (True, False)
    ],
)  # fmt: skip

#: What a bolt pays that counts each tuple once under at-least-once.
_ONCE = {"bolts.count.effectively_once": "true"}
_READY = "wordcount_ready.yaml"

EFFECTIVELY_ONCE = Block(
    "effectively_once",
    "Word count whose counts are exact without barriers, lines per second",
    "per_s",
    [
        Contestant("tuple by tuple, at least once", ALO, word_count),
        Contestant("the same, effectively once", ALO, partial(word_count, sets=_ONCE)),
        Contestant("the same, exactly once", EO, partial(word_count, sets=run.EXACTLY_ONCE)),
        Contestant("FlatMap and Count, at least once", ALO, partial(word_count, topology=_READY)),
        Contestant(
            "the same pair, effectively once", ALO,
            partial(word_count, topology=_READY, sets=_ONCE),
        ),
    ],
)  # fmt: skip

STATE_BLOCKS = {
    block.name: block
    for block in (KEYED, FLINK, SQLITE, PAUSE, RECOVERY, SLIDING, NEXMARK, EFFECTIVELY_ONCE)
}
