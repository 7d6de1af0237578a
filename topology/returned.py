"""Rows that user code returns by mistake: they would go nowhere, and nobody would hear of it."""

from __future__ import annotations

from types import CoroutineType, GeneratorType
from typing import Any

from .errors import UserError


def refuse_rows(component: str, method: str, made: Any, *, yields: bool = True) -> None:
    """Look at what a method returned whose result is not used; called when it is not None.

    Anything but rows is left alone: components of streamparse return what they like.

    Args:
        component, method: what was called: ``process``, ``process_batch`` or ``next_tuple``.
        made: what it returned.
        yields: it may be a generator function, whose rows are emitted.

    Raises:
        UserError: it is a list or tuple with something in it, a generator or a coroutine.
    """
    if isinstance(made, GeneratorType):
        made.close()
        write = f"write 'yield' in {method} itself, or self.emit(row)"
        raise UserError(
            f"{component}: {method} returned a generator, whose rows go nowhere: "
            + (write if yields else "call self.emit(row)")
        )
    if isinstance(made, CoroutineType):
        made.close()
        raise UserError(f"{component}: {method} returned a coroutine, which nobody awaits")
    if isinstance(made, (list, tuple)) and made:
        raise UserError(
            f"{component}: {method} returned {made!r:.80}, which goes nowhere: call "
            + ("self.emit(row), or yield rows" if yields else "self.emit(row)")
        )
