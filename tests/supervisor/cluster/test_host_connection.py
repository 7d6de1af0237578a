"""Where a host finds blobs: the coordinator's host as it knows it, and the port that it is told."""

from __future__ import annotations

import pytest
from waterspout.supervisor.cluster.host_connection import HostConnection
from waterspout.supervisor.cluster.supervisor_config import SupervisorConfig


@pytest.mark.parametrize(
    ("coordinator", "told", "dialled"),
    [
        ("tcp://10.0.0.1:7461", "tcp://0.0.0.0:7462", "tcp://10.0.0.1:7462"),
        ("tcp://a.example:7461", "tcp://10.0.0.1:9", "tcp://a.example:9"),
        ("tcp://[::1]:7461", "tcp://[::]:7462", "tcp://[::1]:7462"),
    ],
)
def test_blobs_are_where_the_coordinator_is(coordinator: str, told: str, dialled: str) -> None:
    connection = HostConnection(SupervisorConfig(coordinator=coordinator))
    assert connection.blobs() is None
    connection.on_welcome(told)
    client = connection.blobs()
    assert client is not None
    assert client._endpoint == dialled
    assert connection.blobs() is client
    connection.on_welcome("tcp://0.0.0.0:5")
    other = connection.blobs()
    assert other is not client
    assert other is not None
    other.close()
