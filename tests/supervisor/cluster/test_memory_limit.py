"""A worker's memory limit: twice in a row, or not at all."""

from __future__ import annotations

from waterspout.supervisor.cluster.memory_limit import MemoryWatch

from ...each_case import each_case


@each_case(
    "readings, killed",
    [
        ([11], False),
        ([11, 11], True),
        ([11, 10, 11], False),
        ([11, 12, 9], True),
        ([10, 10], False),
    ],
)
def test_two_readings_over_the_limit_in_a_row_kill(readings: list[int], killed: bool) -> None:
    """F14."""
    watch = MemoryWatch()
    whys = [watch.take(each << 20, 10 << 20) for each in readings]
    assert any(whys) is killed
    assert watch.peak_bytes == max(readings) << 20
    assert watch.rss_bytes == readings[-1] << 20


def test_without_a_limit_nothing_is_too_much() -> None:
    watch = MemoryWatch()
    assert [watch.take(1 << 50, 0) for _ in range(3)] == ["", "", ""]


def test_the_reason_names_both_numbers() -> None:
    watch = MemoryWatch()
    watch.take((10 << 20) + 1, 10 << 20)
    why = watch.take((10 << 20) + 1, 10 << 20)
    assert why == "memory 11 MiB is over its limit of 10 MiB"
