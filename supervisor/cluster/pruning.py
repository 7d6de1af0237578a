"""The thread of a coordinator that deletes snapshot parts which no round needs any more.

Deleting a hundred files may take a second on a busy disk: time in which no host would be heard.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from pathlib import Path

from ..snapshot_store import SnapshotStore

_log = logging.getLogger(__name__)


class Pruner:
    """Deletes parts, one folder after the other. A newer wish for a folder replaces the older one.

    Nothing is lost when it is not done: the next round asks for it again.
    """

    def __init__(self) -> None:
        #: Folder -> (durable round, files that are needed).
        self._wanted: dict[Path, tuple[int, Collection[str]]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def want(self, folder: Path, round: int, keep: Collection[str]) -> None:
        """Have the parts of rounds up to ``round`` that are not in ``keep`` deleted."""
        with self._changed:
            self._wanted[folder] = (round, keep)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pruning", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread once it has done what it is at."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            folder, round, keep = job
            try:
                SnapshotStore(folder).prune(round, keep)
            except OSError as error:
                _log.warning("parts not deleted folder=%s reason=%s", folder, error)

    def _next(self) -> tuple[Path, int, Collection[str]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            if self._closed:
                return None
            folder = next(iter(self._wanted))
            return folder, *self._wanted.pop(folder)
