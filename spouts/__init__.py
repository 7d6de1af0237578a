"""Where messages enter: the Spout and Source contracts, the ledger, ready-made spouts."""

from .contract import EndOfInput, Reader, Source, Spout
from .registry import SPOUTS

__all__ = ["SPOUTS", "EndOfInput", "Reader", "Source", "Spout"]
