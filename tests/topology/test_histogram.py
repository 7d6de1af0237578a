"""Latencies by bucket, and what is read from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.histogram import BUCKETS_MAX, bucket_of, quantile_s

from ..each_case import each_case


@given(st.floats(1.1e-6, 60_000))
def test_a_latency_lies_below_the_edge_of_its_bucket_and_not_below_the_one_before(s: float) -> None:
    bucket = bucket_of(s)
    assert 2 ** (bucket / 4) * (1 - 1e-9) <= s * 1e6 <= 2 ** ((bucket + 1) / 4) * (1 + 1e-9)


@each_case("seconds", [-1.0, 0.0, 1e-9, 1e-6])
def test_up_to_a_microsecond_everything_is_in_the_first_bucket(seconds: float) -> None:
    assert bucket_of(seconds) == 0


def test_the_last_bucket_takes_what_is_longer() -> None:
    assert bucket_of(1e9) == BUCKETS_MAX


def test_a_quantile_is_the_upper_edge_of_its_bucket() -> None:
    counts = {bucket_of(0.001): 98, bucket_of(0.1): 1, bucket_of(1.0): 1}
    median, p99, worst = (quantile_s(counts, share) for share in (0.5, 0.99, 1.0))
    assert median == pytest.approx(0.001, rel=0.2)
    assert p99 == pytest.approx(0.1, rel=0.2)
    assert worst == pytest.approx(1.0, rel=0.2)
    assert median is not None and median >= 0.001


def test_no_latency_has_no_quantile() -> None:
    assert quantile_s({}, 0.5) is None
    assert quantile_s({3: 0}, 0.5) is None
