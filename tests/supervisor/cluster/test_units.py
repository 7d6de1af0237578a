"""Units and compose files: what is in them can be read by those who read them."""

from __future__ import annotations

import configparser
from pathlib import Path

import yaml
from waterspout.supervisor.cluster.units import compose_file, systemd_units

PROGRAM, CONFIG = Path("/opt/venv/bin/waterspout"), Path("/etc/waterspout/cluster.yaml")


def units(*topologies: Path) -> dict[str, configparser.ConfigParser]:
    found = {}
    for part in systemd_units(PROGRAM, CONFIG, topologies).split("# /etc/systemd/system/")[1:]:
        name, _, text = part.partition("\n")
        unit = configparser.ConfigParser(interpolation=None, strict=False)
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read_string(text)
        found[name] = unit
    return found


def test_each_daemon_has_a_unit_that_starts_it_with_the_settings() -> None:
    found = units()
    assert list(found) == ["waterspout-coordinator.service", "waterspout-supervisor.service"]
    for role in ("coordinator", "supervisor"):
        service = found[f"waterspout-{role}.service"]["Service"]
        assert service["ExecStart"] == f"{PROGRAM} {role} --config {CONFIG}"
        assert "ExecStartPre" not in service


def test_workers_outlive_a_restart_of_their_supervisor() -> None:
    assert units()["waterspout-supervisor.service"]["Service"]["KillMode"] == "process"


def test_topologies_are_linted_before_the_supervisor_starts() -> None:
    found = units(Path("/a.yaml"), Path("/b.yaml"))
    service = found["waterspout-supervisor.service"]["Service"]
    assert service["ExecStartPre"] == f"{PROGRAM} lint /a.yaml /b.yaml"
    assert "ExecStartPre" not in found["waterspout-coordinator.service"]["Service"]


def test_the_compose_file_has_both_with_their_keys_and_volumes() -> None:
    found = yaml.safe_load(compose_file(CONFIG))
    for role in ("coordinator", "supervisor"):
        service = found["services"][role]
        assert service["command"][:2] == ["waterspout", role]
        assert f"{CONFIG}:/etc/waterspout/cluster.yaml:ro" in service["volumes"]
        assert any(volume.startswith("./keys/") for volume in service["volumes"])
        assert role in found["volumes"]


def test_state_lies_in_the_folder_that_systemd_makes_for_the_user() -> None:
    for unit in units().values():
        service = unit["Service"]
        assert service["Environment"] == f"XDG_STATE_HOME=/var/lib/{service['StateDirectory']}"
