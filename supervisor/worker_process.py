"""What a worker process does to itself first: it ends with its parent, and output is harmless.

Linux is what this is made for; elsewhere the control thread sees that the parent is gone.
"""

from __future__ import annotations

import ctypes
import faulthandler
import io
import logging
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from .log_lines import LineFormatter, PrintedLines
from .standard_streams import NeverFails

#: prctl(2): the signal that this process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1
#: Signals that ask a run to end.
PARENT_SIGNALS = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


def end_with_parent(parent: int) -> bool:
    """Have the kernel kill this process when its parent ends; False: the parent is gone already.

    Args:
        parent: process id of the parent.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def leave_signals_to_parent() -> None:
    """Let Ctrl-C, a hang-up or a service manager reach the parent only, which drains.

    They go to all processes of a run; the parent starts workers with these signals blocked, so
    that none comes too early. A handler, not SIG_IGN: what a component starts inherits the
    latter, and could not be terminated.
    """
    for number in PARENT_SIGNALS:
        signal.signal(number, _ignore)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PARENT_SIGNALS)


def signal_pipe() -> int:
    """Have the numbers of signals written to a pipe, and return where they are read.

    For a worker that has no parent to end it. Written by the C handler of Python, so that they
    come through while the main thread is in a call that does not return. Called before signals
    are unblocked, on the main thread.
    """
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    # What a component forks has this pipe, too, but its signals are its own from the first on.
    os.register_at_fork(
        before=_hold_sigterm, after_in_parent=_take_sigterm, after_in_child=_own_signals
    )
    return read


def _hold_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))


def _take_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))


def _own_signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _take_sigterm()


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


def tame_output() -> None:
    """Make ``print`` in user code unable to fail, and have crashes leave their stack."""
    for name, descriptor, form in (("stdout", 1, PrintedLines), ("stderr", 2, io.TextIOWrapper)):
        raw = io.BufferedWriter(NeverFails(descriptor, "w", closefd=False))
        # A lone surrogate is shown, not raised about.
        text = form(raw, "utf-8", errors="backslashreplace", line_buffering=True)
        setattr(sys, name, text)
    faulthandler.enable()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
