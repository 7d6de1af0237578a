"""Dead letters of a worker: told to the store, counted once stored, and sent again."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.topology.control_frames import Failure

from .core_rig import CLASSES, Cores, Double, plan_of


class Fails7(Double):
    """Cannot work on 7."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = {7}


def start(**settings: Any) -> Cores:
    plan = plan_of(stateful=False, attempts_max=2, backoff_min_s=0.1, **settings)
    cores = Cores(plan, {**CLASSES, "double": Fails7})
    cores.start()
    cores.run()
    return cores


def spout_task(cores: Cores) -> int:
    task: int = cores.spout().task
    return task


def frozen(cores: Cores, round_: int) -> Any:
    """Begin a round; return the letters that are done with it."""
    cores.of("frozen")
    cores.tell(0, "freeze", round=round_)
    cores.run(1)
    (message,) = cores.of("frozen")
    assert message["changed"] or not message["letters"]
    return message["letters"]


def test_a_message_that_had_all_attempts_is_told_with_what_a_reader_needs() -> None:
    cores = start()
    (message,) = cores.of("dead_letters")
    (record,) = message["records"]
    assert record["component"] == "numbers" and record["failed_component"] == "double"
    assert (record["partition"], record["start"], record["end"]) == ("p", 7, 8)
    assert (record["values"], record["stream"], record["attempts"]) == ([7], "default", 2)
    assert record["reason"] == "ValueError: bad 7"
    assert "process" in record["traceback"]


def test_a_dead_letter_counts_only_once_it_is_stored() -> None:
    cores = start()
    (message,) = cores.of("dead_letters")
    ledger = cores.spout().ledger
    assert (ledger.dead, ledger.acked, cores.spout().drained()) == (0, 39, False)
    assert ledger.positions_of("p").first_unacked == 7
    cores.tell(0, "dead_letters_stored", id=message["id"])
    assert (ledger.dead, ledger.acked, cores.spout().drained()) == (1, 39, True)
    assert ledger.positions_of("p").first_unacked == 40


def test_an_answer_that_comes_twice_or_to_nothing_changes_nothing() -> None:
    cores = start()
    (message,) = cores.of("dead_letters")
    for number in (message["id"], message["id"], 999):
        cores.tell(0, "dead_letters_stored", id=number)
    assert cores.spout().ledger.dead == 1


def test_a_letter_that_gets_through_when_it_is_sent_again_is_forgotten() -> None:
    cores = start()
    cores.of("dead_letters")
    cores.made["double", 0].bad = set()
    cores.tell(0, "replay", replays={spout_task(cores): [[5, "default", [7]]]})
    cores.run(5)
    assert cores.seen()[7] == 2
    assert cores.cores[0].letters.idle
    assert frozen(cores, 1) == [5]
    cores.tell(0, "durable", round=1)
    assert frozen(cores, 2) == []


def test_a_letter_is_told_of_again_when_its_round_was_given_up() -> None:
    cores = start()
    cores.made["double", 0].bad = set()
    cores.tell(0, "replay", replays={spout_task(cores): [[5, "default", [7]]]})
    cores.run(5)
    assert frozen(cores, 1) == [5]
    cores.tell(0, "abort", round=1)
    assert frozen(cores, 2) == [5]


@pytest.mark.parametrize("durable", [True, False])
def test_a_letter_whose_round_was_not_complete_when_the_epoch_rose_is_sent_again(
    durable: bool,
) -> None:
    cores = start()
    cores.made["double", 0].bad = set()
    cores.tell(0, "replay", replays={spout_task(cores): [[5, "default", [7]]]})
    cores.run(5)
    assert frozen(cores, 1) == [5]
    cores.epoch += 1
    cores.tell(
        0, "epoch", peers=cores.peers(), durable_round=1 if durable else None, roots=[]
    )
    cores.run(2)
    cores.tell(0, "go")
    cores.run(5)
    assert cores.seen()[7] == (2 if durable else 4)
    assert frozen(cores, 2) == ([] if durable else [5])


def test_a_letter_that_is_at_work_or_not_durable_is_not_sent_twice() -> None:
    cores = start()
    cores.made["double", 0].bad = set()
    for turns in (0, 5, 5):
        cores.tell(0, "replay", replays={spout_task(cores): [[5, "default", [7]]]})
        cores.run(turns)
    assert cores.seen()[7] == 2


def test_a_letter_that_fails_again_stays_and_is_no_message_of_the_ledger() -> None:
    cores = start()
    failed = cores.spout().ledger.failed
    cores.of("dead_letters")
    cores.tell(0, "replay", replays={spout_task(cores): [[5, "default", [7]]]})
    cores.run(5)
    assert frozen(cores, 1) == []
    (message,) = cores.of("dead_letters")
    assert message["records"][0]["replay_of"] == 5
    assert cores.spout().ledger.failed == failed and cores.cores[0].letters.idle


@pytest.mark.parametrize(
    ("stream", "values", "why"),
    [
        ("gone", [7], "no stream 'gone'"),
        ("default", [7, 8], "2 values for the fields ['n']"),
        ("default", None, "0 values for the fields ['n']"),
    ],
)
def test_a_letter_that_no_longer_fits_the_topology_stays_with_the_reason(
    stream: str, values: Any, why: str
) -> None:
    cores = start()
    cores.of("dead_letters")
    cores.tell(0, "replay", replays={spout_task(cores): [[5, stream, values]]})
    cores.run(5)
    (message,) = cores.of("dead_letters")
    assert why in message["records"][0]["reason"]


def test_replays_under_way_when_the_epoch_rises_are_sent_again() -> None:
    cores = start()
    cores.made["double", 0].bad = set()
    cores.tell(0, "replay", replays={spout_task(cores): [[5, "default", [7]]]})
    core = cores.cores[0]
    core.order[0].blocked = lambda: True
    cores.run(1)
    assert not core.letters.idle
    cores.epoch += 1
    cores.tell(0, "epoch", peers=cores.peers(), durable_round=None, roots=[])
    cores.run(2)
    core.order[0].blocked = lambda: False
    cores.tell(0, "go")
    cores.run(5)
    assert frozen(cores, 1) == [5]


def test_a_round_in_which_only_a_letter_got_through_is_worth_it() -> None:
    cores = start()
    assert frozen(cores, 1) == []
    cores.tell(0, "durable", round=1)
    # What worked on it was counted before the round, its tree ended after it.
    assert not cores.cores[0].rounds.news
    cores.cores[0].letters._worked.append((spout_task(cores), 5, "default", [7]))
    assert cores.cores[0].rounds.news
    assert frozen(cores, 2) == [5]


def test_a_call_of_a_bolt_that_was_given_up_has_a_name_of_its_own() -> None:
    cores = start()
    bolt = next(b for b in cores.cores[0].order if b.component == "double")
    cores.of("dead_letters")
    failure = Failure(1, "double", 2, "why", "where")
    for values in (["k", 1], ["k", 1], ["k", 2]):
        bolt.own.bury_call(7, "on_timer", values, 3, failure)
    bolt.own.bury_values(7, "finish", ["k", 1], 1, failure)
    said = [m for m in cores.cores[0].control_outbox if m["kind"] == "dead_letters"]
    records = [record for message in said for record in message["records"]]
    assert [(r["stream"], r["values"], r["attempts"], r["partition"]) for r in records] == [
        ("on_timer", ["k", 1], 3, None), ("on_timer", ["k", 1], 3, None),
        ("on_timer", ["k", 2], 3, None), ("finish", ["k", 1], 1, None),
    ]  # fmt: skip
    names = [record.get("request") for record in records]
    assert names[0] == names[1] != names[2] and names[3] is None
