"""With which number the program ends: one table, for scripts and for docs/command-line.md.

A number keeps its meaning from version to version. Without imports, so that it costs nothing.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Why the program ended."""

    #: The run came to its end or was drained on request; lint found no error; status: healthy.
    OK = 0
    #: What was given is refused before anything ran: lint found errors, the state directory
    #: belongs to another topology or is in use, there is no such dead letter.
    REFUSED = 1
    #: The command line is wrong: unknown command or option, a value that is none.
    USAGE = 2
    #: status: no such topology is running, or it does not answer.
    UNREACHABLE = 3
    #: status: messages are pending and none came through for longer than message_timeout.
    STALLED = 4
    #: status: it goes on, but something is wrong: a worker is missing, a source cannot be read,
    #: rounds fail, dead letters have no more room.
    DEGRADED = 5
    #: A worker could not build its components: an import, a constructor, open or prepare raised.
    BOOT_FAILED = 6
    #: The run began and had to give up; what was not acked is replayed by the next run.
    RUN_FAILED = 7
    #: A fault of Waterspout itself; the only one that comes with a traceback of ours.
    INTERNAL = 70
    #: Standard output could not be written: it is closed, its disk is full, or its reader went
    #: away. A run goes on to its end first, and its state is kept: it ends so when all else went
    #: well; that its reader (``head``) went away is no reason.
    UNWRITTEN = 74
    #: Stopped at once (a second Ctrl-C); what was not acked is replayed by the next run.
    STOPPED = 130


#: ``outcome`` of a run -> exit code.
OUTCOMES: dict[str, ExitCode] = {
    "finished": ExitCode.OK,
    "drained": ExitCode.OK,
    "stopped": ExitCode.STOPPED,
    "boot_failed": ExitCode.BOOT_FAILED,
    "failed": ExitCode.RUN_FAILED,
}

#: ``health`` of a running topology -> exit code of ``status``.
HEALTHS: dict[str, ExitCode] = {
    "healthy": ExitCode.OK,
    "degraded": ExitCode.DEGRADED,
    "stalled": ExitCode.STALLED,
}


def worst(codes: list[ExitCode]) -> ExitCode:
    """Return the one to end with when several topologies were asked."""
    order = [ExitCode.OK, ExitCode.DEGRADED, ExitCode.STALLED, ExitCode.UNREACHABLE]
    return max(codes, key=order.index, default=ExitCode.OK)
