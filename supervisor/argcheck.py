"""Whether ``args`` of the YAML fit a constructor: by its signature, without calling it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Union

from waterspout.topology.problems import did_you_mean, listed, quote

#: Kinds of parameters that a keyword can fill.
_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

#: Characters of a call beyond which its arguments are not listed beside the one that was meant.
CALL_MAX = 60


def check_args(cls: type[Any], args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (argument, what is wrong) for each unexpected, missing or ill-typed argument."""
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):  # a class written in C need not tell
        return
    parameters = signature.parameters
    named = [name for name, each in parameters.items() if each.kind in _KEYWORD]
    if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        for name in args:
            if name not in named:
                near = did_you_mean(name, named)
                call = _call(cls, parameters, short=bool(near))
                yield name, f"{call}: unexpected {quote(name)}{near}"
    for name in named:
        if name not in args and parameters[name].default is inspect.Parameter.empty:
            yield name, f"{_call(cls, parameters)}: {quote(name)} is missing"
    for name, hint in _hints(cls).items():
        if name in named and name in args and not fits(args[name], hint):
            yield name, _wrong_type(args[name], hint)


def _call(cls: type[Any], parameters: Iterable[str], short: bool = False) -> str:
    """Return how the class is called; a long list of arguments is left out where it may be."""
    call = f"{cls.__name__}({', '.join(map(str, parameters))})"
    return f"{cls.__name__}(...)" if short and len(call) > CALL_MAX else call


def _wrong_type(value: Any, hint: Any) -> str:
    choices = [str(each) for each in _choices(hint)]
    near = did_you_mean(value, choices) if isinstance(value, str) else ""
    got = "nothing" if value is None else quote(value)
    return f"{_shown(hint)} expected, got {got}{near}"


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


#: How a YAML's author calls what Python calls so.
_WORDS: dict[Any, str] = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false",
    None: "nothing", type(None): "nothing",
}  # fmt: skip


def _shown(hint: Any) -> str:
    """Return what an annotation asks for, in words."""
    if hint in _WORDS:
        return _WORDS[hint]
    if choices := _choices(hint):
        return "one of " + listed(str(each) for each in choices)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_shown(each) for each in inner if each is not type(None))
    plain = origin or hint
    if plain is list:
        return f"a list of {_PLURALS.get(inner[0], 'values')}" if inner else "a list"
    if plain is dict:
        return "a mapping"
    return hint.__name__ if isinstance(hint, type) and not inner else str(hint)


_PLURALS: dict[Any, str] = {str: "texts", int: "whole numbers", float: "numbers"}


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the values of a Literal."""
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
