"""Settings of a coordinator, as its loop takes them; read from YAML by cluster_yaml.py."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .supervisor_config import COORDINATOR, host_and_port


@dataclass(frozen=True, slots=True)
class CoordinatorConfig:
    """What a coordinator is told.

    Attributes:
        bind: where it takes hosts and clients, tcp://ADDRESS:PORT; blobs at the next port.
        data: folder for everything that it keeps.
        lease_s: a host that was not heard of for so long is lost.
        beat_s: how often hosts are told what they are to run.
        code_bytes_max: largest code pack.
        part_bytes_max: largest part of a snapshot.
        keep_ended_s: how long a topology that has ended is kept with its positions and state.
        readonly_logs: keys of role readonly may read logs.
        keys: folder with the secret key and the list of authorized ones.
        insecure: no keys, no encryption: everybody who reaches the port is admin.
    """

    bind: str = COORDINATOR
    data: Path = Path()
    lease_s: float = 10.0
    beat_s: float = 1.0
    code_bytes_max: int = 32 << 20
    part_bytes_max: int = 4 << 30
    keep_ended_s: float = 30 * 86_400.0
    readonly_logs: bool = False
    keys: Path | None = None
    insecure: bool = False

    @property
    def blob_bind(self) -> str:
        """Where blobs are taken: the port after ``bind``."""
        return blob_endpoint(self.bind)


def blob_endpoint(control: str) -> str:
    """Return the endpoint for blobs that belongs to an endpoint for control.

    Raises:
        ValueError: ``control`` is not tcp://HOST:PORT.
    """
    _host, port = host_and_port(control)
    return f"{control.rpartition(':')[0]}:{port + 1}"


def is_loopback(endpoint: str) -> bool:
    """Say whether only this machine can reach an endpoint.

    Raises:
        ValueError: it is not tcp://HOST:PORT.
    """
    host, _port = host_and_port(endpoint)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def default_data(environ: Mapping[str, str] | None = None) -> Path:
    """Return the data folder of a coordinator that is told none."""
    env = os.environ if environ is None else environ
    home = env.get("XDG_STATE_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path("~/.local/state").expanduser()
    return base / "waterspout-coordinator"
