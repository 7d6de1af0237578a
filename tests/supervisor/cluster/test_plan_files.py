"""Plans on a host's disk: one file per plan, and only plans."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.plan_files import prune_plans, read_plan, write_plan
from waterspout.topology.plan import Plan

from ..cores import plan_of

PLAN = plan_of({"source": 1, "work": 2})


def test_a_plan_is_read_back_and_workers_of_one_plan_share_a_file(tmp_path: Path) -> None:
    name = write_plan(tmp_path, PLAN.to_wire())
    assert write_plan(tmp_path, PLAN.to_wire()) == name
    assert Plan.from_wire(read_plan(tmp_path, name)).fingerprint() == PLAN.fingerprint()


def test_a_plan_may_hold_secrets_and_is_for_nobody_else(tmp_path: Path) -> None:
    name = write_plan(tmp_path, PLAN.to_wire())
    assert (tmp_path / "plans" / name).stat().st_mode & 0o777 == 0o600


def test_plans_that_nobody_has_are_deleted(tmp_path: Path) -> None:
    first = write_plan(tmp_path, PLAN.to_wire())
    second = write_plan(tmp_path, plan_of({"source": 1, "work": 1}).to_wire())
    prune_plans(tmp_path, [second])
    assert [each.name for each in (tmp_path / "plans").iterdir()] == [second]
    with pytest.raises(FileNotFoundError):
        read_plan(tmp_path, first)
    prune_plans(tmp_path / "nowhere", [])


@pytest.mark.parametrize("name", ["", "../plan", "plan-1.msgpack", "/etc/passwd"])
def test_a_path_is_no_plan(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        read_plan(tmp_path, name)
