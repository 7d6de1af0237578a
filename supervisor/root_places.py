"""Where the tree of a message stands: which tasks have something of it.

Every task reports the roots of what is oldest with it. Looked up when somebody asks for the
status; a tree that is on its way between two workers is nowhere.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from .tallies import Tally

#: Roots that one task reports.
ROOTS_MAX = 16
#: Tasks that are named for one root; a group of messages may be spread over all of them.
PLACES_MAX = 5


def oldest_roots(executor: Any) -> bytes:
    """Return the roots of what is oldest in a task: held, at work, in its queue, to be sent.

    Called on the control thread.

    Raises:
        RuntimeError: the data thread changed it meanwhile; ask again.
    """
    found: dict[int, None] = {}
    for roots in _roots_of(executor):
        found.update(dict.fromkeys(roots))
        if len(found) >= ROOTS_MAX:
            break
    roots = list(islice(found, ROOTS_MAX))
    return struct.pack(f"<{len(roots)}Q", *roots)


def _roots_of(executor: Any) -> Iterator[Iterable[int]]:
    holds = getattr(executor, "holds", None)
    if holds is not None:
        yield holds.oldest_roots(ROOTS_MAX)
    for work in getattr(executor, "queue", ()):
        yield from (roots for _, roots in islice(work.runs, max(work.unread - 1, 0), None))
    for frame in executor.emitter.frames:
        yield from (roots for _, roots in frame.runs)


def places(tallies: Mapping[int, Tally], names: Mapping[int, str], root: int | None) -> list[str]:
    """Return the tasks that reported a root, as ``count[1]``.

    Args:
        tallies: of all tasks, by their newest reports.
        names: of the tasks.
        root: None: nothing of the message is under way.
    """
    if root is None:
        return []
    found = (task for task, tally in tallies.items() if root in _reported(tally.report))
    return [names[task] for task in islice(found, PLACES_MAX)]


def _reported(report: Mapping[str, Any]) -> tuple[int, ...]:
    data = report.get("roots")
    if type(data) is not bytes or len(data) % 8 or len(data) > 8 * ROOTS_MAX:
        return ()
    return struct.unpack(f"<{len(data) // 8}Q", data)
