"""Whole maps: plain dicts that users change as they like, so that a cut has to copy all of one."""

from __future__ import annotations

from typing import Any

from .snapshots import MapCopy
from .state_slices import Kind, is_flat, pack_slices
from .state_values import SCALARS


def copy_of(component: str, kind: Kind, name: str, entries: dict[Any, Any]) -> MapCopy:
    """Return a map as it is now; nothing of it is shared with what can still change.

    Raises:
        StateError: a value had to be packed, and has no wire form.
    """
    if _unchanging(entries):
        # dict.copy, because that of a subclass may be a loop in Python.
        return MapCopy(kind, name, dict.copy(entries))
    return MapCopy(kind, name, {}, tuple(pack_slices(component, kind, name, entries)))


def _unchanging(entries: dict[Any, Any]) -> bool:
    """Say whether no value can change in place: scalars, or tuples of scalars."""
    return set(map(type, entries.values())) <= SCALARS or is_flat(entries.values())
