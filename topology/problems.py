"""Problems of a topology file: what is reported, where, and in which words.

A problem is one line, ``file:line:col: CODE what, got, allowed, did you mean``. Its code says
how bad it is: ``E_`` refuses the topology, ``W_`` warns, ``I_`` informs. Input is quoted with
repr and cut, so that no text of a file can break a line or a terminal.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

Level = Literal["error", "warning", "info"]

#: Characters of a quoted input.
QUOTE_MAX = 80
#: Problems kept of one file; what is beyond is only counted.
PROBLEMS_MAX = 200
#: Names that are compared with a word to find what was meant.
NEAR_MAX = 500
#: Characters of the user's traceback kept with a problem.
DETAILS_MAX = 20_000

#: Every code and what it means. Codes are never renamed: scripts and docs link to them.
CODES: dict[str, str] = {
    "E_FILE": "the file cannot be read",
    "E_EMPTY": "the file holds no topology",
    "E_ENCODING": "the file is not UTF-8 text, or holds control characters",
    "E_SYNTAX": "the file is not YAML",
    "E_SIZE": "the file, a text in it or the number of its values is over the limit",
    "E_DEPTH": "lists and mappings are nested too deep",
    "E_MULTIDOC": "the file holds more than one YAML document",
    "E_ALIAS": "anchors, aliases and merge keys are not allowed",
    "E_TAG": "YAML tags are not allowed",
    "E_DUPKEY": "a key is written twice in one mapping",
    "E_UNKNOWN_KEY": "there is no such key here",
    "E_MISSING": "a key that has to be there is not",
    "E_TYPE": "a value is of the wrong type, or YAML 1.1 and 1.2 read it differently",
    "E_RANGE": "a number or size is not one, or is outside its limits",
    "E_DURATION": "a time is not written as a number with a unit",
    "E_NAME": "a name has characters that names may not have",
    "E_DUPID": "two components have the same id, or ids that differ only in case",
    "E_DUPINPUT": "a bolt names the same stream twice among its inputs",
    "E_UNSET": "a ${VARIABLE} is not set and has no default",
    "E_SUBST": "a ${...} cannot be read, or its value cannot be put into a text",
    "E_SET": "a --set cannot be applied",
    "E_SECRET": "a secret is written into the file",
    "E_NOSPOUT": "the topology has no spout",
    "E_REF": "a component or stream that is referred to does not exist",
    "E_CYCLE": "bolts feed each other in a circle",
    "E_GROUPING": "a grouping is unknown, incomplete, or does not fit the stream",
    "E_GUARANTEE": "the guarantee is unknown, or this topology cannot have it",
    "E_CONFLICT": "two values that exclude each other",
    "E_RESOURCES": "the topology asks for more than there can be",
    "E_CLASS_DENIED": "a class or function is not under an allowed prefix; it was not imported",
    "E_IMPORT": "a class or function cannot be imported",
    "E_CLASS_KIND": "what was imported is not a spout or bolt class as needed here",
    "E_ARGS": "`args` do not fit the constructor of the class",
    "E_OUTPUTS": "the output streams that the class declares cannot be used",
    "W_UNREACHABLE": "a component takes no part: nothing reaches it or nobody reads it",
    "W_OVERLOAD": "more may wait than can be worked on in time",
    "W_IDLE": "tasks or workers that will have nothing to do",
    "W_OPTION": "an option that has no effect here",
    "W_GROUPING": "a grouping that spreads one key over several tasks with state",
    "W_GUARANTEE": "the guarantee is worth less with this component",
    "W_SUBST": "a ${...} that may mean something else than it does",
    "I_GUARANTEE": "what the guarantee means for this component",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place: file, line and column from 1.

    Line 0 is a place without lines (``--set a.b``); its column, if any, counts in the value.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        name = printable(self.file)
        place = (self.line, self.column) if self.line else (self.column,)
        return ":".join([name, *map(str, filter(None, place))])


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. ``details`` holds the user's own traceback, when there is one."""

    mark: Mark
    code: str
    text: str
    details: str = ""

    @property
    def level(self) -> Level:
        """How bad it is, by the first letter of the code."""
        return _LEVELS[self.code[0]]

    def __str__(self) -> str:
        return f"{self.mark}: {self.code} {self.text}"

    def to_json(self) -> dict[str, Any]:
        """Return the problem as a flat map with stable names."""
        return {
            "file": self.mark.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "code": self.code,
            "level": self.level,
            "message": self.text,
            "details": self.details,
        }


_LEVELS: dict[str, Level] = {"E": "error", "W": "warning", "I": "info"}


class Problems:
    """Collects problems while a file is read; iterates over them in the order of the file."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._seen: set[tuple[Mark, str, str]] = set()
        #: Problems beyond PROBLEMS_MAX, only counted.
        self.dropped = 0

    def add(self, mark: Mark, code: str, text: str, details: str = "") -> None:
        """Note a problem; the same one at the same place is noted once."""
        assert code in CODES, code
        text = printable(text)
        if (mark, code, text) in self._seen:
            return
        if len(self._found) >= PROBLEMS_MAX:
            self.dropped += 1
            return
        self._seen.add((mark, code, text))
        self._found.append(Problem(mark, code, text, details[:DETAILS_MAX]))

    def nearest(self, word: str, allowed: Iterable[str]) -> str | None:
        """Return what ``word`` may be a slip of, while there is room for the answer.

        The search is the dearest part of a problem: a file of thousands of slips has to be
        refused as fast as any other.
        """
        return nearest(word, allowed) if len(self._found) < PROBLEMS_MAX else None

    def did_you_mean(self, word: str, allowed: Iterable[str]) -> str:
        """Return ``, did you mean 'x'?`` or '', as ``nearest`` does."""
        return _question(self.nearest(word, allowed))

    @property
    def errors(self) -> bool:
        """Whether one of them refuses the topology."""
        return any(problem.level == "error" for problem in self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(self._found, key=_place))

    def __len__(self) -> int:
        return len(self._found)


def _place(problem: Problem) -> tuple[bool, int, int]:
    mark = problem.mark
    return (mark.line == 0, mark.line, mark.column)


def quote(value: Any) -> str:
    """Return ``value`` as repr, cut at 80 characters."""
    text = repr(value[: QUOTE_MAX + 1]) if isinstance(value, str) else repr(value)
    return text if len(text) <= QUOTE_MAX else text[: QUOTE_MAX - 4] + "..." + text[-1]


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """Return ``text`` with control characters escaped, so that it stays one line."""
    return _CONTROL.sub(lambda match: repr(match.group())[1:-1], text)


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the name of ``allowed`` that ``word`` may be a slip of, in any case."""
    names = {name.lower(): name for name in islice(allowed, NEAR_MAX)}
    near = difflib.get_close_matches(word[:QUOTE_MAX].lower(), names, n=1, cutoff=0.6)
    return names[near[0]] if near else None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return ``, did you mean 'x'?`` when a name of ``allowed`` is near, else ''."""
    return _question(nearest(word, allowed))


def _question(near: str | None) -> str:
    return f", did you mean {near!r}?" if near else ""


def with_article(noun: str) -> str:
    """Return a word with its article: ``a set``, ``an int``."""
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def listed(names: Iterable[str], most: int = 40) -> str:
    """Return ``a, b, c``, cut after ``most`` names."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
