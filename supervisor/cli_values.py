"""Values of the command line that are more than a number: times, and tasks of a component."""

from __future__ import annotations

from typing import Any

import click

#: Units of times on the command line, in seconds.
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Seconds(click.ParamType[float]):
    """A time such as 30s, 500ms, 10m or 2h; a bare number is seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        if isinstance(value, float):
            return value
        unit = next((each for each in _UNITS if str(value).endswith(each)), "")
        number = str(value).removesuffix(unit)
        if not number.replace(".", "", 1).isdecimal():
            self.fail(f"{value!r:.80} is no time; say for example 500ms, 30s or 5m", param, ctx)
        found = float(number) * _UNITS.get(unit, 1.0)
        if found > 86_400 * 366:
            self.fail(f"{value!r:.80} is more than a year", param, ctx)
        return found


class Parallelism(click.ParamType[tuple[str, int]]):
    """COMPONENT=N."""

    name = "component=n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        component, equals, number = str(value).rpartition("=")
        if not equals or not component or not number.isdecimal() or not 1 <= int(number) <= 32_767:
            self.fail(f"{value!r:.80} is not COMPONENT=N with N from 1 to 32767", param, ctx)
        return component, int(number)
