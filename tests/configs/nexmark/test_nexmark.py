"""The auction site: the same events from a seed, whoever reads them from where."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from waterspout.configs.nexmark.nexmark import (
    AUCTIONS,
    BASE_MS,
    BIDS,
    EPOCH,
    FIRST_AUCTION,
    FIRST_PERSON,
    PERSONS,
    Auctions,
    Bids,
    Persons,
    last_auction,
    last_person,
)

KINDS = [Persons, Auctions, Bids]
EVENTS = 5000


def rows(kind: Any, limit: int = 64, **args: Any) -> list[tuple[Any, ...]]:
    source = kind(events=EVENTS, **args)
    found: list[tuple[Any, ...]] = []
    for name in source.partitions():
        reader = source.reader(name, None)
        while got := reader.read(limit):
            assert len(got[0]) <= limit
            found += got[0].tuples()
    return found


def test_kinds_come_one_to_three_to_forty_six() -> None:
    assert [len(rows(kind)) for kind in KINDS] == [
        EVENTS // EPOCH * count for count in (PERSONS, AUCTIONS, BIDS)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_starts_anywhere_and_partitions_share(kind: Any) -> None:
    all_rows = rows(kind)
    assert rows(kind, limit=7) == all_rows
    assert sorted(rows(kind, partitions=3)) == sorted(all_rows)
    reader = kind(events=EVENTS).reader("part-0", 33)
    columns, position = reader.read(10)
    assert (columns.tuples(), position) == (all_rows[33:43], 43)
    assert rows(kind, seed=2) != all_rows
    assert all(len(row) == len(kind.outputs) for row in all_rows)


def test_ids_count_up_and_what_is_named_is_near() -> None:
    persons, auctions, bids = map(rows, KINDS)
    assert [row[0] for row in persons] == [FIRST_PERSON + n for n in range(len(persons))]
    assert [row[0] for row in auctions] == [FIRST_AUCTION + n for n in range(len(auctions))]
    assert last_person(EVENTS - 1) == len(persons) - 1
    assert last_auction(EVENTS - 1) == len(auctions) - 1 and last_auction(0) == -1
    for auction, bidder, price, *_ in bids:
        assert FIRST_AUCTION <= auction < FIRST_AUCTION + len(auctions) + 20
        assert FIRST_PERSON <= bidder < FIRST_PERSON + len(persons) + 20
        assert 100 <= price <= 10**8
    for auction in auctions:
        assert auction[5] < auction[6] and auction[3] < auction[4]


def test_half_of_the_bids_are_for_hot_auctions() -> None:
    hot = Counter((row[0] - FIRST_AUCTION) % 100 == 0 for row in rows(Bids))
    assert 0.45 < hot[True] / hot.total() < 0.6


def test_time_goes_on_with_events_but_for_the_jitter() -> None:
    times = [row[5] for row in rows(Bids, rate=1000)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (BASE_MS + 4, BASE_MS + EVENTS - 1)
    late = [row[5] for row in rows(Bids, rate=1000, jitter_ms=50)]
    assert late != sorted(late)
    assert all(0 <= at - behind <= 50 for at, behind in zip(times, late, strict=True))
