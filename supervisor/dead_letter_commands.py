"""``waterspout dead-letters``: look at what was given up on, have it tried again, or drop it.

Works on the store itself, whether the topology is running or not: a run looks for letters that
wait for another try once a second, and the next run does when it begins. Of a cluster, the
coordinator is asked (cluster/cluster_letters.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import click
from rich.text import Text
from waterspout.topology.errors import UserError
from waterspout.topology.problems import did_you_mean, listed

from .exit_codes import ExitCode
from .rendering import console
from .rendering_status import table
from .rendering_values import lines, plural, text
from .run_folder import find_runs
from .state_folder import STORE_FILE, known_topologies, state_folder
from .store import DeadLetter
from .store_sqlite import SqliteStore

#: Fields of a letter in the order in which ``show`` prints them; further ones follow.
FIELDS = (
    "id", "time", "status", "component", "task", "partition", "start", "end", "message_id",
    "stream", "attempts", "failed_component", "reason", "values",
)  # fmt: skip
#: Width of a position in the list, in characters, and about how much the other columns take.
PLACE_MIN, PLACE_MAX = 16, 40
OTHERS_WIDTH = 55


class NoLetters(UserError):
    """None of several topologies has a dead letter; to ``list``, that is an answer."""


class Letters(Protocol):
    """What is read and changed: a store, or what a coordinator has."""

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return letters with ids above ``after``, oldest first."""

    def dead_letter(self, id: int) -> DeadLetter | None:
        """Return one letter."""

    def dead_letter_count(self) -> int:
        """Return how many there are."""

    def mark_replay(self, ids: Iterable[int] | None) -> int:
        """Mark letters for another try (None: all); return how many."""

    def drop_dead_letters(self, ids: Iterable[int] | None) -> int:
        """Forget letters (None: all); return how many."""


def open_store(topology: str | None, state_dir: Path | None) -> SqliteStore:
    """Return the store that the options mean; without any, the only one there is.

    Raises:
        UserError: there is none, or it is not clear which.
    """
    return SqliteStore(folder_of(topology, state_dir) / STORE_FILE)


def folder_of(topology: str | None, state_dir: Path | None) -> Path:
    """Return the state folder that the options mean; see ``open_store``.

    Raises:
        UserError: there is none, or it is not clear which.
    """
    folder = state_dir if state_dir is not None else _folder(topology)
    if not (folder / STORE_FILE).is_file():
        raise UserError(f"there is no state of a topology in {text(str(folder))}")
    return folder


def _folder(topology: str | None) -> Path:
    runs = [run for run in find_runs() if run.state_dir]
    running = {run.name: Path(run.state_dir) for run in runs}
    known = sorted({*known_topologies(), *running})
    if topology is None:
        if len(known) == 1:
            return running.get(known[0], state_folder(known[0]))
        return _only_with_letters({name: running.get(name, state_folder(name)) for name in known})
    if topology not in known:
        near = did_you_mean(topology, known)
        names = f"; known: {listed(known)}" if known else ""
        raise UserError(f"there is no state of a topology {topology!r:.80}{near}{names}")
    folders = sorted({run.state_dir for run in runs if run.name == topology})
    if len(folders) > 1:
        raise UserError(
            f"{len(folders)} runs are named {topology!r:.80}: say which with --state-dir "
            f"({listed(folders)})"
        )
    return running.get(topology, state_folder(topology))


def _only_with_letters(folders: dict[str, Path]) -> Path:
    if not folders:
        raise NoLetters("no dead letters: no topology has run yet")
    having = [name for name, folder in folders.items() if _count(folder)]
    if len(having) == 1:
        return folders[having[0]]
    if not having:
        raise NoLetters(f"no dead letters of any topology ({listed(sorted(folders))})")
    names = listed(having)
    raise UserError(f"several topologies have dead letters: say which with --topology ({names})")


def _count(folder: Path) -> int:
    store = SqliteStore(folder / STORE_FILE)
    try:
        return store.dead_letter_count()
    finally:
        store.close()


def list_letters(store: Letters, after: int, limit: int, as_json: bool) -> ExitCode:
    """Print dead letters, a line each."""
    letters = store.dead_letters(after=after, limit=limit)
    if as_json:
        for letter in letters:
            click.echo(json.dumps(as_map(letter), default=repr))
        return ExitCode.OK
    if letters:
        made = table("id", "time", "component", "position", "attempts", "status", "reason")
        for column in made.columns[1:]:
            column.justify = "left"
        # On a narrow terminal these two are cut, and never the id, which the other verbs take.
        made.expand, made.columns[-1].ratio = True, 1
        room = max(PLACE_MIN, min(PLACE_MAX, (console().width - OTHERS_WIDTH) // 2))
        for letter in letters:
            made.add_row(*_row(letter, room))
        console().print(made)
    left = store.dead_letter_count() - len(letters)
    if not letters:
        click.echo("no dead letters", err=True)
    elif left > 0 and len(letters) == limit:
        click.echo(f"and others: --after {letters[-1].id} goes on", err=True)
    return ExitCode.OK


def _row(letter: DeadLetter, room: int) -> list[str]:
    record = letter.record
    where = record.get("partition")
    if where is None:
        place = text(record.get("message_id"), 40)
    else:
        place = f"{text(where)}:{record.get('start')}"
        place = place if len(place) <= room else "..." + place[3 - room :]
    return [
        str(letter.id),
        _time(letter.at),
        text(record.get("component", "-"), 24),
        place,
        str(record.get("attempts", "-")),
        letter.status,
        text(record.get("reason", ""), 80),
    ]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def as_map(letter: DeadLetter) -> dict[str, Any]:
    """Return a letter as a flat map with stable names, for ``--json``."""
    return {"id": letter.id, "at": letter.at, "status": letter.status, **letter.record}


def show_letter(store: Letters, id: int, as_json: bool) -> ExitCode:
    """Print all that is known of one dead letter.

    Raises:
        UserError: there is none of that id.
    """
    letter = store.dead_letter(id)
    if letter is None:
        raise UserError(f"there is no dead letter {id}")
    known = as_map(letter)
    if as_json:
        click.echo(json.dumps(known, indent=2, default=repr))
        return ExitCode.OK
    known["time"] = _time(known.pop("at"))
    traceback = known.pop("traceback", "")
    made = table("", "")
    made.show_header = False
    made.columns[1].justify = "left"
    made.columns[1].no_wrap = False
    for name in [*FIELDS, *sorted(known.keys() - set(FIELDS))]:
        if known.get(name) is not None:
            made.add_row(Text(name.replace("_", " "), style="dim"), text(known[name], 20_000))
    console().print(made)
    if traceback:
        click.echo("\n" + lines(str(traceback)))
    return ExitCode.OK


def chosen(ids: Sequence[int], every: bool) -> list[int] | None:
    """Return the ids that were meant, None for all.

    Raises:
        click.UsageError: neither or both were given.
    """
    if every == bool(ids):
        raise click.UsageError("give the ids of dead letters, or --all")
    return None if every else list(ids)


def replay_letters(store: Letters, ids: Sequence[int] | None) -> ExitCode:
    """Have dead letters tried again: now when the topology is running, else by its next run."""
    _check(store, ids)
    marked = plural(store.mark_replay(ids), "dead letter")
    click.echo(f"{marked} to be tried again: at once in a run that goes on, else by the next run")
    return ExitCode.OK


def drop_letters(store: Letters, ids: Sequence[int] | None) -> ExitCode:
    """Forget dead letters for good."""
    _check(store, ids)
    click.echo(f"{plural(store.drop_dead_letters(ids), 'dead letter')} dropped")
    return ExitCode.OK


def _check(store: Letters, ids: Sequence[int] | None) -> None:
    """Refuse all when one of them is not there, so that a slip changes nothing."""
    missing = [id for id in dict.fromkeys(ids or ()) if store.dead_letter(id) is None]
    if missing:
        raise UserError(f"there is no dead letter {listed(map(str, missing))}; nothing was done")
