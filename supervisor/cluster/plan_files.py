"""Plans on a host's disk: what was at work in a dead worker can only be read with its plan.

One file per plan, by its content, in ``plans/`` of the topology: workers of one plan share it,
and after a swap the plans of both are there.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..control_wire import pack, unpack

_NAME = re.compile(r"plan-[0-9a-f]{32}\.msgpack")


def write_plan(folder: Path, wire: Mapping[str, Any]) -> str:
    """Keep a plan; return the name of its file.

    Args:
        folder: of the topology.
        wire: from ``Plan.to_wire``.

    Raises:
        OSError: the disk is full.
    """
    data = pack(wire)
    name = f"plan-{hashlib.sha256(data).hexdigest()[:32]}.msgpack"
    path = folder / "plans" / name
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        # It may hold secrets that were put in place of ${NAME}.
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    return name


def read_plan(folder: Path, name: str) -> dict[str, Any]:
    """Return the wire form of a plan.

    Raises:
        OSError: it is gone.
        ValueError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r:.80} is not the name of a plan")
    return unpack((folder / "plans" / name).read_bytes())


def prune_plans(folder: Path, keep: Collection[str]) -> None:
    """Delete the plans of a topology that no process has any more."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder / "plans"):
            if name not in keep:
                with suppress(OSError):
                    (folder / "plans" / name).unlink()
