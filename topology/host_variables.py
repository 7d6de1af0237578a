"""Variables of a topology file that each host has a value of its own for.

In ``args`` they stay as they are written, ``${TOPOLOGY_DIR}``, until the component is built: a
topology that was linted on one machine runs on another. Elsewhere in a file they mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Name -> what it is, for the reference.
HOST_VARIABLES: dict[str, str] = {
    "PYTHON_STDLIB": "the folder of the standard library of the interpreter that runs the task",
    "TOPOLOGY_DIR": "the folder of the topology's file; on a cluster that of its code, unpacked",
}
#: What the loader puts in: the variables themselves.
KEPT: dict[str, str] = {name: f"${{{name}}}" for name in HOST_VARIABLES}
_REFERENCE = re.compile(r"\$\{(" + "|".join(HOST_VARIABLES) + r")\}")


def with_host_variables(value: Any, variables: Mapping[str, str]) -> Any:
    """Return ``value``, an argument, with the variables of this host in all its texts.

    Args:
        value: as YAML has it; keys stay as they are.
        variables: a value for each of ``HOST_VARIABLES``.
    """
    if isinstance(value, Mapping):
        return {key: with_host_variables(each, variables) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_host_variables(each, variables) for each in value]
    if isinstance(value, str) and "${" in value:
        return _REFERENCE.sub(lambda found: variables[found[1]], value)
    return value
