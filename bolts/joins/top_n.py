"""TopN: the n best items of each key, emitted when they change or at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from waterspout.topology.argument_checks import Checks, checked, field_names, list_of_fields
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError
from waterspout.topology.tuples import Tuple

from ..contract import Bolt
from .sides import of_kind, one_field

#: When rows are emitted.
Emit = Literal["changes", "final"]
#: Items that may be asked for.
N_MAX = 10_000


class TopN(Bolt):
    """Keep the n items with the highest values of each key.

    Grouped by ``fields``, each key has a list of its own. An item that comes again has its new
    value. An item that fell out of the list is forgotten: it comes back when a new value of it is
    high enough, so values should only grow (or use the ``top`` of a Window). Of equal values the
    item that came first is better. Output fields: those of the key, ``rank`` (1 is the best),
    ``item``, ``value``; with ``emit: changes`` a row for each rank that changed takes the place of
    the one before it.
    """

    stateful = True

    def __init__(
        self, item: str, value: str, n: int = 10, key: list[str] | None = None,
        emit: Emit = "changes",
    ) -> None:  # fmt: skip
        """Check the arguments.

        Args:
            item: field that tells items apart.
            value: field by which they are compared.
            n: how many.
            key: fields of the grouping, for the output; none: one list per task, which needs
                ``grouping: global``.
            emit: ``changes``, or ``final``: when the input has ended.

        Raises:
            UserError: an argument is wrong; it is named.
        """
        name = type(self).__name__
        check = Checks()
        check(_check_n, name, n)
        check(of_kind, name, "emit", emit, get_args(Emit))
        self._item = check(one_field, name, "item", item)
        self._value = check(one_field, name, "value", value)
        self._key = check(list_of_fields, name, "key", key) if key is not None else ()
        check.end()
        self._n, self._emit = n, emit

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the key, rank, item and value."""
        return [*checked(cls, args)._key, "rank", "item", "value"]

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the fields that arguments name, and the key of the lists."""
        key = field_names("key", args.get("key"))
        one = {**field_names("item", args.get("item")), **field_names("value", args.get("value"))}
        return Needs({**one, **key}, tuple(key) or None)

    def prepare(self, context: Context) -> None:
        """Take up the lists."""
        super().prepare(context)
        #: key -> ((item, value), ...), the best first.
        self._best = context.state.records("best", "keyed" if self._key else "task")

    def process(self, tup: Tuple) -> None:
        """Take a value of an item."""
        key = self._key_of(tup)
        item, value = tup[self._item], tup[self._value]
        before = self._best.get(key, ())
        others = [entry for entry in before if entry[0] != item]
        at = sum(1 for _, other in others if other >= value)
        # Where it stood before among its equals, it stays.
        after = tuple([*others[:at], (item, value), *others[at:]][: self._n])
        if after == before:
            return
        self._best.put(key, after)
        if self._emit == "changes":
            for row in self._rows(key, after, before):
                self.emit(row)

    def finish(self) -> Iterator[list[Any]]:
        """Yield all lists, when they are emitted at the end."""
        if self._emit == "final":
            for key, best in list(self._best.items()):
                yield from self._rows(key, best, ())

    def _key_of(self, tup: Tuple) -> Any:
        if len(self._key) == 1:
            return tup[self._key[0]]
        return tuple(tup[name] for name in self._key)

    def _rows(self, key: Any, best: Any, before: Any) -> Iterator[list[Any]]:
        shown = [key] if len(self._key) == 1 else list(key)
        for rank, (item, value) in enumerate(best, 1):
            if rank > len(before) or before[rank - 1] != (item, value):
                yield [*shown, rank, item, value]


def _check_n(kind: str, n: Any) -> None:
    if not isinstance(n, int) or isinstance(n, bool) or not 0 < n <= N_MAX:
        raise UserError(f"{kind}: n: a number from 1 to {N_MAX} expected, got {n!r:.80}")
