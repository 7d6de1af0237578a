"""Places: who is where, who moves when something goes wrong, and what hosts are told of it."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from waterspout.supervisor.cluster.cluster_rows import WorkerRow
from waterspout.supervisor.cluster.places import CUTS_MAX, Places
from waterspout.supervisor.cluster.slots import HostFacts, NoSlots, WorkerNeed


class Board:
    """Places with hosts h0, h1, .. and one topology; incarnations count up."""

    def __init__(self, *slots: int) -> None:
        self.places, self.drawn, self.now = Places(), 0, 0.0
        self.facts = [HostFacts(f"h{n}", count) for n, count in enumerate(slots)]
        self.places.set_hosts(self.facts)

    def want(self, worker: int, id: str = "t", **more: object) -> str | None:
        self.drawn += 1
        need = WorkerNeed(worker, **more)  # type: ignore[arg-type]
        return self.places.want(id, need, self.drawn, self.now)

    def again(self, worker: int, id: str = "t") -> str | None:
        """Its process ended; it starts again."""
        self.places.drop(id, worker)
        return self.want(worker, id)

    def lose(self, host: str) -> list[tuple[str, int, int]]:
        self.facts = [facts for facts in self.facts if facts.name != host]
        self.places.set_hosts(self.facts)
        return self.places.host_lost(host)

    def wish(self, host: str) -> list[tuple[str, int, int, str]]:
        rows = self.places.wish_of(host)[1]
        return [(row.id, row.worker, row.incarnation, row.kill) for row in rows]


@pytest.fixture
def board() -> Board:
    """Two hosts of 2; worker 0 on h0, 1 on h1, 2 on h0."""
    made = Board(2, 2)
    for worker in range(3):
        made.want(worker)
    return made


# --- placing ------------------------------------------------------------------------------------


def test_workers_are_spread_and_in_the_wishes_of_their_hosts(board: Board):
    assert dict(board.places.hosts_of("t")) == {0: "h0", 1: "h1", 2: "h0"}
    assert board.wish("h0") == [("t", 0, 1, ""), ("t", 2, 3, "")]
    assert board.wish("h1") == [("t", 1, 2, "")]
    assert board.wish("elsewhere") == []
    assert dict(board.places.hosts_of("unknown")) == {}


def test_a_new_worker_without_a_slot_waits_and_says_why(board: Board):
    assert board.want(3) == "h1"
    assert board.want(4) is None
    assert board.places.waiting() == [
        ("t", 4, "no free slot for 1 worker: 0 free on the hosts that take workers")
    ]
    board.places.drop("t", 3)
    assert board.want(4) == "h1"
    assert board.places.waiting() == []


def test_wanting_the_same_incarnation_again_changes_nothing(board: Board):
    version = board.places.version_of("h0")
    assert board.places.want("t", WorkerNeed(0), 1, 0.0) == "h0"
    assert board.places.version_of("h0") == version


def test_a_new_incarnation_takes_the_place_of_the_old_one_on_the_same_host(board: Board):
    """Its code, its environment and its snapshots are there."""
    assert board.want(0) == "h0"
    assert board.wish("h0") == [("t", 0, 4, ""), ("t", 2, 3, "")]
    board.want(9, "other")
    assert board.again(1) == "h1"


def test_what_was_planned_together_is_followed_and_neighbours_share_hosts():
    board = Board(3, 3)
    needs = [WorkerNeed(n) for n in range(6)]
    planned = board.places.preview(needs)
    board.places.expect("t", needs)
    assert {n: board.want(n) for n in range(6)} == planned
    assert planned == {0: "h0", 1: "h0", 2: "h0", 3: "h1", 4: "h1", 5: "h1"}


def test_a_plan_that_no_longer_fits_is_not_followed():
    board = Board(2, 2)
    board.places.expect("t", [WorkerNeed(n) for n in range(4)])
    board.want(0, "other")
    board.want(1, "other")
    board.places.drop("other", 1)
    assert [board.want(n) for n in range(4)] == ["h0", "h1", "h1", None]


def test_planning_leaves_those_that_have_a_place_there(board: Board):
    board.places.expect("t", [WorkerNeed(n) for n in range(4)])
    assert dict(board.places.hosts_of("t")) == {0: "h0", 1: "h1", 2: "h0"}
    assert board.want(3) == "h1"


def test_a_preview_keeps_nothing_and_refuses_what_does_not_fit(board: Board):
    assert board.places.preview([WorkerNeed(0)]) == {0: "h1"}
    with pytest.raises(NoSlots):
        board.places.preview([WorkerNeed(n) for n in range(2)])
    assert dict(board.places.hosts_of("t")) == {0: "h0", 1: "h1", 2: "h0"}


def test_hints_of_workers_that_are_there_count():
    board = Board()
    board.places.set_hosts([HostFacts("h0", 9, cpus=2.0), HostFacts("h1", 9, cpus=2.0)])
    for worker in range(2):
        board.want(worker, "a", cpu=2.0)
    board.places.drop("a", 0)
    assert board.want(0, "b", cpu=1.0) == "h0"
    board.places.expect("a", [WorkerNeed(1, cpu=0.0)])
    assert board.want(1, "b", cpu=2.0) == "h1"


# --- what becomes of workers --------------------------------------------------------------------


def test_a_worker_that_is_to_be_killed_stays_in_the_wish_with_the_reason_until_it_is_gone(
    board: Board,
):
    version = board.places.version_of("h0")
    board.places.kill("t", 0, 1, "hung")
    board.places.kill("t", 0, 1, "again")
    board.places.kill("t", 2, 99, "an older incarnation")
    board.places.kill("unknown", 0, 1, "x")
    assert board.wish("h0") == [("t", 0, 1, "hung"), ("t", 2, 3, "")]
    assert board.places.version_of("h0") == version + 1
    board.places.drop("t", 0)
    assert board.wish("h0") == [("t", 2, 3, "")]
    assert board.places.version_of("h0") == version + 2


def test_a_topology_that_ended_gives_all_places_back(board: Board):
    board.want(7, "other")
    board.places.drop("t")
    board.places.drop("t")
    board.places.drop("t", 1)
    assert board.wish("h0") == []
    assert board.wish("h1") == [("other", 7, 4, "")]


def test_versions_are_never_zero_and_change_with_every_wish():
    board = Board(4)
    seen = {0, board.places.version_of("h0")}
    board.want(0)
    for change in (lambda: board.want(1), lambda: board.want(0),
                   lambda: board.places.drop("t", 1), lambda: board.places.drop("t")):
        change()
        assert board.places.version_of("h0") not in seen
        seen.add(board.places.version_of("h0"))


def test_a_coordinator_that_comes_back_knows_all_places():
    board = Board(2, 2)
    board.places.restore([WorkerRow("t", 0, 70, "h1"), WorkerRow("t", 1, 2**64 - 1, "gone")])
    assert board.wish("h1") == [("t", 0, 70, "")]
    assert board.wish("gone") == [("t", 1, 2**64 - 1, "")]
    assert board.again(0) == "h1"


# --- hosts --------------------------------------------------------------------------------------


def test_workers_of_a_lost_host_come_to_others_even_when_those_are_full(board: Board):
    """Slow is better than standing still (F06)."""
    board.want(3)
    assert board.lose("h1") == [("t", 1, 2), ("t", 3, 4)]
    assert board.wish("h1") == []
    assert [board.want(1), board.want(3)] == ["h0", "h0"]
    assert len(board.wish("h0")) == 4
    assert board.want(4) is None


def test_a_lost_host_that_is_back_gets_nothing_back(board: Board):
    gone = board.facts[1]
    board.lose("h1")
    board.want(1)
    board.places.set_hosts([*board.facts, gone])
    assert board.wish("h1") == []
    assert board.again(1) == "h1"  # only when it is to be placed anyway


def test_a_lost_host_that_is_back_at_once_is_no_better_than_others():
    board = Board(2, 2, 2)
    board.want(0)
    gone = board.facts[0]
    board.lose("h0")
    board.places.set_hosts([*board.facts, gone])
    board.want(0, "other")
    assert board.places.hosts_of("other") == {0: "h0"}
    assert board.want(0) == "h1"


def test_workers_wait_when_the_last_host_is_lost():
    board = Board(2)
    board.want(0)
    board.lose("h0")
    assert board.want(0) is None


def test_a_host_that_is_drained_keeps_its_workers_until_they_moved(board: Board):
    assert board.places.drain("h0", True) == [("t", 0), ("t", 2)]
    assert len(board.wish("h0")) == 2
    assert [board.again(0), board.again(2)] == ["h1", "h1"]
    assert board.want(3) is None
    assert board.places.drain("h0", False) == []
    assert board.want(3) == "h0"


def test_a_host_that_says_itself_that_it_drains_takes_nobody():
    board = Board()
    board.places.set_hosts([HostFacts("h0", 4, draining=True)])
    assert board.want(0) is None


# --- hosts that cannot reach each other (F09) ---------------------------------------------------


def test_a_worker_that_cannot_reach_its_peer_moves_to_a_host_that_can():
    board = Board(2, 2, 2)
    for worker in range(2):
        board.want(worker)
    board.places.cut("t", 0, 1, until=60.0)
    assert board.again(1) == "h2"


def test_of_two_hosts_that_cannot_reach_each_other_all_come_to_one():
    board = Board(2, 2)
    for worker in range(4):
        board.want(worker)
    board.places.cut("t", 0, 1, until=60.0)
    for worker in (1, 3):
        board.again(worker)
    assert Counter(board.places.hosts_of("t").values()) == {"h0": 4}


def test_a_cut_is_forgotten_in_time_and_none_is_made_of_workers_of_one_host():
    board = Board(2, 2)
    for worker in range(3):
        board.want(worker)
    board.places.cut("t", 0, 2, until=60.0)
    board.places.cut("t", 0, 8, until=60.0)
    board.places.cut("t", 0, 1, until=60.0)
    board.now = 61.0
    assert board.again(1) == "h1"
    assert board.places._cuts == {}


def test_cuts_are_remembered_within_limits():
    board = Board(*[1] * 60)
    for worker in range(60):
        board.want(worker)
    for a in range(60):
        for b in range(60):
            board.places.cut("t", a, b, until=60.0)
    assert len(board.places._cuts) == CUTS_MAX


def test_ten_thousand_workers_are_placed_one_by_one_within_a_second_once_planned():
    board = Board(*[25] * 500)
    needs = [WorkerNeed(n) for n in range(10_000)]
    began = time.process_time()
    board.places.expect("t", needs)
    for need in needs:
        board.want(need.worker)
    assert time.process_time() - began < 1.0
    assert Counter(Counter(board.places.hosts_of("t").values()).values()) == {20: 500}
