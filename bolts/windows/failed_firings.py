"""Windows whose result raised: kept in the state until it comes, or a dead letter is stored.

    window_failed   key -> ((start, end, (accs, ...)), ...)

The accs of a window are one, or those of each of its panes where merging them raised. A window that
fires again meanwhile, with a late row, takes the place of the one that is kept.

A restored task tries those that it finds, some in each call; after that they are made again as
other calls that failed are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from ..failed_calls import OwnCall, PartsFailed
from ..records import Records
from .folding import Accs
from .logic import Firing, Unmerged
from .output import Failure, Written

#: Emits the row or rows of a window, or raises.
EmitOne = Callable[[Firing], None]


class FailedFirings:
    """The windows of one task that could not be emitted.

    Args:
        entries: ``window_failed``.
        emit: of one window.
        written: writes a start or an end; None: they are numbers.
    """

    def __init__(self, entries: Records, emit: EmitOne, written: Written | None) -> None:
        self._entries, self._emit = entries, emit
        self._written = written or _same
        #: (key, start, end) of windows that were found and not tried yet.
        self._found = deque(
            (key, start, end) for key, record in entries.items() for start, end, _ in record
        )

    def __len__(self) -> int:
        """How many keys have one."""
        return len(self._entries)

    def keep(self, failures: Sequence[Failure]) -> PartsFailed:
        """Keep windows; return what is to be raised for them."""
        for (key, start, end, accs), _ in failures:
            self._drop(key, start, end)
            panes = accs.panes if isinstance(accs, Unmerged) else (accs,)
            record = (*(self._entries.get(key) or ()), (start, end, tuple(panes)))
            self._entries.put(key, record)
        return PartsFailed([(self._call(firing), error) for firing, error in failures])

    def replace(self, firings: Iterable[Firing]) -> None:
        """These windows fire anew: what is kept of them is old."""
        for key, start, end, _ in firings:
            self._drop(key, start, end)

    @property
    def untried(self) -> bool:
        """Whether a restored task found some that were not tried yet."""
        return bool(self._found)

    def emit_some(self, count: int) -> PartsFailed | None:
        """Emit what a restored task found here; return what is to be raised for those that fail.

        Args:
            count: so many at most.
        """
        failures: list[Failure] = []
        for _ in range(min(count, len(self._found))):
            firing = self._find(*self._found.popleft())
            if firing is None:
                continue
            try:
                self._emit(firing)
            except Exception as error:
                failures.append((firing, error))
            else:
                self._drop(*firing[:3])
        return self.keep(failures) if failures else None

    def _call(self, firing: Firing) -> OwnCall:
        key, start, end, accs = firing
        head = [*key] if isinstance(key, tuple) else [key]
        shown = [*head, self._written(start), self._written(end), accs]
        text = f"the window {head!r:.80} from {shown[-3]} to {shown[-2]}"
        return OwnCall(
            "window", ("window", key, start, end), partial(self._again, key, start, end), shown,
            partial(self._drop, key, start, end), text, plain=True,
        )  # fmt: skip

    def _again(self, key: Any, start: int, end: int) -> None:
        """Emit one once more."""
        firing = self._find(key, start, end)
        if firing is not None:
            self._emit(firing)
            self._drop(key, start, end)

    def _find(self, key: Any, start: int, end: int) -> Firing | None:
        for at, until, panes in self._entries.get(key) or ():
            if (at, until) == (start, end):
                return key, start, end, _accs(panes)
        return None

    def _drop(self, key: Any, start: int, end: int) -> None:
        record = self._entries.get(key)
        if record is None:
            return
        left = tuple(each for each in record if tuple(each[:2]) != (start, end))
        if not left:
            self._entries.drop(key)
        elif len(left) < len(record):
            self._entries.put(key, left)


def _same(number: int) -> int:
    return number


def _accs(panes: Sequence[Accs]) -> Any:
    return tuple(panes[0]) if len(panes) == 1 else Unmerged(panes)
