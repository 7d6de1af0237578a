"""Names of maps: of handles and of whole ones."""

from __future__ import annotations

from itertools import product

from waterspout.bolts.state_handles import HANDLES
from waterspout.bolts.state_names import HANDLE_KINDS, handle_of, map_name, shown

from ..each_case import each_case


@each_case("kind, ttl", product(HANDLE_KINDS, [False, True]))
def test_a_handle_is_found_from_the_name_of_its_map(kind: str, ttl: bool) -> None:
    assert handle_of(map_name(kind, "of:day", ttl)) == (kind, "of:day", ttl)
    assert shown(map_name(kind, "of:day", ttl)) == f"state.{kind}('of:day')"


@each_case("name", ["seen", "price:eur", "value", "ttl:x", ""])
def test_other_names_are_whole_maps(name: str) -> None:
    assert handle_of(name) is None
    assert shown(name) == f"state {name!r}"


def test_there_is_a_handle_for_each_kind() -> None:
    assert tuple(HANDLES) == HANDLE_KINDS
