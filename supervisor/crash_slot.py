"""What a worker was doing when it died: a small memory-mapped file that outlives its process.

Each bolt task keeps the roots at work in it; each spout task keeps where the messages of its
latest roots stand, how often they were tried before, and how many it has drawn. Writing costs
one ``pack_into`` per run or group. The supervisor reads the file after a death: only what was
at work gains an attempt, so that a message that kills its worker ends as a dead letter and its
neighbours do not; what the ledger knew of earlier tries does not die with it.

    +-------------+------------------------------+------------------------------+-----------+
    | bolt task 1 | count u64, ROOTS_MAX x u64   | spout task 1: drawn u64,     | names:    |
    | bolt task 2 | ...                          | ring of (root, name u32,     | (u16, ...)|
    |             |                              | tried u32, start, end)       | in order  |
    |             |                              | x slots                      |           |
    +-------------+------------------------------+------------------------------+-----------+

A root's place in the ring is its number modulo the slots; one that is in flight for longer
than ``max_pending`` later groups is overwritten, and then is no suspect.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from waterspout.spouts.groups import Group
from waterspout.topology.plan import Plan
from waterspout.topology.task_env import root_number

#: Roots kept per bolt task; a batch is cut so that it has no more.
ROOTS_MAX = 1024
#: Bytes for the names of partitions; the partitions beyond have no suspects.
NAMES_BYTES_MAX = 4 << 20
_BOLT_BYTES = 8 * (1 + ROOTS_MAX)
_ONE = struct.Struct("<QQ")
_U64 = struct.Struct("<Q")
_ENTRY = struct.Struct("<QIIQQ")
_TRIED_MAX = (1 << 32) - 1
_LENGTH = struct.Struct("<H")


class CrashSlot:
    """The layout of one worker's file over a writable buffer; writer and reader share it."""

    def __init__(self, plan: Plan, worker: int, buffer: Any) -> None:
        self.buffer = buffer
        self._slots = max(plan.settings.max_pending, 64)
        self.bolts: dict[int, int] = {}
        self.spouts: dict[int, int] = {}
        offset = 0
        for task in plan.tasks_on(worker):
            spout = plan.kind(task.component) == "spout"
            (self.spouts if spout else self.bolts)[task.task] = offset
            offset += 8 + _ENTRY.size * self._slots if spout else _BOLT_BYTES
        self._names_at = offset
        self._names: dict[str, int] = {}
        self._names_end = offset

    # Written by the worker, on its data thread.

    def at_work(self, task: int) -> Callable[[tuple[int, ...]], None]:
        """Return what notes the roots at work in a bolt task; () when it is done."""
        buffer, offset = self.buffer, self.bolts[task]
        pack_one, pack_count = _ONE.pack_into, _U64.pack_into

        def note(roots: tuple[int, ...]) -> None:
            if len(roots) == 1:
                pack_one(buffer, offset, 1, roots[0])
                return
            kept = roots[:ROOTS_MAX]
            struct.pack_into(f"<{len(kept)}Q", buffer, offset + 8, *kept)
            pack_count(buffer, offset, len(kept))

        return note

    def in_flight(self, task: int) -> Callable[[int, Group, int], None]:
        """Return what notes a group that goes out: (root, group, messages drawn so far)."""
        buffer, offset, slots = self.buffer, self.spouts[task], self._slots
        pack, pack_drawn, name_of = _ENTRY.pack_into, _U64.pack_into, self._name_number

        def note(root: int, group: Group, drawn: int) -> None:
            place = offset + 8 + _ENTRY.size * (root_number(root) % slots)
            tried = min(group.attempts, _TRIED_MAX)
            pack(buffer, place, root, name_of(group.partition), tried, group.start, group.end)
            pack_drawn(buffer, offset, drawn)

        return note

    def _name_number(self, name: str) -> int:
        """Return the number of a partition's name, written down at first use; 0: no room."""
        number = self._names.get(name)
        if number is None:
            data = name.encode("utf-8", "surrogatepass")
            end = self._names_end + _LENGTH.size + len(data)
            if len(data) > 0xFFFE or end - self._names_at > NAMES_BYTES_MAX - _LENGTH.size:
                number = self._names[name] = 0
                return number
            self.buffer[self._names_end + _LENGTH.size : end] = data
            _LENGTH.pack_into(self.buffer, self._names_end, len(data) + 1)
            self._names_end = end
            number = self._names[name] = len(self._names) + 1
        return number

    # Read by the supervisor, after a death.

    def roots_at_work(self) -> list[int]:
        """Return the distinct roots that were at work in the bolts."""
        roots: dict[int, None] = {}
        for offset in self.bolts.values():
            (count,) = _U64.unpack_from(self.buffer, offset)
            found = struct.unpack_from(f"<{min(count, ROOTS_MAX)}Q", self.buffer, offset + 8)
            roots.update(dict.fromkeys(found))
        return list(roots)

    def drawn(self) -> dict[int, int]:
        """Return how many messages each spout task had drawn."""
        return {
            task: _U64.unpack_from(self.buffer, offset)[0] for task, offset in self.spouts.items()
        }

    def positions_of(self, roots: list[int]) -> dict[int, list[list[Any]]]:
        """Return [partition, start, end, tried, at work] by spout task of this worker.

        Those roots are at work; others are told when they were tried before: their attempts may be
        known to nobody else.
        """
        names, at_work = self._read_names(), frozenset(roots)
        found: dict[int, list[list[Any]]] = {}
        for task, offset in self.spouts.items():
            ring = memoryview(self.buffer)[offset + 8 : offset + 8 + _ENTRY.size * self._slots]
            for root, number, tried, start, end in _ENTRY.iter_unpack(ring):
                if (tried or root in at_work) and 0 < number <= len(names):
                    row = [names[number - 1], start, end, tried, root in at_work]
                    found.setdefault(task, []).append(row)
        return found

    def _read_names(self) -> list[str]:
        names: list[str] = []
        place = self._names_at
        while place + _LENGTH.size <= len(self.buffer):
            (length,) = _LENGTH.unpack_from(self.buffer, place)
            if not length:
                break
            start = place + _LENGTH.size
            data = bytes(self.buffer[start : start + length - 1])
            names.append(data.decode("utf-8", "surrogatepass"))
            place = start + length - 1
        return names


def slot_bytes(plan: Plan, worker: int) -> int:
    """Return the size of the file of a worker."""
    spouts = sum(plan.kind(task.component) == "spout" for task in plan.tasks_on(worker))
    bolts = len(plan.tasks_on(worker)) - spouts
    ring = 8 + _ENTRY.size * max(plan.settings.max_pending, 64)
    return bolts * _BOLT_BYTES + spouts * ring + NAMES_BYTES_MAX
