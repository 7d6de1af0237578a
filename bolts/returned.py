"""Rows that a bolt returns by mistake: they would go nowhere, and nobody would hear of it."""

from __future__ import annotations

from types import GeneratorType
from typing import Any

from waterspout.topology.errors import UserError


def refuse_rows(component: str, method: str, made: Any) -> None:
    """Look at what ``process`` or ``process_batch`` returned; called when it is not None.

    Anything but rows is left alone: bolts of streamparse return what they like.

    Raises:
        UserError: it is a list or tuple with something in it, or a generator.
    """
    if isinstance(made, GeneratorType):
        made.close()
        raise UserError(
            f"{component}: {method} returned a generator, whose rows go nowhere: write "
            f"'yield' in {method} itself, or self.emit(row)"
        )
    if isinstance(made, (list, tuple)) and made:
        raise UserError(
            f"{component}: {method} returned {made!r:.80}, which goes nowhere: call "
            "self.emit(row), or yield rows"
        )
