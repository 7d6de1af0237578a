"""State that comes with a topology: a savepoint, matched by the client, whose files are blobs.

    submit {.., state: {positions: {task: {partition: [first, ahead]}},
                        parts: [[task, file, bytes, sha256 of the part, sha256 of the file]]}}

The files were put as blobs of sort ``state`` before; the new topology gets links to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from waterspout.topology.plan import Plan

from ..savepoint_folder import have_copy
from ..savepoint_start import seed
from ..snapshot_store import is_part_name
from ..store import Part
from ..store_sqlite import SqliteStore
from .blobs import SUFFIXES
from .submitted import SubmitRefused, check_sha256

#: Sort of the blobs.
SORT = "state"


def seed_topology(
    data: Path, folder: Path, plan: Plan, state: Mapping[str, Any], *, fresh: bool
) -> None:
    """Have the folder of a topology begin with submitted state. Called before it is added.

    Args:
        data: of the coordinator, where blobs lie.
        folder: of the topology: its store and snapshots.
        plan: that it will run.
        state: the field of the request.
        fresh: what is there may be dropped.

    Raises:
        SubmitRefused: it names files that are none, or tasks that are not the plan's.
        StateThere: something is there, and may not be dropped.
        StoreError, OSError: it cannot be written.
    """
    files = dict(_files(data, plan, state))
    parts = [Part(*each[:4]) for each in state["parts"]]
    store = SqliteStore(folder / "store.sqlite", owner=True)
    try:
        seed(
            store, folder / "snapshots", plan, state["positions"], parts, _linked(files),
            fresh=fresh,
        )  # fmt: skip
    finally:
        store.close()


def _linked(files: Mapping[str, Path]) -> Callable[[str, Path], None]:
    return lambda file, to: have_copy(files[file], to)


def _files(data: Path, plan: Plan, state: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    tasks = {task.task for task in plan.tasks}
    strange = {*state["positions"], *(each[0] for each in state["parts"])} - tasks
    if strange:
        raise SubmitRefused(f"state of task {min(strange)}, which the topology does not have")
    for _, file, _, _, blob in state["parts"]:
        path = data / SORT / f"{check_sha256(blob, SORT)}{SUFFIXES[SORT]}"
        if not is_part_name(file) or not path.is_file():
            raise SubmitRefused(f"state: {file!r:.80} was not put before")
        yield file, path
