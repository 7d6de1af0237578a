"""Credit of links: what is reported, and what ``status`` shows of it."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.link_credit import LINKS_MAX, link_rows, shown

from ..each_case import each_case


class Link:
    def __init__(self, left: int) -> None:
        self.credit = (64 - left, left, 64)


def test_a_link_shows_what_is_left_of_its_pool() -> None:
    rows = link_rows({2: Link(16), 1: Link(64)})
    assert rows == [[2, 48, 16, 64], [1, 0, 64, 64]]
    assert shown(rows) == [
        {"to": 1, "frames": 0, "credit": 1.0}, {"to": 2, "frames": 48, "credit": 0.25},
    ]  # fmt: skip


def test_of_many_links_those_with_the_least_credit_are_reported() -> None:
    rows = link_rows({peer: Link(64 - peer % 64) for peer in range(3 * LINKS_MAX)})
    assert len(rows) == LINKS_MAX
    assert max(row[2] for row in rows) <= 64 - 42


@each_case("rows", [None, "text", [5], [[1, 2, 3]], [[1, 2, 3, 0]], [[1, 2, "3", 4]]])
def test_rows_of_another_form_are_left_out(rows: Any) -> None:
    assert shown(rows) == []
