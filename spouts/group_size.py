"""How many messages a spout task draws as one group: fewer when groups fail.

A message that is told from its group (remains.py) costs no other one, and does not count here.
When one message of a group of ``g`` fails, all run again, in small parts (retries.py). With a share
``p`` of the messages failing, a message so costs ``1 / g`` of a group, and runs ``p x g`` times
more. A message that runs twice is worth ``RERUN`` groups: it costs a part of one, its work, and may
be counted twice below, which weighs most. ``1 / g + RERUN x p x g`` is least at::

    g = 1 / sqrt(RERUN x p)         p = 1 in 1,000:  groups of 18, 1.8 % run twice
                                    p = 1 in 10,000: groups of 57, 0.6 % run twice

``p`` is reckoned from failures F among messages N, both of which fade by ``KEEP`` with each
failure. ``(F + 1) / N`` is the mean of the rate after that was seen (Gamma is the conjugate prior
of Poisson; Gelman et al., Bayesian Data Analysis, 2.6, with exponential forgetting): without a
failure for long it falls, and groups grow back by themselves.

Pure: told of groups that went through or failed.
"""

from __future__ import annotations

from math import isqrt

#: Groups that a message which runs twice is worth.
RERUN = 3
#: What is left of older counts with each failure: about the last four count.
KEEP = 0.75


class GroupSize:
    """The size of the next group of one spout task.

    Attributes:
        size: messages of the next group, from 1 to ``largest``.
        largest: what it is without failures (``batch_max``).
    """

    __slots__ = ("_failures", "_grow_at", "_messages", "largest", "size")

    def __init__(self, largest: int) -> None:
        self.size = self.largest = largest
        self._failures = 0.0
        self._messages = 0.0
        #: Messages from which on the size is another one.
        self._grow_at = float("inf")

    def passed(self, messages: int) -> None:
        """Take note of a group that was worked through at its first attempt."""
        self._messages += messages
        if self._messages >= self._grow_at:
            self._fit()

    def failed(self, messages: int) -> None:
        """Take note of a group that failed at its first attempt."""
        # More than what the largest size asks for would be trust that takes long to lose.
        seen = min(self._messages + messages, self._needed(self.largest))
        self._failures = (self._failures + 1) * KEEP
        self._messages = seen * KEEP
        self._fit()

    @property
    def shrunk(self) -> bool:
        """Whether groups failed lately: messages further down are worth being traced."""
        return self.size < self.largest

    def _needed(self, size: int) -> float:
        """Return the messages that a size asks for after so many failures."""
        return RERUN * size * size * (self._failures + 1)

    def _fit(self) -> None:
        size = isqrt(int(self._messages / (self._failures + 1) / RERUN))
        self.size = min(max(size, 1), self.largest)
        self._grow_at = self._needed(self.size + 1) if self.size < self.largest else float("inf")
