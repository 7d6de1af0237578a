"""The simulation finds bugs: each that is put in on purpose is caught within some seeds."""

from __future__ import annotations

import pytest

from .bugs import BUGS
from .runs import Failed, run_seed
from .signs import check_sign

#: Seeds within which a bug must be caught.
SEEDS_MAX = 120


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name](lambda target, attribute, value: monkeypatch.setattr(target, attribute, value))
    for seed in range(SEEDS_MAX):
        try:
            run_seed(seed)
        except Failed as failure:
            check_sign(name, failure.__cause__)
            return
    pytest.fail(f"{name}: {BUGS[name].__doc__} {SEEDS_MAX} seeds did not see it")
