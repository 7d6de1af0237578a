"""What a host says of itself passes the tables of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.host_facts import cores, facts, hello, load, own_address
from waterspout.supervisor.cluster.host_protocol import problem_from_supervisor
from waterspout.supervisor.cluster.supervisor_config import SupervisorConfig
from waterspout.supervisor.cluster.supervisor_folder import SupervisorFolder

from .host_messages import beat


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[SupervisorFolder]:
    folder = SupervisorFolder(tmp_path / "data")
    yield folder
    folder.close()


def test_the_hello_passes_its_table(folder: SupervisorFolder) -> None:
    said = hello(SupervisorConfig(labels={"disk": "ssd"}), folder, 7, "10.0.0.1", 0, 0)
    assert problem_from_supervisor(said) is None
    assert said["slots"] == cores()
    assert hello(SupervisorConfig(slots=999, name="a"), folder, 7, "a", 0, 0)["slots"] == 256


def test_the_load_passes_the_table_of_a_beat_and_counts_logs(folder: SupervisorFolder) -> None:
    logs = folder.make_topology("words-0a1b2c") / "logs"
    (logs / "worker-0.log").write_text("12345")
    (logs / "worker-0.log.1").write_text("123")
    found = load(folder)
    assert found["log_bytes"] == 8
    assert problem_from_supervisor(beat(**found)) is None
    assert facts(folder)["log_bytes"] == 8


def test_the_own_address_is_that_of_the_way_to_the_coordinator() -> None:
    assert own_address("tcp://127.0.0.1:7461") == "127.0.0.1"
