"""Processes of a benchmark keep bytecode, as those of an installed package find it.

Where it is not written (PYTHONDONTWRITEBYTECODE is common in images), each start would compile
what it imports, and starting a worker would cost nearly twice as much CPU as it does elsewhere.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for all processes of this benchmark; it goes with the benchmark."""
    return tempfile.TemporaryDirectory(prefix="waterspout-bench-bytecode-")


def environment() -> dict[str, str]:
    """Return the environment for a process that is measured."""
    found = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**found, "PYTHONPYCACHEPREFIX": _folder().name}
