"""A pipe that ends another thread's poll."""

from __future__ import annotations

import os
from contextlib import suppress


class Wakeup:
    """Wakes the one thread that polls ``fileno``. ``set`` may be called from any thread."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def fileno(self) -> int:
        """Return what to poll for reading."""
        return self._read

    def set(self) -> None:
        """End the current poll, or the next one."""
        # A full pipe wakes just as well.
        with suppress(BlockingIOError):
            os.write(self._write, b"!")

    def clear(self) -> None:
        """Called by the polling thread before it looks at what it was woken for."""
        with suppress(BlockingIOError):
            os.read(self._read, 4096)

    def close(self) -> None:
        """Release the pipe."""
        os.close(self._read)
        os.close(self._write)
