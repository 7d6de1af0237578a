"""Wrong arguments of a component, all at once: read one by one, said together.

What is wrong begins with the name of the class and where it stands below ``args``, as in
``Window: sliding.size: ...``: by that, lint finds its line in the YAML.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from .errors import UserError, WrongArguments
from .problems import did_you_mean, listed, quote

P = ParamSpec("P")
T = TypeVar("T")

#: ``Window: sliding.size: ...``: the class, then the path of the value.
_PLACED = re.compile(r"\w+: ([\w.\[\]]+): ")


class Checks:
    """Collects what is wrong, so that one mistake does not hide the next.

        check = Checks()
        self._sides = check(Sides, name, left, right, select)
        self._ttl = check(checked_ttl, name, ttl)
        check.end()
    """

    def __init__(self) -> None:
        self._found: list[str] = []

    def __call__(self, read: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """Return what ``read`` returns; None, when it says that an argument is wrong.

        Then ``end`` raises, so that nobody works with the None.
        """
        try:
            return read(*args, **more)
        except WrongArguments as error:
            self._found.extend(error.found)
        except UserError as error:
            self._found.append(str(error))
        nothing: Any = None
        return nothing  # type: ignore[no-any-return]

    @property
    def failed(self) -> bool:
        """Whether anything was wrong so far."""
        return bool(self._found)

    def end(self) -> None:
        """Raise WrongArguments, if anything was wrong."""
        if self._found:
            raise WrongArguments(self._found)


def place_of(text: str) -> str:
    """Return where a text says that it belongs, below ``args``; "": it does not say."""
    placed = _PLACED.match(text)
    return placed[1] if placed else ""


def checked(cls: type[T], args: Mapping[str, Any]) -> T:
    """Return an instance made of ``args``, so that its constructor checks them.

    For ``declare_outputs``. Arguments that it does not know are left out: lint finds them, and
    those that are missing, by the signature. A class of a user's may take them as ``**args``.

    Raises:
        UserError: the constructor's.
        WrongArguments: empty; arguments are missing.
    """
    parameters = inspect.signature(cls).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    given = {name: value for name, value in args.items() if takes_all or name in parameters}
    missing = [
        name for name, each in parameters.items()
        if name not in given and each.default is each.empty
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]  # fmt: skip
    if not missing:
        return cls(**given)
    try:
        cls(**given, **dict.fromkeys(missing))
    except WrongArguments as error:
        others = [text for text in error.found if argument_of(text) not in missing]
        raise WrongArguments(others) from None
    except (TypeError, AttributeError):
        pass  # A constructor that does not expect a None.
    raise WrongArguments()


def argument_of(text: str) -> str:
    """Return the argument that a text belongs to; "": it does not say."""
    return re.split(r"\W", place_of(text))[0]


def list_of_fields(kind: str, argument: str, names: Any) -> tuple[str, ...]:
    """Return an argument that is a list of fields.

    Raises:
        UserError: it is not; ``kind`` is the name of the class.
    """
    if not isinstance(names, (list, tuple)) or not all(
        isinstance(name, str) and name for name in names
    ):
        hint = f"; a single one is written [{names}]" if isinstance(names, str) else ""
        raise UserError(f"{kind}: {argument}: a list of fields expected, got {names!r:.80}{hint}")
    return tuple(names)


def field_names(argument: str, names: Any) -> dict[str, str]:
    """Return field -> where it stands, of an argument that is a field or a list of fields.

    For ``declare_needs``; whatever is no text is left out, as the constructor refuses it.
    """
    if isinstance(names, str):
        return {names: argument}
    every = enumerate(names) if isinstance(names, (list, tuple)) else ()
    return {name: f"{argument}[{at}]" for at, name in every if isinstance(name, str)}


def checked_keys(
    where: str, says: Any, allowed: tuple[str, ...], needed: tuple[str, ...]
) -> dict[str, Any]:
    """Return a mapping inside of an argument, if its keys are right.

    Raises:
        UserError: it is no mapping.
        WrongArguments: keys are unknown; or, when none is, missing.
    """
    if not isinstance(says, Mapping):
        raise UserError(f"{where}: a mapping with {listed(allowed)} expected, got {says!r:.80}")
    unknown = [str(key) for key in says if key not in allowed]
    if unknown:
        raise WrongArguments([_unknown(where, key, allowed) for key in unknown])
    missing = [f"{where}: {quote(key)} is missing" for key in needed if key not in says]
    if missing:
        raise WrongArguments(missing)
    return dict(says)


def _unknown(where: str, key: str, allowed: tuple[str, ...]) -> str:
    near = f"allowed: {listed(allowed)}{did_you_mean(key, allowed)}"
    if _PLACED.match(f"A: {key}: "):
        return f"{where}.{key}: unknown, {near}"
    return f"{where}: unknown {quote(key)}, {near}"
