"""The options of what begins from a savepoint, on one machine or in a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


def begins_from(command: _F) -> _F:
    """Add the options of what begins from a savepoint."""
    savepoint = click.option(
        "--from", "savepoint", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        help="Begin with the state and positions of this savepoint.",
    )  # fmt: skip
    dropped = click.option(
        "--allow-dropped-state", "allow_dropped", is_flag=True,
        help="Drop what of the state has no place in this topology.",
    )  # fmt: skip
    return savepoint(dropped(command))
