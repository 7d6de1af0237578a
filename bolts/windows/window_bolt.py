"""WindowBolt: windows whose result is a method of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError

from .arguments import ROWS_MAX, read_needs
from .output import Span
from .row_aggregates import Monoid, Rows
from .windowed import Windowed, read_window


class WindowBolt(Windowed):
    """Base of bolts that say in Python what becomes of a window.

    ``windows`` has the arguments of ``Window`` but ``aggregate``, ``function`` and ``fields``. Then
    override one of:

    - ``fire``, which gets all rows of a window when it is over;
    - ``zero``, ``add``, ``merge`` and ``result``, which keep a value in place of rows.

        class Spread(WindowBolt):
            windows = {"key": "sensor", "time": "ts", "tumbling": "60s"}
            fields = ["spread"]

            def fire(self, key, window, rows):
                values = [row["value"] for row in rows]
                yield [max(values) - min(values)]

    It emits the fields of the key, ``window_start``, ``window_end``, and ``fields``. A subclass
    that overrides ``prepare`` calls this one's.
    """

    #: What windows there are, as in the YAML of ``Window``.
    windows: ClassVar[Mapping[str, Any]] = {}
    #: Names of the values that a window makes.
    fields: ClassVar[list[str]] = []

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the streams."""
        return cls._read().outputs()

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return what the windows need of the inputs; lint shows it at ``args``."""
        return read_needs(cls.windows)

    @classmethod
    def _read(cls) -> Any:
        name = cls.__name__
        for word in ("aggregate", "function", "fields"):
            if word in cls.windows:
                raise UserError(f"{name}: windows: {word!r} is said by the class, not here")
        if (cls.fire is WindowBolt.fire) == (cls.add is WindowBolt.add):
            raise UserError(f"{name}: either 'fire' or 'zero', 'add', 'merge', 'result' expected")
        given = {**cls.windows, "function": name, "fields": cls.fields}
        return read_window(f"{name}: windows", given)

    def prepare(self, context: Context) -> None:
        """Take up the windows where the last snapshot left them."""
        spec = self._read()
        if type(self).fire is not WindowBolt.fire:
            self.set_up(spec, [Rows(self.windows.get("rows_max", ROWS_MAX))], self.fire)
        else:
            self.set_up(spec, [Monoid("add", None, self)], _only)
        super().prepare(context)

    def fire(self, key: Any, window: Span, rows: list[dict[str, Any]]) -> Iterable[Any] | None:
        """Return or yield the rows that are emitted for a window: lists of ``fields``.

        Called when a window is over, and again for each late row that it takes.

        Args:
            key: value of the key's field, the tuple of several, or None without ``key``.
            window: its start and end, in ``unit``; in count windows numbers of rows.
            rows: its rows by field, in the order of their times.
        """
        raise NotImplementedError

    def zero(self) -> Any:
        """Return the value of no rows."""
        raise NotImplementedError

    def add(self, acc: Any, row: dict[str, Any]) -> Any:
        """Return the value with one more row; may change ``acc``. Made of what state may hold."""
        raise NotImplementedError

    def merge(self, one: Any, other: Any) -> Any:
        """Return the value of both together; must not change either."""
        raise NotImplementedError

    def result(self, acc: Any) -> Any:
        """Return the row that is emitted: a list of ``fields``, or the value of the only one."""
        raise NotImplementedError


def _only(key: Any, window: Span, result: Any) -> Iterable[Any]:
    return (result,)
