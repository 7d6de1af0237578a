"""The custom grouping of simulated topologies."""

from __future__ import annotations

from typing import Any


class ByLength:
    """Chooses by the length of the path: a tuple goes to one task, always the same."""

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None:
        self.targets = targets

    def choose_tasks(self, values: list[Any]) -> list[int]:
        return [self.targets[len(values[1]) % len(self.targets)]]
