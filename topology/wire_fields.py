"""Dataclasses from maps that another process sent: names that do not fit are told, by name.

Every machine of a cluster is to run the same version of this software. Where one does not, a plan
may have a field that is not known here, and nobody knows what ignoring it would mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

from .errors import UserError

_T = TypeVar("_T")


class OtherVersion(UserError, TypeError):
    """A map has other fields than this version of Waterspout gives it."""

    def __init__(self, what: str, name: str, problem: str) -> None:
        super().__init__(f"{what} {problem}; the versions of waterspout differ")
        self.what, self.name = what, name


def made(cls: type[_T], parts: Mapping[str, Any], what: str) -> _T:
    """Return a dataclass with these fields.

    Args:
        cls: the dataclass.
        parts: its fields by name.
        what: it is, for people.

    Raises:
        OtherVersion: a field is not known, or one that is needed is missing.
    """
    known: dict[str, Field[Any]] = {each.name: each for each in fields(cls)}  # type: ignore[arg-type]
    for name in parts:
        if name not in known:
            raise OtherVersion(what, str(name), f"has {name!r:.80}, which is not known here")
    for name, each in known.items():
        needed = each.default is MISSING and each.default_factory is MISSING
        if needed and name not in parts:
            raise OtherVersion(what, name, f"has no {name!r}, which is needed here")
    return cls(**parts)
