"""Deduplicate: the first row of each key within a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterspout.topology.argument_checks import Checks, checked, field_names, list_of_fields
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import Tuple

from ..contract import Bolt
from .stream_join import checked_ttl


class Deduplicate(Bolt):
    """Pass on the first row of each key; drop those that come within a time after it.

    The key is that of the ``fields`` grouping of the input. The time runs from the row that was
    passed on, by the clock. What is dropped is counted (metric ``duplicates``).
    """

    stateful = True

    def __init__(self, fields: list[str], within: str | None = None) -> None:
        """Check the arguments.

        Args:
            fields: fields that are passed on, in this order.
            within: ``10m``; for ever when None (the state grows with the keys).

        Raises:
            UserError: an argument is wrong; it is named.
        """
        name = type(self).__name__
        check = Checks()
        self._fields = check(list_of_fields, name, "fields", fields)
        self._within = check(checked_ttl, name, within, "within")
        check.end()
        self._positions: dict[type[Tuple], tuple[int, ...]] = {}

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return ``fields``."""
        return list(checked(cls, args)._fields)

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return ``fields``."""
        return Needs(field_names("fields", args.get("fields")), keyed=True)

    def prepare(self, context: Context) -> None:
        """Take up the keys that were seen."""
        super().prepare(context)
        self._seen = context.state.value("seen", ttl=self._within)

    def process(self, tup: Tuple) -> None:
        """Pass on a row, if its key is new."""
        if self._seen.get() is not None:
            self.context.metrics.count("duplicates")
            return
        self.emit([tup[at] for at in self._places(tup)])
        # Behind it: a row that could not be emitted is replayed, and is no duplicate then.
        self._seen.set(True)

    def _places(self, tup: Tuple) -> tuple[int, ...]:
        found = self._positions.get(type(tup))
        if found is None:
            missing = [name for name in self._fields if name not in tup.fields]
            if missing:
                raise UserError(
                    f"{self.context.component}: fields: {tup.component} has no field "
                    f"{missing[0]!r}; it has {list(tup.fields)}"
                )
            found = tuple(map(tup.fields.index, self._fields))
            self._positions[type(tup)] = found
        return found
