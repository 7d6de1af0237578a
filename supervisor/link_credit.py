"""How much credit a worker's links have left, as it reports and as ``status`` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Links that one worker reports: those with the least credit.
LINKS_MAX = 64


def link_rows(links: Mapping[int, Any]) -> list[list[int]]:
    """Return [peer, frames under way, frames left of the pool, size of the pool] of each link.

    Called on the control thread, while the data thread sends: each figure is of its moment.
    """
    rows = [[peer, *link.credit] for peer, link in dict(links).items()]
    if len(rows) > LINKS_MAX:
        rows.sort(key=lambda row: row[2])
    return rows[:LINKS_MAX]


def shown(rows: Any) -> list[dict[str, Any]]:
    """Return reported rows as ``status`` shows them; rows of another form are left out."""
    found = []
    for row in list(rows)[:LINKS_MAX] if isinstance(rows, list | tuple) else ():
        if not (isinstance(row, list | tuple) and len(row) == 4):
            continue
        peer, frames, left, pool = row
        if all(type(each) is int for each in row) and pool > 0:
            found.append({"to": peer, "frames": frames, "credit": round(left / pool, 3)})
    return sorted(found, key=lambda row: row["to"])
