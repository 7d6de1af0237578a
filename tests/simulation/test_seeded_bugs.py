"""The simulation finds bugs: each that is put in on purpose is caught within some seeds."""

from __future__ import annotations

import pytest

from .bugs import BUGS
from .retry_bugs import FIRST_SEEDS
from .runs import run_seed
from .signs import check_caught

#: Seeds within which a bug must be caught.
SEEDS_MAX = 120


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name](monkeypatch.setattr)
    first = FIRST_SEEDS.get(name, 0)
    check_caught(name, BUGS[name], run_seed, range(first, first + SEEDS_MAX))
