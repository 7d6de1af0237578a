"""Window: windows as a YAML says them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from waterspout.topology.classes import load_function
from waterspout.topology.component import Needs

from .aggregate_args import monoid_paths
from .arguments import ITEMS_MAX, ROWS_MAX, read_needs
from .logic import PANES_MAX
from .row_aggregates import Rows
from .windowed import Windowed, read_window


class Window(Windowed):
    """Gather rows into windows, and emit a row for each window and key when it is over.

    The windows are one of ``tumbling``, ``sliding``, ``session`` and ``count``; what is emitted
    is ``aggregate``, which keeps no rows, or what ``function`` makes of all rows. The fields are
    those of the key, ``window_start``, ``window_end``, and the aggregates. Group the input by the
    key (``grouping: fields``) where the bolt has several tasks.

    Windows are over when the watermark says so (``event_time`` of the spout); without ``time``,
    when the clock does; and all are when the input has ended. A window that took a late row is
    emitted again: the later row takes the place of the earlier one.
    """

    def __init__(
        self,
        key: str | list[str] | None = None,
        time: str | None = None,
        unit: str = "s",
        tumbling: str | None = None,
        sliding: dict[str, str] | None = None,
        session: str | None = None,
        count: int | dict[str, int] | None = None,
        offset: str | None = None,
        nested: bool = False,
        lateness: str | None = None,
        late: str | None = None,
        early: dict[str, Any] | None = None,
        aggregate: dict[str, Any] | None = None,
        function: str | None = None,
        fields: list[str] | None = None,
        panes_max: int = PANES_MAX,
        items_max: int = ITEMS_MAX,
        rows_max: int = ROWS_MAX,
    ) -> None:
        """Check the arguments and load what they name.

        Args:
            key: field or fields by which rows are told apart; without it all are together.
            time: field of the event time; without it rows have the time at which they arrive.
            unit: how times are written: ``s``, ``ms``, ``us`` or ``iso``; starts and ends, too.
            tumbling: length of windows that follow each other, such as ``60s``.
            sliding: ``{size: 60s, slide: 1s}``: windows that overlap, one every ``slide``.
            session: windows end when their key was silent for so long.
            count: windows of so many rows of their key; ``{size: 100, slide: 10}``: one every 10.
                Starts and ends are numbers of rows.
            offset: shifts tumbling and sliding windows; they begin at 1970-01-01 UTC otherwise.
                ``-8h``: days begin at 16:00 UTC.
            nested: the rows come out of another window; their time is its ``window_end``, and
                belongs to the window that ends then.
            lateness: how long after its end a window takes late rows; each emits it again.
            late: stream for rows that come later than that, with the fields ``key``, ``time``,
                ``row`` (as a map); without it they are counted, and dropped.
            early: emit open windows, too: ``{every: 100}`` rows, ``{after: 10s}`` of their time.
            aggregate: output fields: ``count``, ``{sum: f}``, ``{min: f}``, ``{max: f}``,
                ``{mean: f}``, ``{first: f}``, ``{last: f}``, ``{distinct: f}``,
                ``{top: {field: f, n: 3}}`` (with ``by: g`` sums of g; with ``candidates: 1000``
                approximate), ``{combine: {with: "module:name", field: f}}``.
            function: import path; called with key, (start, end) and all rows as dicts, returns or
                yields rows of ``fields``.
            fields: names of the values of a row that ``function`` returns.
            panes_max: panes or sessions that a key may have open; a row beyond fails.
            items_max: different items of ``distinct`` and ``top`` in a pane; a row beyond fails.
            rows_max: rows of a pane that are kept for ``function``; a row beyond fails.

        Raises:
            UserError: an argument is wrong; it is named.
            ImportFailed: there is no such function.
        """
        given = {name: value for name, value in locals().items() if name in _ARGUMENTS}
        spec = read_window("Window", given)
        if function is None:
            self.set_up(spec, [each.build(items_max) for each in spec.aggregates])
        else:
            self.set_up(spec, [Rows(rows_max)], load_function(function))

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the streams; checks the arguments on the way."""
        return read_window("Window", args).outputs()

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the fields that arguments name, and whether watermarks are waited for."""
        return read_needs(args)

    @classmethod
    def import_paths(cls, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Return the function, and what ``combine`` names."""
        if isinstance(args.get("function"), str):
            yield "function", args["function"]
        for path in monoid_paths(args.get("aggregate")):
            yield "aggregate", path


_ARGUMENTS = frozenset(inspect.signature(Window).parameters)
