"""Records in a map of the state, whatever keeps it."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.records import Records, in_order
from waterspout.bolts.state_memory import MemoryBackend
from waterspout.bolts.state_sqlite import SqliteBackend


@pytest.fixture(params=["dict", "memory", "sqlite"])
def entries(request: Any) -> Any:
    if request.param == "dict":
        yield {}
        return
    backend: Any = (MemoryBackend if request.param == "memory" else SqliteBackend)()
    yield backend.map("step", "m")
    backend.close()


def test_records_are_replaced_and_dropped(entries: Any) -> None:
    kept = Records(entries)
    kept.put_all({"b": (1, 5), ("x", 2): (0,)})
    kept.put("b", (1, 6))
    assert (kept.get("b"), kept.get("none"), len(kept)) == ((1, 6), None, 2)
    assert in_order(kept) == [(("x", 2), (0,)), ("b", (1, 6))]
    kept.drop("b")
    assert kept.get("b") is None and dict(kept.items()) == {("x", 2): (0,)}


def test_looking_at_a_record_is_no_change_to_it() -> None:
    entries: Any = MemoryBackend().map("step", "m")
    kept = Records(entries)
    kept.put("a", (1,))
    list(entries.cut(whole=True).slices)
    entries.settle(written=True)
    kept.get("a")
    assert kept["a"] == (1,) and list(kept.items()) == [("a", (1,))]
    assert not list(entries.cut(whole=False).slices)


def test_records_are_a_mapping(entries: Any) -> None:
    kept = Records(entries)
    kept["a"] = kept["b"] = (1,)
    assert kept["a"] == (1,) and "a" in kept and "c" not in kept
    assert (kept.pop("a"), list(kept), dict(kept)) == ((1,), ["b"], {"b": (1,)})
    for missing in (lambda: kept["a"], lambda: kept.__delitem__("a")):
        with pytest.raises(KeyError):
            missing()
    kept.clear()
    assert not kept
