"""Greetings as ZMTP has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster.greeting import OPENING, mechanism_of

from ...each_case import each_case


def whole(mechanism: str) -> bytes:
    """Return the greeting of a server."""
    return (OPENING + mechanism.encode().ljust(20, b"\0") + b"\x01").ljust(64, b"\0")


@pytest.mark.parametrize("mechanism", ["NULL", "CURVE"])
def test_a_greeting_tells_its_mechanism(mechanism: str) -> None:
    assert mechanism_of(whole(mechanism)) == mechanism


@each_case(
    "data",
    [b"", b"HTTP/1.1 400 Bad Request" + b" " * 64, whole("NULL")[:63], b"\0" * 64, b"\xff" * 64],
)
def test_anything_else_is_none(data: bytes) -> None:
    assert mechanism_of(data) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    mechanism_of(data)
