"""Random topologies under at-least-once whose groups are large and traced, and whose bolts fail."""

from __future__ import annotations

import random

from .shapes import BoltShape, InputShape, Shape, SpoutShape

#: Groupings that may keep the rows of a group together, and those that deal them out.
GROUPINGS = ("shuffle", "global", "none", "all", "fields", "partial-key")


def traced_shape(rng: random.Random) -> Shape:
    """Draw one source and 2-4 bolts on 1-3 workers, most of them in a line."""
    partitions = rng.choice((1, 1, 2))
    messages = rng.choice((40, 80, 160))
    pause_s = rng.choice((0.0, 0.0, 0.001))
    source = SpoutShape(
        "s0", "source", messages, partitions=partitions, stride=rng.choice((1, 3)), pause_s=pause_s
    )
    bolts: list[BoltShape] = []
    number = rng.randint(2, 4)
    for n in range(number):
        bolts.append(_bolt(rng, n, [source.id, *(bolt.id for bolt in bolts)], n == number - 1))
    settings = {
        "max_pending": rng.choice((20, 100)),
        "batch_max": rng.choice((8, 16)),
        # Low enough to cut a run, or the frames of a run, now and then.
        "frame_rows_max": rng.choice((5, 20, 1024)),
        "queue_rows_max": rng.choice((20, 1000)),
        "link_pool_frames": rng.choice((2, 16)),
        "linger_s": rng.choice((0.0, 0.005)),
        "worked_through_max": rng.choice((20, 10_000)),
    }
    workers, share = rng.choice((1, 2, 3)), rng.choice((0.01, 0.03, 0.1))
    return Shape((source,), tuple(bolts), workers, settings=settings, fail_share=share)


def _bolt(rng: random.Random, n: int, above: list[str], last: bool) -> BoltShape:
    sources = {above[-1]} | ({rng.choice(above)} if rng.random() < 0.2 else set())
    styles = ("emit", "emit", "emit", "yield", "yield", "many", "columns", "batch", "hand")
    role = "end" if last else rng.choice(("pass", "fan", "fan"))
    stateful = rng.random() < 0.3
    streams = ("default", "odd") if not last and rng.random() < 0.15 else ("default",)
    style = rng.choice(styles)
    if style == "columns" and len(streams) > 1:
        style = "emit"
    return BoltShape(
        f"b{n}", role, style, tuple(_input(rng, one) for one in sorted(sources)),
        parallelism=rng.choice((1, 1, 2)), stateful=stateful, streams=streams,
        tick_s=0.1 if style == "hand" else None,
    )  # fmt: skip


def _input(rng: random.Random, source: str) -> InputShape:
    grouping = rng.choice(GROUPINGS)
    fields = ("key",) if grouping in ("fields", "partial-key") else ()
    return InputShape(source, "default", grouping, fields)
