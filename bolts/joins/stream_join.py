"""StreamJoin: all pairs of one key, whenever they come. StateJoin: with the newest other row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterspout.topology.argument_checks import Checks, checked
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import Tuple
from waterspout.topology.units import parse_duration

from ..contract import Bolt
from .sides import LEFT, NAMES, RIGHT, Sides, above_0, needs_of_sides, of_kind

#: Rows of one key and side that may be kept; a row beyond fails.
ROWS_MAX = 100_000
#: What StateJoin does with a row whose key has no other yet.
KINDS = ("inner", "left")


class StreamJoin(Bolt):
    """Emit each pair of a left and a right row with the same key, when its later row comes.

    The key is that of the ``fields`` groupings of the inputs. Every row is kept, for ever or for
    ``ttl``: without one the state grows with the input.
    """

    stateful = True

    def __init__(
        self,
        left: str,
        right: str,
        select: dict[str, str],
        ttl: str | None = None,
        rows_max: int = ROWS_MAX,
    ) -> None:
        """Check the arguments.

        Args:
            left: the one input: ``component`` or ``component.stream``.
            right: the other.
            select: output fields: ``{price: right.price}``.
            ttl: how long a row is kept, by the clock: ``1h``; for ever when None.
            rows_max: rows of a key and side; one beyond fails.

        Raises:
            UserError: an argument is wrong; it is named.
        """
        name = type(self).__name__
        check = Checks()
        self._sides = check(Sides, name, left, right, select)
        self._ttl = check(checked_ttl, name, ttl)
        self._rows_max = check(above_0, name, "rows_max", rows_max)
        check.end()

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the selected fields."""
        return checked(cls, args)._sides.outputs

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the two inputs, and what is read of each."""
        return needs_of_sides(args)

    def prepare(self, context: Context) -> None:
        """Take up what is kept."""
        super().prepare(context)
        self._rows = [context.state.list(name, ttl=self._ttl) for name in NAMES]

    def process(self, tup: Tuple) -> None:
        """Join a row with all of the other side, and keep it."""
        side, kept = self._sides.side(tup), self._sides.kept(tup)
        rows = self._rows[side]
        if len(rows) >= self._rows_max:
            raise UserError(
                f"{self.context.component}: more than {self._rows_max} rows of {NAMES[side]} are "
                f"kept for key {self.context.state.key!r:.80}; set a ttl, or raise rows_max"
            )
        for other in self._rows[1 - side].get():
            pair = (kept, other) if side == LEFT else (other, kept)
            self.emit(self._sides.row(*pair))
        rows.append(kept)


class StateJoin(Bolt):
    """Emit each left row with the newest right row of its key: a stream with a changing table.

    The key is that of the ``fields`` groupings of the inputs. Newest is the one that came last, so
    what is joined depends on which came first; a right row itself emits nothing.
    """

    stateful = True

    def __init__(
        self,
        left: str,
        right: str,
        select: dict[str, str],
        kind: str = "inner",
        ttl: str | None = None,
    ) -> None:
        """Check the arguments.

        Args:
            left: the stream: ``component`` or ``component.stream``.
            right: the changes of the table.
            select: output fields: ``{price: right.price}``.
            kind: a row whose key has no right row yet: ``inner``: is dropped and counted;
                ``left``: is emitted with None for the right fields.
            ttl: how long a right row is valid, by the clock: ``1h``; for ever when None.

        Raises:
            UserError: an argument is wrong; it is named.
        """
        name = type(self).__name__
        check = Checks()
        self._sides = check(Sides, name, left, right, select)
        self._outer = check(of_kind, name, "kind", kind, KINDS) == "left"
        self._ttl = check(checked_ttl, name, ttl)
        check.end()

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the selected fields."""
        return checked(cls, args)._sides.outputs

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the two inputs, and what is read of each."""
        return needs_of_sides(args)

    def prepare(self, context: Context) -> None:
        """Take up the table."""
        super().prepare(context)
        self._newest = context.state.value("newest", ttl=self._ttl)

    def process(self, tup: Tuple) -> None:
        """Change the table, or join with it."""
        kept = self._sides.kept(tup)
        if self._sides.side(tup) == RIGHT:
            self._newest.set(kept)
            return
        newest = self._newest.get()
        if newest is not None or self._outer:
            self.emit(self._sides.row(kept, newest))
        else:
            self.context.metrics.count("unmatched")


def checked_ttl(kind: str, ttl: Any, name: str = "ttl") -> str | None:
    """Return a ttl as it is, if it is a span above zero or None; ``name``: of the argument.

    Raises:
        UserError: it is not.
    """
    if ttl is not None and not (isinstance(ttl, str) and parse_duration(ttl)):
        hint = f"; a number needs its unit: {ttl}s" if type(ttl) in (int, float) else ""
        raise UserError(f"{kind}: {name}: a span such as '1h' expected, got {ttl!r:.80}{hint}")
    text: str | None = ttl
    return text
