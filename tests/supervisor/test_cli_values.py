"""Times and tasks as they are written on the command line."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cli_values import Parallelism, Seconds

from ..each_case import each_case


@each_case("text, seconds", [("500ms", 0.5), ("30s", 30), ("5m", 300), ("2h", 7200), ("1.5", 1.5)])
def test_a_time_has_a_unit_or_is_seconds(text: str, seconds: float) -> None:
    assert Seconds().convert(text, None, None) == seconds


def test_tasks_of_a_component() -> None:
    assert Parallelism().convert("split=8", None, None) == ("split", 8)
    assert Parallelism().convert("a=b=8", None, None) == ("a=b", 8)


@pytest.mark.parametrize("kind", [Seconds(), Parallelism()])
@given(text=st.text(max_size=20))
def test_any_text_is_a_value_or_a_slip(kind: Any, text: str) -> None:
    with suppress(click.BadParameter):
        kind.convert(text, None, None)
