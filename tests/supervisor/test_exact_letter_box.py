"""Dead letters that are tried again under exactly-once: each counts once, with a checkpoint."""

from __future__ import annotations

from .exact_rig import ExactCores, exact_plan


def cores_with_letter() -> tuple[ExactCores, int]:
    cores = ExactCores(exact_plan(1))
    cores.start()
    cores.run(20)
    task = cores.spout().task
    cores.tell_all("replay", replays={task: [[9, "default", [500]]]})
    return cores, task


def test_a_letter_is_done_with_the_checkpoint_behind_it() -> None:
    cores, _ = cores_with_letter()
    cores.run(3)
    assert cores.cores[0].rounds.news
    cores.tell_all("checkpoint", round=1)
    cores.run(5)
    (answer,) = cores.of("snapshotted")
    assert answer["letters"] == [9]
    cores.tell_all("durable", round=1)
    assert cores.counted()[500] == 2
    cores.tell_all("checkpoint", round=2)
    cores.run(5)
    assert cores.of("snapshotted")[0]["letters"] == []


def test_p2_a_letter_that_is_under_way_at_the_cut_is_done_with_that_checkpoint() -> None:
    cores, _ = cores_with_letter()
    core = cores.cores[0]
    core.order[0].blocked = lambda: True
    cores.run(3)
    cores.tell_all("checkpoint", round=1)
    cores.run(3)
    assert cores.of("snapshotted") == [], "its effect is in no state yet"
    core.order[0].blocked = lambda: False
    cores.run(5)
    assert cores.of("snapshotted")[0]["letters"] == [9]
    cores.tell_all("durable", round=1)
    cores.tell_all("checkpoint", round=2)
    cores.run(5)
    assert cores.of("snapshotted")[0]["letters"] == []


def test_a_letter_of_an_aborted_checkpoint_is_done_with_the_next() -> None:
    cores, _ = cores_with_letter()
    cores.run(3)
    cores.tell_all("checkpoint", round=1)
    cores.tell_all("abort", round=1)
    cores.tell_all("checkpoint", round=2)
    cores.run(5)
    (answer,) = cores.of("snapshotted")
    assert answer["letters"] == [9]


def test_a_letter_that_is_still_to_be_sent_is_in_no_checkpoint() -> None:
    cores, _ = cores_with_letter()
    cores.tell_all("checkpoint", round=1)
    cores.run(5)
    assert cores.of("snapshotted")[0]["letters"] == []


def test_a_try_that_fails_has_everything_taken_back_with_the_letter_kept() -> None:
    cores, task = cores_with_letter()
    cores.made["double", 0].bad = {500}
    cores.run(3)
    (asked,) = cores.of("restore")
    assert (asked["letters"], asked["suspects"], asked["task"]) == ([9], [], task)
    assert not cores.checkpoint(1)


def test_a_restore_hands_out_what_is_to_be_tried_again_and_numbers_go_on() -> None:
    cores, task = cores_with_letter()
    cores.run(3)
    number = next(cores.cores[0].letters._ids)
    cores.restore(replays={task: [[9, "default", [500]]]})
    cores.run(20)
    assert cores.counted()[500] == 2
    assert next(cores.cores[0].letters._ids) == number + 1
