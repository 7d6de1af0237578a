"""The protocol of clients and coordinator: every request, who may make it, and its fields.

  request  {v: 1, id, kind, ..}
  answer   {id, ok: true, ..}  or  {id, ok: false, code, error}
  stream   several answers of one id; ``more: true`` in all but the last

A request that follows (``logs`` with follow, ``tap``) goes on while the client says ``more`` within
FOLLOW_S, and ends when it does not: a client that is gone leaves nothing behind. Every ``more`` is
answered, with ``alive`` or E_STREAM, so that a client knows when it is to open its stream anew.
``said`` in the answers of a stream is how many there were with this one, without ``alive`` ones:
a client that misses one opens the stream anew, too.

  status {name | nil}                -> {status}
  list {}                            -> {topologies: [row]}
  plan {wire, fresh}                 -> {placement: [[task, component, index, worker, host]]}
  savepoint {name, action: ask | look | done, savepoint | nil}   -> {topology, ..}, see
                                        savepoint_answers
  submit {wire, code, sub, requirements, fresh, dry_run, state | nil}   ``state``: submitted_state
                                     -> {topology, placement}; its blobs come first, but not for a
                                     dry run, which only says whether it would be taken
  kill {name, now, wait_s | nil}     -> {state}
  pause {name} · resume {name}       -> {state}
  rebalance {name, workers | nil, parallelism: {component: n}}   -> {diff: [line], state}
  swap {name, wire, code, sub, requirements, dry_run}            -> {diff: [line], state}
  drain_host {host, undo, force}     -> {moves: [[topology, worker]], crowding}; without force it is
                                     refused where workers would find no free slot elsewhere
  logs {name, component | nil, follow, tail_lines, marks | nil}
                                     stream of {lines: [[host, file, line]], marks?}; the newest
                                     marks of each (host, worker) say where another one goes on
  tap {name, component | nil, where, limit, rate}    stream of {rows: [..]}
  more {}                            -> {more: true, alive: true, said}; ``id`` is that of a stream
  log_level {name, logger, level, for_s}             -> {workers}
  events {name | nil, after, limit}  -> {events: [[id, at, topology, host, name, fields]]}
  dead_letters {name, action: list | replay | drop, ids | nil, after, limit}
                                     -> {count} or {letters: [..], count}
  doctor {}                          -> {wall, versions, hosts, refusals}
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from ..savepoint_answers import ACTIONS
from .field_checks import (
    NAME_MAX,
    PATH_MAX,
    TEXT_MAX,
    Fields,
    anything,
    flag,
    integer,
    items,
    listed,
    mapped,
    name,
    number,
    one_of,
    optional,
    problem_of,
    row,
    text,
)

#: Version of this protocol.
CLIENT_PROTO = 1
#: Largest request, and largest one that brings a topology.
REQUEST_BYTES_MAX = 64 << 10
SUBMIT_BYTES_MAX = 4 << 20
#: A stream ends when its client says nothing for so long.
FOLLOW_S = 10.0
#: Largest answer of ``events``.
EVENTS_LIMIT = 1000


class Role(StrEnum):
    """What a key may do; see docs/security.md."""

    READONLY = "readonly"
    ADMIN = "admin"
    SUPERVISOR = "supervisor"


class ClientError(StrEnum):
    """Codes of refused requests; docs/errors.md explains them."""

    CONNECT = "E_CONNECT"  #: the coordinator cannot be reached, for the reason that is named
    VERSION = "E_VERSION"  #: client and coordinator speak other versions; both are named
    ROLE = "E_ROLE"  #: the key may not do this (docs/security.md: keys and roles)
    INSECURE = "E_INSECURE"  #: one side speaks without keys, the other does not
    NO_SLOTS = "E_NO_SLOTS"  #: no free slots for it: start a supervisor, or ask for fewer workers
    NAME_TAKEN = "E_NAME_TAKEN"  #: a topology of this name runs: `kill` or `swap` it
    DENIED = "E_DENIED"  #: a limit of the coordinator forbids it, which is named
    UNKNOWN = "E_UNKNOWN"  #: no topology, host or worker of this name
    REQUEST = "E_REQUEST"  #: not a request that this coordinator knows, or a field is wrong
    STATE = "E_STATE"  #: not possible in the state that the topology is in
    STREAM = "E_STREAM"  #: what was followed ended with its coordinator; commands follow it anew
    STORE = "E_STORE"  #: the coordinator cannot write: its disk is full, or fails


class Refused(Exception):
    """A request that is not done; becomes an answer."""

    def __init__(self, code: ClientError, text: str) -> None:
        super().__init__(text)
        self.code = code


class Verb(NamedTuple):
    """A kind of request: the least role it takes, its fields, and how large it may be."""

    role: Role
    fields: Fields
    bytes_max: int = REQUEST_BYTES_MAX


_topology: Fields = {
    "wire": lambda value: isinstance(value, dict),
    "code": text(64),
    "sub": text(PATH_MAX),
    "requirements": text(64),
}
#: State that comes with a topology (submitted_state); the size of the request limits it further.
_STATE_ENTRIES_MAX = 1_000_000
_position = items(integer(), listed(items(integer(), integer()), _STATE_ENTRIES_MAX))
_STATE = row({
    "positions": mapped(
        integer(), mapped(lambda key: isinstance(key, str), _position, _STATE_ENTRIES_MAX),
        _STATE_ENTRIES_MAX,
    ),
    "parts": listed(
        items(integer(), text(200), integer(), text(64), text(64)), _STATE_ENTRIES_MAX
    ),
})  # fmt: skip
_READ, _ADMIN = Role.READONLY, Role.ADMIN
#: Most tasks of one component, and most workers.
_COUNT = integer(1, 32_767)

VERBS: Mapping[str, Verb] = {
    "status": Verb(_READ, {"name": optional(name)}),
    "list": Verb(_READ, {}),
    "plan": Verb(_READ, {"wire": _topology["wire"], "fresh": flag}, SUBMIT_BYTES_MAX),
    "submit": Verb(
        _ADMIN,
        {
            **_topology, "fresh": flag, "dry_run": flag, "allow_dropped": flag,
            "state": optional(_STATE),
        },
        SUBMIT_BYTES_MAX,
    ),
    "savepoint": Verb(
        _ADMIN, {"name": name, "action": one_of(*ACTIONS), "savepoint": optional(integer())}
    ),
    "kill": Verb(_ADMIN, {"name": name, "now": flag, "wait_s": optional(number(0, 1e6))}),
    "pause": Verb(_ADMIN, {"name": name}),
    "resume": Verb(_ADMIN, {"name": name}),
    "rebalance": Verb(
        _ADMIN,
        {"name": name, "workers": optional(_COUNT), "parallelism": mapped(name, _COUNT, 10_000)},
    ),
    "swap": Verb(_ADMIN, {"name": name, **_topology, "dry_run": flag}, SUBMIT_BYTES_MAX),
    "drain_host": Verb(_ADMIN, {"host": name, "undo": flag, "force": flag}),
    "logs": Verb(
        _ADMIN,
        {
            "name": name,
            "component": optional(name),
            "follow": flag,
            "tail_lines": integer(0, 100_000),
            "marks": optional(listed(items(name, integer(), integer(), integer(), flag), 20_000)),
        },
        SUBMIT_BYTES_MAX,
    ),
    "tap": Verb(
        _ADMIN,
        {
            "name": name,
            "component": optional(name),
            "where": text(TEXT_MAX),
            "limit": integer(0, 1_000_000),
            "rate": number(0.01, 1000),
        },
    ),
    "more": Verb(_READ, {}),
    "log_level": Verb(
        _ADMIN,
        {
            "name": name,
            "logger": text(NAME_MAX),
            "level": one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
            "for_s": number(0, 86_400),
        },
    ),
    "events": Verb(
        _READ, {"name": optional(name), "after": integer(), "limit": integer(1, EVENTS_LIMIT)}
    ),
    "dead_letters": Verb(
        _ADMIN,
        {
            "name": name,
            "action": one_of("list", "replay", "drop"),
            "ids": optional(listed(integer(), 100_000)),
            "after": integer(),
            "limit": integer(1, 1000),
        },
    ),
    "doctor": Verb(_READ, {}),
}
#: What may be left out of a request, and what it is then.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "plan": {"fresh": False},
    "submit": {
        "code": "", "sub": "", "requirements": "", "fresh": False, "dry_run": False,
        "allow_dropped": False,
    },
    "kill": {"now": False},
    "rebalance": {"parallelism": {}},
    "swap": {"code": "", "sub": "", "requirements": "", "dry_run": False},
    "drain_host": {"undo": False, "force": False},
    "logs": {"follow": False, "tail_lines": 100, "marks": None},
    "tap": {"where": "", "limit": 10, "rate": 10.0},
    "log_level": {"for_s": 600.0},
    "events": {"after": 0, "limit": 100},
    "dead_letters": {"after": 0, "limit": 100},
}

_FIELDS: Mapping[str, Fields] = {kind: verb.fields for kind, verb in VERBS.items()}
#: What every request has around its fields.
ENVELOPE: Fields = {"v": anything, "id": integer(), "kind": text(NAME_MAX)}


def with_defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with what was left out."""
    kind = request.get("kind")
    return {**(DEFAULTS.get(kind, {}) if isinstance(kind, str) else {}), **request}


def problem(request: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a request that has its defaults, or None."""
    return problem_of({"kind": "request", **_envelope(request)}, {"request": ENVELOPE}) or (
        problem_of(request, _FIELDS)
    )


def _envelope(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"v": request.get("v"), "id": request.get("id")}


def allowed(role: str, kind: str) -> bool:
    """Say whether a role may make this kind of request."""
    verb = VERBS.get(kind)
    if verb is None or role == Role.SUPERVISOR:
        return False
    return role == Role.ADMIN or role == verb.role


def refusal(id: Any, code: ClientError, error: str) -> dict[str, Any]:
    """Return the answer to a request that is not done."""
    return {"id": id, "ok": False, "code": str(code), "error": error[:TEXT_MAX]}
