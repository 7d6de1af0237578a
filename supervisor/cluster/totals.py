"""What a topology has counted, in a form that the next coordinator, or version, goes on from.

For display only: nothing that must not be lost depends on it. Tasks go on one by one when the
version is the same. Another version may have other tasks: what each component has counted is then
added up, and its first task has it from before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..coordinator import Coordinator
from ..progress import Progress
from ..tallies import Tally

#: Raised when the form changes; another one is left alone, and counting begins at 0.
FORMAT = 1
#: Errors that are kept, the newest, and characters of each one's traceback.
ERRORS_KEPT = 10
TRACEBACK_CHARS_KEPT = 4000


def totals_of(coordinator: Coordinator, generation: int) -> dict[str, Any]:
    """Return what a topology has counted, as plain values.

    Args:
        coordinator: of the topology.
        generation: of its version.
    """
    errors = coordinator.progress.errors.rows()[-ERRORS_KEPT:]
    return {
        "format": FORMAT,
        "generation": generation,
        "workers": {
            each.number: [each.incarnation, each.restarts, each.last_exit]
            for each in coordinator.handover.workers
        },
        "tasks": {task: tally.kept() for task, tally in coordinator.progress.tallies.items()},
        "errors": [
            {**row, "traceback": row["traceback"][-TRACEBACK_CHARS_KEPT:]} for row in errors
        ],
    }


def go_on(
    coordinator: Coordinator,
    kept: Mapping[str, Any],
    generation: int,
    known: Mapping[int, int],
    now: float,
) -> list[Mapping[str, Any]]:
    """Have a coordinator that was just started count on from ``totals_of`` of an earlier one.

    What components counted that this version does not have is returned: as ``others`` of ``kept``
    it is there again when the next version is the last one once more.

    Args:
        coordinator: it has heard of no worker yet.
        kept: of the earlier one.
        generation: of the version that runs now.
        known: worker -> incarnation of processes that go on.
        now: monotonic seconds.

    Raises:
        KeyError, TypeError, ValueError: ``kept`` is not of this form.
    """
    if kept["format"] != FORMAT:
        return []
    progress, workers = coordinator.progress, coordinator.handover.workers
    for row in kept["errors"]:
        progress.errors.add(**row)
    for number, (_, restarts, last_exit) in kept["workers"].items():
        if number < len(workers):
            workers[number].restarts, workers[number].last_exit = restarts, last_exit
    if kept["generation"] != generation:
        return _add_up(progress, [*kept["tasks"].values(), *kept.get("others", ())], now)
    for task, entry in kept["tasks"].items():
        progress.tallies[task].take(entry, now)
    for number, (incarnation, *_) in kept["workers"].items():
        if known.get(number) != incarnation:
            # It ended, and this was not kept any more.
            progress.on_lost(number, {})
    return list(kept.get("others", ()))


def _add_up(
    progress: Progress, tasks: Iterable[Mapping[str, Any]], now: float
) -> list[Mapping[str, Any]]:
    others = []
    for entry in tasks:
        tally = Tally(0, entry["component"], entry["kind"])
        tally.take(entry, now)
        tally.end_incarnation(None, 0)
        heirs = [each for each in progress.of_component(tally.component) if each.kind == tally.kind]
        if heirs:
            heirs[0].add_before(tally)
        else:
            others.append(entry)
    return others
