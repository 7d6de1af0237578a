"""Records in a map of the state, whatever keeps it."""

from __future__ import annotations

from typing import Any

from waterspout.bolts.windows.kept import Kept, in_order


def test_records_are_replaced_and_dropped() -> None:
    entries: Any = {}
    kept = Kept(entries)
    kept.put_all({"b": (1, 5), ("x", 2): (0,)})
    kept.put("b", (1, 6))
    assert (kept.get("b"), kept.get("none"), len(kept)) == ((1, 6), None, 2)
    assert in_order(kept) == [(("x", 2), (0,)), ("b", (1, 6))]
    kept.drop("b")
    assert kept.get("b") is None and dict(kept.items()) == {("x", 2): (0,)}
