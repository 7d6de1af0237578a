"""Totals of a task over all incarnations of its worker."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.supervisor.tallies import Tally

from ..each_case import each_case


def spout(**report: Any) -> Tally:
    tally = Tally(1, "lines", "spout", seeks=True)
    if report:
        tally.update(report, 1, 1.0)
    return tally


def test_totals_go_on_over_incarnations():
    tally = spout(emitted=100, acked=80, failed=2, latency={4: 80})
    tally.durable = 80
    tally.end_incarnation(drawn=None, drawn_since_max=10)
    assert (tally.total("acked"), tally.gauge("pending")) == (80, 0)
    tally.update({"emitted": 30, "acked": 25, "latency": {4: 20, 8: 5}}, 2, 2.0)
    assert (tally.total("emitted"), tally.total("acked"), tally.total("failed")) == (130, 105, 2)
    assert tally.latency() == {4: 100, 8: 5}


def test_what_was_acked_but_not_durable_is_taken_back_when_the_worker_dies():
    tally = spout(emitted=100, acked=80)
    tally.durable = 60
    tally.end_incarnation(drawn=100, drawn_since_max=0)
    assert (tally.total("acked"), tally.twice()) == (60, 40)


def test_no_more_is_acked_than_was_emitted_whatever_was_told_last():
    tally = spout(emitted=50, acked=40)
    tally.made_durable(60, 5)
    assert (tally.total("emitted"), tally.total("acked")) == (65, 60)


def test_a_committed_round_counts_more_than_an_older_report():
    tally = spout(emitted=100, acked=50)
    tally.durable = 90
    assert tally.total("acked") == 90
    tally.end_incarnation(drawn=100, drawn_since_max=0)
    assert tally.total("acked") == 90
    tally.update({"acked": 10}, 2, 2.0)
    assert tally.total("acked") == 100


@each_case(
    "report, drawn, twice",
    [
        # emitted until the end is known: what of it is not settled may come twice
        ({"emitted": 100, "acked": 80, "dead": 5}, 140, 55),
        # it is not known: what one spout task may have in flight is added
        ({"emitted": 100, "acked": 80, "dead": 5}, None, 15 + 1000),
        # replays in that incarnation happened for sure
        ({"emitted": 0, "acked": 0, "replayed": 7}, 0, 7),
        # it never reported, so never was told to go
        ({}, None, 0),
    ],
)
def test_what_a_dead_incarnation_left_open_may_come_twice(
    report: dict[str, int], drawn: int | None, twice: int
):
    tally = spout(**report)
    tally.made_durable(report.get("acked", 0), report.get("dead", 0))
    tally.end_incarnation(drawn, drawn_since_max=1000)
    assert tally.twice() == twice


def test_what_a_living_worker_had_drawn_takes_the_place_of_the_guess():
    #  100 reported, 103 drawn until all went back; 60 are durable: 43 come again, not 1040
    tally = spout(emitted=100, acked=90)
    tally.made_durable(60, 0)
    tally.end_incarnation(drawn=None, drawn_since_max=1000)
    assert tally.twice() == 1040
    tally.drew(103)
    assert (tally.total("emitted"), tally.total("replayed"), tally.twice()) == (103, 43, 43)
    tally.drew(7)
    assert tally.twice() == 43, "once"


def test_what_was_drawn_counts_although_no_report_told_of_it():
    tally = spout()
    tally.report = {}
    tally.end_incarnation(drawn=None, drawn_since_max=1000)
    assert tally.twice() == 0
    # It is restored once more before its worker answers: nothing was drawn in between.
    tally.end_incarnation(drawn=None, drawn_since_max=1000)
    tally.drew(12)
    assert (tally.twice(), tally.total("emitted")) == (12, 12)


def test_what_is_known_of_a_dead_worker_is_not_corrected():
    tally = spout(emitted=10, acked=5)
    tally.end_incarnation(drawn=12, drawn_since_max=1000)
    tally.end_incarnation(drawn=None, drawn_since_max=1000)
    tally.drew(0)
    assert tally.twice() == 12


def test_what_is_worked_through_is_undone_until_a_round_has_it():
    tally = spout(emitted=100, acked=90, dead=5, pending=5, worked_through=95)
    assert tally.undone() == 95
    tally.made_durable(60, 5)
    assert tally.undone() == 30
    tally.made_durable(90, 5)  # the round is known before the next report
    assert tally.undone() == 0


def test_replays_of_a_living_incarnation_are_added():
    tally = spout(emitted=10, acked=4)
    tally.durable = 4
    tally.end_incarnation(drawn=10, drawn_since_max=1000)
    tally.update({"replayed": 3}, 2, 2.0)
    assert tally.twice() == 9


def test_what_the_successor_draws_again_is_replayed_and_counted_once():
    #  100 reported, 140 drawn, of these 20 again; 60 acked and 2 dead for good: 78 come again
    tally = spout(emitted=100, acked=90, dead=5, replayed=15)
    tally.made_durable(60, 2)
    tally.end_incarnation(drawn=140, drawn_since_max=1000)
    assert (tally.total("emitted"), tally.total("acked"), tally.total("dead")) == (140, 60, 2)
    assert tally.total("replayed") == tally.twice() == 78
    tally.update({"emitted": 78, "acked": 75, "dead": 3}, 2, 2.0)
    messages = tally.total("acked") + tally.total("dead")
    assert tally.total("emitted") - tally.total("replayed") == messages == 140


def test_of_a_spout_that_does_not_seek_nobody_knows_what_comes_again():
    tally = Tally(1, "queue", "spout")
    tally.update({"emitted": 100, "replayed": 4}, 1, 1.0)
    tally.made_durable(60, 0)
    tally.end_incarnation(drawn=100, drawn_since_max=1000)
    assert (tally.total("replayed"), tally.twice()) == (4, 40)


def test_capacity_is_the_busy_share_of_the_last_window():
    tally = Tally(2, "count", "bolt")
    tally.update({"busy_s": 10.0}, 1, 100.0)
    assert tally.capacity == 0.0
    tally.update({"busy_s": 10.2}, 1, 100.25)
    assert tally.capacity == pytest.approx(0.8)
    tally.update({"busy_s": 19.0}, 1, 100.5)
    assert tally.capacity == 1.0


@pytest.mark.parametrize(("drawn", "skipped", "emitted"), [(140, 60, 140), (None, 100, 100)])
def test_what_was_reserved_and_not_sent_is_skipped_and_nothing_comes_twice(
    drawn: int | None, skipped: int, emitted: int
):
    tally = spout(emitted=100, acked=100, reserved=80)
    assert (tally.skipped(), tally.reserved) == (80, 180)
    tally.reserved = 200
    tally.end_incarnation(drawn, drawn_since_max=1000)
    assert (tally.skipped(), tally.twice()) == (skipped, 0)
    assert (tally.total("emitted"), tally.total("acked")) == (emitted, emitted)
    tally.update({"emitted": 5, "acked": 5, "reserved": 7}, 2, 2.0)
    assert (tally.total("acked"), tally.skipped()) == (emitted + 5, skipped + 7)


# A loss ends an epoch: the tasks of other workers take back what is not durable, too.


def test_what_a_survivor_will_take_back_does_not_count_from_the_loss_on():
    tally = spout(emitted=100, acked=90, dead=4, replayed=2, pending=4, worked_through=50)
    tally.made_durable(40, 3)
    tally.lost_epoch = 1
    shown = [tally.total(name) for name in ("emitted", "acked", "dead", "replayed")]
    assert shown == [100, 41, 3, 56], "50 worked through, one of them dead, and 4 pending"
    assert (tally.pending(), tally.undone()) == (0, 0)
    tally.update({**tally.report, "emitted": 110, "acked": 100, "worked_through": 60}, 1, 2.0)
    assert tally.total("acked") == 41, "what it does before it hears of the new epoch is in vain"
    tally.update({"emitted": 110, "acked": 41, "dead": 3, "replayed": 66, "pending": 0}, 2, 3.0)
    assert [tally.total(name) for name in ("emitted", "acked", "replayed")] == [110, 41, 66]


def test_a_spout_that_does_not_seek_tries_again_later_what_is_taken_back():
    tally = Tally(1, "queue", "spout")
    tally.update({"emitted": 10, "acked": 6, "worked_through": 6, "pending": 4}, 1, 1.0)
    tally.lost_epoch = 1
    assert (tally.total("acked"), tally.total("replayed"), tally.pending()) == (0, 0, 0)


def test_where_nothing_keeps_state_a_survivor_takes_nothing_back():
    tally = spout(emitted=10, acked=10, worked_through=0)
    tally.lost_epoch = 1
    assert tally.total("acked") == 10


def test_what_is_shown_beside_each_other_is_of_one_report() -> None:
    tally = spout(emitted=10, acked=4, pending=6)
    tally.made_durable(9, 0)  # the round is known before the next report
    assert tally.total("acked") == 9
    assert [tally.shown(name) for name in ("emitted", "acked")] == [10, 4]
    assert tally.pending() == 6, "0 or 1 would say that all is through"


def test_the_first_unacked_message_stays_until_the_successor_has_one():
    tally = spout(emitted=10, acked=4, first_unacked=["p", 7, 0.5, 0.1, 77])
    tally.end_incarnation(drawn=10, drawn_since_max=0)
    assert tally.first_unacked() == (["p", 7, 0.5], 1.0)
    tally.update({"emitted": 0, "first_unacked": None}, 2, 2.0)
    assert tally.first_unacked() == (["p", 7, 0.5], 1.0), "it draws nothing yet"
    tally.update({"emitted": 3, "first_unacked": ["p", 7, 0.1]}, 2, 3.0)
    assert tally.first_unacked() == (["p", 7, 0.1], 3.0)
    tally.update({"emitted": 9, "first_unacked": None}, 2, 4.0)
    assert tally.first_unacked() is None, "all that it emitted is durable"


def test_at_the_end_of_the_input_there_is_no_first_unacked_message():
    tally = spout(emitted=10, acked=10, first_unacked=["p", 7, 0.5])
    tally.end_incarnation(drawn=10, drawn_since_max=0)
    tally.update({"emitted": 0, "exhausted": True}, 2, 2.0)
    assert tally.first_unacked() is None


def test_a_survivor_that_reads_nothing_yet_has_the_first_message_that_it_had():
    tally = spout(emitted=10, acked=4, first_unacked=["p", 7, 0.5])
    tally.update({"emitted": 10, "acked": 4, "first_unacked": None}, 2, 2.0)
    assert tally.first_unacked() == (["p", 7, 0.5], 1.0)
