"""Log levels change for a while, and then are what they were."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from waterspout.supervisor import worker_log_levels
from waterspout.supervisor.worker_log_levels import LogLevels


@pytest.fixture
def manager() -> logging.Manager:
    root = logging.RootLogger(logging.INFO)
    return logging.Manager(root)


def order(levels: LogLevels, logger: str, now: float = 0.0, **fields: Any) -> None:
    levels.order({"logger": logger, "level": "DEBUG", "for_s": 10.0, **fields}, now)


def test_a_level_is_changed_for_a_time(manager: logging.Manager) -> None:
    levels, logger = LogLevels(manager), manager.getLogger("mylib")
    logger.setLevel(logging.WARNING)
    order(levels, "mylib")
    assert logger.level == logging.DEBUG
    # Asked for again: it lasts longer, and what was before is not forgotten.
    order(levels, "mylib", now=5.0, level="error")
    levels.turn(10.0)
    assert logger.level == logging.ERROR
    levels.turn(15.0)
    assert logger.level == logging.WARNING


def test_a_level_can_be_taken_back(manager: logging.Manager) -> None:
    levels = LogLevels(manager)
    order(levels, "mylib")
    order(levels, "mylib", for_s=0.0)
    assert manager.getLogger("mylib").level == logging.NOTSET
    order(levels, "mylib", for_s=0.0)


def test_the_name_of_a_component_means_the_loggers_of_its_tasks(manager: logging.Manager) -> None:
    names = [f"waterspout.user.{name}" for name in ("parse[0]", "parse[1]", "parser[0]")]
    loggers = [manager.getLogger(name) for name in names]
    levels = LogLevels(manager)
    order(levels, "parse")
    assert [each.level for each in loggers] == [logging.DEBUG, logging.DEBUG, logging.NOTSET]
    assert "parse" not in manager.loggerDict
    levels.turn(10.0)
    assert [each.level for each in loggers] == [logging.NOTSET] * 3


@pytest.mark.parametrize("name", ["", "root"])
def test_all_loggers_can_be_meant(manager: logging.Manager, name: str) -> None:
    levels = LogLevels(manager)
    order(levels, name)
    assert manager.root.level == logging.DEBUG
    levels.turn(10.0)
    assert manager.root.level == logging.INFO


def test_a_level_that_is_none_changes_nothing(manager: logging.Manager) -> None:
    levels = LogLevels(manager)
    order(levels, "mylib", level="LOUD")
    assert manager.getLogger("mylib").level == logging.NOTSET


def test_only_so_many_are_changed(
    manager: logging.Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_log_levels, "CHANGED_MAX", 2)
    levels = LogLevels(manager)
    for name in ("a", "b", "c", "a"):
        order(levels, name)
    changed = [n for n in ("a", "b", "c") if manager.getLogger(n).level == logging.DEBUG]
    assert changed == ["a", "b"]
