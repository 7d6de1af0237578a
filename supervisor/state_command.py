"""``waterspout state show``: prints what a snapshot holds; a bounded part of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
from waterspout.bolts.texts import json_text, text_of
from waterspout.topology.errors import UserError

from .dead_letter_commands import folder_of
from .exit_codes import ExitCode
from .rendering import console
from .rendering_status import table
from .rendering_values import count, text
from .savepoint_folder import MANIFEST, PARTS, read_savepoint
from .state_folder import STORE_FILE
from .state_view import MapView, again_when_replaced, read_maps
from .store import Part
from .store_sqlite import SqliteStore

#: Characters of a key and of a value in a table.
KEY_CHARS, VALUE_CHARS = 40, 100
#: Characters of a value that are shown however long the keys are.
VALUE_CHARS_MIN = 20


def show_state(
    name: str, state_dir: Path | None, component: str | None, key: str | None, limit: int,
    as_json: bool,
) -> ExitCode:  # fmt: skip
    """Print the maps of a snapshot, or entries of one component.

    Args:
        name: of a topology of this machine, or the folder of a savepoint.
        key: only what this key has; JSON, or a text.
        limit: entries of each map.

    Raises:
        UserError: there is no such topology, snapshot or component.
        CorruptSnapshot: a part cannot be read.
    """
    if key is not None and component is None:
        raise click.UsageError("--key needs --component: which bolt's state is it?")
    found: list[dict[str, Any]] = []

    def read() -> int:
        number, parts, folder = _snapshot(name, state_dir)
        views = read_maps(parts, folder, component)
        if component is None:
            found[:] = [_summary(view) for view in views]
        else:
            found[:] = [row for view in views for row in _entries(view, key, limit)]
        return number

    number = again_when_replaced(read)
    if as_json:
        for row in found:
            click.echo(json_text(row))
        return ExitCode.OK
    click.echo(f"snapshot {number}", err=True)
    if not found:
        click.echo("nothing is kept" if key is None else f"nothing is kept for {key}", err=True)
    elif component is None:
        _print(found, "component", "task", "kind", "name", "ttl", "keys")
    else:
        _print(found, "task", "kind", "name", "key", "value")
    return ExitCode.OK


def _snapshot(name: str, state_dir: Path | None) -> tuple[int, Sequence[Part], Path]:
    """Return the number, parts and folder of a snapshot."""
    folder = Path(name)
    if state_dir is None and (folder / MANIFEST).is_file():
        savepoint = read_savepoint(folder)
        return savepoint.round, savepoint.parts, folder / PARTS
    folder = folder_of(name, state_dir)
    store = SqliteStore(folder / STORE_FILE)
    try:
        number = store.restore_round()
        parts = store.parts()
    finally:
        store.close()
    if number is None:
        raise UserError(f"{name}: there is no complete snapshot yet")
    return number, parts, folder / "snapshots"


def _summary(view: MapView) -> dict[str, Any]:
    return {**_head(view), "ttl": view.ttl, "keys": len(view.entries)}


def _head(view: MapView) -> dict[str, Any]:
    return {
        "component": view.component, "task": view.index, "kind": view.kind, "name": view.name,
    }  # fmt: skip


def _entries(view: MapView, key: str | None, limit: int) -> Iterator[dict[str, Any]]:
    wanted = None if key is None else _keys_meant(key)
    pairs = (
        (known, value) for known, value in view.pairs() if wanted is None or known in wanted
    )
    for known, value in islice(pairs, limit):
        yield {**_head(view), "key": known, "value": value}


def _keys_meant(written: str) -> list[Any]:
    """Return the keys that a text may stand for: itself, and what it is as JSON."""
    try:
        found = json.loads(written)
    except ValueError:
        return [written]
    return [written, tuple(found) if isinstance(found, list) else found]


def _print(rows: Sequence[dict[str, Any]], *columns: str) -> None:
    made, out = table(*columns), console()
    for column in made.columns:
        column.justify = "left"
    shown = [[_cell(name, row[name]) for name in columns if name != "value"] for row in rows]
    # Where the line is too short, values are cut, and keys are not.
    heads = [name for name in columns if name != "value"]
    taken = sum(2 + max(map(len, cells)) for cells in zip(heads, *shown, strict=True))
    value_chars = min(max(out.width - taken - 2, VALUE_CHARS_MIN), VALUE_CHARS)
    for row, cells in zip(rows, shown, strict=True):
        value = [text(text_of(row["value"]), value_chars)] if "value" in columns else []
        made.add_row(*cells, *value)
    out.print(made)


def _cell(name: str, value: Any) -> str:
    if name == "keys":
        return count(value)
    if name == "ttl":
        return "yes" if value else ""
    return text(text_of(value), KEY_CHARS)
