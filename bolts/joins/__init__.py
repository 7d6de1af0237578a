"""Bolts that put rows of two streams together, or look a row up; and those that compare rows."""

from .deduplicate import Deduplicate
from .interval_join import IntervalJoin
from .lookup_join import LookupJoin
from .stream_join import StateJoin, StreamJoin
from .top_n import TopN
from .window_join import WindowJoin

__all__ = [
    "Deduplicate",
    "IntervalJoin",
    "LookupJoin",
    "StateJoin",
    "StreamJoin",
    "TopN",
    "WindowJoin",
]
