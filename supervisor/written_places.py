"""Where the ready-made sinks of a topology write on this machine; told at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waterspout.bolts.registry import BOLTS
from waterspout.topology.host_variables import with_host_variables
from waterspout.topology.plan import Plan

from .host_args import host_variables

#: Class paths by what they write: a file per task, a folder of files, tables of a database.
_FILES = {path for name, path in BOLTS.items() if name.startswith("Write")}
_FOLDERS = {path for name, path in BOLTS.items() if name.startswith("Commit")}
_TABLES = {path for name, path in BOLTS.items() if name.endswith("Table")}


def written_files(plan: Plan) -> list[dict[str, str]]:
    """Return the files of ``WriteLines`` and its like that are there now, a row per task."""
    here = host_variables(plan.folder)
    found = []
    for task in plan.tasks:
        component = plan.spec.component(task.component)
        if component.class_path in _FILES:
            path = str(with_host_variables(component.args.get("path", ""), here))
            path = path.replace("{index}", str(task.index)).replace("{task}", str(task.task))
            if Path(path).expanduser().is_file():
                found.append({"component": component.id, "path": path})
    return found


def written_places(plan: Plan) -> list[dict[str, str]]:
    """Return all that is there now: those files, folders with committed files, tables.

    A row has ``component`` and ``path``, and ``table`` where there is one. How a database on
    another machine is connected to may hold a password: of such a table the path is empty.
    """
    return [*written_files(plan), *_folders_and_tables(plan)]


def _folders_and_tables(plan: Plan) -> Iterator[dict[str, str]]:
    here = host_variables(plan.folder)
    for bolt in plan.spec.bolts.values():
        args: Any = with_host_variables(bolt.args, here)
        if bolt.class_path in _FOLDERS and _has_files(Path(str(args["folder"])).expanduser()):
            yield {"component": bolt.id, "path": os.path.join(str(args["folder"]), "")}
        elif bolt.class_path in _TABLES:
            path = str(args.get("path", ""))
            if not path or Path(path).expanduser().is_file():
                yield {"component": bolt.id, "path": path, "table": str(args["table"])}


def _has_files(folder: Path) -> bool:
    """Say whether anything is there that was committed."""
    try:
        return any(not name.startswith(".") for name in os.listdir(folder))
    except OSError:
        return False
