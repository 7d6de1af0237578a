"""``waterspout new NAME``: makes the folder of a small project that runs and passes its test."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from waterspout.topology.errors import UserError

from .scaffold_files import FILES

#: What a project may be called: what a topology may be called, too.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def create_project(name: str, parent: Path) -> list[Path]:
    """Make the folder ``parent/name`` and return the files in it, in the order to read them.

    Called by the CLI. Nothing that exists is touched.

    Raises:
        UserError: the name is not one, the folder exists, or it cannot be written.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r:.80} is not a project name: "
            "a letter, then at most 63 letters, digits, '_' or '-'"
        )
    folder = parent / name
    try:
        folder.mkdir()
    except FileExistsError:
        raise UserError(f"{folder} exists already: choose another name, or remove it") from None
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
    return [_write(folder, file_name, text, name) for file_name, text in FILES.items()]


def _write(folder: Path, file_name: str, text: str, name: str) -> Path:
    path = folder / Template(file_name).substitute(name=name)
    try:
        path.write_text(Template(text).substitute(name=name), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path
