"""The end of the input: levels finish in order; under at-most-once marks tell when."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.log_lines import where

from .cores import Cores, plan_of

CHAIN = {"source": 1, "first": 1, "second": 1}
ONCE: Any = {"guarantee": "at-most-once"}


def grant(cores: Cores) -> int:
    """Answer every reservation; return how many there were."""
    asked = 0
    for worker, said in enumerate(cores.said):
        for message in [m for m in said if m["kind"] == "reserve"]:
            said.remove(message)
            cores.tell("reserved", worker, id=message["id"])
            asked += 1
    return asked


def test_what_finish_emits_is_worked_through_before_the_level_is_said_to_be_finished() -> None:
    cores = Cores(plan_of(CHAIN))
    cores.go()
    cores.turns(3)
    cores.tell("finish", level=0)
    cores.turns(4)
    assert [message["level"] for message in cores.heard("finished")] == [0]
    assert cores.made[3].got[-1] == -1
    assert cores.made[3].got.count(-1) == 1


def test_only_the_level_that_was_told_finishes() -> None:
    cores = Cores(plan_of(CHAIN))
    cores.go()
    cores.tell("finish", level=0)
    cores.turns(4)
    assert not cores.bolt("second").own_calls.finish_done
    cores.tell("finish", level=1)
    cores.turns(4)
    assert [message["level"] for message in cores.heard("finished")] == [0, 1]


def test_a_new_epoch_forgets_what_was_to_finish() -> None:
    cores = Cores(plan_of(CHAIN))
    cores.go()
    cores.cores[0].finish.level = 0
    cores.tell("epoch", epoch=8)
    assert cores.cores[0].finish.level is None


def test_at_most_once_sends_nothing_before_its_positions_are_durable() -> None:
    cores = Cores(plan_of(CHAIN, **ONCE))
    cores.go()
    cores.turns(4)
    (asked,) = cores.heard("reserve")
    assert asked["positions"] == {"p0": [6, []]}
    assert (asked["task"], asked["messages"]) == (1, 6)
    assert cores.made[2].got == []
    grant(cores)
    cores.turns(2)
    assert cores.made[2].got == list(range(6))


def test_at_most_once_finishes_behind_the_last_row_even_on_another_worker() -> None:
    cores = Cores(plan_of(CHAIN, workers=2, **ONCE))
    cores.go()
    cores.turns(3)
    cores.tell("finish", level=0)
    cores.turns(6)
    assert not cores.heard("finished", worker=1)  # the input has not even gone out
    grant(cores)
    cores.turns(10)
    levels = [m["level"] for said in cores.said for m in said if m["kind"] == "finished"]
    assert levels == [0, 0]
    assert cores.made[2].got == list(range(6))
    assert cores.made[3].got == [*range(6), -1]


def test_at_most_once_does_not_finish_a_bolt_that_has_not_got_to_its_last_rows() -> None:
    cores = Cores(plan_of(CHAIN, **ONCE))
    cores.go()
    cores.turns(3)
    first = cores.bolt("first")
    run, first.run = first.run, lambda: False
    grant(cores)
    cores.tell("finish", level=0)
    cores.turns(4)
    assert first.queue
    assert not cores.heard("finished")
    first.run = run
    cores.turns(4)
    assert len(cores.heard("finished")) == 1


def test_what_is_durable_is_so_in_every_epoch() -> None:
    """The coordinator may have been started anew, in an epoch that nobody was told of."""
    cores = Cores(plan_of(CHAIN, **ONCE))
    cores.go()
    cores.turns(3)
    (asked,) = cores.heard("reserve")
    cores.tell("reserved", id=asked["id"], epoch=cores.cores[0].epoch + 1)
    cores.turns(2)
    assert cores.made[2].got == list(range(6))


def test_a_spout_that_cannot_seek_reserves_nothing() -> None:
    cores = Cores(plan_of(CHAIN, replay="none", **ONCE))
    cores.go()
    cores.turns(3)
    assert not cores.heard("reserve")
    assert cores.made[2].got == list(range(6))


def test_an_answer_nobody_asked_for_is_ignored() -> None:
    cores = Cores(plan_of(CHAIN, **ONCE))
    cores.go()
    cores.tell("reserved", id=99)
    cores.turns(3)
    assert cores.made[2].got == []


def test_what_is_logged_at_the_end_is_of_the_task_that_logs_it() -> None:
    seen: list[str] = []
    cores = Cores(plan_of(CHAIN))
    cores.go()
    cores.turns(3)
    bolt = cores.bolt("first").bolt
    bolt.finish = lambda: seen.append(f"finish {where()}")
    bolt.summary = lambda: seen.append(f"summary {where()}")
    bolt.cleanup = lambda: seen.append(f"cleanup {where()}")
    cores.tell("finish", level=0)
    cores.turns(4)
    cores.tell("summarise")
    cores.cores[0].end()
    task = cores.bolt("first").task
    assert seen == [f"{each} first.{task}" for each in ("finish", "summary", "cleanup")]
    assert where() == "-"
