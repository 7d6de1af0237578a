"""The table of a host's workers: what it says of every end."""

from __future__ import annotations

from waterspout.supervisor.cluster.host_protocol import STATES
from waterspout.supervisor.cluster.host_states import TRANSITIONS, HostEvent, HostState

from ...each_case import each_case


def test_the_states_are_the_words_of_a_beat() -> None:
    assert {str(state) for state in HostState} == set(STATES)


def test_only_what_has_no_process_can_be_cancelled_and_only_what_has_one_is_killed() -> None:
    for state in (HostState.PREPARING, HostState.BACKOFF):
        assert (state, HostEvent.KILL) not in TRANSITIONS
        assert TRANSITIONS[state, HostEvent.CANCEL] is HostState.EXITED
    for state in (HostState.STARTING, HostState.RUNNING, HostState.FATAL):
        assert TRANSITIONS[state, HostEvent.KILL] is HostState.STOPPING


@each_case("event", list(HostEvent))
def test_nothing_brings_a_worker_back_that_has_exited(event: HostEvent) -> None:
    assert TRANSITIONS.get((HostState.EXITED, event), HostState.EXITED) is HostState.EXITED
