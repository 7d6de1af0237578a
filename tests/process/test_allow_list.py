"""A worker process asks its own list before it imports what a plan names."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from waterspout.supervisor.local_run import LocalRun
from waterspout.topology.plan import Plan

from ..supervisor.plans import NUMBERS, plan_of

MODULE = """\
from pathlib import Path
Path("imported").touch()
from waterspout.bolts import Bolt
class Mine(Bolt):
    def process(self, tup): pass
"""


def with_class(plan: Plan, path: str) -> Plan:
    """Return a plan that nobody linted."""
    count = replace(plan.spec.bolts["count"], class_path=path, args={})
    return replace(plan, spec=replace(plan.spec, bolts={"count": count}))


def test_a_class_that_is_not_allowed_ends_the_run_and_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "installed.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "topology").mkdir()
    plan = with_class(plan_of(NUMBERS, tmp_path / "topology"), "installed:Mine")
    denied = LocalRun(plan, state_dir=tmp_path / "state").run()
    assert denied.outcome == "boot_failed"
    assert "'installed' is not under the allowed prefixes" in denied.reason
    assert not (tmp_path / "imported").exists()
    allowed = LocalRun(plan, state_dir=tmp_path / "state", allow=["installed"], fresh=True).run()
    assert allowed.outcome == "finished", allowed
    assert (tmp_path / "imported").exists()
