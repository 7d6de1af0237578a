"""What plain texts mean: the core schema of YAML 1.2; what 1.1 reads differently is refused."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from waterspout.topology.scalars import AmbiguousScalar, NumberTooLarge, resolve_scalar

from ..each_case import each_case

CORE = [
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None),
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("FALSE", False),
    ("0", 0), ("12", 12), ("-12", -12), ("+3", 3), ("0o17", 15), ("0xfF", 255),
    ("1.5", 1.5), ("-.5", -0.5), ("5.", 5.0), ("1e3", 1000.0), ("1.5E-3", 0.0015),
    (".inf", math.inf), ("-.INF", -math.inf), ("+.inf", math.inf),
    ("word", "word"), ("nULL", "nULL"), ("tRue", "tRue"), ("nobody", "nobody"), ("y", "y"),
    ("n", "n"), ("onset", "onset"), ("1.2.3", "1.2.3"), ("127.0.0.1:80", "127.0.0.1:80"),
    ("localhost:80", "localhost:80"), ("30s", "30s"), ("0o8", "0o8"), ("0x", "0x"),
    (".", "."), ("-", "-"), ("1e", "1e"), ("8080:80", "8080:80"), ("=", "="),
    ("18446744073709551615", 2**64 - 1), ("-9223372036854775808", -(2**63)),
]  # fmt: skip


@each_case("text, value", CORE)
def test_a_plain_text_is_read_by_the_core_schema(text: str, value: object) -> None:
    read = resolve_scalar(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan_is_read(text: str) -> None:
    assert math.isnan(resolve_scalar(text))


TRAPS = [
    ("no", "write false"), ("No", "write false"), ("OFF", "write false"), ("yes", "write true"),
    ("On", "write true"), ("010", "leading zero"), ("-007", "leading zero"), ("08", "leading"),
    ("0_1", "leading zero"), ("1_000", "without '_'"), ("1_0.5", "without '_'"),
    ("0b101", "decimal"), ("0x_ff", "decimal"), ("12:30", "durations"), ("1:2:3.5", "durations"),
    ("2024-01-01", "a date"), ("2024-1-1T10:00:00Z", "a date"), ("2024-01-01 10:00", "a date"),
]  # fmt: skip


@each_case("text, advice", TRAPS)
def test_what_yaml_1_1_reads_differently_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(AmbiguousScalar, match=r"in YAML 1\.1") as raised:
        resolve_scalar(text)
    assert advice in str(raised.value)


@given(st.from_regex(r"[-+0-9a-fxob_.:eENnOoYyfsT ]{1,12}", fullmatch=True))
def test_whatever_is_read_as_a_value_is_read_alike_by_yaml_1_1_or_is_text_there(
    text: str,
) -> None:
    """A number or boolean is never another number or boolean for a reader of YAML 1.1."""
    if text != text.strip() or text == "---":
        return
    try:
        value = resolve_scalar(text)
    except (AmbiguousScalar, NumberTooLarge):
        return
    try:
        other = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        return
    if isinstance(value, str):
        assert isinstance(other, (str, dict, list))
    elif not isinstance(other, str):
        assert other == value or (math.isnan(value) and math.isnan(other))


@pytest.mark.parametrize("text", ["18446744073709551616", "-9223372036854775809", "9" * 100_000])
def test_integers_over_64_bits_are_refused(text: str) -> None:
    with pytest.raises(NumberTooLarge, match="an integer of"):
        resolve_scalar(text)
