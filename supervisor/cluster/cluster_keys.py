"""Every key that a cluster's settings file may have: one table for the loader and the example."""

from __future__ import annotations

from waterspout.topology.yaml_keys import Key

_DAY = 86_400.0
_MIB, _GIB = 1 << 20, 1 << 30


def _table(*keys: Key) -> dict[str, Key]:
    return {key.name: key for key in keys}


SECTIONS = _table(
    Key("coordinator", "section", "read by waterspout coordinator", {}),
    Key("supervisor", "section", "read by waterspout supervisor", {}),
)

COORDINATOR_KEYS = _table(
    Key("bind", "endpoint", "where it listens; files go over the next port",
        "tcp://127.0.0.1:7461"),
    Key("data", "path", "everything it keeps; back it up"),
    Key("lease", "duration", "a host that was silent for so long has lost its workers", 10.0, 1,
        600, "seconds"),
    Key("beat", "duration", "how often it speaks with every host; a fifth of a short lease", 1.0,
        0.1, 60, "seconds"),
    Key("code_max", "size", "largest code of a topology", 32 * _MIB, _MIB, 32 * _MIB, "bytes"),
    Key("part_max", "size", "largest snapshot of one task", 4 * _GIB, _MIB, 64 * _GIB, "bytes"),
    Key("keep_ended", "duration", "how long a topology that has ended is kept", 30 * _DAY, 3600,
        3650 * _DAY, "seconds"),
    Key("readonly_logs", "boolean", "keys of role readonly may read logs", False),
    Key("keys", "path", "folder of its key and the list of authorized ones"),
)  # fmt: skip

SUPERVISOR_KEYS = _table(
    Key("coordinator", "endpoint", "the coordinator", "tcp://127.0.0.1:7461"),
    Key("data", "path", "code, snapshots, logs and sockets of this host"),
    Key("name", "host", "of this host; with keys the coordinator's list says it"),
    Key("address", "host", "what workers of other hosts dial; found out if unset"),
    Key("ports", "ports", "ports that workers take, LOW-HIGH; any if unset"),
    Key("slots", "integer", "workers that this host takes; one per core if unset", 0, 1, 256,
        "workers"),
    Key("labels", "pairs", "what `hosts:` of components may ask for", {}, 0, 32, "labels"),
    Key("allow", "prefixes", "class prefixes that topologies may use besides their own code", ()),
    Key("requirements", "section", "packages that topologies may have installed", {}),
    Key("worker_memory_max", "size", "a worker over it is killed; none if unset", 0, 16 * _MIB,
        1 << 44, "bytes"),
    Key("cgroup", "path", "cgroup (v2) that workers with a limit get their own in"),
    Key("logs", "section", "log files of each worker", {}),
    Key("drain_on_stop", "boolean", "SIGTERM moves the workers to other hosts first", False),
    Key("orphan_timeout", "duration", "a worker whose supervisor is away for so long ends", 3600.0,
        10, 30 * _DAY, "seconds"),
    Key("secrets", "path", "folder that workers read `secret://NAME` from"),
    Key("keys", "path", "folder of this host's key and the coordinator's public one"),
)  # fmt: skip

REQUIREMENTS_KEYS = _table(
    Key("allow", "boolean", "install what topologies ask for", False),
    Key("index", "text", "package index; pip's own if unset", "", 0, 1000),
    Key("hashes", "boolean", "every requirement needs its hash", True),
)

LOGS_KEYS = _table(
    Key("bytes_max", "size", "size of one file", 10 * _MIB, 64 << 10, _GIB, "bytes"),
    Key("files", "integer", "files that are kept", 3, 1, 100, "files"),
)
