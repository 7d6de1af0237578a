"""Ticks on a simulated clock."""

import pytest
from waterspout.spouts.contract import declared_replay
from waterspout.spouts.timer import Timer
from waterspout.topology.errors import UserError


@pytest.fixture
def make(context):
    def make(position=None, **args):
        source = Timer(**args)
        source.open(context)
        (partition,) = source.partitions()
        return source.reader(partition, position)

    return make


def test_a_tick_comes_after_each_interval(make, clock):
    reader = make(interval="500ms")
    assert reader.read(10) == ([], 0)
    clock.now += 0.5
    assert reader.read(1) == ([[0, 1000.5]], 1)
    assert reader.read(10) == ([], 1)
    clock.now += 0.5
    assert reader.read(10) == ([[1, 1001.0]], 2)


def test_ticks_that_nobody_took_are_one_and_the_beat_stays(make, clock):
    # 1000  1001  1002  1003  1004
    # |     .     .     . x   |       x = read
    reader = make(interval=1)
    clock.now = 1003.25
    assert reader.read(10) == ([[0, 1003.25]], 1)
    assert reader.read(10) == ([], 1)
    clock.now = 1003.99
    assert reader.read(10) == ([], 1)
    clock.now = 1004.0
    assert reader.read(10) == ([[1, 1004.0]], 2)


def test_it_ends_after_count_and_goes_on_counting_after_a_restart(make, clock):
    reader = make(interval=1, count=2, position=1)
    clock.now += 1
    assert reader.read(10) == ([[1, 1001.0]], 2)
    assert reader.read(10) is None
    assert make(interval=1, count=0).read(10) is None


def test_a_tick_that_failed_does_not_come_back():
    assert declared_replay(Timer, {"interval": 1}) == "none"
    assert Timer.declare_outputs({"interval": 1}) == ["n", "time"]


@pytest.mark.parametrize("args", [{"interval": "soon"}, {"interval": 0}])
def test_wrong_intervals_are_named(args):
    with pytest.raises(UserError, match="Timer: interval: expected a duration"):
        Timer.declare_outputs(args)


def test_a_wrong_count_is_named():
    with pytest.raises(UserError, match="Timer: count: expected "):
        Timer.declare_outputs({"interval": 1, "count": -1})


def test_it_says_how_long_there_is_no_tick(make, clock):
    reader = make(interval="500ms")
    clock.now += 0.2
    assert reader.read(1) == ([], 0)
    assert reader.wait_s() == pytest.approx(0.3)
