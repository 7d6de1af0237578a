"""Finds the files that match glob patterns, in one pass over the folders.

``*``, ``?`` and ``[...]`` match within one name, ``**`` any number of folders, as in a shell:
names that begin with a dot are matched only by a pattern that says so. Unlike the glob module
this one never skips a folder that it may not read without a word, does not follow a circle of
links, and does not enter folders that are excluded.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from waterspout.topology.errors import UserError

#: Matches one name of a path.
_Matcher = Callable[[str], object]
_MAGIC = re.compile(r"[*?[]")
_ANY_DEPTH = "**"


class Slip(NamedTuple):
    """A pattern that matches no file: as it was written, absolute, and what may be meant."""

    pattern: str
    place: str
    hint: str


class Walk:
    """The files that match any of ``patterns`` and none of ``exclude``.

    Patterns are made absolute once, here: a later change of the working directory changes
    nothing. ``exclude`` patterns are held against the absolute path; in them ``*`` spans ``/``.
    """

    def __init__(self, patterns: Sequence[str], exclude: Sequence[str] = ()) -> None:
        self._patterns = [os.path.abspath(os.path.expanduser(pattern)) for pattern in patterns]
        self._written = dict(zip(self._patterns, patterns, strict=True))
        #: The patterns that matched no file the last time.
        self.unmatched: list[str] = []
        self._excluded = [re.compile(fnmatch.translate(pattern)).match for pattern in exclude]

    def files(self) -> list[str]:
        """Return the absolute paths of all files now, sorted, each once.

        Raises:
            UserError: a folder on the way may not be read.
        """
        found = {pattern: set(self._expand(pattern)) for pattern in self._patterns}
        self.unmatched = [pattern for pattern, paths in found.items() if not paths]
        return sorted(set().union(*found.values()))

    def slips(self) -> list[Slip]:
        """Return the patterns that matched no file the last time."""
        return [self._slip(place) for place in self.unmatched]

    def sure_slips(self) -> list[Slip]:
        """Return the patterns that name a folder, or a file that they do not match."""
        found = [self._slip(place) for place in self._patterns if os.path.lexists(place)]
        return [each for each in found if each.hint]

    def _slip(self, place: str) -> Slip:
        pattern = self._written[place]
        return Slip(pattern, place, _hint(pattern, place))

    def _expand(self, pattern: str) -> Iterator[str]:
        parts = pattern.split("/")[1:]
        fixed = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
        root = "/" + "/".join(parts[:fixed])
        if fixed == len(parts):
            if os.path.isfile(root) and not self._is_excluded(root):
                yield root
            return
        rest = parts[fixed:]
        if rest[-1] == _ANY_DEPTH:
            rest.append("*")
        matchers = [None if part == _ANY_DEPTH else _matcher(part) for part in rest]
        trail = frozenset((os.path.realpath(root),))
        yield from self._visit(root.rstrip("/"), {0}, matchers, trail)

    def _visit(
        self,
        folder: str,
        states: Collection[int],
        matchers: list[_Matcher | None],
        trail: frozenset[str],
    ) -> Iterator[str]:
        """Yield the matching files under ``folder``.

        ``states`` are the places in the pattern that may come next: a set, because ``**`` may
        end at any depth, so that every folder is listed once. ``trail`` are the links followed.
        """
        states = {each for state in states for each in _reachable(state, matchers)}
        for entry in self._entries(folder):
            name, path = entry.name, f"{folder}/{entry.name}"
            after = {each for state in states for each in _step(state, name, matchers)}
            if not after:
                continue
            if entry.is_file():
                if len(matchers) in after and not self._is_excluded(path):
                    yield path
            elif entry.is_dir() and not self._is_excluded(path + "/"):
                followed = {os.path.realpath(path)} if entry.is_symlink() else set()
                if not any(_leads_back(target, folder, trail) for target in followed):
                    yield from self._visit(path, after, matchers, trail | followed)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder or "/") as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(
                f"cannot read the folder {escaped(folder)}: {error.strerror}; "
                "narrow the paths or exclude it"
            ) from error

    def _is_excluded(self, path: str) -> bool:
        return any(match(path) for match in self._excluded)


def _hint(pattern: str, place: str) -> str:
    """Say what may have been meant by a pattern that matches no file; "": that is not known."""
    if os.path.isdir(place):
        folder = escaped(pattern.rstrip("/"))
        return f"that is a folder; {folder}/* is each file in it, {folder}/** each below it, too"
    if "[" in pattern:
        there = "there is a file of this name, but " if os.path.lexists(place) else ""
        return f"{there}in a glob [...] stands for one character: write [[] for a [ itself"
    return ""


def _leads_back(target: str, folder: str, trail: frozenset[str]) -> bool:
    """Say whether a link in ``folder`` leads to a folder that was entered on the way to it."""
    return target in trail or f"{os.path.realpath(folder)}/".startswith(f"{target}/")


def _matcher(part: str) -> _Matcher:
    if not _MAGIC.search(part):
        return lambda name: name == part
    match = re.compile(fnmatch.translate(part)).match
    if part.startswith("."):
        return match
    return lambda name: name[0] != "." and match(name)


def _reachable(state: int, matchers: list[_Matcher | None]) -> Iterator[int]:
    """Yield ``state``, and what follows where ``**`` stands for no folder at all."""
    yield state
    while state < len(matchers) and matchers[state] is None:
        state += 1
        yield state


def _step(state: int, name: str, matchers: list[_Matcher | None]) -> Iterator[int]:
    """Yield the places in the pattern after ``name`` was met at ``state``."""
    if state == len(matchers):
        return
    match = matchers[state]
    if match is None:
        if name[0] != ".":
            yield state
    elif match(name):
        yield state + 1


def escaped(path: str) -> str:
    r"""Return a path as text that has a wire form: bytes that are no UTF-8 become ``\xff``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
