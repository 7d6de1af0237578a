"""What ``summary`` of bolts says at the end of a run: checked in its worker, put together here.

    task 3   {"top": [["a", 5]], "left": 2, "mode": "fast"}
    task 4   {"top": [["b", 9]], "left": 1, "mode": "slow"}
             top: [["b", 9], ["a", 5]]     values: {"left": 3, "mode": ["fast", "slow"]}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from waterspout.bolts.texts import text_of

#: What errors of a summary begin with.
FAULT = "summary: "
#: Rows of a merged ``top`` list.
TOP_MAX = 10
#: Rows of the ``top`` of one task.
TASK_TOP_MAX = 1000
#: Names beside ``top`` that a summary may have.
NAMES_MAX = 20
#: Characters of a text, and of a name.
TEXT_MAX, NAME_MAX = 300, 64
#: Tasks whose values are listed where they are no numbers.
TASKS_MAX = 10


def checked(said: Any) -> tuple[dict[str, Any], list[str]]:
    """Return what a summary says in plain values, and what is wrong with it.

    Called in the worker, for each task once; what is wrong is left out. None is nothing.

    Args:
        said: what ``summary`` returned.
    """
    if said is None:
        return {}, []
    if not isinstance(said, Mapping):
        return {}, [f"it is a dict of names and values, got {type(said).__name__}"]
    faults = []
    found = {}
    values = {name: value for name, value in said.items() if name != "top"}
    if "top" in said:
        top = said["top"]
        if _is_top(top):
            found["top"] = [[_plain(key), count] for key, count in top[:TASK_TOP_MAX]]
        else:
            faults.append(f"'top' is a list of [key, count], got {top!r:.80}")
    for name in list(values)[:NAMES_MAX]:
        if isinstance(name, str):
            found[name[:NAME_MAX]] = _plain(values[name])
        else:
            faults.append(f"names are str, got {name!r:.80}")
    if len(values) > NAMES_MAX:
        faults.append(f"{len(values)} names, the first {NAMES_MAX} are shown")
    return found, faults


def merged_tops(plan: Any, summaries: Mapping[int, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return component -> its tasks' ``top`` lists as one, highest count first."""
    found: dict[str, list[Any]] = {}
    for component, said in _said(plan, summaries):
        if top := said.get("top"):
            found.setdefault(component, []).extend([key, count] for key, count in top)
    for rows in found.values():
        rows.sort(key=lambda row: (-row[1], str(row[0])))
        del rows[TOP_MAX:]
    return found


def merged_values(plan: Any, summaries: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Return component -> name -> value: numbers are summed over its tasks, others are listed.

    A list has the values of the tasks in order, of the first ``TASKS_MAX`` that have one.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    for component, said in _said(plan, summaries):
        for name, value in said.items():
            if name != "top":
                found.setdefault(component, {}).setdefault(name, []).append(value)
    return {
        component: {
            name: sum(values) if all(map(_is_number, values)) else values[:TASKS_MAX]
            for name, values in list(named.items())[:NAMES_MAX]
        }
        for component, named in found.items()
    }


def _said(
    plan: Any, summaries: Mapping[int, Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for task in plan.tasks:
        yield task.component, summaries.get(task.task, {})


def _is_top(top: Any) -> bool:
    return isinstance(top, (list, tuple)) and all(
        isinstance(row, (list, tuple)) and len(row) == 2 and _is_number(row[1]) for row in top
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -(2**63) <= value < 2**63


def _plain(value: Any) -> Any:
    """Return a value as it is where JSON has it and it is short, else as a text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return (value if isinstance(value, str) else text_of(value))[:TEXT_MAX]
