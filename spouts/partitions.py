"""One partition of a source at work in a task, which task that is, and when it is asked again."""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

from .contract import Reader

#: A silent source is left alone for so much of its silence, so that a message is late by at most
#: that share of the silence before it, and a source that was silent for long costs little.
IDLE_SHARE = 0.05
IDLE_MIN_S = 0.001
IDLE_MAX_S = 0.05
#: Many silent partitions of a task wait longer: so long for each of them.
IDLE_READ_S = 0.001
#: A partition is asked by so much of its wait too early, with others that are due: one wake-up.
EARLY_SHARE = 0.25


class Partition:
    """One partition: where its reader stands.

    Attributes:
        position: None while nothing was read.
        wait_until: it is not asked again before that, or only ``early_s`` before.
        heard_at: when the last message came, or when it was taken up.
        is_new: nothing from here on was tried or acked before; that stays so.
    """

    __slots__ = ("early_s", "heard_at", "is_new", "name", "position", "reader", "wait_until")

    def __init__(self, name: str, position: int | None, now: float) -> None:
        self.name = name
        self.position = position
        self.reader: Reader | None = None
        self.wait_until = self.early_s = 0.0
        self.heard_at = now
        self.is_new = False

    def rest(self, now: float, sure_s: float | None, partitions: int) -> None:
        """Leave it alone for a while: it had nothing.

        Args:
            sure_s: what its reader says (``Reader.wait_s``).
            partitions: of the same task, which may be as silent.
        """
        if sure_s is not None:
            self.wait_until, self.early_s = now + max(IDLE_MIN_S, sure_s), 0.0
            return
        wait_s = idle_wait(now - self.heard_at, partitions)
        self.wait_until, self.early_s = now + wait_s, EARLY_SHARE * wait_s

    def rests(self, now: float) -> bool:
        """Say whether it is to be left alone now."""
        return self.wait_until - self.early_s > now


def index_of(name: str, parallelism: int) -> int:
    """Return the index of the task that reads a partition: the same in every process."""
    return xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) % parallelism


def idle_wait(silence_s: float, partitions: int = 1) -> float:
    """Return how long to leave a source alone that had nothing for ``silence_s``."""
    longest_s = max(IDLE_MAX_S, IDLE_READ_S * partitions)
    return min(max(IDLE_SHARE * silence_s, IDLE_MIN_S), longest_s)
