"""The ``--seed`` option: run one seed of the simulation again."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer ``--seed N`` when this folder is named on the command line."""
    parser.addoption("--seed", type=int, help="run this seed of the simulation, and no other")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the seed that was asked for."""
    if config.getoption("--seed", default=None) is not None:
        items[:] = [item for item in items if "seeds" in getattr(item, "fixturenames", ())]
