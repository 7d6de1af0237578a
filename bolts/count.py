"""Count: how often each key came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import nlargest
from operator import itemgetter
from typing import Any, Literal

from waterspout.topology.argument_checks import Checks, checked, field_names
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context, Needs
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, listed

from .contract import Batch, Bolt
from .texts import text_of

#: Name of the output field that holds the count, and of the key when no field was named.
COUNT_FIELD, KEY_FIELD = "count", "key"
#: What ``emit`` may be.
EMIT = ("none", "updates", "final")


class Count(Bolt):
    """Count tuples per key; the counts survive the worker (``context.state``).

    Group its input by the same field or fields, so that each key is counted by one task.
    """

    stateful = True
    outputs_hint = "with args {emit: updates} or {emit: final} it has some"

    def __init__(
        self,
        emit: Literal["none", "updates", "final"] = "none",
        top: int = 10,
        field: str | list[str] | None = None,
    ) -> None:
        """Choose what comes out.

        Args:
            emit: ``updates``: ``[key, count]`` for each key of a batch, once per batch, with
                its count after it; ``final``: all of them when the input has ended.
            top: how many keys the summary of the run shows.
            field: the key; the first field when None; a list makes the tuple of them the key,
                and its fields are emitted one by one.

        Raises:
            UserError: emit is another word, top is negative, no field in the list.
        """
        check = Checks()
        check(_check_emit, emit)
        check(_check_top, top)
        check(_names, field)
        check.end()
        self._emit = emit
        self.batch_emits = emit == "updates"
        self._top = top
        self._field = field

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the key's fields and ``count``; nothing when ``emit`` is none."""
        checked(cls, args)
        if args.get("emit", "none") == "none":
            return []
        names = _names(args.get("field"))
        if COUNT_FIELD in names:
            raise UserError("Count: field: 'count' is the output field; name the input otherwise")
        return [*names, COUNT_FIELD]

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the key's fields."""
        return Needs(field_names("field", args.get("field")))

    def prepare(self, context: Context) -> None:
        """Take up the counts where the last snapshot left them."""
        self._counts = context.state.counts("counts")

    def process_batch(self, batch: Batch) -> None:
        """Count the keys of a batch: all of them or, when one cannot be a key, none."""
        keys = self._keys(batch)
        self._counts.add(keys)
        if self._emit == "updates":
            distinct = list(dict.fromkeys(keys))
            columns = zip(*distinct, strict=True) if isinstance(self._field, list) else [distinct]
            self.emit_many(Columns([*columns, self._counts.of(distinct)]))

    def finish(self) -> Iterator[list[Any]]:
        """Yield a row per key when ``emit`` is final; called when the input has ended."""
        if self._emit == "final":
            for key, count in self._counts.items():
                yield self._row(key, count)

    def summary(self) -> dict[str, Any]:
        """Return the most frequent keys, fit to be shown, and the number of keys."""
        top = nlargest(self._top, self._counts.items(), key=itemgetter(1))
        shown = [[key if isinstance(key, _PLAIN) else text_of(key), count] for key, count in top]
        return {"top": shown, "keys": len(self._counts)}

    def _keys(self, batch: Batch) -> list[Any]:
        if isinstance(self._field, list):
            return list(zip(*map(batch.column, self._field), strict=True))
        if self._field is None:
            return batch.column(0)
        return batch.column(self._field)

    def _row(self, key: Any, count: int) -> list[Any]:
        return [*key, count] if isinstance(self._field, list) else [key, count]


#: Keys of these types are shown as they are, others as text.
_PLAIN = (str, int, float, type(None))


def _check_emit(emit: Any) -> None:
    if emit not in EMIT:
        near = did_you_mean(emit, EMIT) if isinstance(emit, str) else ""
        raise UserError(f"Count: emit: one of {listed(EMIT)} expected, got {emit!r:.80}{near}")


def _check_top(top: Any) -> None:
    if isinstance(top, bool) or not isinstance(top, int) or top < 0:
        raise UserError(f"Count: top: a number of keys >= 0 expected, got {top!r:.80}")


def _names(field: Any) -> list[str]:
    """Return the names of the key's output fields."""
    names = field if isinstance(field, list) else [KEY_FIELD if field is None else field]
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"Count: field: a field or a list of fields expected, got {field!r:.80}")
    return names
