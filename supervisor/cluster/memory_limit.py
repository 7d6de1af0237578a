"""The memory limit of a worker: over it twice in a row, and the worker is to be killed.

Looked at once a second by its resident size: one reading may catch a copy that is freed at
once. Where the operator gives a cgroup the kernel enforces the limit, too (cgroups.py); where
there is none this is all there is, and it is enough to keep a leak from taking the host.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Readings in a row over the limit.
READINGS = 2
_MIB = 1 << 20


@dataclass(slots=True)
class MemoryWatch:
    """Resident memory of one process against its limit."""

    rss_bytes: int = 0
    #: The largest reading; tells after a SIGKILL whether the kernel may have done it.
    peak_bytes: int = 0
    _over: int = 0

    def take(self, rss_bytes: int, limit_bytes: int) -> str:
        """Note a reading; return why the process is to be killed, or an empty text.

        Args:
            rss_bytes: its resident memory now.
            limit_bytes: 0: none.
        """
        self.rss_bytes = rss_bytes
        self.peak_bytes = max(self.peak_bytes, rss_bytes)
        if not limit_bytes or rss_bytes <= limit_bytes:
            self._over = 0
            return ""
        self._over += 1
        if self._over < READINGS:
            return ""
        return f"memory {-(-rss_bytes // _MIB)} MiB is over its limit of {limit_bytes // _MIB} MiB"
