"""What takes long is done once, or here: looking for plug-ins, and at the classes of topologies.

A child for each look at classes would take a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import metadata

import pytest

from ..class_check import classes_checked_here


@pytest.fixture(scope="session", autouse=True)
def installed_packages_are_looked_at_once() -> Iterator[None]:
    """Each lint looks for plug-ins in all of them, for a millisecond and more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "entry_points", cache(metadata.entry_points))
        yield


@pytest.fixture(scope="module", autouse=True)
def classes_are_checked_here() -> Iterator[None]:
    with classes_checked_here():
        yield
