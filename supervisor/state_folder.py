"""Where the state of a topology lies, and how a run begins: from the start, or where one stopped.

A run that was interrupted is taken up again; one that came to the end of its input is over, so
the next run begins anew. Dead letters that wait for another try are taken up, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.problems import listed

from .part_folders import MARKER
from .store import Store, StoreError
from .store_sqlite import SqliteStore

#: The store in a state folder.
STORE_FILE = "store.sqlite"
#: Dead letters that are read at once.
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a run begins.

    Attributes:
        fresh: earlier state is dropped.
        text: what the first line of the run says about it.
        resumed: it goes on where an earlier run stopped.
        changes: what is other than in that one, a line each.
    """

    fresh: bool
    text: str
    resumed: bool = False
    changes: tuple[str, ...] = ()


def states_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder that holds the state folders of this user's topologies."""
    env = os.environ if environ is None else environ
    home = env.get("XDG_STATE_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path("~/.local/state").expanduser()
    return base / "waterspout"


def state_folder(topology: str, environ: Mapping[str, str] | None = None) -> Path:
    """Return the state folder of a topology when ``--state-dir`` names none."""
    return states_folder(environ) / topology


def make_folder(folder: Path) -> None:
    """Make a state folder that is not there yet, and see that it can be written into.

    Called by ``run`` before anything is kept in it.

    Raises:
        UserError: it cannot be made or written into, or holds what is no state of a run.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = _files_of_others(folder)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = f"state folder {folder}: {error.strerror}"
        raise UserError(f"{why}; --state-dir chooses another one") from error
    if others:
        raise UserError(
            f"state folder {folder}: there are other files ({listed(others, 3)}) and no state of a "
            "run; choose an empty folder with --state-dir, or one that is not there yet"
        )


def _files_of_others(folder: Path) -> list[str]:
    """Return what is in a folder that holds no store of ours, which is the mark of a state folder.

    Left out is what a run leaves that was refused before it had a store, what the system puts
    into a new disk, and hidden files.
    """
    names = sorted(os.listdir(folder))
    if STORE_FILE in names:
        return []
    known = {f"{STORE_FILE}.lock", "lost+found"}
    if (folder / "snapshots" / MARKER).is_file():
        known.add("snapshots")
    return [name for name in names if name not in known and not name.startswith(".")]


def known_topologies(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of topologies that have state, in order."""
    try:
        found = list(states_folder(environ).iterdir())
    except OSError:
        return []
    return sorted(folder.name for folder in found if (folder / STORE_FILE).is_file())


def how_to_begin(folder: Path, fresh: bool) -> Beginning:
    """Decide how a run on ``folder`` begins; dead letters that would be dropped are saved.

    Called by ``run`` before the run opens the store.

    Raises:
        StoreError: the store cannot be read.
    """
    if not (folder / STORE_FILE).exists():
        return Beginning(False, "begins")
    store = SqliteStore(folder / STORE_FILE)
    try:
        return _decide(store, folder, fresh)
    finally:
        store.close()


def _decide(store: Store, folder: Path, fresh: bool) -> Beginning:
    waiting = len(store.replays(limit=_PAGE))
    if fresh:
        return Beginning(True, f"begins anew (--fresh){_save_letters(store, folder)}")
    if store.finished() and not waiting:
        why = "begins anew, as the last run came to its end"
        return Beginning(True, why + _save_letters(store, folder))
    if waiting:
        return Beginning(False, f"goes on; dead letters are tried again: {waiting:,}", True)
    if store.epoch() == 0 or not (store.positions() or store.dead_letter_count()):
        return Beginning(False, "begins")
    return Beginning(False, "goes on where the last run stopped (--fresh starts over)", True)


def _save_letters(store: Store, folder: Path) -> str:
    """Write the dead letters to a file, since beginning anew drops them; say where."""
    count = store.dead_letter_count()
    if not count:
        return ""
    path = folder / f"dead-letters-{store.epoch()}.jsonl"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            for letter in all_letters(store):
                file.write(json.dumps(letter, ensure_ascii=True, default=repr) + "\n")
    except OSError as error:
        raise StoreError(f"cannot save the dead letters to {path}: {error.strerror}") from error
    return f"; its dead letters ({count:,}) are in {path}"


def all_letters(store: Store) -> Iterator[dict[str, Any]]:
    """Yield every dead letter as a flat map, in order of its id."""
    after = 0
    while page := store.dead_letters(after=after, limit=_PAGE):
        for letter in page:
            yield {"id": letter.id, "at": letter.at, "status": letter.status, **letter.record}
        after = page[-1].id
