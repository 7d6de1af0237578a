"""The thread of a worker that writes snapshot parts: encoding and fsync beside the data thread.

A thread of its own, so that a slow disk keeps neither tuples nor reports waiting. It is started
with the first part.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from waterspout.bolts.snapshots import encode_part

from .snapshot_store import SnapshotStore
from .worker_core import WorkerCore
from .worker_rounds import SnapshotJob


class SnapshotThread:
    """Writes parts one after the other.

    Args:
        core: gets the outcome, on the data thread.
        store: where parts go.
        post: hands a call to the data thread.
    """

    def __init__(
        self,
        core: WorkerCore,
        store: SnapshotStore,
        post: Callable[[Callable[[float], object]], None],
    ) -> None:
        self._core, self._store, self._post = core, store, post
        #: Bounded: the core has one job per task under way.
        self._jobs: SimpleQueue[SnapshotJob] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: SnapshotJob) -> None:
        """Have a part written. Called on the data thread."""
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._post(write_part(self._core, self._store, self._jobs.get()))


def write_part(
    core: WorkerCore, store: SnapshotStore, job: SnapshotJob
) -> Callable[[float], object]:
    """Write one part; return the call that tells the core, to be made on its thread."""
    try:
        pieces = encode_part(job.copy)
        written = store.write(job.epoch, job.round, job.task, pieces, log=job.log)
    # A copy that was given up while it was written may be anything; the thread has to live on.
    except Exception as error:
        text = f"{job.copy.component} (task {job.task}): {type(error).__name__}: {error}"
        return lambda now: core.on_part_failed(job, text, now)
    return lambda now: core.on_part_written(job, written, now)
