"""How tests are given to test processes (``-n auto``, pytest-xdist), and what those tell back."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

#: A set-up or clean-up that took longer is told, so that ``--durations`` shows it.
TOLD_S = 0.005


class FilesBesideFiles(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each test process whole files, in the order of collection; a simulation by tests."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return nodeid if path.startswith("tests/simulation/") else path

    @cached_property
    def _places(self) -> dict[str, int]:
        return {nodeid: place for place, nodeid in enumerate(self.collection)}

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the next file. What it replaces looks for each test in the whole list."""
        scope, unit = self.workqueue.popitem(last=False)
        self.assigned_work[node][scope] = unit
        node.send_runtest_some([self._places[nodeid] for nodeid in unit])

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """Forget a test that is done: what stays in ``assigned_work`` is counted at each event."""
        nodeid = self.collection[item_index]
        units = self.assigned_work[node]
        scope = self._split_scope(nodeid)
        del units[scope][nodeid]
        if not units[scope]:
            del units[scope]
        self._reschedule(node)


def tell_what_matters(config: pytest.Config) -> None:
    """Have a test process send one message for a test that passes, not five.

    Each costs both sides; for a test of a millisecond they would cost as much as the test. Called
    in every process before tests are collected; does nothing where there is but one.
    """
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            config.pluginmanager.unregister(plugin)
            plugin.pytest_runtest_logreport = _thinned(plugin.pytest_runtest_logreport)
            plugin.pytest_runtest_logstart = plugin.pytest_runtest_logfinish = None
            config.pluginmanager.register(plugin)


def _thinned(tell: Callable[[pytest.TestReport], None]) -> Callable[[pytest.TestReport], None]:
    def tell_what_matters(report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed or report.duration >= TOLD_S:
            tell(report)

    return tell_what_matters
