"""Where messages enter: the Spout and Source contracts, the ledger, ready-made spouts."""

from waterspout.topology.columns import Columns

from .contract import EndOfInput, Reader, Source, Spout
from .files import Files
from .generator import Generator
from .registry import SPOUTS
from .sequence import Sequence
from .stdin import StdinLines
from .timer import Timer

__all__ = [
    "SPOUTS",
    "Columns",
    "EndOfInput",
    "Files",
    "Generator",
    "Reader",
    "Sequence",
    "Source",
    "Spout",
    "StdinLines",
    "Timer",
]
