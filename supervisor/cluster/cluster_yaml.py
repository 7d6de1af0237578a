"""The settings file of a cluster: one YAML for coordinator and supervisors, linted like topologies.

Each daemon reads its own section, but all of the file is checked. Options of the command line win.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.problems import Mark, Problems, quote
from waterspout.topology.values import MISSING, ValueReader
from waterspout.topology.yaml_keys import Key
from waterspout.topology.yaml_nodes import Bad, Mapping, Node, Scalar, Sequence, resolve, walk
from waterspout.topology.yaml_tree import FILE_BYTES_MAX, read_tree

from .cluster_keys import (
    COORDINATOR_KEYS,
    LOGS_KEYS,
    REQUIREMENTS_KEYS,
    SECTIONS,
    SUPERVISOR_KEYS,
)
from .coordinator_config import CoordinatorConfig
from .supervisor_config import SupervisorConfig, host_and_port

#: Beats in a lease, at least: an echo is two beats old before the next one, and leases.py tells
#: by half a lease whether anybody is in contact.
BEATS_PER_LEASE = 5
#: Shortest and longest lease, in seconds.
LEASE_S = (1.0, 600.0)

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PREFIX = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,63}")


class ClusterFileRefused(UserError):
    """Settings with errors.

    Attributes:
        lines: one for each of them.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(slots=True)
class ClusterSettings:
    """What a settings file says, as arguments of CoordinatorConfig and SupervisorConfig.

    Attributes:
        coordinator, supervisor: only what the file sets.
        problems: everything that is wrong with it.
    """

    coordinator: dict[str, Any] = field(default_factory=dict)
    supervisor: dict[str, Any] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)


def read_cluster_file(path: Path) -> ClusterSettings:
    """Read a settings file.

    Raises:
        ClusterFileRefused: it cannot be read, or something in it is wrong.
    """
    try:
        with open(path, "rb") as file:
            # One more than is taken: what is larger is refused by its size.
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ClusterFileRefused(f"{path}: {error.strerror}") from error
    found = load_cluster(text, str(path))
    if found.problems.errors:
        raise ClusterFileRefused(*map(str, found.problems))
    return found


def load_cluster(text: bytes | str, file: str) -> ClusterSettings:
    """Read the text of a settings file; never raises for what stands in it."""
    found = ClusterSettings()
    tree = read_tree(text, file, found.problems)
    if isinstance(tree, Mapping):
        resolve(tree, found.problems)
        _Loader(found).file(tree)
    elif tree is not None and not (isinstance(tree, Scalar) and tree.text == ""):
        found.problems.add(Mark(file, 1, 1), "E_TYPE", "a mapping expected at top level")
    return found


class _Loader:
    """Reads the sections of one tree."""

    def __init__(self, found: ClusterSettings) -> None:
        self.found, self.problems = found, found.problems
        self.reader = ValueReader(found.problems)

    def file(self, root: Mapping) -> None:
        self.reader.keys(root, SECTIONS, "")
        coordinator = self.section(root, "coordinator", COORDINATOR_KEYS, "")
        self.found.coordinator = _renamed(
            coordinator,
            {"lease": "lease_s", "beat": "beat_s", "code_max": "code_bytes_max",
             "part_max": "part_bytes_max", "keep_ended": "keep_ended_s"},
        )  # fmt: skip
        self.check_lease(root)
        node = root.items.get("supervisor")
        supervisor = self.section(root, "supervisor", SUPERVISOR_KEYS, "")
        inner = self.reader.mapping(node, "supervisor") if isinstance(node, Mapping) else None
        if inner is not None:
            parts = (("requirements", REQUIREMENTS_KEYS), ("logs", LOGS_KEYS))
            for name, table in parts:
                read = self.section(inner, name, table, "supervisor.")
                supervisor.pop(name, None)
                supervisor |= {f"{name}_{key}": value for key, value in read.items()}
        self.found.supervisor = _renamed(supervisor, {"orphan_timeout": "orphan_timeout_s"})

    def section(
        self, node: Mapping, name: str, table: dict[str, Key], prefix: str
    ) -> dict[str, Any]:
        """Return what a section sets; what is wrong in it is reported and left out."""
        path = f"{prefix}{name}"
        item = node.items.get(name)
        mapping = self.reader.mapping(item, path) if item is not None else None
        if mapping is None:
            return {}
        self.reader.keys(mapping, table, path)
        read = {
            key: self.value(table[key], value, f"{path}.{key}")
            for key, value in mapping.items.items()
            if key in table and table[key].kind != "section"
        }
        return {key: value for key, value in read.items() if value is not MISSING}

    def value(self, key: Key, node: Node, path: str) -> Any:
        """Read one value as its kind."""
        if isinstance(node, Bad):
            return MISSING
        special = _READERS.get(key.kind)
        return special(self.reader, key, node, path) if special else self.reader.read(
            key, node, path
        )

    def check_lease(self, root: Mapping) -> None:
        """A host must be able to miss a beat or two."""
        lease = self.found.coordinator.get("lease_s", COORDINATOR_KEYS["lease"].default)
        beat = self.found.coordinator.get("beat_s", 0.0)
        if lease < BEATS_PER_LEASE * beat:
            marks = {path: node.mark for path, node in walk(root)}
            text = f"lease {lease:g}s is under {BEATS_PER_LEASE} x beat {beat:g}s"
            mark = marks["coordinator.beat"]
            self.problems.add(mark, "E_CONFLICT", f"coordinator.beat: {text}")


def _renamed(values: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in values.items()}


def _endpoint(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path, what="an endpoint such as tcp://HOST:7461")
    if text is MISSING:
        return text
    try:
        host_and_port(text)
    except ValueError as error:
        return reader.refuse(node, "E_RANGE", path, str(error))
    return text


def _path(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path, what="a path")
    if text is MISSING:
        return text
    found = Path(text).expanduser()
    if "\0" in text or not found.is_absolute():
        return reader.refuse(node, "E_RANGE", path, f"{quote(text)} is not an absolute path")
    return found


def _host(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path, what="a name or address of a host")
    if text is MISSING or _HOST.fullmatch(text):
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return reader.refuse(node, "E_NAME", path, f"{quote(text)} is no name of a host")


def _ports(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    form = "LOW-HIGH, two ports such as 7500-7599"
    text = reader.text(node, path, what=form)
    if text is MISSING:
        return text
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if match is None or not 0 < int(match[1]) <= int(match[2]) < 65_536:
        return reader.refuse(node, "E_RANGE", path, f"{form} expected, got {quote(text)}")
    return int(match[1]), int(match[2])


def _pairs(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    mapping = reader.mapping(node, path)
    if mapping is None:
        return MISSING
    if len(mapping.items) > key.maximum:
        return reader.refuse(node, "E_SIZE", path, f"over {int(key.maximum)} labels")
    found: dict[str, str] = {}
    for name, item in mapping.items.items():
        text = reader.text(item, f"{path}.{name}", what="a text")
        if text is MISSING:
            return MISSING
        if not _LABEL.fullmatch(name) or (text and not _LABEL.fullmatch(text)):
            what = f"{quote(f'{name}: {text}')} is no label"
            return reader.refuse(item, "E_NAME", f"{path}.{name}", what)
        found[name] = text
    return found


def _prefixes(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    if not isinstance(node, Sequence):
        return reader.wrong(node, "E_TYPE", path, "a list of packages such as [mycompany.bolts]")
    found = []
    for position, item in enumerate(node.items):
        if isinstance(item, Bad):
            return MISSING
        text = reader.text(item, f"{path}[{position}]", what="a package")
        if text is MISSING:
            return MISSING
        if not _PREFIX.fullmatch(text):
            what = f"{quote(text)} is no name of a package"
            return reader.refuse(item, "E_NAME", f"{path}[{position}]", what)
        found.append(text)
    return tuple(found)


_READERS: dict[str, Callable[[ValueReader, Key, Node, str], Any]] = {
    "endpoint": _endpoint,
    "path": _path,
    "host": _host,
    "ports": _ports,
    "pairs": _pairs,
    "prefixes": _prefixes,
}


def coordinator_config(
    path: Path | None, given: dict[str, Any], *, insecure: bool
) -> CoordinatorConfig:
    """Return the settings of a coordinator: those of the file, then those of the command line.

    A lease that is short makes for shorter beats.

    Raises:
        ClusterFileRefused: the file is wrong, or the two do not fit.
    """
    known = {**(read_cluster_file(path).coordinator if path is not None else {}), **given}
    plain = CoordinatorConfig()
    lease_s = known.get("lease_s", plain.lease_s)
    if not LEASE_S[0] <= lease_s <= LEASE_S[1]:
        raise ClusterFileRefused(f"a lease is {LEASE_S[0]:g} s to {LEASE_S[1]:g} s long")
    beat_s = known.setdefault("beat_s", min(plain.beat_s, lease_s / BEATS_PER_LEASE))
    if lease_s < BEATS_PER_LEASE * beat_s:
        raise ClusterFileRefused(
            f"lease {lease_s:g} s is under {BEATS_PER_LEASE} x beat {beat_s:g} s"
        )
    return CoordinatorConfig(**known, insecure=insecure)


def supervisor_config(
    path: Path | None, given: dict[str, Any], *, insecure: bool
) -> SupervisorConfig:
    """Return the settings of a supervisor, likewise.

    Raises:
        ClusterFileRefused: the file is wrong.
    """
    known = read_cluster_file(path).supervisor if path is not None else {}
    return SupervisorConfig(**{**known, **given}, insecure=insecure)
