"""Work of a supervisor that may take long, on threads beside its loop: files and environments.

    parts      uploads and fetches of snapshot parts: rounds wait for them
    prepare    code packs, requirements, environments: minutes, perhaps

What fails for now is tried again here, until it is forgotten; only what is final is told. The
number of jobs is bounded by what the relay and the wish of a host may ask for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from ..restarts import Backoff

#: First and longest wait before a job that failed is tried again, in seconds.
RETRY_S = (0.2, 5.0)
#: Jobs that may be under way; one more is refused.
JOBS_MAX = 10_000
#: How long the end of the supervisor waits for a job at work.
JOIN_S = 0.5

#: Names a job: what is done, and of what.
JobName = tuple[Any, ...]


class JobFailed(Exception):
    """A job could not be done.

    Attributes:
        final: trying again would not help.
    """

    def __init__(self, text: str, *, final: bool) -> None:
        super().__init__(text)
        self.final = final


@dataclass(frozen=True, slots=True)
class JobDone:
    """How a job ended.

    Attributes:
        name: as it was submitted.
        text: "" when it is done, else why it cannot be.
        final: of a failure; False: it is tried again, ``text`` is to be shown.
        failing_s: since it failed for the first time.
    """

    name: JobName
    text: str = ""
    final: bool = True
    failing_s: float = 0.0


@dataclass(slots=True)
class _Job:
    name: JobName
    work: Callable[[], None]
    backoff: Backoff = field(default_factory=lambda: Backoff(*RETRY_S))
    try_at: float = 0.0
    failed_at: float | None = None


class JobThread:
    """Runs jobs one after the other on a thread of its own.

    Args:
        name: of the thread.
        wake: called on it when a job has ended.
    """

    def __init__(self, name: str, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._later: list[_Job] = []
        self._names: set[JobName] = set()
        #: Filled by the thread, drained by the loop.
        self._done: deque[tuple[_Job, str, bool]] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, name: JobName, work: Callable[[], None]) -> bool:
        """Have ``work`` called on the thread; False: there is no room.

        Args:
            name: told when it has ended. One that is under way is not begun twice.
            work: raises JobFailed.
        """
        if name in self._names:
            return True
        if len(self._names) >= JOBS_MAX:
            return False
        self._names.add(name)
        self._queue.put(_Job(name, work))
        return True

    def forget(self, name: JobName) -> None:
        """A job is not tried again, and its end is not told."""
        self._names.discard(name)
        self._later = [job for job in self._later if job.name != name]

    def turn(self, now: float) -> list[JobDone]:
        """Return the jobs that have ended; begin again what is due. Called by the loop."""
        for job in [each for each in self._later if now >= each.try_at]:
            self._later.remove(job)
            if job.name in self._names:
                self._queue.put(job)
        found: list[JobDone] = []
        while self._done:
            job, text, final = self._done.popleft()
            if job.name not in self._names:
                continue
            if job.failed_at is None:
                job.failed_at = now
            if text and not final:
                job.try_at = now + job.backoff.next(0.0)
                self._later.append(job)
            else:
                self._names.discard(job.name)
            found.append(JobDone(job.name, text, final, now - job.failed_at))
        return found

    def close(self) -> None:
        """End the thread; a job at work is left behind when it takes long."""
        self._closing = True
        self._queue.put(None)
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while True:
            job = self._queue.get()
            if job is None or self._closing:
                break
            if job.name not in self._names:
                continue
            self._done.append((job, *_outcome(job)))
            self._wake()
        # What still waits holds references to sockets of this thread.
        while True:
            try:
                self._queue.get_nowait()
            except Empty:
                return


def _outcome(job: _Job) -> tuple[str, bool]:
    """Do a job; return why it failed, and whether for good."""
    try:
        job.work()
    except JobFailed as error:
        return str(error) or "failed", error.final
    except OSError as error:
        return f"{type(error).__name__}: {error}", False
    except Exception as error:
        # A fault of ours: told, and not tried for ever.
        return f"{type(error).__name__}: {error}", True
    return "", True
