"""Classes of topologies are looked at in this process: a child for each would take a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..class_check import classes_checked_here


@pytest.fixture(scope="module", autouse=True)
def classes_are_checked_here() -> Iterator[None]:
    with classes_checked_here():
        yield
