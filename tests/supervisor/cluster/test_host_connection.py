"""How a host reaches the coordinator: with its keys, and blobs where the coordinator is."""

from __future__ import annotations

from pathlib import Path

import pytest
import zmq
from waterspout.supervisor.cluster.host_connection import HostConnection
from waterspout.supervisor.cluster.keys import KeyFileError, write_key_set
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
    connection = HostConnection(SupervisorConfig(coordinator=coordinator, insecure=True))
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


def test_a_host_dials_with_its_keys_and_its_workers_secure_their_links(tmp_path: Path) -> None:
    write_key_set(tmp_path / "keys", ["a"])
    keys = tmp_path / "keys" / "a"
    connection = HostConnection(SupervisorConfig(keys=keys))
    context = zmq.Context()
    socket = connection.dial(context)
    assert socket.getsockopt(zmq.MECHANISM) == zmq.CURVE
    assert connection.worker_options == {"secure": "curve"}
    socket.disable_monitor()
    socket.close(linger=0)
    context.term()


def test_a_host_without_keys_is_refused_unless_it_is_told_to_go_without(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        HostConnection(SupervisorConfig(keys=tmp_path))
    assert HostConnection(SupervisorConfig(insecure=True)).worker_options == {}
