"""When a worker of a cluster ends by itself: a SIGTERM, or a supervisor that does not come back.

It lives on without its supervisor, which may be restarted at any time; one that is gone for
``orphan_s`` will not be, and with it goes the only way to the coordinator. The end is orderly:
the data thread finishes its turn, nothing is at work any more, last words are said. A user call
that takes longer than END_MAX_S is not waited for, and then is suspect as after any death.
"""

from __future__ import annotations

import signal

#: How long an orderly end may take, in seconds; the process ends then, wherever it is.
END_MAX_S = 5.0
#: Exit code of a worker whose parent or supervisor is gone; nobody is left to read it.
ORPHAN_EXIT = 71
#: Exit code of a worker that was asked to end by a SIGTERM.
TERMINATED_EXIT = 73
#: What these say to people.
END_REASONS = {
    ORPHAN_EXIT: "its supervisor was gone for too long",
    TERMINATED_EXIT: "ended by a SIGTERM",
}


class WorkerEnd:
    """Decides; the control thread tells it what happens, and does it. Times are monotonic.

    Args:
        orphan_s: how long the supervisor may be away; 0: for ever.
        now: when the worker began to look.
    """

    def __init__(self, orphan_s: float, now: float) -> None:
        self._orphan_s, self._there_at = orphan_s, now
        #: Exit code, once the end has begun; 0: it has not.
        self.code = 0
        #: When the process ends in any case.
        self.at = float("inf")

    def on_signals(self, numbers: bytes, now: float) -> None:
        """Signals came; all but a SIGTERM are for others."""
        if signal.SIGTERM in numbers:
            self._begin(TERMINATED_EXIT, now)

    def look(self, there: bool, now: float) -> None:
        """Note whether the supervisor is there; called with every report."""
        if there:
            self._there_at = now
        elif self._orphan_s and now - self._there_at > self._orphan_s:
            self._begin(ORPHAN_EXIT, now)

    def _begin(self, code: int, now: float) -> None:
        if not self.code:
            self.code, self.at = code, now + END_MAX_S

    @property
    def reason(self) -> str:
        """Why it ends, for the log; "" while it does not."""
        return END_REASONS.get(self.code, "")
