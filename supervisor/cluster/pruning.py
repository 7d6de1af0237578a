"""The thread of a coordinator that deletes: parts that no round needs, and whole folders.

Deleting a hundred files may take a second on a busy disk: time in which no host would be heard.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from ..snapshot_store import SnapshotStore

_log = logging.getLogger(__name__)


class Pruner:
    """Works on one folder after the other. A newer wish for a folder replaces the older one.

    Nothing is lost when it is not done: it is asked for again, by the next round or look.
    """

    def __init__(self) -> None:
        self._wanted: dict[Path, Callable[[], object]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def want(self, folder: Path, round: int, keep: Collection[str]) -> None:
        """Have the parts of rounds up to ``round`` that are not in ``keep`` deleted."""
        self._want(folder, lambda: SnapshotStore(folder).prune(round, keep))

    def delete(self, folder: Path) -> None:
        """Have a folder deleted with all that is in it."""
        self._want(folder, lambda: shutil.rmtree(folder))

    def _want(self, folder: Path, job: Callable[[], object]) -> None:
        with self._changed:
            self._wanted[folder] = job
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
            folder, delete = job
            try:
                delete()
            except OSError as error:
                _log.warning("not deleted folder=%s reason=%s", folder, error)

    def _next(self) -> tuple[Path, Callable[[], object]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            if self._closed:
                return None
            folder = next(iter(self._wanted))
            return folder, self._wanted.pop(folder)
