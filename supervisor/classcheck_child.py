"""The throw-away child of ``classcheck``: imports users' classes and tells what they are.

Run as ``python -P -m waterspout.supervisor.classcheck_child``. Gets one JSON request on
stdin, writes one JSON line per component to stdout as soon as it knows, so that the parent
can tell which class killed or stopped it. What users' modules print goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import IO, Any

from waterspout.topology.classes import AllowList

from .classfacts import Finding, inspect_component


def main() -> None:
    """Answer one request. Ends with ``os._exit``: threads of users' modules do not hold it."""
    out = _take_stdout()
    request = json.load(sys.stdin)
    sys.path.insert(0, request["folder"])
    allow = AllowList.from_json(request["allow"])
    for component in request["components"]:
        _say(out, {"begin": component["id"]})
        _say(out, _answer(component, allow))
    os._exit(0)


def _answer(component: Mapping[str, Any], allow: AllowList) -> dict[str, Any]:
    findings: list[Finding] = []
    facts = inspect_component(component, allow, findings)
    return {
        "id": component["id"],
        "facts": facts.to_json() if facts else None,
        "findings": [list(finding) for finding in findings],
    }


def _take_stdout() -> IO[str]:
    """Return the pipe to the parent, and lead everyone else's stdout to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _say(out: IO[str], line: Mapping[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
