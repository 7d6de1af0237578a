"""Settings of a supervisor, as its loop takes them; read from YAML by cluster_yaml.py."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from waterspout.topology.classes import OWN_PREFIXES, AllowList

#: What SIGHUP can change; all else needs a restart.
RELOADED = (
    "labels", "allow", "logs_bytes_max", "logs_files", "worker_memory_max", "orphan_timeout_s",
)  # fmt: skip
#: Default ports: 7461 for control, the next one for blobs.
COORDINATOR = "tcp://127.0.0.1:7461"


@dataclass(frozen=True, slots=True)
class SupervisorConfig:
    """What a supervisor is told.

    Attributes:
        coordinator: its endpoint, tcp://HOST:PORT.
        data: folder for everything that it keeps.
        name: of this host; with keys the coordinator's list of keys decides.
        address: what workers of other hosts dial; "": the address on the way to the coordinator.
        ports: first and last port that workers may take; None: any.
        slots: workers that this host takes; 0: one per core.
        labels: for ``hosts:`` of components.
        allow: class prefixes that topologies may use besides ours and their own code.
        requirements_allow: requirements of topologies may be installed.
        requirements_index: package index; "": what pip is configured for.
        requirements_hashes: every requirement needs its hash.
        worker_memory_max: bytes that a worker may take, 0: no limit.
        cgroup: a cgroup that workers with such a limit get their own in; None: they are watched.
        logs_bytes_max, logs_files: size of a worker's log file, and how many are kept.
        drain_on_stop: SIGTERM moves the workers away first.
        orphan_timeout_s: a worker whose supervisor is away for so long ends by itself.
        secrets: folder that workers read ``secret://NAME`` from.
        keys: folder with this host's key and the coordinator's public one.
        insecure: no keys, no encryption.
    """

    coordinator: str = COORDINATOR
    data: Path = Path()
    name: str = ""
    address: str = ""
    ports: tuple[int, int] | None = None
    slots: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    requirements_allow: bool = False
    requirements_index: str = ""
    requirements_hashes: bool = True
    worker_memory_max: int = 0
    cgroup: Path | None = None
    logs_bytes_max: int = 10 << 20
    logs_files: int = 3
    drain_on_stop: bool = False
    orphan_timeout_s: float = 3600.0
    secrets: Path | None = None
    keys: Path | None = None
    insecure: bool = False

    @property
    def allow_list(self) -> AllowList:
        """What may be imported on this host, without the topology's own code."""
        return AllowList(prefixes=(*OWN_PREFIXES, *self.allow))

    def reloaded(self, new: SupervisorConfig) -> tuple[SupervisorConfig, list[str]]:
        """Return what is in force after a reload, and the settings that need a restart.

        ``new`` is as it was read: a name that it leaves out is the one that was found out.
        """
        if not new.data.parts and self.data.parts:
            new = replace(new, data=default_data())
        new = replace(new, name=new.name or self.name)
        changed = [
            each.name
            for each in fields(self)
            if getattr(self, each.name) != getattr(new, each.name)
        ]
        taken = {name: getattr(new, name) for name in RELOADED}
        return replace(self, **taken), [name for name in changed if name not in RELOADED]


def default_data(environ: Mapping[str, str] | None = None) -> Path:
    """Return the data folder of a supervisor that is told none."""
    env = os.environ if environ is None else environ
    home = env.get("XDG_STATE_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path("~/.local/state").expanduser()
    return base / "waterspout-supervisor"


def host_and_port(endpoint: str) -> tuple[str, int]:
    """Return the two parts of tcp://HOST:PORT; the host of IPv6 has no brackets.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"tcp://(\[[0-9a-fA-F:.]+\]|[^\[\]:/]+):(\d{1,5})", endpoint)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise ValueError(f"{endpoint!r:.100} is not an endpoint such as tcp://HOST:7461")
    return match[1].strip("[]"), int(match[2])
