"""Every key that a topology file may have: one table for the loader, the docs and the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .event_time import UNITS
from .settings import SETTINGS
from .spec import GROUPINGS

#: Tasks of one component, and worker processes of one topology.
PARALLELISM_MAX = 1024
WORKERS_MAX = 1024
#: Tasks of a whole topology: task ids are 15 bits on the wire.
TASKS_MAX = 32767
#: Characters of a text that is only read by people.
DESCRIPTION_MAX = 10_000

#: Characters of the name of a file or folder.
PATH_MAX = 1000
#: Labels that a component may ask of its hosts.
LABELS_MAX = 32
#: A hint of more cores or bytes than this is a slip.
CPU_MAX = 1024
MEMORY_MAX = 1 << 44

#: Stands for a default: the key has to be there.
REQUIRED: Any = object()

#: What ``guarantee`` may be, with the sentence that the docs print.
GUARANTEES: dict[str, str] = {
    "at-least-once": "every message is worked through; after a failure some are worked on again",
    "at-most-once": "no tracking and no replay: what is under way when something fails is lost",
    "exactly-once": "every message counts once in state and in sinks that commit or upsert; after "
    "a failure all tasks go back to the last complete checkpoint",
}


#: What ``state`` may be, with the sentence that the docs print.
STATE_BACKENDS: dict[str, str] = {
    "memory": "keyed state is kept in memory: the fastest",
    "sqlite": "keyed state is kept in a file, with a cache of `state_cache` in memory",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what its value is, its limits in the unit of the code, and what it means.

    ``kind`` names the reader in ``values.READERS``. ``choices`` maps each allowed word to what
    it means. ``default`` is what holds when the key is absent.
    """

    name: str
    kind: str
    doc: str
    default: Any = None
    minimum: float = 0
    maximum: float = 0
    unit: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)


def _table(*keys: Key) -> dict[str, Key]:
    return {key.name: key for key in keys}


_HOUR = 3600.0
_DAY = 24 * _HOUR

_DESCRIPTION = Key("description", "text", "for people; not read", "", 0, DESCRIPTION_MAX)

TOP_KEYS = _table(
    Key("name", "name", "name of the topology; its state is kept under it", REQUIRED),
    _DESCRIPTION,
    Key(
        "guarantee",
        "guarantee",
        "what is promised for every message",
        "at-least-once",
        choices=GUARANTEES,
    ),
    Key("workers", "integer", "worker processes", 1, 1, WORKERS_MAX, "processes"),
    Key(
        "code",
        "text",
        "the folder that goes to the hosts of a cluster: that of this file, or one above it",
        ".",
        0,
        PATH_MAX,
    ),
    Key(
        "requirements",
        "text",
        "a requirements file, next to this one; installed by hosts of a cluster that allow it",
        "",
        0,
        PATH_MAX,
    ),
    Key(
        "state", "choice", "where bolts keep keyed state while they run", "memory",
        choices=STATE_BACKENDS,
    ),
    Key("spouts", "components", "where messages enter: id -> spout", REQUIRED),
    Key("bolts", "components", "where tuples are worked on: id -> bolt", {}),
    Key("settings", "settings", "limits and times of the run", {}),
)

_CLASS = Key(
    "class",
    "class",
    "`module:Class`, `module.Class`, or a short name of a ready-made or installed one",
    REQUIRED,
)
_COMPONENT = (
    _CLASS,
    _DESCRIPTION,
    Key("args", "args", "keyword arguments of the constructor", {}),
    Key("parallelism", "integer", "tasks of this component", 1, 1, PARALLELISM_MAX, "tasks"),
    Key(
        "hang_timeout",
        "duration",
        "a call that takes longer gets its worker killed and started again",
        300.0,
        0.1,
        7 * _DAY,
        "seconds",
    ),
    Key(
        "cpu",
        "number",
        "cores that each task takes; a hint for where a cluster places it",
        0.0,
        0,
        CPU_MAX,
        "cores",
    ),
    Key(
        "memory",
        "size",
        "memory that each task takes; a hint for where a cluster places it, not a limit",
        0,
        0,
        MEMORY_MAX,
        "bytes",
    ),
    Key(
        "hosts",
        "labels",
        "labels, `key` or `key=value`, that a host of a cluster must have to get its tasks",
        (),
        0,
        LABELS_MAX,
        "labels",
    ),
)

SPOUT_KEYS = _table(
    *_COMPONENT,
    Key(
        "group_max",
        "integer",
        "messages drawn as one group; `batch_max`, or 1 before a bolt that holds tuples, if unset",
        None,
        1,
        65_536,
        "messages",
    ),
    Key(
        "rate_hint",
        "number",
        "messages per second to expect; only read by lint, which then warns of overload",
        None,
        0.001,
        1_000_000_000,
        "messages per second",
    ),
    Key(
        "event_time",
        "event_time",
        "when its rows happened; the spout then sends watermarks, and windows and timers below "
        "may go by event time",
        None,
    ),
)

EVENT_TIME_KEYS = _table(
    Key("field", "text", "the field that says it, on every stream that has it", "", 0, PATH_MAX),
    Key(
        "function",
        "function",
        "instead of `field`: `module:function`, which gets the row as a tuple with named fields "
        "and returns the time",
        "",
    ),
    Key("unit", "choice", "how it is written", "s", choices=UNITS),
    Key(
        "lag",
        "duration",
        "how far rows may be out of order: the watermark stays so far behind the latest row",
        0.0,
        0,
        30 * _DAY,
        "seconds",
    ),
    Key(
        "idle",
        "duration",
        "a partition that has nothing for so long holds the watermark back no more; if unset it "
        "always does",
        None,
        0.001,
        30 * _DAY,
        "seconds",
    ),
)

BOLT_KEYS = _table(
    *_COMPONENT,
    Key("inputs", "inputs", "the streams it reads", REQUIRED),
    Key("blocking", "boolean", "its calls may block: each task gets a thread of its own", False),
    Key(
        "effectively_once",
        "boolean",
        "under at-least-once: each tuple counts once in its state, although it may come again",
        False,
    ),
    Key(
        "state",
        "choice",
        "where it keeps keyed state while it runs; as the topology says if unset",
        None,
        choices=STATE_BACKENDS,
    ),
    Key(
        "tick_interval",
        "duration",
        "how often `process_tick` is called; never if unset",
        None,
        0.001,
        _DAY,
        "seconds",
    ),
    Key(
        "concurrency",
        "integer",
        "calls of an `async def process` that run at once in one task",
        16,
        1,
        10_000,
        "calls",
    ),
)

INPUT_KEYS = _table(
    Key("from", "source", "id of the component, or `id.stream`", REQUIRED),
    Key("stream", "stream", "its stream", "default"),
    Key(
        "grouping",
        "grouping",
        "which task of this bolt gets a tuple",
        "shuffle",
        choices=GROUPINGS,
    ),
    Key("fields", "names", "the key fields of `fields` and `partial-key`", ()),
    Key("class", "class", "the class of a `custom` grouping", None),
    Key("args", "args", "keyword arguments of that class", {}),
)

SETTING_KEYS = _table(
    *(
        Key(row.name, row.kind, row.doc, row.default, row.minimum, row.maximum, row.unit)
        for row in SETTINGS.values()
    )
)
