"""Random topologies under at-least-once with bolts that count each tuple once."""

from __future__ import annotations

import random
from dataclasses import replace

from waterspout.topology.origin_paths import above

from .shapes import BoltShape, InputShape, Shape
from .topologies import random_shape, topology_spec


def once_shape(rng: random.Random) -> Shape:
    """Draw a topology in which at least one bolt asks, and all above it are deterministic."""
    shape = random_shape(rng)
    spouts = tuple(replace(spout, kind="source") for spout in shape.spouts)
    # Where two ways met to be joined, the rows of both are counted.
    joins = {bolt.id for bolt in shape.bolts if bolt.role == "join"}
    bolts = tuple(replace(b, role="fan") if b.id in joins else b for b in shape.bolts)
    shape = replace(shape, spouts=spouts, bolts=bolts, guarantee="at-least-once")
    asking = {shape.bolts[-1].id, rng.choice(shape.bolts).id, *joins}
    between = _between(shape, asking)
    # Nothing but a stream that is dealt out by key can be asked for.
    bolts = tuple(
        _asking(rng, bolt, bolt.id in between) if bolt.id in asking
        else _between_bolt(rng, bolt) if bolt.id in between else bolt
        for bolt in shape.bolts
    )  # fmt: skip
    bolts = tuple(_without_direct(bolt, bolts) for bolt in bolts)
    settings = {
        **shape.settings,
        # A frame that waits for a broken link is given up soon, and comes after its replay.
        "message_timeout_s": rng.choice((0.25, 0.25, 2.0, 60.0)),
        "round_interval_s": rng.choice((0.05, 0.2)),
        "attempts_max": 30,
    }
    return replace(shape, bolts=bolts, settings=settings)


def _between(shape: Shape, asking: set[str]) -> set[str]:
    """Return the bolts above one that asks."""
    _, giving = above(topology_spec(shape), asking)
    return {bolt.id for bolt in shape.bolts if bolt.id in giving}


def _asking(rng: random.Random, bolt: BoltShape, between: bool) -> BoltShape:
    inputs = tuple(replace(i, grouping="fields", fields=("key",)) for i in bolt.inputs)
    role = bolt.role if bolt.role != "tick" or not between else "fan"
    style = "tick" if role == "tick" else rng.choice(("emit", "yield", "many", "batch", "batch"))
    return replace(
        bolt, role=role, style=style, inputs=inputs, stateful=True, sink=False, direct=False,
        tick_s=bolt.tick_s if role == "tick" else None, once=True,
    )  # fmt: skip


def _between_bolt(rng: random.Random, bolt: BoltShape) -> BoltShape:
    role = "fan" if bolt.role in ("tick", "end") else bolt.role
    styles = ["emit", "yield", "many", "batch"]
    if bolt.streams == ("default",) and not bolt.direct:
        styles += ["columns", "columns"]
    style = "emit" if bolt.direct else rng.choice(styles)
    inputs = tuple(
        replace(i, grouping=rng.choice(("shuffle", "fields", "all", "global")))
        if i.grouping == "custom" else i
        for i in bolt.inputs
    )  # fmt: skip
    inputs = tuple(replace(i, fields=("key",)) if i.grouping == "fields" else i for i in inputs)
    return replace(bolt, role=role, style=style, inputs=inputs, tick_s=None, sink=False)


def _without_direct(bolt: BoltShape, bolts: tuple[BoltShape, ...]) -> BoltShape:
    """Make streams plain that bolts read by key, and inputs of plain streams shuffled."""
    once_inputs = {(i.source, i.stream) for b in bolts if b.once for i in b.inputs}
    direct = bolt.direct and not any((bolt.id, stream) in once_inputs for stream in bolt.streams)
    by_id = {b.id: b for b in bolts}

    def input_of(one: InputShape) -> InputShape:
        source = by_id.get(one.source)
        kept = source is not None and source.direct and not any(
            (source.id, stream) in once_inputs for stream in source.streams
        )
        return one if one.grouping != "direct" or kept else replace(one, grouping="shuffle")

    inputs = bolt.inputs if bolt.once else tuple(map(input_of, bolt.inputs))
    return replace(bolt, direct=direct, inputs=inputs)
