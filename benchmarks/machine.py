"""Which machine, interpreter and versions the figures belong to."""

from __future__ import annotations

import os
import platform
import subprocess
import sysconfig
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

#: Packages whose versions decide the figures.
PACKAGES = ("waterspout", "pyzmq", "msgpack", "xxhash", "bytewax", "streamz")


def about() -> dict[str, Any]:
    """Return machine, interpreter and versions; part of the JSON and the head of the table."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(),
            "load_1min": os.getloadavg()[0],
        },
        "interpreter": {
            "version": platform.python_version(),
            "compiler": platform.python_compiler(),
            "profile_guided": "--enable-optimizations" in str(_config("CONFIG_ARGS")),
            "link_time_optimised": "--with-lto" in str(_config("CONFIG_ARGS")),
        },
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _commit(),
    }


class OtherLoad:
    """How busy the machine is with other people's work, between two moments."""

    def __init__(self) -> None:
        self._start = self._now()

    def cores(self) -> float:
        """Return how many cores were busy, since this was made, with what we did not start."""
        seconds, busy_s, own_s = (b - a for a, b in zip(self._start, self._now(), strict=True))
        return max(0.0, (busy_s - own_s) / seconds) if seconds else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        machine, own = psutil.cpu_times(), os.times()
        # Guest time is part of user time, and waiting for a disk is no work.
        busy_s = machine.user + machine.nice + machine.system + machine.irq + machine.softirq
        return (
            time.monotonic(),
            busy_s,
            own.user + own.system + own.children_user + own.children_system,
        )


def headline(facts: dict[str, Any]) -> str:
    """Return ``about`` in two lines."""
    machine, python = facts["machine"], facts["interpreter"]
    kind = "with PGO" if python["profile_guided"] else "without PGO"
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"{machine['cores']} x {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, "
        f"load {machine['load_1min']:.2f} at the start, {facts['at']}\n"
        f"Python {python['version']} ({kind}), {versions}, commit {facts['commit']}"
    )


def _config(name: str) -> Any:
    return sysconfig.get_config_var(name)


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    with suppress(OSError, subprocess.CalledProcessError):
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        return found.stdout.strip()
    return "unknown"
