"""A live sample of a topology's tuples: asked for again and again while somebody looks at it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: A tap is in force for so long after it was wanted last; wanted again every third of it.
TAP_S = 15.0
#: Rows that wait for the client; older ones are dropped.
ROWS_MAX = 1000

#: Has all workers sample: its fields, now.
Order = Callable[[Mapping[str, Any], float], None]


class TapStream:
    """The rows of one tap.

    Args:
        id: of the tap; workers send it along with rows.
        fields: component, where and rate.
        limit: rows after which it ends; 0: none.
        order: gives the order; with ``for_s`` 0 it takes it back.
        closed: called once it has ended.
    """

    def __init__(
        self,
        id: int,
        fields: Mapping[str, Any],
        *,
        limit: int,
        order: Order,
        closed: Callable[[], None],
    ) -> None:
        self.id, self._fields, self._limit = id, dict(fields), limit
        self._order, self._closed = order, closed
        self._rows: deque[Any] = deque(maxlen=ROWS_MAX)
        self._order_at = 0.0
        self._said = 0

    def on_rows(self, rows: Iterable[Any]) -> None:
        """Rows of a worker."""
        self._rows.extend(rows)

    def turn(self, now: float) -> tuple[list[dict[str, Any]], bool]:
        """Return the rows that have come."""
        if now >= self._order_at:
            self._order_at = now + TAP_S / 3
            self._order({"id": self.id, **self._fields, "for_s": TAP_S}, now)
        rows = list(self._rows)
        self._rows.clear()
        if self._limit:
            rows = rows[: self._limit - self._said]
        self._said += len(rows)
        done = bool(self._limit) and self._said >= self._limit
        return ([{"rows": rows}] if rows else []), done

    def close(self, now: float) -> None:
        """Have workers stop to sample."""
        self._order({"id": self.id, **self._fields, "for_s": 0.0}, now)
        self._closed()
