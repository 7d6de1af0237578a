"""States of a worker on its host, as the supervisor has them: the table, and nothing else."""

from __future__ import annotations

from enum import StrEnum


class HostState(StrEnum):
    """Where a worker of this host stands; the words of ``beat``."""

    PREPARING = "preparing"  #: its code and environment are fetched and made
    STARTING = "starting"  #: its process is started, it has not registered yet
    RUNNING = "running"  #: it registered, or was found running by a supervisor that came back
    BACKOFF = "backoff"  #: it could not be prepared or started, and is tried again later
    STOPPING = "stopping"  #: killed; its process is not gone yet
    EXITED = "exited"  #: its process is gone; told until no wish has the incarnation
    FATAL = "fatal"  #: trying again would not help


class HostEvent(StrEnum):
    """What happens to a worker of this host."""

    PREPARED = "prepared"
    FAILED = "failed"  #: this time; it is tried again
    DUE = "due"  #: the wait of BACKOFF is over
    REGISTERED = "registered"
    REFUSED = "refused"  #: for good: not allowed, cannot be made, has no right to a file
    KILL = "kill"  #: it has a process
    CANCEL = "cancel"  #: killed, and there is no process
    EXITED = "exited"


_S, _E = HostState, HostEvent
#: (state, event) -> state; a pair that is not here is a fault of ours.
TRANSITIONS: dict[tuple[HostState, HostEvent], HostState] = {
    (_S.PREPARING, _E.PREPARED): _S.STARTING,
    (_S.PREPARING, _E.FAILED): _S.BACKOFF,
    (_S.PREPARING, _E.REFUSED): _S.FATAL,
    (_S.PREPARING, _E.CANCEL): _S.EXITED,
    (_S.STARTING, _E.FAILED): _S.BACKOFF,
    (_S.STARTING, _E.REGISTERED): _S.RUNNING,
    (_S.STARTING, _E.REFUSED): _S.FATAL,
    (_S.STARTING, _E.KILL): _S.STOPPING,
    (_S.STARTING, _E.CANCEL): _S.EXITED,
    (_S.STARTING, _E.EXITED): _S.EXITED,
    (_S.RUNNING, _E.REGISTERED): _S.RUNNING,
    (_S.RUNNING, _E.REFUSED): _S.FATAL,
    (_S.RUNNING, _E.KILL): _S.STOPPING,
    (_S.RUNNING, _E.EXITED): _S.EXITED,
    (_S.BACKOFF, _E.DUE): _S.PREPARING,
    (_S.BACKOFF, _E.REFUSED): _S.FATAL,
    (_S.BACKOFF, _E.CANCEL): _S.EXITED,
    (_S.STOPPING, _E.REGISTERED): _S.STOPPING,
    (_S.STOPPING, _E.REFUSED): _S.STOPPING,
    (_S.STOPPING, _E.KILL): _S.STOPPING,
    (_S.STOPPING, _E.EXITED): _S.EXITED,
    (_S.EXITED, _E.REGISTERED): _S.EXITED,
    (_S.EXITED, _E.REFUSED): _S.EXITED,
    (_S.EXITED, _E.CANCEL): _S.EXITED,
    (_S.FATAL, _E.REGISTERED): _S.FATAL,
    (_S.FATAL, _E.REFUSED): _S.FATAL,
    (_S.FATAL, _E.KILL): _S.STOPPING,
    (_S.FATAL, _E.CANCEL): _S.EXITED,
    (_S.FATAL, _E.EXITED): _S.FATAL,
}
