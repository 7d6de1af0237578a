"""Map, FlatMap and Filter: a plain function as a bolt, run over whole frames.

The function knows nothing of tuples: it gets values and returns values. When it raises, the
messages of that run of tuples fail and are replayed, as with any bolt.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import compress, islice
from typing import Any

from waterspout.topology.argument_checks import Checks, field_names, list_of_fields
from waterspout.topology.classes import load_function
from waterspout.topology.columns import Columns
from waterspout.topology.component import Context, Needs, values_of
from waterspout.topology.errors import EmitError, EmitOverflow, UserError, WrongArguments
from waterspout.topology.tuples import DEFAULT_STREAM, Tuple

from .contract import ColumnBolt, Made

Function = Callable[..., Any]


class FunctionBolt(ColumnBolt):
    """What the three have in common: the function, its arguments, the output fields."""

    import_args = ("function",)
    #: As far as its function is: one of the user's, who says so by naming it here.
    deterministic = True

    def __init__(
        self,
        function: str | Function,
        fields: list[str],
        field: str | list[str] | None = None,
    ) -> None:
        """Load the function.

        Args:
            function: import path ``module:function``.
            fields: names of the output fields.
            field: input field that is handed to the function, or a list of several, in this
                order; all when None.

        Raises:
            ImportFailed: no such function.
            UserError: it is ``async def``, or ``field`` is empty.
        """
        self._function = load_function(function) if isinstance(function, str) else function
        self._fields = list(fields)
        #: Names of the arguments; None: all fields of a stream.
        self._names = None if field is None else [field] if isinstance(field, str) else list(field)
        #: Positions of the arguments in the rows of a stream; filled as streams appear.
        self._positions: dict[type[Tuple], tuple[int, ...]] = {}
        name = type(self).__name__
        if inspect.iscoroutinefunction(self._function):
            raise UserError(f"{name}: {function} is async; write a bolt with async def process")
        if self._names == []:
            raise UserError(f"{name}: field: name at least one field, or leave it out for all")

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return ``fields``, after checking what names fields; the function is not imported."""
        if "fields" not in args:
            raise WrongArguments()
        check = Checks()
        fields = check(list_of_fields, cls.__name__, "fields", args["fields"])
        names = args.get("field")
        if names is not None and not isinstance(names, str):
            check(list_of_fields, cls.__name__, "field", names)
        check.end()
        if names is not None:
            _check_arity(cls.__name__, args.get("function"), names)
        return list(fields)

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the fields that are handed to the function, or how many it takes."""
        # One that is misspelt may be the 'field' that is missing.
        whole = args.get("field") is None and not set(args) - {"function", "fields", "field"}
        arity = _arity(args.get("function")) if whole else None
        return Needs(field_names("field", args.get("field")), arity=arity)

    def results(self, cls: type[Tuple], columns: Columns) -> list[Any]:
        """Call the function for each row; return what it returned.

        Raises:
            EmitError: it raised StopIteration, which would end the calls without a word.
        """
        function, positions = self._function, self.positions(cls)
        if len(positions) == 1:
            # 19 ns a row; starmap and itemgetter over rows took 56.
            return [function(value) for value in columns.values[positions[0]]]
        if not positions:
            return [function() for _ in range(len(columns))]
        results = list(map(function, *[columns.values[at] for at in positions]))
        if len(results) != len(columns):
            raise self.wrong("the function raised StopIteration")
        return results

    def positions(self, cls: type[Tuple]) -> tuple[int, ...]:
        """Return the positions of the arguments in rows of ``cls``.

        Raises:
            UserError: the stream lacks a field that ``field`` names.
        """
        found = self._positions.get(cls)
        if found is None:
            found = self._positions[cls] = self._find_positions(cls)
        return found

    def _find_positions(self, cls: type[Tuple]) -> tuple[int, ...]:
        names = cls.fields if self._names is None else self._names
        missing = [name for name in names if name not in cls.fields]
        if missing:
            raise UserError(
                f"{self.context.component}: field: stream {cls.stream!r} of {cls.component!r} has "
                f"no field {missing[0]!r}; it has the fields {list(cls.fields)}"
            )
        return tuple(map(cls.fields.index, names))

    def checked(self, results: list[Any]) -> Columns:
        """Return results as rows.

        Raises:
            EmitError: one is no list or tuple with a value per field.
        """
        width = len(self._fields)
        if width == 1:
            return Columns.of((results,), len(results))
        if not set(map(type, results)) <= _SIZED or not set(map(len, results)) <= {width}:
            for result in results:
                if not isinstance(result, (list, tuple)) or len(result) != width:
                    raise self.wrong(
                        f"the function returned {result!r:.80}; with the fields {self._fields} it "
                        f"has to return a list or tuple of {width} values"
                    )
        return Columns.of_rows(results, width)

    def wrong(self, what: str) -> EmitError:
        """Return the error that names the component."""
        return EmitError(self.context.component, DEFAULT_STREAM, what)


class Map(FunctionBolt):
    """Emit one tuple per tuple: what the function returns.

    With one output field, what the function returns is its value; with several, it returns a
    list or tuple of as many values.
    """

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        """Return one row per row."""
        return self.checked(self.results(cls, columns)), runs


class FlatMap(FunctionBolt):
    """Emit any number of tuples per tuple: one for each item that the function returns or yields.

    An item is what ``Map``'s function returns. A tuple for which there is none is done with.
    """

    def prepare(self, context: Context) -> None:
        """Look up how many items a call may yield."""
        self._emit_max = context.settings.get("emit_max", _EMIT_MAX)

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        """Return the items of all rows, in order."""
        call = self._function
        given = tuple([columns.values[at] for at in self.positions(cls)])
        if len(given) == 1:
            rows = iter(given[0])
        else:
            rows, call = iter(Columns.of(given, len(columns)).tuples()), _spread(call)
        items: list[Any] = []
        extend, listed = items.extend, self._listed
        counts = []
        for count in runs:
            before = len(items)
            # A result is dropped before the next is made: half the price of keeping them all.
            for row in islice(rows, count):
                found = call(row)
                extend(found if found.__class__ is list else listed(found))
            counts.append(len(items) - before)
        return self.checked(items), counts

    def _listed(self, items: Any) -> list[Any] | tuple[Any, ...]:
        """Return the items of a result that is no list.

        Raises:
            EmitError: they are none.
            EmitOverflow: more are yielded than a call may emit, perhaps without end.
        """
        if isinstance(items, (list, tuple)):
            return items
        # A str is iterable, and its letters are hardly ever meant.
        if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, Iterable):
            raise self.wrong(
                f"the function returned {items!r:.80}; it has to return a list of items, or "
                "to yield them"
            )
        found = list(islice(items, self._emit_max + 1))
        if len(found) > self._emit_max:
            raise EmitOverflow(self.context.component, DEFAULT_STREAM, self._emit_max)
        return found


class Filter(FunctionBolt):
    """Pass on, unchanged, the tuples for which the function returns something true.

    ``fields`` names the output fields: as many as the input has.
    """

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return the fields that are handed to the function, and how many an input has."""
        fields = args.get("fields")
        width = ("fields", len(fields)) if isinstance(fields, (list, tuple)) else None
        return replace(super().declare_needs(args), width=width)

    def columns(self, cls: type[Tuple], columns: Columns, runs: list[int]) -> Made:
        """Return the rows that pass."""
        if len(cls.fields) != len(self._fields):
            raise self.wrong(
                f"fields: {self._fields} are not as many as the fields {list(cls.fields)} of "
                f"stream {cls.stream!r} of {cls.component!r}"
            )
        passes = self._passes(cls, columns)
        kept = tuple([list(compress(column, passes)) for column in columns.values])
        rest = iter(passes)
        counts = [list(islice(rest, count)).count(True) for count in runs]
        return Columns.of(kept, sum(counts), normal=columns.normal), counts

    def _passes(self, cls: type[Tuple], columns: Columns) -> list[bool]:
        """Say of each row whether it passes. A call of bool would take 10 ns more each."""
        function, positions = self._function, self.positions(cls)
        if len(positions) != 1:
            return [True if found else False for found in self.results(cls, columns)]  # noqa: SIM210
        return [True if function(v) else False for v in columns.values[positions[0]]]  # noqa: SIM210


def _arity(path: Any) -> tuple[int, int | None] | None:
    """Return how many values a function takes at least and at most; None: nobody knows.

    It is not imported here: whoever lints did that, if it may be.
    """
    module, _, name = path.partition(":") if isinstance(path, str) else ("", "", "")
    try:
        parameters = inspect.signature(getattr(sys.modules[module], name)).parameters.values()
    except (KeyError, AttributeError, TypeError, ValueError):
        return None
    places = [each for each in parameters if each.kind in _POSITIONAL]
    least = sum(each.default is inspect.Parameter.empty for each in places)
    some = any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters)
    return least, None if some else len(places)


def _check_arity(kind: str, path: Any, names: str | list[str]) -> None:
    arity, handed = _arity(path), 1 if isinstance(names, str) else len(names)
    if arity is not None and (handed < arity[0] or (arity[1] is not None and handed > arity[1])):
        raise UserError(
            f"{kind}: field: the function takes {values_of(*arity)}, and is handed {handed}"
        )


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _spread(function: Function) -> Function:
    """Return the function with a tuple of its arguments for its argument."""
    return lambda values: function(*values)


#: What a row of several values may be.
_SIZED = frozenset({list, tuple})
#: Where no worker sets another limit.
_EMIT_MAX = 100_000
