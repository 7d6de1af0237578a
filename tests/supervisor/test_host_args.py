"""Args as the host has them: its variables and secrets, in components and custom groupings."""

from __future__ import annotations

import sysconfig
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.host_args import HostArgs
from waterspout.supervisor.secret_files import SecretFiles, SecretUnreadable
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.settings import Settings
from waterspout.topology.spec import ComponentSpec, InputSpec, TopologySpec


class Given:
    """Keeps what it is constructed with."""

    def __init__(self, **args: Any) -> None:
        self.args = args


ARGS = {"key": "secret://key", "paths": ["${TOPOLOGY_DIR}/a", "${PYTHON_STDLIB}/b"]}
STDLIB = sysconfig.get_paths()["stdlib"]


@pytest.fixture
def plan() -> Plan:
    here = f"{__name__}:Given"
    spouts = {"in": ComponentSpec("in", "spout", here, ARGS)}
    by = InputSpec("in", grouping="custom", custom=here, args=ARGS)
    bolts = {"step": ComponentSpec("step", "bolt", here, {}, 2, (by,))}
    spec = TopologySpec("t", "at-least-once", 1, spouts, bolts, Settings(), "/submitted/from")
    return make_plan(spec, {"in": ComponentFacts("spout"), "step": ComponentFacts("bolt")})


@pytest.fixture
def secrets(tmp_path: Path) -> SecretFiles:
    tmp_path.chmod(0o700)
    (tmp_path / "key").write_text("${TOPOLOGY_DIR}!\n")
    (tmp_path / "key").chmod(0o600)
    return SecretFiles(tmp_path)


def test_components_and_groupings_get_what_the_host_has(plan: Plan, secrets: SecretFiles) -> None:
    args = HostArgs("/unpacked/here", secrets)
    expected = {
        "key": "${TOPOLOGY_DIR}!",  # a secret is taken as it is
        "paths": ["/unpacked/here/a", f"{STDLIB}/b"],
    }
    assert args.component(plan, plan.tasks_of("in")[0]).args == expected
    assert args.grouping(plan, plan.spec.bolts["step"].inputs[0]).args == expected
    assert plan.spec.spouts["in"].args == ARGS, "the plan goes on without it"


def test_where_the_plan_was_made_its_own_folder_counts(plan: Plan) -> None:
    by = plan.spec.bolts["step"].inputs[0]
    with pytest.raises(SecretUnreadable, match="no folder of secrets"):
        HostArgs().grouping(plan, by)
    open_to_all = replace(by, args={"paths": ARGS["paths"]})
    made = HostArgs().grouping(plan, open_to_all)
    assert made.args == {"paths": ["/submitted/from/a", f"{STDLIB}/b"]}
