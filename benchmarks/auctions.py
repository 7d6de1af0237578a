"""Nexmark's sources for measuring: the same events, drawn while they are read, or made beforehand.

Drawing an event costs several microseconds of Python, more than most queries. So each query runs
twice: with the generator in its worker, as in other engines' tables, and with rows that were made
before the clock starts, which leaves what the engine and the query cost. The topologies are those
of configs/nexmark; only their sources and their sink are replaced.
"""

from __future__ import annotations

import sys
from typing import Any

from waterspout.configs.nexmark import nexmark as site
from waterspout.spouts.contract import Messages, Reader
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context

from .components import NotedReader


class Drawn:
    """Mixed into a source: notes when reading begins and ends."""

    def reader(self, partition: str, position: int | None) -> Reader:
        """Return a reader that draws events while it reads."""
        reader = super().reader(partition, position)  # type: ignore[misc]
        return NotedReader(reader, fresh=position is None)


class Made:
    """Mixed into a source: all its rows are made in ``open``, before anything is read."""

    def open(self, context: Context) -> None:
        """Make the rows of the one partition."""
        drawing: Any = super().reader("part-0", None)  # type: ignore[misc]
        found = drawing.read(sys.maxsize)
        assert found is not None, "a share of events without a row"
        self.columns = list(found[0].values)

    def reader(self, partition: str, position: int | None) -> Reader:
        """Return a reader that slices what was made."""
        return NotedReader(MadeReader(self.columns, position or 0), fresh=position is None)


class MadeReader(Reader):
    """Gives out slices of columns."""

    def __init__(self, columns: list[list[Any]], position: int) -> None:
        self.columns, self.position = columns, position

    def read(self, limit: int) -> tuple[Messages, int] | None:
        start, end = self.position, min(self.position + limit, len(self.columns[0]))
        if start >= end:
            return None
        self.position = end
        return Columns([column[start:end] for column in self.columns]), end


class DrawnPersons(Drawn, site.Persons):
    """Persons, drawn while they are read."""


class DrawnAuctions(Drawn, site.Auctions):
    """Auctions, drawn while they are read."""


class DrawnBids(Drawn, site.Bids):
    """Bids, drawn while they are read."""


class MadePersons(Made, site.Persons):
    """Persons, made beforehand."""


class MadeAuctions(Made, site.Auctions):
    """Auctions, made beforehand."""


class MadeBids(Made, site.Bids):
    """Bids, made beforehand."""
