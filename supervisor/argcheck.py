"""Whether ``args`` of the YAML fit a constructor: by its signature, without calling it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union

from waterspout.topology.problems import did_you_mean, quote

#: Kinds of parameters that a keyword can fill.
_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_args(cls: type[Any], args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (argument, what is wrong) for each unexpected, missing or ill-typed argument."""
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):  # a class written in C need not tell
        return
    parameters = signature.parameters
    call = f"{cls.__name__}({', '.join(map(str, parameters))})"
    named = [name for name, each in parameters.items() if each.kind in _KEYWORD]
    if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        for name in args:
            if name not in named:
                yield name, f"{call}: unexpected {quote(name)}{did_you_mean(name, named)}"
    for name in named:
        if name not in args and parameters[name].default is inspect.Parameter.empty:
            yield name, f"{call}: {quote(name)} is missing"
    for name, hint in _hints(cls).items():
        if name in named and name in args and not fits(args[name], hint):
            kind = "nothing" if args[name] is None else type(args[name]).__name__
            yield name, f"{call}: {quote(name)} has to be {_shown(hint)}, got {kind}"


def _hints(cls: type[Any]) -> dict[str, Any]:
    """Return the annotations of the constructor; none when they cannot be evaluated."""
    try:
        hints = typing.get_type_hints(cls.__init__)
    except Exception:
        return {}
    hints.pop("return", None)
    return hints


def fits(value: Any, hint: Any) -> bool:
    """Say whether a value out of YAML can be what ``hint`` asks; what is not known here fits."""
    if hint is None or hint is type(None):
        return value is None
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in typing.get_args(hint))
    if origin is Literal:
        return value in typing.get_args(hint)
    plain = origin or hint
    if plain is float:
        return type(value) in (int, float)
    if plain in (bool, int, str):
        return type(value) is plain
    if plain in (list, dict):
        return isinstance(value, plain) and _items_fit(value, typing.get_args(hint))
    return True


def _items_fit(value: Any, hints: tuple[Any, ...]) -> bool:
    if isinstance(value, list) and len(hints) == 1:
        return all(fits(item, hints[0]) for item in value)
    if isinstance(value, dict) and len(hints) == 2:
        return all(fits(item, hints[1]) for item in value.values())
    return True


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
