"""Where tuples are worked on: the Bolt contract, the acker, state, ready-made bolts."""

from waterspout.topology.columns import Columns
from waterspout.topology.errors import FailTuple

from .contract import Batch, Bolt
from .count import Count
from .functions import Filter, FlatMap, Map
from .log import Log
from .registry import BOLTS
from .windows import Window, WindowBolt
from .writers import WriteCsv, WriteJsonl, WriteLines

__all__ = [
    "BOLTS",
    "Batch",
    "Bolt",
    "Columns",
    "Count",
    "FailTuple",
    "Filter",
    "FlatMap",
    "Log",
    "Map",
    "Window",
    "WindowBolt",
    "WriteCsv",
    "WriteJsonl",
    "WriteLines",
]
