"""A run in one process and thread: the same coordinator and worker, no sockets."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor import run_driver
from waterspout.supervisor.in_process import run_in_process
from waterspout.supervisor.run_driver import RunDriver

from .plans import NUMBERS, plan_of

COMPONENTS = """\
from waterspout.bolts import Bolt

class Slow(Bolt):
    outputs = ["n"]
    async def process(self, tup):
        self.emit([tup["n"]])

class Broken(Bolt):
    outputs = ["n"]
    def prepare(self, context):
        raise ValueError("no such thing")
    def process(self, tup):
        pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # A name that no other test imports: modules stay in this process.
    (tmp_path / "in_process_components.py").write_text(COMPONENTS)
    return tmp_path


def with_bolt(name: str) -> str:
    bolt = f"  own: {{class: 'in_process_components:{name}', inputs: [numbers]}}\n"
    return NUMBERS.replace("bolts:\n", "bolts:\n" + bolt)


def test_input_that_ends_is_counted_once(tmp_path: Path) -> None:
    threads = threading.active_count()
    result = run_in_process(plan_of(NUMBERS, tmp_path), state_dir=tmp_path / "state")
    assert (result.outcome, result.ok) == ("finished", True)
    assert result.summary["acked"] == result.summary["messages"] == 500
    assert threading.active_count() == threads


def test_a_finished_run_has_nothing_left_to_do_unless_fresh(tmp_path: Path) -> None:
    plan, state = plan_of(NUMBERS, tmp_path), tmp_path / "state"
    run_in_process(plan, state_dir=state)
    assert run_in_process(plan, state_dir=state).summary["acked"] == 0
    assert run_in_process(plan, state_dir=state, fresh=True).summary["acked"] == 500


def test_components_next_to_the_topology_are_found_and_the_path_is_put_back(folder: Path) -> None:
    before, threads = list(sys.path), threading.active_count()
    result = run_in_process(plan_of(with_bolt("Slow"), folder), state_dir=folder / "state")
    assert result.summary["acked"] == 500
    assert sys.path == before
    assert threading.active_count() == threads


def test_a_component_that_cannot_be_built_ends_the_run(folder: Path) -> None:
    result = run_in_process(plan_of(with_bolt("Broken"), folder), state_dir=folder / "state")
    assert (result.outcome, result.ok) == ("boot_failed", False)
    assert "ValueError: no such thing" in result.details
    assert "in_process_components.py" in result.details


def test_a_drain_that_was_asked_for_ends_endless_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_driver, "PROGRESS_S", 0.02)
    endless = NUMBERS.replace("{count: 500}", "{}")
    drivers: list[RunDriver] = []
    shown: list[dict[str, Any]] = []

    def on_progress(status: dict[str, Any]) -> None:
        shown.append(status)
        drivers[0].request_drain()

    result = run_in_process(
        plan_of(endless, tmp_path),
        state_dir=tmp_path / "state",
        on_start=drivers.append,
        on_progress=on_progress,
    )
    assert result.outcome == "drained"
    assert result.summary["acked"] == result.summary["messages"] > 0
    assert shown[0]["topology"] == "numbers"
