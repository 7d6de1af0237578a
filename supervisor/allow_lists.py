"""What a topology may import: made where it is linted, and once more in each worker.

A worker asks a list of its own, from its command line and the folder of the topology's code: what
comes over the network names classes, and never says which ones are allowed.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from waterspout.bolts.registry import BOLT_GROUP
from waterspout.spouts.registry import SPOUT_GROUP
from waterspout.topology.classes import (
    OWN_PREFIXES,
    AllowList,
    ImportDenied,
    normal_path,
    split_path,
)
from waterspout.topology.problems import quote


def make_allow_list(folder: str, more: Iterable[str] = ()) -> AllowList:
    """Return what a topology in ``folder`` may import: ours, its own code, what is installed under
    the entry-point groups, and ``more`` prefixes."""
    points = (*plugins(SPOUT_GROUP).values(), *plugins(BOLT_GROUP).values())
    return AllowList(
        prefixes=(*OWN_PREFIXES, *more),
        local=tuple(local_modules(folder)),
        classes=frozenset(points),
    )


def plugins(group: str) -> dict[str, str]:
    """Return name -> class path of the installed entry points of a group."""
    # Here, because a worker, which is told what is allowed, starts sooner without.
    from importlib.metadata import entry_points

    return {point.name: normal_path(point.value) for point in entry_points(group=group)}


def local_modules(folder: str | Path) -> list[str]:
    """Return the top modules and packages that lie in a folder: a topology's own code."""
    found = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            name, dot, suffix = entry.name.partition(".")
            if name.isidentifier() and (
                (dot and suffix.endswith(("py", "so", "pyd"))) or (not dot and entry.is_dir())
            ):
                found.add(name)
    return sorted(found)


def allow_options(allow: AllowList) -> tuple[str, ...]:
    """Return what ``worker_allow_list`` takes besides the folder, for a command line."""
    prefixes = (prefix for prefix in allow.prefixes if prefix not in OWN_PREFIXES)
    return (*prefixes, *sorted(allow.classes))


def refused(allow: AllowList, path: str) -> tuple[str, str] | None:
    """Return code and text of the problem that ``path`` may not be imported; None: it may.

    A module that nobody has is no matter of allowing it. Nothing of it is run to find out.

    Raises:
        ImportFailed: it is no import path.
    """
    try:
        allow.check(path)
    except ImportDenied as error:
        top = split_path(path)[0].partition(".")[0]
        if "standard library" in str(error) or _is_installed(top):
            return "E_CLASS_DENIED", str(error)
        near = difflib.get_close_matches(top, allow.local, n=1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        what = f"there is no module {quote(top)}, neither installed nor in the file's folder"
        return "E_IMPORT", f"{what}{hint}"
    return None


def _is_installed(top: str) -> bool:
    """Say whether a top-level module can be found; nothing of it is run."""
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def worker_allow_list(folder: str, allowed: Iterable[str]) -> AllowList:
    """Return what a worker may import.

    Args:
        folder: with the topology's own code; "": it has none.
        allowed: prefixes of modules, and single classes as ``module:Class``.
    """
    texts = tuple(allowed)
    return AllowList(
        prefixes=(*OWN_PREFIXES, *(each for each in texts if ":" not in each)),
        local=tuple(local_modules(folder)) if folder else (),
        classes=frozenset(each for each in texts if ":" in each),
    )
