"""Where rows carry their origins: between the spouts and the bolts that ask for it, nowhere else.

    lines -> split -> count (asks)        lines -> split, split -> count carry
                   `-> log                 split -> log does not

Decided when the tasks are built: a topology in which nobody asks runs the same code as if there
were no origins.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .spec import InputSpec, TopologySpec


@dataclass(frozen=True, slots=True)
class OriginPaths:
    """The part of a topology that has to do with origins.

    Attributes:
        asking: bolts that count each tuple once.
        taking: bolts whose rows have origins: these, and all between them and the spouts.
        giving: components that emit rows with origins.
    """

    asking: frozenset[str]
    taking: frozenset[str]
    giving: frozenset[str]

    @property
    def any(self) -> bool:
        """Whether a bolt asks."""
        return bool(self.asking)

    @property
    def between(self) -> frozenset[str]:
        """Bolts on the way to one that asks."""
        return self.taking & self.giving


def origin_paths(spec: TopologySpec) -> OriginPaths:
    """Return where rows carry origins; nothing but at-least-once has any."""
    if spec.guarantee != "at-least-once":
        return OriginPaths(frozenset(), frozenset(), frozenset())
    asking = frozenset(bolt.id for bolt in spec.bolts.values() if bolt.options.effectively_once)
    taking, giving = above(spec, asking)
    return OriginPaths(asking, taking, giving)


def above(spec: TopologySpec, bolts: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return these bolts with all bolts above them, and all components above any of them."""
    taking: set[str] = set()
    giving: set[str] = set()
    waiting = [name for name in bolts if name in spec.bolts]
    while waiting:
        bolt = waiting.pop()
        if bolt in taking:
            continue
        taking.add(bolt)
        sources = {item.source for item in spec.bolts[bolt].inputs}
        giving |= sources
        waiting += [source for source in sources if source in spec.bolts]
    return frozenset(taking), frozenset(giving)


def copied_inputs(inputs: Collection[InputSpec]) -> frozenset[tuple[str, str]]:
    """Return (component, stream) of the inputs of which every task gets a copy."""
    return frozenset((one.source, one.stream) for one in inputs if one.grouping == "all")
