"""The acker: which trees of tuples are worked through.

Each root has a 64-bit value. An edge is XORed in when a frame is opened that carries the
root, and XORed out when that frame was worked through; a **guard edge** is in it from the
moment the root is drawn until its whole group was routed. So the value is zero exactly when
all is done (a false zero has a chance of 2**-64 per update).
Source: Apache Storm's acker, with frames in the place of tuples.

Pure: fed with toggles, failures, signs of life and the time; results go to two callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from waterspout.topology.control_frames import Failure

#: Called with (root, now) when a tree is worked through.
Completed = Callable[[int, float], None]
#: Called with (failure, now) when a tree failed; at most once per root.
Failed = Callable[[Failure, float], None]
#: Called with (failure, now) when one message of a tree failed; says whether the rest goes on.
FailedMessage = Callable[[Failure, float], bool]


class Acker:
    """Tracks the roots that were drawn by the tasks of one worker.

    Args:
        completed, failed: told of each root's end, once.
        timeout_s: a root whose tree gave no sign of life for so long fails.
        failed_message: told of messages that failed alone; by default their whole root does.
    """

    def __init__(
        self, completed: Completed, failed: Failed, timeout_s: float,
        failed_message: FailedMessage = lambda failure, now: False,
    ) -> None:  # fmt: skip
        self._completed = completed
        self._failed = failed
        self._failed_message = failed_message
        self._timeout_s = timeout_s
        #: root -> [value, time of the last sign of life]
        self._entries: dict[int, list[float]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def value(self, root: int) -> int | None:
        """Return the value of a tree, None when it is over; it changes with all that is done to it.

        May be called from another thread.
        """
        entry = self._entries.get(root)
        return None if entry is None else entry[0]  # type: ignore[return-value]

    def open(self, root: int, guard: int, now: float) -> None:
        """Track a fresh root, guarded until ``guard`` is toggled out."""
        assert root not in self._entries, "a root is drawn once"
        self._entries[root] = [guard, now]

    def toggle(self, toggles: Mapping[int, int] | Iterable[tuple[int, int]], now: float) -> None:
        """XOR into roots; those that become zero are completed. Unknown roots are over."""
        entries = self._entries
        pairs = toggles.items() if isinstance(toggles, Mapping) else toggles
        for root, xor in pairs:
            entry = entries.get(root)
            if entry is None:
                continue
            value = entry[0] ^ xor  # type: ignore[operator]
            if value:
                entry[0] = value
                entry[1] = now
            else:
                del entries[root]
                self._completed(root, now)

    def fail(self, failures: Iterable[Failure], now: float) -> None:
        """End roots that failed; the first failure of a root counts.

        A root of which only a message failed goes on. Such a failure is told before the frame that
        it was in is toggled out: the root is not zero before.
        """
        for failure in failures:
            if failure.root not in self._entries:
                continue
            if failure.rows and self._failed_message(failure, now):
                continue
            del self._entries[failure.root]
            self._failed(failure, now)

    def vouch(self, roots: Iterable[int], now: float) -> None:
        """Take signs of life: these roots are queued or held somewhere."""
        for root in roots:
            entry = self._entries.get(root)
            if entry is not None:
                entry[1] = now

    def expire(self, now: float) -> None:
        """Fail every root without a sign of life for ``timeout_s``. Called now and then."""
        limit = now - self._timeout_s
        late = [root for root, entry in self._entries.items() if entry[1] < limit]
        reason = f"no progress for {self._timeout_s:g} s (message_timeout)"
        self.fail([Failure(root, "", 0, reason, "") for root in late], now)

    def forget_all(self) -> None:
        """Drop every root: a new epoch replays their messages under fresh ones."""
        self._entries.clear()
