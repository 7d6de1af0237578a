"""The phases of a run: what follows what, and what sends it back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from waterspout.supervisor.phases import STEPS, Phase, Phases, Step
from waterspout.topology.settings import Settings


class Run:
    def __init__(self, levels: int = 2) -> None:
        self.sent: list[dict[str, Any]] = []
        settings = replace(Settings(), drain_timeout_s=30.0, stop_timeout_s=5.0)
        self.phases = Phases(levels, 2, settings, lambda message: self.sent.append(message))
        self.phases.step(Step.GO, 0.0)

    def said(self) -> list[Any]:
        sent, self.sent = self.sent, []
        return [(m["kind"], m["level"]) if "level" in m else m["kind"] for m in sent]

    def finish(self, level: int) -> None:
        for worker in (0, 1):
            self.phases.on_finished(worker, {"level": level}, 1.0)

    def summarise(self) -> None:
        for worker in (0, 1):
            self.phases.on_summaries(worker, {"tasks": {worker: {"n": worker}}}, 1.0)


def test_input_that_ends_finishes_level_by_level_then_summaries_then_the_last_round():
    run = Run(levels=2)
    run.phases.step(Step.INPUT_ENDED, 1.0)
    assert run.said() == [("finish", 0)]
    run.phases.on_finished(0, {"level": 0}, 1.0)
    run.phases.on_finished(0, {"level": 0}, 1.0)
    assert run.said() == []
    run.phases.on_finished(1, {"level": 0}, 1.0)
    assert run.said() == [("finish", 1)]
    run.finish(0)
    assert run.said() == []
    run.finish(1)
    assert run.said() == ["summarise"]
    run.summarise()
    assert run.phases.phase is Phase.CLOSING
    assert run.phases.summaries == {0: {"n": 0}, 1: {"n": 1}}
    assert run.phases.input_ended


def test_a_topology_without_bolts_has_no_level_to_finish():
    run = Run(levels=0)
    run.phases.step(Step.INPUT_ENDED, 1.0)
    assert run.said() == ["summarise"]


def test_levels_start_anew_after_a_loss():
    run = Run(levels=2)
    run.phases.step(Step.INPUT_ENDED, 1.0)
    run.finish(0)
    run.phases.step(Step.LOST, 1.0)
    assert run.phases.phase is Phase.RUNNING
    assert not run.phases.input_ended
    run.said()
    run.phases.step(Step.GO, 1.0)
    run.phases.step(Step.INPUT_ENDED, 1.0)
    assert run.said() == [("finish", 0)]


def test_a_drain_calls_no_finish():
    run = Run()
    run.phases.drain(1.0)
    assert run.said() == ["drain"]
    run.phases.step(Step.DRAINED, 1.0)
    assert run.said() == ["summarise"]
    assert not run.phases.input_ended


def test_a_drain_that_takes_too_long_closes_with_what_there_is():
    run = Run()
    run.phases.drain(100.0)
    run.phases.on_tick(129.9)
    assert run.phases.phase is Phase.DRAINING
    run.phases.on_tick(130.0)
    assert run.phases.phase is Phase.SUMMARISING
    assert not run.phases.overdue(134.9)
    assert run.phases.overdue(135.0)


def test_asking_to_drain_again_does_not_prolong_it():
    run = Run()
    run.phases.drain(100.0)
    run.phases.drain(120.0)
    assert run.said() == ["drain"]
    run.phases.on_tick(130.0)
    assert run.phases.phase is Phase.SUMMARISING


def test_a_loss_while_closing_a_drain_goes_on_draining():
    run = Run()
    run.phases.drain(1.0)
    run.phases.step(Step.DRAINED, 1.0)
    run.summarise()
    run.phases.step(Step.LOST, 1.0)
    assert run.phases.phase is Phase.DRAINING


def test_summaries_that_do_not_come_are_not_waited_for_long():
    run = Run(levels=0)
    run.phases.step(Step.INPUT_ENDED, 10.0)
    run.phases.on_tick(15.0)
    assert run.phases.phase is Phase.SUMMARISING
    run.phases.on_tick(15.1)
    assert run.phases.phase is Phase.CLOSING


def test_rounds_go_on_while_running_and_draining_only():
    run = Run()
    wanted = []
    for phase in Phase:
        run.phases.phase = phase
        if run.phases.rounds_wanted:
            wanted.append(phase)
    assert wanted == [Phase.RUNNING, Phase.DRAINING]


def test_a_step_that_does_not_belong_changes_nothing():
    run = Run()
    run.phases.step(Step.SUMMARIES_IN, 1.0)
    assert run.phases.phase is Phase.RUNNING
    assert run.said() == []


def test_every_phase_before_the_end_can_be_stopped_and_every_phase_is_reached():
    stoppable = {phase for phase, step in STEPS if step is Step.STOP}
    assert stoppable == set(Phase) - {Phase.STOPPING, Phase.DONE}
    assert set(STEPS.values()) | {Phase.STARTING} == set(Phase)
