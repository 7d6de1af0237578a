"""Tracebacks as users want them: their frames, and none of ours or of the import machinery.

What is ours is told by where a file lies, so that it does not matter how deep an error was
raised, or through which of our functions it came. What the user's code called of ours is left
out, too: the line of theirs that called it says more.
"""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Iterator
from traceback import FrameSummary, StackSummary, TracebackException
from types import TracebackType

from .wire_limits import TRACEBACK_CHARS_MAX

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: Where our code lies. configs/ is not among it: it holds user code.
OUR_FOLDERS = tuple(
    os.path.join(_ROOT, folder) + os.sep for folder in ("topology", "spouts", "bolts", "supervisor")
)
#: Where an import passes through; says nothing about what was imported.
_IMPORT_FILES = ("<frozen importlib", os.path.dirname(importlib.__file__) + os.sep)


def user_traceback(error: BaseException) -> str:
    """Return the traceback of an error without our own frames, and so those of its causes.

    When all frames are ours, the last one is kept; a syntax error names its line itself. A long
    text loses its beginning.
    """
    shown = TracebackException(type(error), error, _trimmed(error), compact=True)
    _strip_chain(shown)
    text = "".join(shown.format())
    return text if len(text) <= TRACEBACK_CHARS_MAX else "...\n" + text[-TRACEBACK_CHARS_MAX:]


def user_frames(error: BaseException) -> list[FrameSummary]:
    """Return the user's frames of an error; none when all are ours."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if _theirs(frame.filename)]


def _theirs(filename: str) -> bool:
    return not filename.startswith(OUR_FOLDERS) and not filename.startswith(_IMPORT_FILES)


def _trimmed(error: BaseException) -> TracebackType | None:
    """Return a traceback of the user's frames; of our last one when there are none.

    Done before the text is made, because looking up lines is what takes time.
    """
    entries = list(_entries(error.__traceback__))
    kept = [entry for entry in entries if _theirs(_filename(entry))]
    if not kept and not isinstance(error, SyntaxError):
        kept = [each for each in entries if not _filename(each).startswith(_IMPORT_FILES)][-1:]
    made: TracebackType | None = None
    for entry in reversed(kept):
        made = TracebackType(made, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return made


def _entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _filename(entry: TracebackType) -> str:
    return entry.tb_frame.f_code.co_filename


def _strip_chain(shown: TracebackException) -> None:
    """Leave our frames out of all errors that hang on this one, too."""
    waiting = [shown]
    while waiting:
        one = waiting.pop()
        for each in (one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())):
            if each is not None:
                kept = [frame for frame in each.stack if _theirs(frame.filename)]
                each.stack = StackSummary.from_list(kept or each.stack[-1:])
                waiting.append(each)
