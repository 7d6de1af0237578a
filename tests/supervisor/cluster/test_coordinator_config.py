"""Settings of a coordinator: which port blobs have, and who can reach an address."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.coordinator_config import (
    CoordinatorConfig,
    blob_endpoint,
    default_data,
    is_loopback,
)

from ...each_case import each_case


def test_blobs_have_the_next_port():
    assert CoordinatorConfig().blob_bind == "tcp://127.0.0.1:7462"
    assert blob_endpoint("tcp://[::1]:9000") == "tcp://[::1]:9001"
    with pytest.raises(ValueError, match="not an endpoint"):
        blob_endpoint("ipc:///tmp/x")


@each_case(
    "endpoint, expected",
    [
        ("tcp://127.0.0.1:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://localhost:1", True),
        ("tcp://0.0.0.0:1", False),
        ("tcp://10.0.0.1:1", False),
        ("tcp://localhost.example:1", False),
        ("tcp://*:1", False),
    ],
)
def test_who_can_reach_an_address(endpoint: str, expected: bool):
    assert is_loopback(endpoint) is expected


def test_data_goes_where_state_goes():
    assert default_data({"XDG_STATE_HOME": "/var/x"}) == Path("/var/x/waterspout-coordinator")
    assert default_data({"XDG_STATE_HOME": "x"}) == default_data({})
