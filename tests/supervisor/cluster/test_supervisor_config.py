"""Settings of a supervisor: what a reload changes, and what an endpoint is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.supervisor_config import (
    SupervisorConfig,
    default_data,
    host_and_port,
)

from ...each_case import each_case


def test_a_reload_takes_what_it_can_and_names_the_rest() -> None:
    old = SupervisorConfig(slots=4, labels={"a": "1"})
    new = replace(old, slots=8, labels={"a": "2"}, allow=("mine",), worker_memory_max=5)
    config, restart = old.reloaded(new)
    assert (config.slots, config.labels, config.allow) == (4, {"a": "2"}, ("mine",))
    assert config.worker_memory_max == 5
    assert restart == ["slots"]
    assert old.reloaded(old) == (old, [])


def test_what_a_file_leaves_out_has_not_changed_with_a_reload() -> None:
    old = SupervisorConfig(name="found-out", data=default_data(), slots=4)
    assert old.reloaded(SupervisorConfig(slots=4)) == (old, [])
    elsewhere = replace(old, data=Path("/elsewhere"))
    assert elsewhere.reloaded(SupervisorConfig(slots=4))[1] == ["data"]
    assert old.reloaded(SupervisorConfig(name="other", slots=4))[1] == ["name"]


def test_the_allow_list_has_our_own_classes_and_the_hosts_prefixes() -> None:
    allow = SupervisorConfig(allow=("mine",)).allow_list
    allow.check("mine.bolts:Count")
    allow.check("waterspout.bolts.write_lines:WriteLines")


@pytest.mark.parametrize(
    ("endpoint", "parts"),
    [
        ("tcp://a.example:7461", ("a.example", 7461)),
        ("tcp://10.0.0.1:1", ("10.0.0.1", 1)),
        ("tcp://[::1]:7461", ("::1", 7461)),
    ],
)
def test_an_endpoint_is_a_host_and_a_port(endpoint: str, parts: tuple[str, int]) -> None:
    assert host_and_port(endpoint) == parts


@each_case(
    "endpoint",
    [
        "",
        "a:7461",
        "tcp://a",
        "tcp://:7461",
        "tcp://a:0",
        "tcp://a:65536",
        "ipc:///x",
        "tcp://a:1/",
    ],
)
def test_anything_else_is_no_endpoint(endpoint: str) -> None:
    with pytest.raises(ValueError, match="not an endpoint"):
        host_and_port(endpoint)


def test_the_data_folder_is_in_the_state_home() -> None:
    assert default_data({"XDG_STATE_HOME": "/s"}) == Path("/s/waterspout-supervisor")
    assert default_data({}).name == "waterspout-supervisor"
