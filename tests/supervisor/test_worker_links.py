"""The links of a worker: ready when all are open, renewed by an epoch, reported when silent."""

from __future__ import annotations

from waterspout.topology.frames import BodyPacker

from .cores import Cores, plan_of

PLAN = {"source": 1, "work": 2}


def test_a_worker_is_ready_once_all_its_links_are_open() -> None:
    cores = Cores(plan_of(PLAN, workers=2))
    cores.cut = {(0, 1)}
    cores.turns(3)
    assert not cores.heard("ready")
    assert cores.heard("ready", worker=1) == []
    cores.cut = set()
    cores.turns(6)
    assert len(cores.heard("ready")) == len(cores.heard("ready", worker=1)) == 1


def test_a_worker_without_peers_is_ready_at_once() -> None:
    cores = Cores(plan_of(PLAN))
    cores.turns(1)
    assert len(cores.heard("ready")) == 1


def test_a_new_epoch_opens_all_links_again_and_says_so_with_its_number() -> None:
    cores = Cores(plan_of(PLAN, workers=2))
    cores.turns(6)
    cores.tell("epoch", epoch=7)
    assert not any(link.open for core in cores.cores for link in core.links.values())
    cores.turns(8)
    assert [message["epoch"] for message in cores.heard("ready")] == [3, 7]
    assert cores.cores[0].receiver is not None
    assert cores.cores[0].receiver.epoch == 7


def test_a_peer_that_is_not_in_the_epoch_loses_its_link() -> None:
    cores = Cores(plan_of(PLAN, workers=2))
    assert list(cores.cores[0].links) == [1]
    cores.tell("epoch", worker=0, epoch=7, peers={0: cores.peers()[0]})
    assert not cores.cores[0].links


def test_a_link_that_is_silent_for_longer_than_link_timeout_is_reported() -> None:
    cores = Cores(plan_of({"source": 1, "work": 1}, workers=2, link_timeout_s=10.0))
    cores.go()
    cores.cut = {(0, 1), (1, 0)}
    cores.turns(9, seconds=1.0)
    assert not cores.heard("link_down")
    cores.turns(4, seconds=1.0)
    (down,) = cores.heard("link_down")
    assert down["peer"] == 1
    assert down["silent_s"] > 10.0


def test_an_outage_is_reported_once_per_link_timeout_and_the_next_one_anew() -> None:
    #  silent  0 s ........ 10 reported ........ 20 reported, back | 0 s ...... 10 reported
    cores = Cores(plan_of({"source": 1, "work": 1}, workers=2, link_timeout_s=10.0))
    cores.go()
    cores.cut = {(0, 1), (1, 0)}
    cores.turns(1000, seconds=0.025)
    assert len(cores.heard("link_down")) == 2
    cores.cut = set()
    cores.turns(60, seconds=0.025)
    cores.cut = {(0, 1), (1, 0)}
    cores.tell("epoch", worker=0, epoch=7)
    cores.turns(480, seconds=0.025)
    assert len(cores.heard("link_down")) == 3


def test_a_frame_that_the_plan_does_not_have_is_an_error_that_is_told_and_the_worker_goes_on() -> (
    None
):
    cores = Cores(plan_of(PLAN, workers=2))
    cores.go()
    link, receiving = cores.cores[0].links[1], cores.cores[1]
    body = BodyPacker().pack([(1, ((1 << 48) | 5,))], [[1]])
    for channel in ((77, 0, 2), (1, 9, 2), (1, 0, 1), (2, 0, 3)):
        link.send_data(channel, 7, 1, 1, body)
    cores.turns(3)
    assert receiving.receiver is not None
    assert receiving.receiver.counters.refused == {"misrouted": 4}
    texts = [error["text"] for error in receiving.env.take_errors()]
    assert len(texts) == 4 and all(text.startswith("misrouted: ") for text in texts)
    cores.turns(10)
    assert link.open and cores.spout().ledger.acked == 6


def test_with_idle_links_a_worker_need_not_look_at_the_clock_often() -> None:
    cores = Cores(plan_of(PLAN, workers=2))
    assert cores.cores[0].net.wakeup(cores.now) == 0.0
    cores.turns(8)
    assert cores.cores[0].net.wakeup(cores.now) == 0.5
