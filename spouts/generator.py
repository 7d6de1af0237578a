"""The ``Generator`` source: whatever a user's function yields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import isasyncgenfunction, iscoroutinefunction, signature
from itertools import islice
from types import TracebackType
from typing import Any

from waterspout.topology.argument_checks import Checks
from waterspout.topology.classes import load_function
from waterspout.topology.component import Context
from waterspout.topology.errors import UserError

from .arguments import declared, text, texts
from .contract import Reader, Replay, Source

#: One ``read`` takes no further item when it took so long already: others wait meanwhile.
READ_MAX_S = 0.005


class Generator(Source):
    """Emits the items of the iterable that ``iterable(**args)`` returns; ends when it ends.

    With one field an item is its value. With several an item is a list or tuple of as many
    values, or a dict with these keys; one that is not fails as a message, and becomes a dead
    letter. An item None is no message: it says that there is nothing now. Getting an item must
    not block: the worker waits for it. What the function raises is never an end: it is shown,
    and asked for again each second.

    Args:
        iterable: import path of a function that returns an iterable (a generator function).
        args: keyword arguments of that function.
        fields: names of the values.
        replayable: the function yields the same items every time. Then what failed is read
            again and a restart goes on where it was, by calling it anew and skipping. Without
            it the framework keeps every payload until it is durable, a worker that is lost
            loses what it kept, and its successor calls the function anew from the start.

    Raises:
        WrongArguments: an argument is wrong.
    """

    outputs = ("value",)
    import_args = ("iterable",)

    def __init__(
        self,
        iterable: str,
        args: dict[str, Any] | None = None,
        fields: str | list[str] = "value",
        replayable: bool = False,
    ) -> None:
        check = Checks()
        self._path = check(text, "Generator", "iterable", iterable)
        self._args = args or {}
        self._fields = check(texts, "Generator", "fields", fields)
        check.end()
        self._replayable = replayable

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> list[str]:
        """Return the fields, after checking ``args``."""
        fields = args.get("fields", "value")
        return declared(cls, args, [fields] if isinstance(fields, str) else fields)

    @classmethod
    def declare_replay(cls, args: Mapping[str, Any]) -> Replay:
        """Return ``seek`` when the items can be had again, else ``re-emit``."""
        return "seek" if args.get("replayable") else "re-emit"

    def open(self, context: Context) -> None:
        """Import the function.

        Raises:
            ImportFailed: there is no such function.
            UserError: it cannot be called with these arguments, or is ``async``.
        """
        self._clock = context.clock
        self._function = load_function(self._path)
        _check_function(self._function, self._args, self._path)

    def partitions(self) -> Sequence[str]:
        """Return the one partition."""
        return ["items"]

    def reader(self, partition: str, position: int | None) -> Reader:
        """Call the function; skip to ``position`` when its items come again."""
        items = _items(self._function(**self._args), self._path)
        start = position or 0
        if self._replayable:
            _skip(items, start, self._path)
        return ItemReader(items, start, self._fields, self._clock)


class ItemReader(Reader):
    """The items of one iterable as messages; the position is how many there were."""

    def __init__(
        self,
        items: Iterator[Any],
        position: int,
        fields: list[str],
        clock: Callable[[], float],
    ) -> None:
        self._items = items
        self._position = position
        self._fields = fields
        self._clock = clock
        self._error: BaseException | None = None
        self._raised_at: TracebackType | None = None
        self._ended = False

    def read(self, limit: int) -> tuple[list[list[Any]], int] | None:
        """Return the next items.

        Raises:
            BaseException: what the iterable raised, again at each call: after an exception a
                generator looks as if it had ended, which would lose the rest without a word.
        """
        rows: list[list[Any]] = []
        until = self._clock() + READ_MAX_S
        while len(rows) < limit and self._error is None and not self._ended:
            row = self._next()
            if row is None:
                break
            rows.append(row)
            if self._clock() >= until:
                break
        self._position += len(rows)
        if rows:
            return rows, self._position
        if self._error is not None:
            # Each time anew: or its traceback would be longer every time.
            raise self._error.with_traceback(self._raised_at)
        return None if self._ended else ([], self._position)

    def _next(self) -> list[Any] | None:
        """Return the next message; None when there is none, now or ever."""
        try:
            item = next(self._items)
            return None if item is None else _row(item, self._fields)
        except StopIteration:
            self._ended = True
        except (Exception, SystemExit) as error:
            self._error, self._raised_at = error, error.__traceback__
        return None

    def close(self) -> None:
        """Close a generator, so that its ``finally`` runs."""
        self._ended = True
        close = getattr(self._items, "close", None)
        if close is not None:
            close()


def _check_function(function: Callable[..., Any], args: dict[str, Any], path: str) -> None:
    """Find what is wrong with a function without calling it.

    Raises:
        UserError: it is ``async``, or cannot be called with these arguments.
    """
    if isasyncgenfunction(function) or iscoroutinefunction(function):
        raise UserError(f"Generator: {path} is async def; expected a plain function")
    try:
        parameters = signature(function)
    except (TypeError, ValueError):
        return  # Some that are written in C do not say.
    try:
        parameters.bind(**args)
    except TypeError as error:
        given = f"with the args {', '.join(args)}" if args else "without args"
        raise UserError(f"Generator: {path} cannot be called {given}: {error}") from None


def _items(made: Any, path: str) -> Iterator[Any]:
    """Return an iterator over what the function returned.

    Raises:
        UserError: it is nothing that can be iterated over.
    """
    if not isinstance(made, Iterable) and not hasattr(type(made), "__getitem__"):
        raise UserError(f"Generator: {path} returned {repr(made)[:80]}, expected an iterable")
    return iter(made)


def _row(item: Any, fields: list[str]) -> list[Any]:
    """Return an item as the values of ``fields``; one that does not have them as it is.

    That one is refused when it is emitted, so that it fails as a message and the next ones come.
    """
    if len(fields) == 1:
        return [item]
    if isinstance(item, dict) and item.keys() == set(fields):
        return [item[field] for field in fields]
    return list(item) if isinstance(item, (list, tuple)) else item


def _skip(items: Iterator[Any], count: int, path: str) -> None:
    """Take ``count`` messages and drop them.

    Raises:
        UserError: there are fewer: the function does not yield the same every time.
    """
    messages = (item for item in items if item is not None)
    skipped = sum(1 for _ in islice(messages, count))
    if skipped < count:
        raise UserError(
            f"Generator: {path} yielded {count} items before and {skipped} now; "
            "it is not replayable: set replayable: false"
        )
