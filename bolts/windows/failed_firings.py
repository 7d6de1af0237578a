"""Windows whose result raised: kept in the state until it comes, or a dead letter is stored.

    window_failed   key -> ((start, end, (accs, ...)), ...)

The accs of a window are one, or those of each of its panes where merging them raised. A window that
fires again meanwhile, with a late row, takes the place of the one that is kept.
"""

from __future__ import annotations

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

    def emit_all(self) -> PartsFailed | None:
        """Emit what a restored task finds here; return what is to be raised for the rest."""
        failures: list[Failure] = []
        for key, record in list(self._entries.items()):
            for start, end, panes in record:
                try:
                    self._emit((key, start, end, _accs(panes)))
                except Exception as error:
                    failures.append(((key, start, end, _accs(panes)), error))
                else:
                    self._drop(key, start, end)
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
        for at, until, panes in self._entries.get(key) or ():
            if (at, until) == (start, end):
                self._emit((key, start, end, _accs(panes)))
                self._drop(key, start, end)
                return

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
