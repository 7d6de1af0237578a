"""The settings of a topology: one table that the loader, the docs and the schema all read.

A setting's name in the YAML has no unit (``message_timeout: 30s``); its attribute here has
(``message_timeout_s``), as every number in the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from .wire_fields import made

#: What a value of a setting is written as in the YAML.
Kind = Literal["integer", "duration", "size", "boolean"]

_KIB, _MIB, _GIB = 2**10, 2**20, 2**30
_HOUR, _DAY = 3600.0, 86400.0
#: How many message timeouts a tuple may stay in user hands when ``hold_max`` is not set.
HOLD_TIMEOUTS = 10


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: how a setting is written, its limits, and what it means.

    ``minimum`` and ``maximum`` are in the unit of the attribute: seconds, bytes or a count.
    """

    name: str
    attribute: str
    kind: Kind
    default: Any
    minimum: float
    maximum: float
    unit: str
    doc: str


def _integer(default: int, lowest: int, highest: int, unit: str, doc: str) -> Any:
    return _row("integer", default, lowest, highest, unit, doc)


def _size(default: int, lowest: int, highest: int, doc: str) -> Any:
    return _row("size", default, lowest, highest, "bytes", doc)


def _duration(default: float, lowest: float, highest: float, doc: str) -> Any:
    return _row("duration", float(default), lowest, highest, "seconds", doc)


def _boolean(default: bool, doc: str) -> Any:
    return _row("boolean", default, 0, 1, "", doc)


def _row(kind: Kind, default: Any, lowest: float, highest: float, unit: str, doc: str) -> Any:
    row = {"kind": kind, "minimum": lowest, "maximum": highest, "unit": unit, "doc": doc}
    return field(default=default, metadata=row)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one topology run. Durations are seconds, sizes are bytes."""

    # In flight and replay.
    max_pending: int = _integer(
        10_000, 1, 10_000_000, "messages", "messages in flight per spout task"
    )
    message_timeout_s: float = _duration(
        30, 0.01, _DAY, "a message fails when its tree gave no sign of life for this long"
    )
    hold_max_s: float = _duration(
        0, 0.01, 7 * _DAY,
        "a tuple in user hands (hand-ack, async) fails after this; 10 x message_timeout if unset",
    )
    attempts_max: int = _integer(
        5, 1, 1000, "attempts", "after so many attempts a message becomes a dead letter"
    )
    backoff_min_s: float = _duration(0.1, 0.001, _HOUR, "wait before the first replay")
    backoff_max_s: float = _duration(30, 0.001, _HOUR, "longest wait before a replay")
    batch_max: int = _integer(
        64, 1, 65_536, "messages", "messages that a spout task draws as one group"
    )
    reserve_max: int = _integer(
        32_768, 1, 10_000_000, "messages",
        "at-most-once: messages per spout task that are read ahead; a crash skips at most these",
    )
    worked_through_max: int = _integer(
        1_000_000, 1, 100_000_000, "messages",
        "messages per spout task that are worked through and wait to become durable; of a "
        "source that can be read again: ranges of messages",
    )
    dead_letters_max: int = _integer(
        100_000, 1, 10_000_000, "messages",
        "dead letters kept; when there are more, spouts wait until some are dropped or replayed",
    )
    # Frames, queues and what one call may emit.
    frame_rows_max: int = _integer(1024, 1, 65_536, "tuples", "tuples in one frame")
    frame_bytes_max: int = _size(_MIB, _KIB, 256 * _MIB, "size of one frame on the wire")
    tuple_bytes_max: int = _size(512 * _KIB, 64, 256 * _MIB, "size of one tuple on the wire")
    emit_max: int = _integer(100_000, 1, 100_000_000, "tuples", "tuples that one call may emit")
    queue_rows_max: int = _integer(
        8192, 1, 100_000_000, "tuples", "tuples waiting at one task; its senders wait beyond it"
    )
    linger_s: float = _duration(
        0.005, 0, 10, "longest time that a frame stays open while its worker is busy"
    )
    # Links between workers.
    link_pool_frames: int = _integer(
        64, 1, 65_536, "frames", "frames under way on one link beyond one per channel"
    )
    link_timeout_s: float = _duration(
        10, 0.1, _HOUR, "a link that is down for longer counts as a lost worker"
    )
    # Rounds: what is worked through becomes durable.
    round_interval_s: float = _duration(
        1, 0.01, _DAY,
        "time between two rounds; longer after one that was long in writing state: 20 times as "
        "long as that took",
    )
    round_timeout_s: float = _duration(60, 0.1, _DAY, "a round that takes longer is given up")
    # Checkpoints: exactly-once cuts its snapshots by barriers.
    checkpoint_interval_s: float = _duration(
        1, 0.01, _DAY, "exactly-once: time from the start of a checkpoint to that of the next"
    )
    checkpoint_min_pause_s: float = _duration(
        0, 0, _DAY, "exactly-once: least time from the end of a checkpoint to the next"
    )
    checkpoint_timeout_s: float = _duration(
        600, 0.1, _DAY, "exactly-once: a checkpoint that takes longer is given up, and has failed"
    )
    checkpoint_tolerable_failures: int = _integer(
        0, 0, 1_000_000, "checkpoints",
        "exactly-once: so many may fail in a row; one more, and all tasks are restored",
    )
    checkpoint_retained: int = _integer(
        1, 1, 100, "checkpoints",
        "complete snapshots that are kept; the older ones for when the newest cannot be read",
    )
    checkpoint_alignment_timeout_s: float = _duration(
        0, 0, _DAY,
        "exactly-once: a task that waits longer for its last barrier is copied at once, and what "
        "its late inputs bring before that barrier is kept with the copy; 0: it waits",
    )
    checkpoint_log_max: int = _size(
        64 * _MIB, 64 * _KIB, 4 * _GIB,
        "exactly-once: what a task may keep so of late inputs; beyond it the checkpoint fails",
    )
    fail_to_dead_letter: bool = _boolean(
        False,
        "exactly-once: a message that fails becomes a dead letter at once, without a restore; "
        "what its other branches did stays done",
    )
    discover_interval_s: float = _duration(
        5, 0.1, _DAY, "how often a source is asked for new partitions"
    )
    watermark_interval_s: float = _duration(
        0.2, 0.001, 60, "event time: how often a spout task may send a watermark"
    )
    state_cache: int = _size(
        64 * _MIB, _MIB, 256 * _GIB,
        "memory for the keyed state of one task that `state: sqlite` keeps in a file",
    )
    # Workers.
    report_interval_s: float = _duration(0.25, 0.01, 60, "how often a worker reports its state")
    boot_timeout_s: float = _duration(60, 1, _HOUR, "a worker must be ready after this")
    drain_timeout_s: float = _duration(
        30, 0.1, _DAY, "how long a stop waits for messages in flight"
    )
    stop_timeout_s: float = _duration(5, 0.1, _HOUR, "a worker that does not end is killed then")
    restart_backoff_min_s: float = _duration(
        0.1, 0.001, _HOUR, "wait before a lost worker is started again"
    )
    restart_backoff_max_s: float = _duration(
        30, 0.001, _HOUR, "longest wait before a lost worker is started again"
    )
    check_values: bool = _boolean(
        False, "pack every tuple, also local ones, to find values with no wire form early"
    )

    def __post_init__(self) -> None:
        if not self.hold_max_s:
            object.__setattr__(self, "hold_max_s", HOLD_TIMEOUTS * self.message_timeout_s)

    def as_mapping(self) -> dict[str, Any]:
        """Return the settings by attribute name, for ``context.settings`` and the wire."""
        return asdict(self)

    to_wire = as_mapping

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Settings:
        """Return what ``to_wire`` was made from.

        Raises:
            OtherVersion: a name is not a setting.
        """
        return made(cls, wire, "settings")


def _rows() -> Iterator[Setting]:
    for item in fields(Settings):
        meta = item.metadata
        name = item.name.removesuffix("_s") if meta["kind"] == "duration" else item.name
        yield Setting(
            name=name,
            attribute=item.name,
            kind=meta["kind"],
            default=HOLD_TIMEOUTS * 30.0 if name == "hold_max" else item.default,
            minimum=meta["minimum"],
            maximum=meta["maximum"],
            unit=meta["unit"],
            doc=meta["doc"],
        )


#: Every setting by its name in the YAML.
SETTINGS: dict[str, Setting] = {row.name: row for row in _rows()}
