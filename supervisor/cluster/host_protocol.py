"""The protocol of supervisor and coordinator, as tables: what each may say, and how much of it.

One msgpack map per ZeroMQ message, with ``kind``. Nothing in it is a command that could get
lost: the coordinator says the whole wish, the supervisor the whole reality, both again and again.
A message that does not pass its table is refused and counted, and changes nothing.

Supervisor -> coordinator
  hello   {proto: [min, max], version, name, session, machine, data_dir, address, slots,
           labels {str: str}, cpus, memory_bytes, python, wall, term?, token?}
           first; again after every reconnect and after ``unknown``. ``session``: random u64 of
           this process; ``machine``: boot id and data folder, tells a restart from a twin
  beat    {session, echo, version, workers: [row], load1, free_disk, log_bytes, leaving?}
           each ``beat_s`` and on change. ``echo``: newest beat seen; ``version``: of the wish
           that is acted on (0: none yet); ``leaving``: this supervisor is about to end, and its
           workers are to be placed elsewhere. A row:
           {id, worker, incarnation, state, pid | nil, created, memory, cpu, why, exit | nil}
           state: preparing (code, environment, parts) | starting | running | backoff | stopping |
           exited | fatal. ``exit``: {reason, roots,
           positions: {task: [[partition, start, end, tried, at work]]},
           drawn: {task: n}}, said again until the incarnation is in no wish
  relay   {items: [[id, worker, incarnation, bytes]]}   envelopes of workers, as they came
  answer  {id, ok, ..}               to ``ask``, within 5 s

Coordinator -> supervisor
  welcome {term, token?, lease_s, beat_s, blob_endpoint, wall}   a lower term is refused while
           workers run. ``token``: tells the term from that of another copy of the coordinator's
           data; a hello gives it back
  refused {code: version | duplicate | role | draining, text}
  unknown {}                         a beat of a session that is not known: say hello
  wish    {term, version, beat, workers: [row] | nil}    nil: unchanged since ``version``. A row is
           a WishWorker: what is not in it is killed and forgotten
  relay   {items: [[id, worker, incarnation, bytes]]}    envelopes for workers
  ask     {id, what: log_files | log_read | reload | facts, ..}
           log_files {topology, component | nil} · log_read {topology, file, offset, bytes}
  prune   {topology, round, keep: [file]}   local snapshot parts up to ``round`` not in ``keep``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .field_checks import (
    NAME_MAX,
    PATH_MAX,
    TEXT_MAX,
    U64_MAX,
    Check,
    Fields,
    anything,
    blob,
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

#: Versions of this protocol that this side speaks.
PROTO_MIN = PROTO_MAX = 1
#: Largest message between the two, in bytes.
HOST_BYTES_MAX = 68 << 20
#: A relay carries at most so many bytes, or one item.
RELAY_BYTES_MAX = 4 << 20
RELAY_ITEMS_MAX = 10_000
#: Workers of one host.
WORKERS_MAX = 256
#: Labels of one host.
LABELS_MAX = 32
#: A piece of a log file.
LOG_READ_MAX = 64 << 10
#: Roots, positions or snapshot parts in one message.
ENTRIES_MAX = 1_000_000
#: Longest name of a partition, as a crash slot can hold it.
PARTITION_MAX = 1 << 16
#: Largest worker number, as ``workers`` of a topology allows.
WORKER_MAX = 4096

#: States of a worker in a beat. ``preparing`` and ``backoff`` have no process yet.
STATES = ("preparing", "starting", "running", "backoff", "stopping", "exited", "fatal")
REFUSALS = ("version", "duplicate", "role", "draining", "term")
ASKS = ("log_files", "log_read", "reload", "facts")

_task = integer(0, 1 << 16)
_worker = integer(0, WORKER_MAX)
_u64 = integer()

EXIT_FIELDS: Fields = {
    "reason": text(),
    "roots": listed(_u64, ENTRIES_MAX),
    "positions": mapped(
        _task, listed(items(text(PARTITION_MAX), _u64, _u64, _u64, flag), ENTRIES_MAX), ENTRIES_MAX
    ),
    "drawn": mapped(_task, _u64, ENTRIES_MAX),
}
BEAT_WORKER_FIELDS: Fields = {
    "id": name,
    "worker": _worker,
    "incarnation": _u64,
    "state": one_of(*STATES),
    "pid": optional(integer()),
    "created": number(),
    "memory": integer(),
    "cpu": number(),
    "why": text(),
    "exit": optional(row(EXIT_FIELDS)),
}
WISH_WORKER_FIELDS: Fields = {
    "id": name,
    "name": name,
    "worker": _worker,
    "incarnation": _u64,
    "code": text(64),
    "sub": text(PATH_MAX),
    "requirements": text(64),
    "classes": listed(text(500), 10_000),
    "bytes_max": integer(),
    "memory_max": integer(),
    "hang_s": mapped(text(NAME_MAX), number(), 10_000),
    "kill": text(),
}
_relay_items: Check = listed(items(name, _worker, _u64, blob(HOST_BYTES_MAX)), RELAY_ITEMS_MAX)

#: What a supervisor may say: kind -> fields.
FROM_SUPERVISOR: Mapping[str, Fields] = {
    "hello": {
        "proto": items(integer(0, 1000), integer(0, 1000)),
        "version": text(NAME_MAX),
        "name": name,
        "session": integer(1, U64_MAX),
        "machine": text(PATH_MAX),
        "data_dir": text(PATH_MAX),
        "address": text(PATH_MAX),
        "slots": integer(1, WORKERS_MAX),
        "labels": mapped(name, text(NAME_MAX), LABELS_MAX),
        "cpus": number(),
        "memory_bytes": integer(),
        "python": text(NAME_MAX),
        "wall": number(),
        "term": optional(_u64),
        "token": optional(_u64),
    },
    "beat": {
        "session": integer(1, U64_MAX),
        "echo": _u64,
        "version": _u64,
        "workers": listed(row(BEAT_WORKER_FIELDS), 4 * WORKERS_MAX),
        "load1": number(),
        "free_disk": integer(),
        "log_bytes": integer(),
        "leaving": optional(flag),
    },
    "relay": {"items": _relay_items},
    "answer": {"id": _u64, "ok": flag},
}
#: What the coordinator may say to a supervisor.
FROM_COORDINATOR: Mapping[str, Fields] = {
    "welcome": {
        "term": _u64,
        "token": optional(_u64),
        "host": optional(name),
        "lease_s": number(),
        "beat_s": number(0.01),
        "blob_endpoint": text(PATH_MAX),
        "wall": number(),
    },
    "refused": {"code": one_of(*REFUSALS), "text": text(TEXT_MAX)},
    "unknown": {},
    "wish": {
        "term": _u64,
        "version": _u64,
        "beat": _u64,
        "workers": optional(listed(row(WISH_WORKER_FIELDS), 4 * WORKERS_MAX)),
    },
    "relay": {"items": _relay_items},
    "ask": {"id": _u64, "what": one_of(*ASKS)},
    "prune": {"topology": name, "round": _u64, "keep": listed(text(PATH_MAX), ENTRIES_MAX)},
}
#: Fields of ``ask`` by what is asked.
ASK_FIELDS: Mapping[str, Fields] = {
    "log_files": {"topology": name, "component": optional(name)},
    "log_read": {
        "topology": name,
        "file": name,
        "offset": _u64,
        "bytes": integer(1, LOG_READ_MAX),
    },
    "reload": {},
    "facts": {"topic": optional(anything)},
}


def problem_from_supervisor(message: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a message of a supervisor, or None."""
    return problem_of(message, FROM_SUPERVISOR)


def problem_from_coordinator(message: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a message of the coordinator to a supervisor, or None."""
    wrong = problem_of(message, FROM_COORDINATOR)
    if wrong is None and message["kind"] == "ask":
        return problem_of({**message, "kind": message["what"]}, ASK_FIELDS)
    return wrong


@dataclass(frozen=True, slots=True)
class WishWorker:
    """One worker that a host is to have: the row of a wish.

    Attributes:
        id: of the topology, ``NAME-xxxxxx``.
        worker: its number in the topology.
        incarnation: the only one that is wished; others of this worker are killed.
        name: of the topology, as it is on links.
        code: sha256 of the code pack, "" for none.
        sub: folder inside the pack that goes on the path.
        requirements: sha256 of the requirements file, "" for none.
        classes: class paths that it imports, checked against the host's allow list.
        bytes_max: largest message on a data link.
        memory_max: limit in bytes, 0: the host's default.
        hang_s: component -> seconds that one call may take.
        kill: not empty: kill it, for this reason; its exit is told like any other.
    """

    id: str
    worker: int
    incarnation: int
    name: str = ""
    code: str = ""
    sub: str = ""
    requirements: str = ""
    classes: tuple[str, ...] = ()
    bytes_max: int = 0
    memory_max: int = 0
    hang_s: Mapping[str, float] = field(default_factory=dict)
    kill: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """(topology id, worker, incarnation)."""
        return self.id, self.worker, self.incarnation

    def to_wire(self) -> dict[str, Any]:
        """Return the row of a ``wish``."""
        return {
            "id": self.id,
            "name": self.name,
            "worker": self.worker,
            "incarnation": self.incarnation,
            "code": self.code,
            "sub": self.sub,
            "requirements": self.requirements,
            "classes": list(self.classes),
            "bytes_max": self.bytes_max,
            "memory_max": self.memory_max,
            "hang_s": dict(self.hang_s),
            "kill": self.kill,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> WishWorker:
        """Return what ``to_wire`` was called on; ``wire`` has passed its table."""
        known = {field: wire[field] for field in WISH_WORKER_FIELDS}
        return cls(**{**known, "classes": tuple(known["classes"])})
