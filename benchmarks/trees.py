"""Memory and CPU time of a process and all that it started, read while they run."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left

import psutil

#: Seconds between two readings.
STEP_S = 0.2


class TreeWatch:
    """Reads a tree of processes on a thread of its own; a context manager.

    Attributes:
        readings: (monotonic seconds, CPU seconds since the start, resident MB).
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._cpu_s: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.readings: list[tuple[float, float, float]] = []

    def __enter__(self) -> TreeWatch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(STEP_S):
            try:
                processes = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                return
            resident = sum(self._read(process) for process in processes)
            self.readings.append((time.monotonic(), sum(self._cpu_s.values()), resident))

    def _read(self, process: psutil.Process) -> float:
        """Note the CPU time of one process; return its resident MB."""
        try:
            times, resident = process.cpu_times(), process.memory_info().rss
        except psutil.Error:
            return 0.0  # it ended between two readings; what it used stays counted
        self._cpu_s[process.pid] = times.user + times.system
        return float(resident) / 2**20

    def cpu_s(self, first_s: float, last_s: float) -> float:
        """Return the CPU seconds between two moments."""
        return cpu_at(self.readings, last_s) - cpu_at(self.readings, first_s)

    def peak_mb(self, first_s: float = 0.0, last_s: float = float("inf")) -> float:
        """Return the most resident memory between two moments."""
        return max((mb for at_s, _, mb in self.readings if first_s <= at_s <= last_s), default=0.0)


def cpu_at(readings: list[tuple[float, float, float]], at_s: float) -> float:
    """Return the CPU seconds at a moment, by a line between the readings around it."""
    after = bisect_left(readings, at_s, key=lambda reading: reading[0])
    if after == 0 or after == len(readings):
        return readings[min(after, len(readings) - 1)][1]
    (from_s, from_cpu, _), (to_s, to_cpu, _) = readings[after - 1 : after + 1]
    return from_cpu + (to_cpu - from_cpu) * (at_s - from_s) / (to_s - from_s)
