"""What ``doctor`` makes of the facts that it found: in plain words, with what to do.

Pure: facts in, findings out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: Clocks that differ by more confuse whoever reads logs; nothing in the cluster goes by them.
CLOCK_OFFSET_S = 2.0

Grade = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        grade: how it is.
        what: that was looked at.
        text: what was found, and what to do.
    """

    grade: Grade
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out, on this machine and from the coordinator.

    Attributes:
        endpoint: of the coordinator.
        version: of this software here.
        wall: the clock here, when the coordinator answered.
        keys: why the keys here cannot be used, "" when they can, None when none are wanted.
        addresses: what the coordinator's name stands for here; empty: it is not known.
        unreachable: why it did not answer, "" when it did.
        answer: of the coordinator to ``doctor``.
    """

    endpoint: str
    version: str
    wall: float
    keys: str | None = None
    addresses: Sequence[str] = ()
    unreachable: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)


def findings_of(found: Found) -> list[Finding]:
    """Return everything that was looked at, in the order in which a connection needs it."""
    findings = [_keys(found), _name(found)]
    if found.unreachable:
        findings.append(Finding("error", "coordinator", found.unreachable))
        return findings
    findings.append(Finding("ok", "coordinator", f"{found.endpoint} answers"))
    findings += [_version("coordinator", found.answer["versions"]["waterspout"], found.version)]
    findings += [_clock("coordinator", found.answer["wall"] - found.wall)]
    for host in found.answer["hosts"]:
        findings += _host(host, found)
    if not found.answer["hosts"]:
        text = "none has come; waterspout supervisor --coordinator ... starts one"
        findings.append(Finding("warning", "hosts", text))
    findings += [
        Finding("warning", f"host {name}", f"was refused: {why}")
        for name, why in found.answer["refusals"].items()
    ]
    return findings


def _keys(found: Found) -> Finding:
    if found.keys is None:
        return Finding("warning", "keys", "none are used (--insecure): anybody can do anything")
    if found.keys:
        return Finding("error", "keys", found.keys)
    return Finding("ok", "keys", "the files here can be used")


def _name(found: Found) -> Finding:
    if not found.addresses:
        return Finding("error", "name", f"the host of {found.endpoint} is not known here")
    return Finding("ok", "name", f"{found.endpoint} is {', '.join(found.addresses)}")


def _version(who: str, theirs: str, ours: str) -> Finding:
    if theirs == ours:
        return Finding("ok", who, f"has version {theirs}, as we do")
    return Finding("warning", who, f"has version {theirs}, we have {ours}; have all the same")


def _clock(who: str, offset_s: float) -> Finding:
    text = f"its clock is {abs(offset_s):.1f} s {'ahead' if offset_s > 0 else 'behind'}"
    if abs(offset_s) <= CLOCK_OFFSET_S:
        return Finding("ok", who, text)
    return Finding("warning", who, f"{text}: times in logs do not compare (is NTP on?)")


def _host(host: Mapping[str, Any], found: Found) -> list[Finding]:
    who = f"host {host['host']}"
    if not host["up"]:
        text = f"is lost; last known at {host['address']}: is its supervisor running, the net up?"
        return [Finding("error", who, text)]
    if not host["version"]:
        text = f"has not said hello since the coordinator was started; was at {host['address']}"
        return [Finding("warning", who, text)]
    ours = str(found.answer["versions"]["waterspout"])
    return [_version(who, host["version"], ours), _clock(who, host["clock_offset_s"])]
