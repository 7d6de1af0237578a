"""What all tests share: how hypothesis draws, which tests are units, who runs what beside whom.

Hypothesis: no time limits, and the same examples in every run. A limit would fail on a busy
machine. Random examples belong to a search, not to a gate: ``HYPOTHESIS_PROFILE=search`` draws
new ones. ``-m unit`` alone draws the first few of those of the gate, to be quick.

Kinds: every test has the mark of its kind, by its folder. ``-m unit`` runs what needs no real
process; see CONTRIBUTING.md. Their ``tmp_path`` is in memory.

Beside each other: with ``-n auto`` (pytest-xdist) files run beside files, never tests of one
file, and long ones come first. Each has folders, ports and namespaces of its own.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from .hang_traces import HangTraces
from .side_by_side import FilesBesideFiles, tell_what_matters
from .unit_folders import unit_folder, unit_folders  # noqa: F401

# Where none is written (PYTHONDONTWRITEBYTECODE is common in images), each test process would make
# every test's assertions tell more anew, 5 s, and each process of a test compile what it imports.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_PATIENT = [HealthCheck.too_slow]

settings.register_profile(
    "quick", deadline=None, derandomize=True, max_examples=10, suppress_health_check=_PATIENT
)
settings.register_profile(
    "gate", deadline=None, derandomize=True, max_examples=50, suppress_health_check=_PATIENT
)
settings.register_profile(
    "search", deadline=None, max_examples=2000, suppress_health_check=_PATIENT
)

_TESTS = Path(__file__).parent
#: Folders and files whose tests are no unit tests, and their kind; in the order in which they are
#: begun. The rules of the house read every file there is: they test no unit.
KINDS = {
    "hosts": "process", "process": "process", "simulation": "simulation", "test_layout.py": "house",
}  # fmt: skip
#: Test processes of ``-n auto`` at most: real clusters beside each other have to share the cores.
PROCESSES_MAX = 4

#: The kind of the test that runs now.
_RUNNING: list[str] = []
_TRACES = pytest.StashKey[HangTraces]()


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0]


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples are drawn, and watch for tests that hang."""
    quick = config.option.markexpr == "unit"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick" if quick else "gate"))
    config.stash[_TRACES] = HangTraces()
    config.pluginmanager.register(config.stash[_TRACES])
    tell_what_matters(config)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what is of other kinds, where one kind is asked for."""
    asked = config.option.markexpr
    if asked not in {"unit", *KINDS.values()} or collection_path.parent != _TESTS:
        return None
    name = collection_path.name
    if (collection_path.is_dir() or name in KINDS) and KINDS.get(name, "unit") != asked:
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its kind; under xdist, begin with what takes longest."""
    for item in items:
        item.add_marker(KINDS.get(_place(item), "unit"))
    if hasattr(config, "workerinput"):
        order = {place: number for number, place in enumerate(KINDS)}
        items.sort(key=lambda item: order.get(_place(item), len(order)))


@pytest.fixture(scope="session", autouse=True)
def no_process_of_a_unit_test() -> Iterator[None]:
    """Fail a unit test that starts a process: it belongs into tests/process."""
    begin = subprocess.Popen.__init__

    def checked(self: Any, *args: Any, **more: Any) -> None:
        assert _RUNNING != ["unit"], f"{args or more}: what starts processes is in tests/process"
        begin(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", checked)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the garbage collector from looking at what is collected: it lives until the end.

    And have it look seldom: tests are short, and leave little.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the kind of the test that begins."""
    _RUNNING[:] = [KINDS.get(_place(item), "unit")]
    item.config.stash[_TRACES].begins(alone=_RUNNING != ["unit"])


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest) -> Path:
    """A folder for this test: in memory for a unit test, else of pytest's own."""
    if _RUNNING == ["unit"]:
        return unit_folder(request)
    found: Path = request.getfixturevalue("tmp_path")
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Say how tests are given to test processes. Called by xdist in the process that gives."""
    config.option.loadscopereorder = False
    return FilesBesideFiles(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many test processes ``-n auto`` starts: one for each core there is for us.

    And one more for tests of real processes, which wait two thirds of their time.
    """
    waiting = config.option.markexpr not in {"unit", "simulation"}
    return min(len(os.sched_getaffinity(0)) + waiting, PROCESSES_MAX)
