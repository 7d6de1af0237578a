"""Second reads: where one message of a group lies, and what it was.

A source that seeks is asked again. Where it does not give the same a second time, or raises, the
answer is None: what is read for good is read by an executor, which tells what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from waterspout.topology.control_frames import Failure

from .answers import checked_read, checked_reader, message_values
from .contract import Reader, Source
from .groups import Group
from .ledger import Ledger
from .remains import Part


def take_out(
    source: Source, ledger: Ledger, failure: Failure, now: float,
    bury: Callable[[Group, Failure], object],
) -> bool:  # fmt: skip
    """Take one message that failed out of its group, to be tried again alone.

    Args:
        bury: called with a message that had its last attempt.

    Returns:
        False: it cannot be told which one it is, or it is all that is left of the group.
    """
    group = ledger.group_of(failure.root)
    if group is None or not ledger.seeks:
        return False
    if group.lacks(failure.row, failure.rows):
        return True  # it failed in a second bolt
    part = group.part_with(failure.row, failure.rows)
    if part is None or group.count == 1:
        return False
    place = place_of(source, group.partition, part, failure.row)
    if place is None:
        return False
    message = ledger.failed_message(failure, place, now)
    if message is not None:
        bury(message, failure)
    return True


def place_of(source: Source, partition: str, part: Part, row: int) -> tuple[int, int] | None:
    """Return the [start, end) of message number ``row`` of a group, which is in ``part``.

    What holds no message, before the first one and behind the last one of a part, goes with it.
    """
    skip = row - part.first
    try:
        with closing(_reader(source, partition, part.start)) as reader:
            start = _skip(reader, skip, part.start)
            got = None if start is None else checked_read(reader.read(1), start)
    except (Exception, SystemExit):
        return None
    if got is None or start is None or len(got[0]) != 1 or not start < got[1] <= part.end:
        return None
    return start, part.end if skip == part.rows - 1 else got[1]


def values_of(source: Source, group: Group) -> list[Any] | None:
    """Return the values of a group of one message."""
    if group.kept is not None:
        return message_values(group.kept[0][2])
    if group.values is not None:
        return group.values
    try:
        with closing(_reader(source, group.partition, group.start)) as reader:
            got = checked_read(reader.read(1), group.start)
    except (Exception, SystemExit):
        return None
    # What holds no message may be behind it.
    return message_values(got[0][0]) if got and got[0] and got[1] <= group.end else None


def _reader(source: Source, partition: str, start: int) -> Reader:
    return checked_reader(source.reader(partition, start or None))


def _skip(reader: Reader, messages: int, position: int) -> int | None:
    """Read so many messages; return the position behind them, None: there are not so many now."""
    while messages > 0:
        got = checked_read(reader.read(messages), position)
        if got is None or not got[0]:
            return None
        messages, position = messages - len(got[0]), got[1]
    return position if messages == 0 else None
