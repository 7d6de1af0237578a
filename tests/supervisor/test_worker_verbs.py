"""What a worker does on a word of the coordinator: pause, drain, say how far it is."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.topology.component import Context

from .core_rig import CLASSES, Cores, Double, plan_of

PLACE = {"endpoint": "tcp://h:1", "key": "K", "pid": 5}


def here(cores: Cores, worker: int = 0) -> dict[str, Any]:
    """Ask a worker who it is."""
    cores.cores[worker].on_control({"kind": "who"}, cores.now)
    cores.run(1)
    (message,) = cores.of("here")
    return message


def steps(message: dict[str, Any]) -> list[str]:
    return [name for name in ("built", "ready", "going", "finishing") if message[name]]


def test_a_worker_that_was_assigned_nothing_says_so() -> None:
    cores = Cores(plan_of())
    cores.cores[0].verbs.place = PLACE
    assert here(cores) == {
        "kind": "here", **PLACE, "epoch": 0, "round": 0, "built": False, "ready": False,
        "going": False, "finishing": False,
    }  # fmt: skip


def test_a_worker_says_how_far_it_came() -> None:
    """Assigned, ready, going, frozen in round 7, finishing; and all that starts over."""
    cores = Cores(plan_of(2, parallelism=2))
    cores.assign()
    assert steps(here(cores)) == ["built"]
    cores.run(20)
    assert steps(here(cores)) == ["built", "ready"]
    cores.tell_all("go")
    cores.tell_all("freeze", round=7)
    message = here(cores)
    assert (message["epoch"], message["round"]) == (cores.epoch, 7)
    assert steps(message) == ["built", "ready", "going"]
    cores.tell_all("finish", level=0)
    assert steps(here(cores)) == ["built", "ready", "going", "finishing"]
    cores.epoch += 1
    for worker in (0, 1):
        cores.tell(worker, "epoch", peers=cores.peers(), durable_round=None, roots=[])
    assert steps(here(cores)) == ["built"]


def test_summarising_is_finishing_too() -> None:
    cores = Cores(plan_of())
    cores.start()
    cores.tell_all("summarise")
    assert "finishing" in steps(here(cores))


def test_a_pause_holds_new_messages_back_and_its_end_lets_them_come() -> None:
    cores = Cores(plan_of(max_pending=4))
    cores.start()
    cores.run(1)
    cores.tell_all("pause", paused=True)
    cores.run()
    spout = cores.spout()
    held = spout.ledger.emitted
    assert 0 < held < 40
    assert spout.drained(), "what was under way gets through"
    cores.tell_all("pause", paused=False)
    cores.run()
    assert spout.ledger.emitted == 40


def test_the_end_of_a_pause_is_not_the_end_of_a_drain() -> None:
    cores = Cores(plan_of(max_pending=4))
    cores.start()
    cores.run(1)
    cores.tell_all("pause", paused=True)
    cores.tell_all("drain")
    cores.tell_all("pause", paused=False)
    cores.run()
    assert cores.spout().ledger.emitted < 40


def test_a_worker_that_starts_into_a_pause_draws_nothing() -> None:
    cores = Cores(plan_of())
    cores.assign(paused=True)
    cores.run(20)
    cores.tell_all("go")
    cores.run()
    assert cores.spout().ledger.emitted == 0
    cores.tell_all("pause", paused=False)
    cores.run()
    assert cores.spout().ledger.emitted == 40


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_answers_count_in_whatever_epoch_they_come(
    ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator that was started again answers in its new epoch, of which nobody heard yet."""
    cores, heard = Cores(plan_of()), []
    cores.start()
    core = cores.cores[0]
    monkeypatch.setattr(core.letters, "stored", heard.append)
    monkeypatch.setattr(core.finish, "granted", heard.append)
    for number, kind in enumerate(("dead_letters_stored", "reserved")):
        core.on_control({"kind": kind, "id": number, "epoch": cores.epoch + ahead}, cores.now)
    core.on_control({"kind": "freeze", "round": 3, "epoch": cores.epoch + ahead}, cores.now)
    assert heard == [0, 1]
    assert core.rounds.told == (0 if ahead else 3)


@pytest.mark.parametrize(("ahead", "stopped"), [(-1, False), (0, True), (1, True)])
def test_a_stop_of_a_later_epoch_counts_and_that_of_an_earlier_one_does_not(
    ahead: int, stopped: bool
) -> None:
    cores = Cores(plan_of())
    cores.start()
    cores.cores[0].on_control({"kind": "stop", "epoch": cores.epoch + ahead}, cores.now)
    cores.run(40)
    assert cores.cores[0].stopped is stopped


def test_what_waits_for_the_run_to_start_in_earnest_is_called_at_go() -> None:
    class Waiting(Double):
        def prepare(self, context: Context) -> None:
            context.at_go.append(lambda: called.append(context.component))

    called: list[str] = []
    cores = Cores(plan_of(), {**CLASSES, "double": Waiting})
    cores.assign()
    cores.run(20)
    assert cores.of("ready") and not called
    cores.tell_all("go")
    cores.run(1)
    assert called == ["double"]
