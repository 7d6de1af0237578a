"""The worker core: a small topology on one core, and over two that are joined by real links."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from waterspout.bolts.contract import Bolt
from waterspout.spouts.files import Files

from .core_rig import CLASSES, Cores, Double, Numbers, plan_of

ALL_TWICE = dict.fromkeys(range(40), 2)


@pytest.mark.parametrize(("workers", "parallelism"), [(1, 1), (2, 2), (3, 2)])
def test_every_number_gets_through_once_and_is_acked(workers: int, parallelism: int) -> None:
    cores = Cores(plan_of(workers, parallelism=parallelism))
    cores.start()
    cores.run()
    assert cores.seen() == ALL_TWICE
    spout = cores.spout()
    assert (spout.ledger.acked, spout.ledger.failed, spout.ledger.pending) == (40, 0, 0)
    assert spout.exhausted and spout.drained()
    assert all(len(core.acker) == 0 for core in cores.cores.values())


def test_a_worker_says_built_then_ready_and_draws_nothing_before_go() -> None:
    cores = Cores(plan_of(2))
    cores.assign()
    cores.run(20)
    kinds = [m["kind"] for worker, m in cores.said if worker == 0]
    assert kinds == ["built", "ready"]
    assert cores.spout().ledger.emitted == 0


def test_a_tuple_that_fails_is_replayed_and_its_neighbours_are_not_lost() -> None:
    cores = Cores(plan_of(2, parallelism=2, backoff_min_s=0.1, stateful=False, attempts_max=5))
    cores.start()
    doubles = [c for (name, _), c in cores.made.items() if name == "double"]
    for double in doubles:
        double.bad = {7}
    cores.run(10)
    for double in doubles:
        double.bad = set()
    cores.run(60)
    assert set(cores.seen()) == set(range(40))
    assert cores.spout().ledger.acked == 40
    assert cores.spout().ledger.failed > 0


def test_an_epoch_replays_what_is_not_durable_to_a_new_process_in_place_of_a_dead_one() -> None:
    cores = Cores(plan_of(2, parallelism=2))
    cores.start()
    cores.run(3)
    home = next(w for w, c in cores.cores.items() if c.tasks.spouts)
    dead = 1 - home
    cores.incarnations[dead] += 1000
    cores.cores[dead] = cores.new_core(dead)
    cores.assign(dead)
    cores.tell(home, "epoch", peers=cores.peers(), durable_round=None, roots=[])
    cores.said.clear()
    cores.run(20)
    assert len(cores.of("ready")) == 2
    cores.tell_all("go")
    cores.run(60)
    assert cores.spout().ledger.acked == 40
    assert set(cores.seen()) == set(range(40))
    assert all(len(core.acker) == 0 for core in cores.cores.values())


def test_an_epoch_forgets_what_is_under_way_in_a_survivor() -> None:
    cores = Cores(plan_of(2, parallelism=2, frame_rows_max=1, link_pool_frames=1))
    cores.start()
    cores.cut = {(0, 1), (1, 0)}
    cores.run(3)
    core = next(c for c in cores.cores.values() if c.tasks.spouts)
    tasks = (*core.tasks.spouts.values(), *core.order)
    frames = [frame for each in tasks for frame in each.emitter.frames]
    assert len(core.acker) and any(frame.waiting_rows() for frame in frames)
    cores.epoch += 1
    cores.tell(core.worker, "epoch", peers=cores.peers(), durable_round=None, roots=[])
    assert len(core.acker) == 0
    assert not any(frame.waiting_rows() for frame in frames)
    assert not any(bolt.queue for bolt in core.order)


def test_frames_of_a_zombie_are_dropped() -> None:
    cores = Cores(plan_of(2, parallelism=2))
    cores.start()
    home = next(w for w, c in cores.cores.items() if c.tasks.spouts)
    other = 1 - home
    # The spout's worker has been declared dead, but lives on and does not know it.
    zombie = cores.cores.pop(home)
    zombie.turn(cores.now)
    frames = [data for link in zombie.links.values() for data in link.outbox]
    assert frames
    cores.incarnations[home] += 1000
    cores.epoch += 1
    cores.tell(other, "epoch", peers=cores.peers(), durable_round=None, roots=[])
    for data in frames:
        cores.cores[other].on_data(b"%d" % home, data, cores.now)
    assert all(not bolt.queue for bolt in cores.cores[other].order)


def test_control_messages_of_an_older_epoch_change_nothing() -> None:
    cores = Cores(plan_of())
    cores.start()
    cores.cores[0].on_control({"kind": "stop", "epoch": 0}, cores.now)
    cores.run()
    assert not cores.cores[0].stopped and cores.seen() == ALL_TWICE


@pytest.mark.parametrize("where", ["__init__", "prepare"])
def test_a_component_that_cannot_be_built_is_told_with_the_users_traceback_alone(
    where: str,
) -> None:
    class Broken(Double):
        pass

    def explode(*args: Any) -> None:
        raise KeyError("no such thing")

    setattr(Broken, where, explode)
    cores = Cores(plan_of(), {**CLASSES, "double": Broken})
    cores.assign()
    cores.run(1)
    (message,) = cores.of("boot_failed")
    assert message["component"] == "double"
    assert message["text"] == "KeyError: 'no such thing'"
    assert "explode" in message["traceback"]
    assert "/worker_core.py" not in message["traceback"]
    assert "/task_build.py" not in message["traceback"]
    assert cores.of("built") == []


def test_what_we_refuse_is_one_line_without_a_traceback_of_ours() -> None:
    cores = Cores(plan_of(), {**CLASSES, "numbers": partial(Files, paths="/nowhere/*.txt")})
    cores.assign()
    cores.run(1)
    message = cores.of("boot_failed")[0]
    assert message["component"] == "numbers"
    assert "Files: no file matches /nowhere/*.txt" in message["text"]
    assert message["traceback"] == ""


class NoShards:
    """A custom grouping that cannot be prepared."""

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None:
        self.ask()

    def ask(self) -> None:
        raise ConnectionError("no shards")


def test_a_grouping_that_cannot_be_prepared_is_told_with_the_users_traceback_alone() -> None:
    plan = plan_of()
    (given,) = plan.spec.bolts["double"].inputs
    custom = replace(given, grouping="custom", custom=f"{__name__}:NoShards", fields=())
    bolts = {**plan.spec.bolts, "double": replace(plan.spec.bolts["double"], inputs=(custom,))}
    cores = Cores(replace(plan, spec=replace(plan.spec, bolts=bolts)))
    cores.assign()
    cores.run(1)
    (message,) = cores.of("boot_failed")
    assert (message["component"], message["text"]) == ("numbers", "ConnectionError: no shards")
    frames = [line for line in message["traceback"].splitlines() if line.startswith("  File ")]
    assert [line.rpartition(" ")[2] for line in frames] == ["prepare", "ask"]


def test_sys_exit_in_a_constructor_is_a_boot_failure_not_the_end_of_the_process() -> None:
    class Leaver(Numbers):
        def __init__(self) -> None:
            raise SystemExit(3)

    cores = Cores(plan_of(), {**CLASSES, "numbers": Leaver})
    cores.assign()
    cores.run(1)
    (message,) = cores.of("boot_failed")
    assert message["text"].startswith("called sys.exit(3)")


def test_a_worker_that_was_not_built_stops_at_once() -> None:
    cores = Cores(plan_of())
    cores.cores[0].on_control({"kind": "stop"}, cores.now)
    cores.run(1)
    assert cores.cores[0].stopped


def test_levels_finish_one_after_the_other_and_what_finish_emits_gets_through() -> None:
    cores = Cores(plan_of(2, parallelism=2))
    cores.start()
    cores.run()
    for level in range(3):
        cores.tell_all("finish", level=level)
        cores.run(20)
        assert sorted(m["level"] for m in cores.of("finished")) == [level, level]
    (out,) = [c for (name, _), c in cores.made.items() if name == "out"]
    assert sum(out.got) == 80


def test_summaries_are_given_for_every_bolt_here_and_one_that_raises_is_noted() -> None:
    class Rude(Double):
        def summary(self) -> Any:
            raise ValueError("no summary")

    cores = Cores(plan_of(), {**CLASSES, "double": Rude})
    cores.start()
    cores.run()
    cores.tell_all("summarise")
    cores.run(1)
    (message,) = cores.of("summaries")
    assert {"seen": 40} in message["tasks"].values()
    errors = cores.cores[0].report(cores.now)["errors"]
    assert [error["text"] for error in errors] == ["summary: ValueError: no summary"]


def test_a_drained_spout_draws_no_more_and_lets_the_rest_through() -> None:
    cores = Cores(plan_of(max_pending=4))
    cores.start()
    cores.run(1)
    cores.tell_all("drain")
    cores.run()
    spout = cores.spout()
    assert 0 < spout.ledger.emitted < 40 and spout.drained() and not spout.exhausted


def test_stop_closes_links_then_cleans_up() -> None:
    cores = Cores(plan_of(2, parallelism=2))
    cores.start()
    cores.run()
    cores.tell_all("stop")
    assert not any(core.stopped for core in cores.cores.values())
    cores.run(40)
    assert all(core.stopped for core in cores.cores.values())
    (out,) = [c for (name, _), c in cores.made.items() if name == "out"]
    assert out.cleaned


def test_a_peer_that_does_not_answer_cannot_keep_a_worker_from_stopping() -> None:
    cores = Cores(plan_of(2, parallelism=2))
    cores.start()
    cores.run()
    cores.cut = {(0, 1), (1, 0)}
    cores.tell(0, "stop")
    cores.run(40)
    assert cores.cores[0].stopped


def test_a_link_that_is_down_is_told_to_the_coordinator() -> None:
    cores = Cores(plan_of(2, parallelism=2, link_timeout_s=1.0))
    cores.start()
    cores.cut = {(0, 1), (1, 0)}
    cores.run(60)
    down = cores.of("link_down")
    assert down and all(m["silent_s"] > 1.0 for m in down)


def test_queueing_is_vouched_for_and_never_taken_for_a_loss() -> None:
    class Slow(Bolt):
        outputs = ("n",)

        def process(self, tup: Any) -> None:
            self.emit([tup[0]])

    cores = Cores(plan_of(2, parallelism=2, message_timeout_s=1.0), {**CLASSES, "double": Slow})
    cores.start()
    for core in cores.cores.values():
        for bolt in core.order:
            bolt.blocked = lambda: True
    cores.run(100)
    assert cores.spout().ledger.failed == 0
    assert cores.spout().ledger.pending == 40


def test_the_next_wakeup_is_soon_while_links_open_and_never_far_off() -> None:
    cores = Cores(plan_of(2))
    assert cores.cores[0].wakeup(cores.now) == 0.5
    cores.assign()
    assert cores.cores[0].wakeup(cores.now) == 0.0
    cores.run(20)
    assert 0.0 <= cores.cores[0].wakeup(cores.now) <= 0.5
