"""The command ``waterspout``: loads the program, and lets a Ctrl-C meanwhile end it quietly."""

from __future__ import annotations

import os
import signal
from types import FrameType

from .exit_codes import ExitCode


def main() -> None:
    """Run the program. Called by the script that an installation makes, and by ``python -m``."""
    # Where Ctrl-C is ignored, as in the background of a script, it stays so.
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, leave)
    from .cli import main as program

    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    program(prog_name="waterspout")


def leave(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has begun, and an exception in an import would be told as a fault."""
    os._exit(int(ExitCode.STOPPED))
