"""Where a name of ours is imported from, for a module of the user's that looks elsewhere.

``waterspout`` is a namespace package: it has no names of its own, and Python says "(unknown
location)" of it, which helps nobody.
"""

from __future__ import annotations

import importlib
import re

#: Modules that users import from; the first that has a name is told. Loaded when one is sought.
_MODULES = (
    "waterspout.bolts", "waterspout.spouts", "waterspout.bolts.windows", "waterspout.bolts.joins",
    "waterspout.bolts.sinks",
)  # fmt: skip
_NAME = re.compile(r"cannot import name '(\w+)'")


def import_hint(error: BaseException) -> str:
    """Return what to write in place of an import from us that failed, "" when that is unknown."""
    if not isinstance(error, ImportError) or not (error.name or "").startswith("waterspout"):
        return ""
    asked = _NAME.match(str(error))
    name = asked[1] if asked else (error.name or "").rpartition(".")[2]
    for module in _MODULES:
        if name in importlib.import_module(module).__all__:
            return f"; write: from {module} import {name}"
    return ""
