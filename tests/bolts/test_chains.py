"""Chains of parts: when a new one begins, and that a broken one is found."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from waterspout.bolts.chains import CHAIN_PARTS_MAX, Chain, chained
from waterspout.bolts.snapshots import MapCopy, StateCopy, StatePart, decode_part, encode_part
from waterspout.topology.errors import CorruptSnapshot

from ..each_case import each_case


class Part(NamedTuple):
    file: str
    bytes: int
    sha256: str


def written(
    entries: dict[Any, Any], base: str = "", *, whole: bool = False, gone: Any = (), index: int = 0
) -> tuple[StatePart, str]:
    maps = (MapCopy("keyed", "m", entries, gone=gone, whole=whole),)
    data = b"".join(encode_part(StateCopy("count", index, maps, base)))
    return decode_part(data), data[-32:].hex()


def test_a_chain_goes_on_until_its_changes_are_as_big_as_its_whole_part() -> None:
    #  bytes   100   40   40   40  -> 120 > 100: the next one is whole
    chain = Chain()
    assert chain.base == ""
    chain.add(Part("1", 100, "s1"), "")
    for number in "234":
        assert chain.base != ""
        chain.add(Part(number, 40, f"s{number}"), chain.base)
    assert chain.base == ""
    chain.add(Part("5", 90, "s5"), "")
    assert [part.file for part in chain.parts] == ["5"]
    assert chain.base == "s5"


def test_a_chain_has_so_many_parts_at_most() -> None:
    chain = Chain()
    for number in range(CHAIN_PARTS_MAX):
        chain.add(Part(str(number), 1000 if not number else 1, f"s{number}"), chain.base)
    assert len(chain.parts) == CHAIN_PARTS_MAX
    assert chain.base == ""


def test_changes_go_over_what_was_before_them() -> None:
    first, a = written({"x": 1, "y": 1, "z": 1})
    second, b = written({"y": 2, "new": 2}, a, gone=["z"])
    third, c = written({"z": 3}, b, gone=["x", "never"])
    (whole,) = chained([(first, a), (second, b), (third, c)])
    assert whole.keyed == {"m": {"y": 2, "new": 2, "z": 3}}


def test_a_map_that_is_whole_in_a_later_part_replaces_the_earlier_ones() -> None:
    first, a = written({"x": 1, "y": 1})
    second, b = written({"y": 2}, a, whole=True)
    (whole,) = chained([(first, a), (second, b)])
    assert whole.keyed == {"m": {"y": 2}}


def test_chains_of_several_tasks_stand_beside_each_other() -> None:
    first, a = written({"x": 1}, index=1)
    other, o = written({"o": 1}, index=0)
    second, b = written({"x": 2}, a, index=1)
    found = chained([(first, a), (other, o), (second, b)])
    assert {part.index: part.keyed["m"] for part in found} == {0: {"o": 1}, 1: {"x": 2}}


@each_case("broken", ["begin", "middle", "order", "twice"])
def test_a_part_that_does_not_add_to_the_one_before_is_refused(broken: str) -> None:
    parts = [written({"x": 1})]
    for number in range(3):
        parts.append(written({"x": number}, parts[-1][1]))
    match broken:
        case "begin":
            del parts[0]
        case "middle":
            del parts[2]
        case "order":
            parts[2], parts[3] = parts[3], parts[2]
        case "twice":
            parts.insert(1, parts[0])
    with pytest.raises(CorruptSnapshot):
        chained(parts, "the snapshot")
