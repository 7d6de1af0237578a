"""What a host is and how it is doing: for ``hello`` and ``beat``."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from .host_protocol import PROTO_MAX, PROTO_MIN, WORKERS_MAX
from .supervisor_config import SupervisorConfig, host_and_port
from .supervisor_folder import SupervisorFolder


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def own_address(coordinator: str) -> str:
    """Return this host's address on the way to the coordinator. Nothing is sent.

    Raises:
        OSError: there is no way to it, or its name is not known.
    """
    host, port = host_and_port(coordinator)
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])


def hello(
    config: SupervisorConfig, folder: SupervisorFolder, session: int, address: str, term: int,
    token: int,
) -> dict[str, Any]:  # fmt: skip
    """Return the ``hello`` of this host.

    Args:
        config, folder: of the supervisor.
        session: drawn by it.
        address: of the host.
        term, token: of the coordinator that its workers follow; 0: there are none.
    """
    return {
        "kind": "hello",
        "proto": [PROTO_MIN, PROTO_MAX],
        "version": own_version(),
        "name": config.name or socket.gethostname(),
        "session": session,
        "machine": folder.machine,
        "data_dir": str(folder.path),
        "address": address,
        "slots": min(config.slots or cores(), WORKERS_MAX),
        "labels": dict(config.labels),
        "cpus": cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "wall": time.time(),
        "term": term,
        "token": token,
    }


def load(folder: SupervisorFolder) -> dict[str, Any]:
    """Return the fields of a ``beat`` that tell how the host is doing."""
    return {
        "load1": max(os.getloadavg()[0], 0.0),
        "free_disk": shutil.disk_usage(folder.path).free,
        "log_bytes": log_bytes(folder.path / "topologies"),
    }


def log_bytes(topologies: Path) -> int:
    """Return the bytes that all logs of workers take."""
    total = 0
    for log in topologies.glob("*/logs/*"):
        with suppress(OSError):
            total += log.stat().st_size
    return total


def own_version() -> str:
    """Return the version of Waterspout."""
    try:
        return version("waterspout")
    except PackageNotFoundError:
        return "unknown"


def _system() -> str:
    """Return the kernel and the machine; ``platform.platform()`` would start ``uname -p``."""
    kernel = os.uname()
    return f"{kernel.sysname}-{kernel.release}-{kernel.machine}"


def facts(folder: SupervisorFolder) -> dict[str, Any]:
    """Return what ``doctor`` compares between hosts."""
    return {
        "wall": time.time(),
        "version": own_version(),
        "python": platform.python_version(),
        "platform": _system(),
        "user": os.getuid(),
        "pid": os.getpid(),
        "data_dir": str(folder.path),
        **load(folder),
    }
