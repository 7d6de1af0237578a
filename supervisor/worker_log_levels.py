"""Other log levels for a while: what ``waterspout log-level`` asks of a worker."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

#: Loggers whose level may differ at the same time; more are not changed.
CHANGED_MAX = 100
#: Loggers that components are given are below this one.
USER = "waterspout.user."


class LogLevels:
    """Changes levels, and changes them back. Everything is called on the control thread.

    Args:
        manager: of the loggers of this process.
    """

    def __init__(self, manager: logging.Manager | None = None) -> None:
        self._manager = manager or logging.root.manager
        #: Logger -> (its level before, until when it has another one).
        self._changed: dict[str, tuple[int, float]] = {}

    def order(self, message: Mapping[str, Any], now: float) -> None:
        """Have a logger log from ``level`` on for ``for_s`` seconds; 0: as before.

        A name that is a component's means the loggers that its tasks were given.
        """
        level = logging.getLevelNamesMapping().get(str(message["level"]).upper())
        for_s = float(message["for_s"])
        for name in self._names(str(message["logger"])):
            logger = self._logger(name)
            if for_s <= 0:
                self._restore(name)
            elif level is not None and (name in self._changed or len(self._changed) < CHANGED_MAX):
                before, _ = self._changed.get(name, (logger.level, 0.0))
                self._changed[name] = before, now + for_s
                logger.setLevel(level)

    def turn(self, now: float) -> None:
        """Change back what is over; called now and then."""
        for name in [name for name, (_, until) in self._changed.items() if now >= until]:
            self._restore(name)

    def _names(self, name: str) -> list[str]:
        if name in ("", "root"):
            return [""]
        # Each task has one: waterspout.user.NAME[INDEX].
        users = [each for each in self._manager.loggerDict if each.startswith(f"{USER}{name}[")]
        return users or [name]

    def _logger(self, name: str) -> logging.Logger:
        return self._manager.getLogger(name) if name else self._manager.root

    def _restore(self, name: str) -> None:
        changed = self._changed.pop(name, None)
        if changed is not None:
            self._logger(name).setLevel(changed[0])
