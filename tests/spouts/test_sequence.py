"""Numbers: each once over all partitions, at the rate asked for."""

import pytest
from waterspout.spouts.sequence import BURST_MAX_S, Sequence
from waterspout.topology.errors import UserError

from ..each_case import each_case


def opened(context, **args):
    source = Sequence(**args)
    source.open(context)
    return source


def take(reader, limit=1000):
    got = reader.read(limit)
    return None if got is None else [row[0] for row in got[0]]


def test_it_counts_from_start_and_ends(context):
    source = opened(context, count=5, start=-2)
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    assert reader.read(3) == ([[-2], [-1], [0]], 3)
    assert reader.read(3) == ([[1], [2]], 5)
    assert reader.read(3) is None
    assert source.end_position(partition) == 5
    assert source.position_unit == "messages"
    assert source.bounded()


def test_without_a_count_it_goes_on(context):
    source = opened(context)
    (partition,) = source.partitions()
    assert take(source.reader(partition, 10**12), 2) == [10**12, 10**12 + 1]
    assert source.end_position(partition) is None


@pytest.mark.parametrize("count", [0, 1, 2, 10, 11])
def test_partitions_share_the_numbers(context, count):
    source = opened(context, count=count, partitions=3)
    numbers = []
    for partition in source.partitions():
        got = take(source.reader(partition, None)) or []
        assert len(got) == source.end_position(partition)
        numbers += got
    assert sorted(numbers) == list(range(count))


def test_names_sort_as_numbers_and_change_with_what_they_hold(context):
    names = opened(context, partitions=12).partitions()
    assert names == sorted(names) and len(set(names)) == 12
    assert not set(names) & set(opened(context, partitions=11).partitions())


def test_the_rate_is_kept_over_all_partitions(context, clock):
    source = opened(context, rate=20, partitions=2)
    readers = [source.reader(partition, None) for partition in source.partitions()]
    assert [take(reader) for reader in readers] == [[0], [1]]
    assert [take(reader) for reader in readers] == [[], []]
    given = 0
    for _ in range(100):
        clock.now += 0.01
        given += sum(len(take(reader)) for reader in readers)
    assert given == pytest.approx(20, abs=2)


def test_what_was_missed_is_caught_up_but_no_more_than_a_second_of_it(context, clock):
    source = opened(context, rate=100)
    reader = source.reader(source.partitions()[0], None)
    take(reader)
    clock.now += 0.5
    assert len(take(reader)) == 50
    clock.now += 60
    assert len(take(reader)) == 100 * BURST_MAX_S
    clock.now += 0.1
    assert len(take(reader)) == pytest.approx(10, abs=1)


def test_it_says_when_the_next_number_is_due(context, clock):
    source = opened(context, rate=10)
    reader = source.reader(source.partitions()[0], None)
    assert reader.read(5) == ([[0]], 1)
    clock.now += 0.03
    assert reader.read(5)[0] == []
    assert reader.wait_s() == pytest.approx(0.07)
    clock.now += 0.0701
    assert reader.read(5) == ([[1]], 2)
    source = opened(context)
    assert source.reader(source.partitions()[0], None).wait_s() is None


def test_a_rate_below_one_gives_one_after_the_other(context, clock):
    source = opened(context, rate=0.1)
    reader = source.reader(source.partitions()[0], None)
    assert take(reader) == [0]
    clock.now += 9
    assert take(reader) == []
    clock.now += 1.01
    assert take(reader) == [1]


def test_what_is_read_again_needs_not_wait_for_the_rate(context, clock):
    source = opened(context, rate=10)
    (partition,) = source.partitions()
    reader = source.reader(partition, None)
    clock.now += 0.95
    assert len(take(reader)) == 10
    assert take(source.reader(partition, 2), 5) == [2, 3, 4, 5, 6]
    assert take(source.reader(partition, 8), 5) == [8, 9]


@each_case(
    "args",
    [
        {"count": -1},
        {"count": True},
        {"start": "1"},
        {"partitions": 0},
        {"partitions": 10**9},
        {"rate": 0},
        {"rate": float("inf")},
    ],
)
def test_wrong_arguments_are_named(args):
    (name,) = args
    with pytest.raises(UserError, match=f"Sequence: {name}: expected "):
        Sequence.declare_outputs(args)
