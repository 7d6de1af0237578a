"""The life of one topology in the cluster, as a table: (state, event) -> state and actions.

                 PLACED            PAUSE/RESUME
    WAITING -----------> ACTIVE <-----------------> PAUSED
                          |  |  \\
                     KILL |  |   \\ MOVE (rebalance, swap)
                          v  |    v
                    KILLING  |  QUIESCING --DRAINED--> SWITCHING --RUNNING--> ACTIVE
                          |  |                             | CANNOT_BOOT
                     DONE v  v DONE                        v
                        ENDED                        ROLLING_BACK --RUNNING--> ACTIVE

A state is stored before its actions are done, and every action may be done again: a coordinator
that comes back goes on from the stored state with ``resume_actions``.
"""

from __future__ import annotations

from enum import StrEnum


class LifeState(StrEnum):
    """Where a topology stands."""

    WAITING = "waiting"  #: not enough slots yet
    ACTIVE = "active"
    PAUSED = "paused"  #: spouts are held, workers live
    KILLING = "killing"  #: drains, then ends
    QUIESCING = "quiescing"  #: drains for a move
    SWITCHING = "switching"  #: the new plan starts
    ROLLING_BACK = "rolling back"  #: the new plan did not start, the old one does
    ENDED = "ended"


class LifeEvent(StrEnum):
    """What happens to a topology."""

    PLACED = "placed"  #: every worker has a host
    UNPLACED = "unplaced"  #: a worker has none, before all were running
    RUNNING = "running"  #: all workers are ready, spouts go
    PAUSE = "pause"
    RESUME = "resume"
    KILL = "kill"
    KILL_NOW = "kill now"
    MOVE = "move"  #: rebalance or swap
    DRAINED = "drained"  #: the driver ended, all that is durable is kept, input is left
    DONE = "done"  #: the driver ended: finished, stopped or failed
    CANNOT_BOOT = "cannot boot"  #: boot failed, or not running within boot_timeout


class LifeAction(StrEnum):
    """What the shell does; each may be done again."""

    START = "start"  #: make a driver of the plan, go on with known workers
    PAUSE = "pause"  #: hold the spouts
    UNPAUSE = "unpause"
    DRAIN = "drain"  #: ask the driver for a drain
    STOP = "stop"  #: ask the driver for an end at once
    SWITCH = "switch"  #: keep the old plan as ``previous``, remap the store, take the new plan
    RESTORE = "restore"  #: back to ``previous``
    KEEP = "keep"  #: the new plan runs: forget ``previous`` after its first round
    FREE = "free"  #: end the driver, give the slots back


_S, _E, _A = LifeState, LifeEvent, LifeAction
_KILL = {
    _E.KILL: (_S.KILLING, (_A.DRAIN,)),
    _E.KILL_NOW: (_S.KILLING, (_A.STOP,)),
}
_DONE = {_E.DONE: (_S.ENDED, (_A.FREE,)), _E.CANNOT_BOOT: (_S.ENDED, (_A.FREE,))}

#: state -> event -> (state, actions). What is not here is refused (requests) or ignored.
TRANSITIONS: dict[LifeState, dict[LifeEvent, tuple[LifeState, tuple[LifeAction, ...]]]] = {
    _S.WAITING: {
        _E.PLACED: (_S.ACTIVE, ()),
        _E.RUNNING: (_S.ACTIVE, ()),
        _E.PAUSE: (_S.PAUSED, (_A.PAUSE,)),
        _E.KILL: (_S.KILLING, (_A.STOP,)),
        _E.KILL_NOW: (_S.KILLING, (_A.STOP,)),
        _E.DRAINED: (_S.ENDED, (_A.FREE,)),
        **_DONE,
    },
    _S.ACTIVE: {
        _E.UNPLACED: (_S.WAITING, ()),
        _E.RUNNING: (_S.ACTIVE, (_A.KEEP,)),
        _E.PAUSE: (_S.PAUSED, (_A.PAUSE,)),
        _E.MOVE: (_S.QUIESCING, (_A.DRAIN,)),
        _E.DRAINED: (_S.ENDED, (_A.FREE,)),
        **_KILL,
        **_DONE,
    },
    _S.PAUSED: {
        _E.RESUME: (_S.ACTIVE, (_A.UNPAUSE,)),
        _E.MOVE: (_S.QUIESCING, (_A.DRAIN,)),
        _E.DRAINED: (_S.ENDED, (_A.FREE,)),
        **_KILL,
        **_DONE,
    },
    _S.KILLING: {
        _E.KILL_NOW: (_S.KILLING, (_A.STOP,)),
        _E.DRAINED: (_S.ENDED, (_A.FREE,)),
        **_DONE,
    },
    _S.QUIESCING: {
        _E.DRAINED: (_S.SWITCHING, (_A.SWITCH, _A.START)),
        **_KILL,
        **_DONE,
    },
    _S.SWITCHING: {
        _E.RUNNING: (_S.ACTIVE, (_A.KEEP,)),
        _E.CANNOT_BOOT: (_S.ROLLING_BACK, (_A.RESTORE, _A.START)),
        _E.DRAINED: (_S.ENDED, (_A.FREE,)),
        _E.DONE: (_S.ENDED, (_A.FREE,)),
        **_KILL,
    },
    _S.ROLLING_BACK: {
        _E.RUNNING: (_S.ACTIVE, (_A.KEEP,)),
        _E.DRAINED: (_S.ENDED, (_A.FREE,)),
        **_KILL,
        **_DONE,
    },
    _S.ENDED: {},
}

#: What a coordinator that comes back does for a topology that it finds in a state.
RESUMED: dict[LifeState, tuple[LifeAction, ...]] = {
    _S.WAITING: (_A.START,),
    _S.ACTIVE: (_A.START,),
    _S.PAUSED: (_A.START, _A.PAUSE),
    _S.KILLING: (_A.START, _A.DRAIN),
    _S.QUIESCING: (_A.START, _A.DRAIN),
    _S.SWITCHING: (_A.SWITCH, _A.START),
    _S.ROLLING_BACK: (_A.RESTORE, _A.START),
    _S.ENDED: (),
}


class WrongState(Exception):
    """The event is not possible in the state that the topology is in."""

    def __init__(self, state: LifeState, event: LifeEvent) -> None:
        what = "swap or rebalance" if event is LifeEvent.MOVE else str(event)
        super().__init__(f"it is {state}: {what} is not possible now")
        self.state, self.event = state, event


def step(state: LifeState, event: LifeEvent) -> tuple[LifeState, tuple[LifeAction, ...]]:
    """Return the state after an event, and what is to be done once it is stored.

    Raises:
        WrongState: the pair is not in the table.
    """
    found = TRANSITIONS[state].get(event)
    if found is None:
        raise WrongState(state, event)
    return found


def takes(state: LifeState, event: LifeEvent) -> bool:
    """Say whether the pair is in the table."""
    return event in TRANSITIONS[state]
