"""Where tuples are worked on: the Bolt contract, the acker, state, ready-made bolts."""

from waterspout.topology.errors import FailTuple

from .contract import Batch, Bolt
from .registry import BOLTS

__all__ = ["BOLTS", "Batch", "Bolt", "FailTuple"]
