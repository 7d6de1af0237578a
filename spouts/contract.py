"""The spout contracts: ``Source`` (positions, the ledger does the rest) and ``Spout`` (Storm's).

Every method is called on the worker's data thread, one call at a time, and must not block:
with nothing to give it returns at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from waterspout.topology.columns import Columns
from waterspout.topology.component import Component, Context

#: How a spout's messages come back after a failure.
#: seek = read again from a position; re-emit = the framework keeps the payload until durable;
#: none = they do not.
Replay = Literal["seek", "re-emit", "none"]
#: What a read brings: a list of messages, each the list of its values, or the same by column.
Messages = list[list[Any]] | Columns


class EndOfInput(Exception):
    """Raised by ``Spout.next_tuple`` when no message will ever come again."""


class Reader:
    """Reads one partition forward from a position. Made by ``Source.reader``."""

    def read(self, limit: int) -> tuple[Messages, int] | None:
        """Return up to ``limit`` messages and the position after the last of them.

        A message is the list of its values; ``Columns([values, ...])``, with a list of values
        per field, saves making one for each. ``([], position)`` means nothing now;
        None means that the partition has ended for good. Positions are ints >= 0 that only
        grow; reading from a position that an earlier read returned gives the same messages.
        """
        raise NotImplementedError

    def message_ends(self) -> Sequence[int] | None:
        """Return the position after each message of the last ``read``; None: nobody knows.

        Called after a ``read`` that gave messages of more than one position each, if a bolt below
        is ``effectively_once``. It has to be the one that the message has in whatever ``read`` it
        comes. Without it messages are read one by one there.
        """
        return None

    def wait_s(self) -> float | None:
        """Return for how many seconds there will surely be nothing; None: nobody knows.

        Called after a ``read`` that gave nothing: there is none before that time. Without it
        a silent reader is asked again after a twentieth of its silence, 1 to 50 ms.
        """
        return None

    def close(self) -> None:
        """Release files and connections; called when the partition ended or its task stops."""


class Source(Component):
    """A spout whose messages have positions: the framework seeks, replays and persists.

    Messages go to the default stream (``outputs`` is a list of field names).
    """

    replay: Replay = "seek"
    #: What positions count, in the plural: shown beside lag. With ``bytes`` as 14 MB.
    position_unit: str = "positions"

    def open(self, context: Context) -> None:
        """Get ready. Called once before ``partitions``."""

    def partitions(self) -> Sequence[str]:
        """Return the names of all partitions; the framework deals them out over the tasks.

        Called by every task when it starts and each ``discover_interval`` after.
        """
        raise NotImplementedError

    def reader(self, partition: str, position: int | None) -> Reader:
        """Return a reader that starts at ``position`` (None: at the beginning)."""
        raise NotImplementedError

    def end_position(self, partition: str) -> int | None:
        """Return the position after the newest message, or None when it is not known.

        Called on the data thread between two reads, for each partition at most once per
        ``report_interval``; so often only that it takes about 1 % of the time. Only shown, as
        lag.
        """
        return None

    def bounded(self) -> bool:
        """Say whether no new partition can appear, so that the spout ends when all have ended."""
        return True

    def close(self) -> None:
        """Release what ``open`` took. Called on a clean stop."""


class Spout(Component):
    """Storm's spout: ``next_tuple`` emits, ``ack``/``fail`` tell what became of a message.

    The framework keeps the payload of each message that was emitted with an id and emits it
    again itself when it failed (``replay = "re-emit"``). With ``replay = "none"`` it only
    calls ``fail``, and the spout may emit the message anew under its id.
    """

    replay: Replay = "re-emit"

    def open(self, context: Context) -> None:
        """Get ready. Called once. A streamparse spout's ``initialize`` is called from here."""
        initialize = getattr(self, "initialize", None)
        if initialize is not None:
            initialize(dict(context.settings), context)

    def next_tuple(self) -> None:
        """Emit the next message, if there is one. Must not block.

        Raises:
            EndOfInput: there will never be another one.
        """
        raise NotImplementedError

    def ack(self, tup_id: Any) -> None:
        """The message is durable: all its descendants were worked through."""

    def fail(self, tup_id: Any) -> None:
        """The message failed; with ``replay = "re-emit"`` the framework emits it again."""

    def activate(self) -> None:
        """Called when the topology starts or is resumed."""

    def deactivate(self) -> None:
        """Called when the topology is paused or drains: ``next_tuple`` is not called any more."""

    def close(self) -> None:
        """Release what ``open`` took. Called on a clean stop."""

    def emit(
        self,
        tup: Sequence[Any],
        tup_id: Any = None,
        stream: str | None = None,
        direct_task: int | None = None,
        need_task_ids: bool = False,
    ) -> list[int] | None:
        """Emit one message. Without ``tup_id`` it is not tracked. Bound by the executor."""
        raise RuntimeError("emit: this spout is not running in a topology")


def declared_replay(cls: type[Any], args: Mapping[str, Any]) -> Replay:
    """Return how messages of a spout class come back, for these ``args``."""
    declare = getattr(cls, "declare_replay", None)
    value = declare(args) if declare is not None else getattr(cls, "replay", "none")
    if value not in ("seek", "re-emit", "none"):
        raise TypeError(f"{cls.__name__}.replay: expected seek, re-emit or none, got {value!r}")
    return cast(Replay, value)
