"""The table of what is measured: blocks of contestants that take turns, and the goals of each.

The first contestant of a block is what the others are shown against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from . import contestants as run
from . import live
from .contestants import Setup
from .report import Goal, Sample

NONE = "none"
AMO = "at most once"
ALO = "at least once"
#: Bytewax restores state and source positions; what its sink was given may come again.
BYTEWAX = "exactly once in state, at least once out"


def _here() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Somebody who does the work of a block, and what it promises meanwhile.

    Attributes:
        rounds_max: for those that are shown for orientation only and take long.
        missing: says why it does not run here; "" where it does.
    """

    name: str
    guarantee: str
    run: Callable[[Setup], Sample]
    rounds_max: int = 1000
    missing: Callable[[], str] = _here


@dataclass(frozen=True, slots=True)
class Block:
    """Contestants that alternate in one run; only their figures are compared."""

    name: str
    title: str
    metric: str
    contestants: list[Contestant]
    goals: list[Goal] = field(default_factory=list)


def _bytewax(name: str, workload: str, recovery: bool, processes: int = 1) -> Contestant:
    measure = partial(run.bytewax, workload=workload, recovery=recovery, processes=processes)
    return Contestant(name, BYTEWAX if recovery else NONE, measure)


#: Every new count goes on to a sink, which is what Bytewax's ``stateful_map`` does; in the other
#: word counts only the last counts come out, as from its ``count_final``.
_RUNNING = "wordcount_running.yaml"
#: ``FlatMap`` and ``Count`` as they come, as Bytewax's ``flat_map`` and ``count_final`` do.
_READY = "wordcount_ready.yaml"

WORD_COUNT = Block(
    "wordcount",
    "Word count, lines per second",
    "per_s",
    [
        Contestant("bare loop", NONE, run.bare_word_count),
        Contestant(
            "bare loop, Python's own gc setting",
            NONE,
            partial(run.bare_word_count, default_gc=True),
        ),
        Contestant("waterspout, 1 worker", ALO, run.word_count),
        Contestant("waterspout, 2 workers", ALO, partial(run.word_count, workers=2)),
        Contestant(
            "waterspout, 1 worker, at most once",
            AMO,
            partial(run.word_count, sets={"guarantee": "at-most-once"}),
        ),
        Contestant(
            "waterspout, 1 worker, process_batch",
            ALO,
            partial(run.word_count, topology="wordcount_batch.yaml"),
        ),
        Contestant(
            "waterspout, 1 worker, running counts", ALO, partial(run.word_count, topology=_RUNNING)
        ),
        Contestant(
            "waterspout, 2 workers, running counts",
            ALO,
            partial(run.word_count, topology=_RUNNING, workers=2),
        ),
        Contestant(
            "waterspout, 1 worker, ready-made", ALO, partial(run.word_count, topology=_READY)
        ),
        Contestant(
            "waterspout, 2 workers, ready-made",
            ALO,
            partial(run.word_count, topology=_READY, workers=2),
        ),
        Contestant("bare loop, process_batch", NONE, partial(run.bare_word_count, batch=True)),
        _bytewax("Bytewax", "wordcount", recovery=False),
        _bytewax("Bytewax, recovery", "wordcount", recovery=True),
        _bytewax("Bytewax, recovery, running counts", "wordcount-running", recovery=True),
        _bytewax(
            "Bytewax, 2 processes, recovery, running counts",
            "wordcount-running", recovery=True, processes=2,
        ),
        _bytewax("Bytewax, 2 processes", "wordcount", recovery=False, processes=2),
        _bytewax("Bytewax, 2 processes, recovery", "wordcount", recovery=True, processes=2),
        Contestant("streamz", NONE, run.streamz, rounds_max=2),
    ],
    [
        Goal(
            "word count, at least once, 1 worker, against the bare loop",
            "waterspout, 1 worker", "per_s", against="bare loop", at_least=0.70,
        ),
        Goal(
            "word count, at least once, 2 workers against 1",
            "waterspout, 2 workers", "per_s", against="waterspout, 1 worker", at_least=1.35,
        ),
        Goal(
            "word count against Bytewax with recovery, 1 worker",
            "waterspout, 1 worker", "per_s", against="Bytewax, recovery", at_least=4,
        ),
        Goal(
            "word count against Bytewax with recovery, 2 workers",
            "waterspout, 2 workers", "per_s",
            against="Bytewax, 2 processes, recovery", at_least=4,
        ),
        Goal(
            "ready-made word count against Bytewax with recovery, 1 worker",
            "waterspout, 1 worker, ready-made", "per_s", against="Bytewax, recovery", at_least=4,
        ),
        Goal(
            "ready-made word count against Bytewax with recovery, 2 workers",
            "waterspout, 2 workers, ready-made", "per_s",
            against="Bytewax, 2 processes, recovery", at_least=4,
        ),
        Goal(
            "running counts against Bytewax with recovery, 1 worker",
            "waterspout, 1 worker, running counts", "per_s",
            against="Bytewax, recovery, running counts", at_least=4,
        ),
        Goal(
            "running counts against Bytewax with recovery, 2 workers",
            "waterspout, 2 workers, running counts", "per_s",
            against="Bytewax, 2 processes, recovery, running counts", at_least=4,
        ),
        Goal(
            "tracking's price: at least once against at most once",
            "waterspout, 1 worker", "per_s",
            against="waterspout, 1 worker, at most once", at_least=0.90,
        ),
        Goal(
            "process_batch word count against per tuple",
            "waterspout, 1 worker, process_batch", "per_s",
            against="waterspout, 1 worker", at_least=2,
        ),
    ],
)

CHAIN = Block(
    "chain",
    "Five identity stages and a sink, nanoseconds per hop",
    "ns_per_hop",
    [
        Contestant("bare chain", NONE, run.bare_chain),
        Contestant("waterspout chain", ALO, run.chain),
    ],
    [
        Goal(
            "5-stage identity chain, 1 worker, per hop",
            "waterspout chain", "ns_per_hop", against="bare chain", at_most=2.5,
        )
    ],
)

#: Bolt, its identity function, and Bytewax's operator for the same.
_READY_MADE = (
    ("Map", "same", "map"),
    ("Filter", "keep", "filter"),
    ("FlatMap", "alone", "flat-map"),
)

MAP = Block(
    "map",
    "A ready-made bolt, identity function, 1 worker, items per second",
    "per_s",
    [
        _bytewax("Bytewax map, recovery", "map", recovery=True),
        _bytewax("Bytewax map", "map", recovery=False),
        _bytewax("Bytewax filter, recovery", "filter", recovery=True),
        _bytewax("Bytewax flat-map, recovery", "flat-map", recovery=True),
        *(
            Contestant(f"waterspout {bolt}", ALO, partial(run.ready_made, bolt=bolt, function=name))
            for bolt, name, _ in _READY_MADE
        ),
        Contestant(
            "waterspout Map, groups of 64", ALO,
            partial(run.ready_made, bolt="Map", function="same", group=64),
        ),
    ],
    [
        *(
            Goal(
                f"ready-made {bolt} against Bytewax's map with recovery",
                f"waterspout {bolt}", "per_s", against="Bytewax map, recovery", at_least=0.7,
            )
            for bolt, _, _ in _READY_MADE
        ),
        *(
            Goal(
                f"ready-made {bolt} against Bytewax's {same} with recovery",
                f"waterspout {bolt}", "per_s", against=f"Bytewax {same}, recovery", at_least=0.7,
            )
            for bolt, _, same in _READY_MADE
            if same != "map"
        ),
    ],
)

MAP_LINES = Block(
    "map-lines",
    "The same over the lines of real files, lines per second",
    "per_s",
    [
        _bytewax("Bytewax map, recovery", "map-lines", recovery=True),
        Contestant(
            "waterspout Map", ALO,
            partial(run.ready_made, bolt="Map", function="same", lines=True),
        ),
    ],
    [],
)

FAILING = Block(
    "failing",
    "Word count with 0.1 % of the tuples failing once, lines per second",
    "per_s",
    [
        Contestant("none failing", ALO, partial(run.word_count, topology="failing.yaml")),
        Contestant("in the first bolt", ALO, partial(run.failing_count, bolt="split")),
        Contestant("in the second bolt", ALO, partial(run.failing_count, bolt="count")),
    ],
    [
        goal
        for bolt in ("in the first bolt", "in the second bolt")
        for goal in (
            Goal(
                f"0.1 % failing once {bolt}: throughput",
                bolt, "per_s", against="none failing", at_least=0.8,
            ),
            Goal(
                f"0.1 % failing once {bolt}: messages run twice",
                bolt, "twice_percent", at_most=2,
            ),
        )
    ],
)

LATENCY = Block(
    "latency",
    "1,000 messages/s through 3 hops over 2 processes, ms",
    "p50_ms",
    [
        Contestant("three empty pyzmq hops", NONE, live.empty_hops),
        Contestant("waterspout", ALO, live.latency),
    ],
    [
        Goal(
            "latency p50", "waterspout", "p50_ms", at_most=1.5,
            probe=("three empty pyzmq hops", "p50_ms"),
        ),
        Goal(
            "latency p99", "waterspout", "p99_ms", at_most=8,
            probe=("three empty pyzmq hops", "p99_ms"),
        ),
    ],
)

_EMPTY = "empty Python process"

START = Block(
    "start",
    "Start to first acked message, kill -9 to first replayed message acked, seconds",
    "seconds",
    [
        Contestant(_EMPTY, NONE, live.empty_start),
        Contestant("start, 1 worker", ALO, partial(live.first_ack, workers=1)),
        Contestant("start, 2 workers", ALO, partial(live.first_ack, workers=2)),
        Contestant("kill -9", ALO, live.first_replay),
    ],
    [
        Goal(
            "start of run to first acked message", "start, 2 workers", "seconds", at_most=1.5,
            probe=(_EMPTY, "seconds"),
        ),
        Goal(
            "worker kill -9 to first replayed message acked", "kill -9", "seconds", at_most=1.5,
            probe=(_EMPTY, "seconds"),
        ),
    ],
)

IDLE = Block(
    "idle",
    "Idle topology, % of a core",
    "worker_percent",
    [Contestant("waterspout, busiest of 2 workers", ALO, live.idle, rounds_max=3)],
    [
        Goal(
            "idle topology: busiest worker", "waterspout, busiest of 2 workers",
            "worker_percent", at_most=1,
        )
    ],
)

MEMORY = Block(
    "memory",
    "Memory with a slow bolt at the end: growth by noise",
    "growth_ratio",
    [Contestant("waterspout, 2 workers", ALO, live.memory, rounds_max=1)],
    [
        Goal(
            "memory with a slow bolt: growth within noise", "waterspout, 2 workers",
            "growth_ratio", at_most=1,
        )
    ],
)

BLOCKS = {
    block.name: block
    for block in (WORD_COUNT, CHAIN, MAP, MAP_LINES, FAILING, LATENCY, START, IDLE, MEMORY)
}
