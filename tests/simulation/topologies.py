"""Random small topologies, and their way into the real plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from waterspout.topology.component import Stream, StreamDecl
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentOptions, ComponentSpec, InputSpec, TopologySpec

from .components import STYLES, Commits, Numbers, Queue
from .shapes import FIELDS, BoltShape, InputShape, Shape, SpoutShape

#: What makes failures and recovery quick, and limits that are reached with few messages.
BASE = {
    "round_interval_s": 0.2,
    "round_timeout_s": 3.0,
    "report_interval_s": 0.1,
    "boot_timeout_s": 5.0,
    "restart_backoff_min_s": 0.05,
    "restart_backoff_max_s": 0.5,
    "backoff_min_s": 0.02,
    "backoff_max_s": 0.3,
    "link_timeout_s": 3.0,
    "stop_timeout_s": 3.0,
    "drain_timeout_s": 20.0,
    "attempts_max": 6,
    "discover_interval_s": 1.0,
}
GROUPINGS = ("shuffle", "shuffle", "local-or-shuffle", "fields", "partial-key", "all", "global",
             "none", "custom")  # fmt: skip
CUSTOM = f"{__package__}.groupings:ByLength"
#: Longest user call, in seconds, before a worker is killed.
HANG_TIMEOUT_S = 2.0


def random_shape(rng: random.Random) -> Shape:
    """Draw a topology of 1-2 spouts and 1-5 bolts on 1-3 workers."""
    spouts = tuple(_spout(rng, n) for n in range(rng.choice((1, 1, 2))))
    bolts: list[BoltShape] = []
    number = rng.randint(1, 5)
    if rng.random() < 0.25 and number >= 3:
        bolts += _diamond(rng, spouts[0].id)
    while len(bolts) < number:
        bolts.append(_bolt(rng, f"b{len(bolts)}", spouts, bolts))
    bolts = _with_ends(rng, spouts, bolts)
    workers = rng.choice((1, 2, 2, 3))
    guarantee = "at-most-once" if rng.random() < 0.08 else "at-least-once"
    return Shape(spouts, tuple(bolts), workers, guarantee, _settings(rng))


def _settings(rng: random.Random) -> dict[str, Any]:
    settings = _drawn_settings(rng)
    # Not drawn, so that seeds stay what they were: tight and wide with the queues.
    settings["reserve_max"] = {4: 2, 20: 8}.get(settings["queue_rows_max"], 32_768)
    return settings


def _drawn_settings(rng: random.Random) -> dict[str, Any]:
    return {
        "max_pending": rng.choice((2, 5, 20, 100)),
        "batch_max": rng.choice((1, 4, 16)),
        "frame_rows_max": rng.choice((1, 2, 5, 1024)),
        "queue_rows_max": rng.choice((4, 20, 1000)),
        "link_pool_frames": rng.choice((1, 2, 16)),
        "linger_s": rng.choice((0.0, 0.005)),
        "message_timeout_s": rng.choice((2.0, 60.0, 60.0)),
        "worked_through_max": rng.choice((20, 10_000)),
    }


def _spout(rng: random.Random, n: int) -> SpoutShape:
    kind = rng.choice(("source", "source", "source", "re-emit"))
    messages = rng.choice((1, 10, 40, 40, 80))
    lanes = rng.choice((1, 2))
    return SpoutShape(
        f"s{n}", kind, messages, parallelism=lanes,
        partitions=rng.choice((lanes, 3)), stride=rng.choice((1, 3)),
        pause_s=rng.choice((0.0, 0.02, 0.05)),
    )  # fmt: skip


def _diamond(rng: random.Random, spout: str) -> list[BoltShape]:
    """Two branches of one source that are joined again."""
    wide = rng.choice((1, 2))
    branches = [
        BoltShape(f"b{n}", "pass", rng.choice(("emit", "yield", "batch")),
                  (InputShape(spout, grouping=rng.choice(("shuffle", "global"))),), wide)
        for n in range(2)
    ]  # fmt: skip
    inputs = tuple(InputShape(b.id, "default", "fields", ("jid",)) for b in branches)
    return [*branches, BoltShape("b2", "join", "join", inputs, wide)]


def _bolt(
    rng: random.Random, id: str, spouts: tuple[SpoutShape, ...], bolts: list[BoltShape]
) -> BoltShape:
    sources = [(s.id, "default", False) for s in spouts]
    fed = {(i.source, i.stream) for b in bolts for i in b.inputs}
    # A direct stream has one reader: a tuple on it goes to one task.
    sources += [
        (b.id, s, b.direct) for b in bolts for s in b.streams if not (b.direct and (b.id, s) in fed)
    ]
    fresh = [s for s in sources if s[:2] not in fed] or sources
    chosen = {rng.choice(fresh)} | ({rng.choice(sources)} if rng.random() < 0.25 else set())
    if rng.random() < 0.15:
        role, style = "tick", "tick"
    else:
        role = rng.choice(("pass", "fan", "fan"))
        style = rng.choice(("emit", "emit", "yield", "many", "batch", "hand", "async", "blocking"))
    streams = ("default", "odd") if rng.random() < 0.25 else ("default",)
    shape = BoltShape(
        id, role, style, tuple(_input(rng, *one) for one in sorted(chosen)),
        parallelism=rng.choice((1, 1, 2, 3)),
        stateful=role == "tick" or rng.random() < 0.4,
        streams=streams,
        direct=style in ("emit", "hand", "tick") and rng.random() < 0.15,
        tick_s=0.1 if style in ("tick", "hand") else None,
    )  # fmt: skip
    # Without a draw of its own, so that what a seed stands for does not change.
    by_column = style == "batch" and streams == ("default",) and shape.parallelism != 1
    return replace(shape, style="columns") if by_column else shape


def _input(rng: random.Random, source: str, stream: str, direct: bool) -> InputShape:
    grouping = "direct" if direct else rng.choice(GROUPINGS)
    fields = {"fields": rng.choice((("key",), ("key",), ("mid", "key"))), "partial-key": ("key",)}
    return InputShape(source, stream, grouping, fields.get(grouping, ()))


def _with_ends(
    rng: random.Random, spouts: tuple[SpoutShape, ...], bolts: list[BoltShape]
) -> list[BoltShape]:
    """Turn bolts that nobody reads into ends: counting or writing; feed every spout to one."""
    read = {i.source for b in bolts for i in b.inputs}
    ends = [b for b in bolts if b.id not in read]
    for bolt in ends:
        if bolt.role == "fan" or (bolt.role == "pass" and rng.random() < 0.7):
            sink = rng.random() < 0.3
            end = replace(bolt, role="end", streams=("default",), direct=False, sink=sink)
            bolts[bolts.index(bolt)] = replace(end, stateful=not sink and rng.random() < 0.7)
    unread = [s.id for s in spouts if s.id not in read]
    if unread:
        last = bolts[-1]
        more = tuple(InputShape(s) for s in unread)
        bolts[-1] = last if last.role == "join" else replace(last, inputs=last.inputs + more)
    return bolts


# Into the plan.


def topology_spec(shape: Shape) -> TopologySpec:
    """Return the shape as the loader would give it."""
    here = __package__ or ""
    spouts = {
        s.id: ComponentSpec(
            s.id, "spout", f"{here}.components:{'Numbers' if s.kind == 'source' else 'Queue'}",
            parallelism=s.parallelism,
        )
        for s in shape.spouts
    }  # fmt: skip
    bolts = {
        b.id: ComponentSpec(
            b.id, "bolt", f"{here}.components:{STYLES[b.style].__name__}",
            parallelism=b.parallelism,
            inputs=tuple(
                InputSpec(i.source, i.stream, i.grouping, i.fields,
                          CUSTOM if i.grouping == "custom" else None)
                for i in b.inputs
            ),
            options=ComponentOptions(
                hang_timeout_s=HANG_TIMEOUT_S, tick_interval_s=b.tick_s, concurrency=3,
                blocking=b.style == "blocking", effectively_once=b.once,
            ),
        )
        for b in shape.bolts
    }  # fmt: skip
    settings = Settings(**{**BASE, **shape.settings})
    return TopologySpec("simulated", shape.guarantee, shape.workers, spouts, bolts, settings)


def facts(shape: Shape) -> dict[str, ComponentFacts]:
    """Return what the class check would find out."""
    found = {
        s.id: ComponentFacts(
            "spout", streams_of(shape, s.id),
            replay="seek" if s.kind == "source" else "re-emit", bounded=True,
        )
        for s in shape.spouts
    }  # fmt: skip
    for b in shape.bolts:
        found[b.id] = ComponentFacts(
            "bolt", streams_of(shape, b.id), auto_ack=b.style not in ("hand", "join"),
            is_async=b.style == "async", is_generator=b.style == "yield",
            has_batch=b.style == "batch", has_tick=b.tick_s is not None,
            stateful=b.stateful, sink=b.sink,
        )  # fmt: skip
    return found


def streams_of(shape: Shape, id: str) -> dict[str, StreamDecl]:
    """Return the declared streams of a component."""
    bolt = next((b for b in shape.bolts if b.id == id), None)
    names = bolt.streams if bolt else ("default",)
    direct = bool(bolt and bolt.direct)
    return {name: Stream(list(FIELDS), direct=direct) for name in names}


def plan_of(shape: Shape) -> Plan:
    """Return the real plan."""
    return make_plan(topology_spec(shape), facts(shape), shape.workers)


class Loader:
    """Makes component instances for cores, in place of importing them by class path."""

    def __init__(self, shape: Shape, world: Any) -> None:
        self._shape, self._world = shape, world

    def __call__(self, plan: Any, task: Any) -> Any:
        for spout in self._shape.spouts:
            if spout.id == task.component:
                base = Numbers if spout.kind == "source" else Queue
                return self._subclass((base,), spout.id)(self._world, spout)
        shape = next(b for b in self._shape.bolts if b.id == task.component)
        bases = (Commits, STYLES[shape.style]) if shape.commits else (STYLES[shape.style],)
        cls = self._subclass(bases, shape.id)
        cls.stateful, cls.sink = shape.stateful, shape.sink
        return cls(self._world, shape, dict(self._targets(plan, shape)))

    def _subclass(self, bases: tuple[type[Any], ...], id: str) -> type[Any]:
        return type(bases[-1].__name__, bases, {"outputs": streams_of(self._shape, id)})

    def _targets(self, plan: Any, shape: BoltShape) -> Iterator[tuple[str, list[int]]]:
        """Yield (direct stream, tasks that read it)."""
        for stream in shape.streams if shape.direct else ():
            readers = {
                b.id for b in self._shape.bolts for i in b.inputs
                if (i.source, i.stream) == (shape.id, stream)
            }  # fmt: skip
            tasks = [t.task for t in plan.tasks if t.component in readers]
            if tasks:
                yield stream, tasks
