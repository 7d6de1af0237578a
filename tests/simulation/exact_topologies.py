"""Random small topologies for exactly-once: sources that seek, bolts that ack by themselves."""

from __future__ import annotations

import random
from dataclasses import replace

from .shapes import BoltShape, InputShape, Shape
from .topologies import random_shape


def exact_shape(rng: random.Random) -> Shape:
    """Draw a topology that exactly-once can be had with."""
    shape = random_shape(rng)
    spouts = tuple(
        replace(s, kind="source", pause_s=rng.choice((0.0, 0.005, 0.02, s.pause_s)))
        for s in shape.spouts
    )
    bolts = tuple(_bolt(rng, bolt) for bolt in shape.bolts)
    # Of a generator of its own, so that seeds stay what they were.
    bolts = _with_timers(random.Random(f"timers {shape!r}"), bolts)
    if not any(bolt.stateful for bolt in bolts):
        bolts = (*bolts[:-1], replace(bolts[-1], stateful=True))
    settings = {
        **shape.settings,
        # Besides its own failures, a message may be at work whenever a worker is killed.
        "attempts_max": 8,
        "checkpoint_interval_s": rng.choice((0.02, 0.05, 0.2)),
        "checkpoint_min_pause_s": rng.choice((0.0, 0.0, 0.1)),
        "checkpoint_timeout_s": rng.choice((1.0, 3.0)),
        "checkpoint_tolerable_failures": rng.choice((2, 1000)),
        "checkpoint_retained": rng.choice((1, 1, 3)),
    }
    if random.Random(repr(shape)).random() < 0.1:
        settings["fail_to_dead_letter"] = True
    exact = replace(
        shape, spouts=spouts, bolts=bolts, guarantee="exactly-once", settings=settings
    )
    other = random.Random(f"alignment {shape!r}")
    may_overtake = "fail_to_dead_letter" not in settings and other.random() < 0.5
    return _overtaking(other, exact) if may_overtake else exact


def _overtaking(rng: random.Random, shape: Shape) -> Shape:
    """Have tasks not wait for late channels, where there are some: messages that lie about."""
    settings = {
        **shape.settings,
        "checkpoint_alignment_timeout_s": rng.choice((0.0001, 0.001, 0.005, 0.02)),
        "checkpoint_log_max": rng.choice((1 << 20, 1 << 20, 1 << 20, 2000)),
        "checkpoint_interval_s": rng.choice((0.02, 0.05)),
        "checkpoint_min_pause_s": 0.0,
        # The last one must outlast a call that hangs.
        "checkpoint_timeout_s": 3.0,
        "max_pending": rng.choice((20, 100)),
        # Workers are killed more often, see faults.
        "attempts_max": 12,
    }
    spouts = tuple(
        replace(s, messages=max(s.messages, 40), pause_s=rng.choice((0.0, 0.005, 0.02)))
        for s in shape.spouts
    )
    workers = max(shape.workers, rng.choice((2, 3)))
    return replace(shape, spouts=spouts, workers=workers, settings=settings)


def rescaled(rng: random.Random, shape: Shape) -> Shape:
    """Return a shape with other numbers of tasks, where state can follow its keys."""
    return replace(
        shape,
        spouts=tuple(replace(s, parallelism=rng.choice((1, 2, 3))) for s in shape.spouts),
        bolts=tuple(
            replace(b, parallelism=rng.choice((1, 2, 3))) if _may_move(b) else b
            for b in shape.bolts
        ),
    )


def _may_move(bolt: BoltShape) -> bool:
    groupings = {each.grouping for each in bolt.inputs}
    return groupings == {"fields"} or (not bolt.stateful and "all" not in groupings)


def _bolt(rng: random.Random, bolt: BoltShape) -> BoltShape:
    """Give a bolt a style that holds no tuples, and state to look at."""
    if bolt.role == "join":
        return replace(bolt, style="meet", stateful=True, inputs=_by_jid(bolt))
    by_key = _by_key(bolt)
    direct = any(each.grouping == "direct" for each in bolt.inputs)
    if bolt.role == "tick" and not direct and rng.random() < 0.5:
        return replace(bolt, style="timer", inputs=by_key, tick_s=None)
    style = rng.choice(("emit", "yield", "batch")) if bolt.style == "hand" else bolt.style
    if style == "yield" and bolt.direct:
        style = "emit"
    if style == "batch" and bolt.streams != ("default",):
        style = "emit"
    ticks = bolt.tick_s if bolt.role == "tick" else None
    commits = bolt.sink or (bolt.role == "end" and rng.random() < 0.5)
    stateful = bolt.stateful or commits or rng.random() < 0.5
    inputs = by_key if stateful and not direct and rng.random() < 0.4 else bolt.inputs
    return replace(
        bolt, style=style, sink=False, stateful=stateful, commits=commits, tick_s=ticks,
        inputs=inputs,
    )  # fmt: skip


def _with_timers(rng: random.Random, bolts: tuple[BoltShape, ...]) -> tuple[BoltShape, ...]:
    """Have one bolt pass on what it gets by timers, now and then, where one may."""
    halves = {each.source for bolt in bolts if bolt.role == "join" for each in bolt.inputs}
    may = [
        bolt for bolt in bolts
        if bolt.role in ("pass", "fan") and bolt.id not in halves
        and all(each.grouping != "direct" for each in bolt.inputs)
    ]  # fmt: skip
    if not may or rng.random() >= 0.4:
        return bolts
    chosen = rng.choice(may)
    timed = replace(
        chosen, role="tick", style="timer", stateful=True, commits=False, tick_s=None,
        inputs=_by_key(chosen),
    )  # fmt: skip
    return tuple(timed if bolt is chosen else bolt for bolt in bolts)


def _by_key(bolt: BoltShape) -> tuple[InputShape, ...]:
    return tuple(replace(each, grouping="fields", fields=("key",)) for each in bolt.inputs)


def _by_jid(bolt: BoltShape) -> tuple[InputShape, ...]:
    return tuple(replace(each, grouping="fields", fields=("jid",)) for each in bolt.inputs)
