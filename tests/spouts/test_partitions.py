"""Partitions: which task reads which."""

from __future__ import annotations

import pytest
from waterspout.spouts.partitions import (
    EARLY_SHARE,
    IDLE_MAX_S,
    IDLE_MIN_S,
    IDLE_SHARE,
    Partition,
    idle_wait,
    index_of,
)

from ..each_case import each_case


def test_every_partition_belongs_to_exactly_one_task_and_each_task_gets_some() -> None:
    owners = [index_of(f"p{n}", 4) for n in range(200)]
    assert set(owners) == {0, 1, 2, 3}
    assert min(owners.count(task) for task in range(4)) > 25


def test_the_owner_of_a_partition_is_the_same_in_every_process() -> None:
    # Stored positions belong to a task: another hash would read from the beginning.
    assert [index_of(name, 7) for name in ("a", "b", "logs/1.txt")] == [1, 4, 5]


def test_a_name_that_no_encoding_knows_has_an_owner_too() -> None:
    assert index_of("file-\udcff", 1) == 0


def test_a_new_partition_may_be_read_at_once() -> None:
    partition = Partition("p", None, 100.0)
    assert (partition.position, partition.reader, partition.rests(100.0)) == (None, None, False)


@each_case(
    "silence_s, partitions, wait_s",
    [
        (0.0, 1, IDLE_MIN_S),
        (0.2, 1, 0.2 * IDLE_SHARE),
        (3600.0, 1, IDLE_MAX_S),
        (3600.0, 50, IDLE_MAX_S),
        # A thousand silent files are looked at a thousand times a second, not 20,000 times.
        (3600.0, 1000, 1.0),
        (0.0, 1000, IDLE_MIN_S),
    ],
)
def test_a_source_is_left_alone_for_a_share_of_its_silence(
    silence_s: float, partitions: int, wait_s: float
) -> None:
    assert idle_wait(silence_s, partitions) == pytest.approx(wait_s)


def test_the_wait_begins_anew_with_each_message() -> None:
    partition = Partition("p", None, 100.0)
    partition.rest(110.0, None, 1)
    assert partition.wait_until == pytest.approx(110.0 + IDLE_MAX_S)
    partition.heard_at = 111.0
    partition.rest(111.0, None, 1)
    assert partition.wait_until == pytest.approx(111.0 + IDLE_MIN_S)


def test_a_guessed_wait_ends_early_for_company_and_one_that_is_known_does_not() -> None:
    #  now |-------- rests -----|-- early --| wait_until
    partition = Partition("p", None, 100.0)
    partition.rest(110.0, None, 1)
    early_at = 110.0 + IDLE_MAX_S * (1 - EARLY_SHARE)
    assert partition.rests(early_at - 0.001) and not partition.rests(early_at + 0.001)
    partition.rest(110.0, 5.0, 1)
    assert partition.rests(114.999) and not partition.rests(115.0)


@pytest.mark.parametrize("sure_s", [-1.0, 0.0, float("nan")])
def test_a_wait_that_is_over_already_is_a_short_one(sure_s: float) -> None:
    partition = Partition("p", None, 100.0)
    partition.rest(110.0, sure_s, 1)
    assert partition.wait_until == 110.0 + IDLE_MIN_S
