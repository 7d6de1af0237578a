"""Import paths: what a path names, whether it may be imported, and the import itself.

The allow list is asked before anything is imported: a topology file must not be able to run
``os.system`` by naming it.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import UserError
from .problems import did_you_mean, listed, quote, with_article

#: Prefixes that are always allowed.
OWN_PREFIXES = ("waterspout.spouts", "waterspout.bolts")


class ImportDenied(UserError):
    """The path is not under an allowed prefix; nothing was imported."""


class ImportFailed(UserError):
    """The path cannot be imported, or names nothing of the right sort."""


def normal_path(text: str) -> str:
    """Return ``module:Class`` for ``module:Class`` and ``module.Class``."""
    if ":" in text:
        return text
    module, _, name = text.rpartition(".")
    return f"{module}:{name}" if module else text


def split_path(path: str) -> tuple[str, str]:
    """Return (module, qualified name) of ``module:Class`` or ``module.Class``.

    Raises:
        ImportFailed: it is neither.
    """
    module, _, name = normal_path(path).partition(":")
    if not module or not name:
        raise ImportFailed(f"{quote(path)} is not a path such as module:name or module.name")
    return module, name


@dataclass(frozen=True, slots=True)
class AllowList:
    """What may be imported: modules under ``prefixes``, and single ``classes``.

    The standard library never may. ``local`` are the modules next to the topology file; they
    are prefixes, too, and are kept apart for the message.
    """

    prefixes: tuple[str, ...] = OWN_PREFIXES
    local: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()

    def check(self, path: str) -> None:
        """Say whether ``path`` may be imported.

        Raises:
            ImportDenied: it may not; the message says what may.
        """
        module, _ = split_path(path)
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top == "__main__":
            raise ImportDenied(f"{quote(top)} is the standard library, which is never allowed")
        if normal_path(path) in self.classes or any(
            module == prefix or module.startswith(prefix + ".") for prefix in self.every()
        ):
            return
        near = did_you_mean(top, self.local)
        raise ImportDenied(
            f"{quote(top)} is not under the allowed prefixes [{listed(self.every())}]{near}; "
            f"an installed package is allowed with --allow {top}"
        )

    def every(self) -> tuple[str, ...]:
        """Return all prefixes."""
        return (*self.prefixes, *self.local)

    def to_json(self) -> dict[str, Any]:
        """Return the list as plain lists."""
        return {
            "prefixes": list(self.prefixes),
            "local": list(self.local),
            "classes": sorted(self.classes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Iterable[str]]) -> AllowList:
        """Return what ``to_json`` was made from."""
        return cls(tuple(data["prefixes"]), tuple(data["local"]), frozenset(data["classes"]))


def load_class(path: str) -> type[Any]:
    """Import ``module:Class`` and return the class. Called by workers when they boot.

    Raises:
        ImportFailed: no such module or name, or it is no class.
        BaseException: whatever the module raises when it is imported.
    """
    found = load_object(path)
    if not isinstance(found, type):
        raise ImportFailed(f"{quote(path)} is {with_article(type(found).__name__)}, not a class")
    return found


def load_function(path: str) -> Callable[..., Any]:
    """Import ``module:function`` and return what can be called.

    Raises:
        ImportFailed: no such module or name, or it cannot be called.
        BaseException: whatever the module raises when it is imported.
    """
    found = load_object(path)
    if not callable(found):
        what = with_article(type(found).__name__)
        raise ImportFailed(f"{quote(path)} is {what}, which cannot be called")
    return found  # type: ignore[no-any-return]


def load_object(path: str) -> Any:
    """Import ``module:name.name`` and return what it names; not another module.

    Raises:
        ImportFailed: no such module or name.
        BaseException: whatever the module raises when it is imported.
    """
    module_name, names = split_path(path)
    found: Any = _import(module_name)
    for name in names.split("."):
        if not hasattr(found, name):
            public = [each for each in dir(found) if not each.startswith("_")]
            near = did_you_mean(name, public)
            raise ImportFailed(f"{quote(module_name)} has no {quote(name)}{near}")
        found = getattr(found, name)
        if isinstance(found, types.ModuleType):
            raise ImportFailed(f"{quote(path)} leads through the module {quote(found.__name__)}")
    return found


def _import(name: str) -> types.ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(missing + "."):
            raise ImportFailed(f"there is no module {quote(missing)}") from None
        raise
