"""A test that hangs shows where, on stderr, before anything else gives up on it.

pytest's own ``faulthandler_timeout`` starts a thread for each test, and waits for its end. Here
the tests of ten seconds share one, so a test that hangs shows it after 110 to 120 s.
"""

from __future__ import annotations

import faulthandler
import os
import time

#: How long a test may be silent, and for how long the tests behind it count as that one.
HUNG_S, SHARED_S = 120, 10.0


class HangTraces:
    """Has faulthandler write all stacks when a test takes too long. A plugin of pytest."""

    def __init__(self) -> None:
        # Made while pytest captures nothing yet: this is the terminal, or the file of a log.
        self._stderr = os.dup(2)
        self._since = float("-inf")

    def begins(self, *, alone: bool) -> None:
        """Count the time of a test from now; unless ``alone``, perhaps along with those before."""
        now = time.monotonic()
        if alone or now - self._since >= SHARED_S:
            faulthandler.dump_traceback_later(HUNG_S, file=self._stderr)
            self._since = now

    def pytest_exception_interact(self) -> None:
        """Begin anew with the next test: pytest has just called the watch off."""
        self._since = float("-inf")

    def pytest_unconfigure(self) -> None:
        """End the watch."""
        faulthandler.cancel_dump_traceback_later()
        os.close(self._stderr)
