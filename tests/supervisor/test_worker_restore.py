"""A worker that runs is assigned again: its tasks end and are built anew, the process goes on."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.worker_restore import FAILURES_MAX, WorkerRestore
from waterspout.topology.control_frames import Failure

from .core_rig import CLASSES, Numbers, Out
from .exact_rig import ExactCores, exact_plan


class Closing(Numbers):
    """Tells when it is closed."""

    closed = 0

    def close(self) -> None:
        type(self).closed += 1
        raise OSError("closed badly")


def test_old_components_are_closed_quietly_and_new_ones_are_made() -> None:
    Closing.closed = 0
    cores = ExactCores(exact_plan(1), {**CLASSES, "numbers": Closing})
    cores.start()
    cores.run(10)
    old = cores.made["out", 0]
    released: list[int] = []
    states = sorted(cores.cores[0].tasks.states.items())
    for task, state in states:
        state.close = lambda task=task: released.append(task)  # type: ignore[method-assign, misc]
    cores.restore()
    assert Closing.closed == 1 and old.cleaned
    assert released == [task for task, _ in states]
    assert isinstance(cores.made["out", 0], Out) and cores.made["out", 0] is not old
    (error,) = cores.cores[0].report(cores.now)["errors"]
    assert "closed badly" in error["text"]
    cores.run()
    assert cores.counted() == dict.fromkeys(range(40), 2)


def test_an_assign_of_an_epoch_that_is_over_changes_nothing() -> None:
    cores = ExactCores(exact_plan(1))
    cores.start()
    spout = cores.spout()
    cores.tell(0, "assign", plan=cores.plan.to_wire(), peers=cores.peers())
    assert cores.spout() is spout


def test_roots_that_were_at_work_in_a_dead_worker_gain_an_attempt_here() -> None:
    cores = ExactCores(exact_plan(2, batch_max=4, max_pending=4))
    cores.start()
    cores.cut = {(0, 1), (1, 0)}
    cores.run(2)
    home = next(core for core in cores.cores.values() if core.tasks.spouts)
    (root,) = cores.spout().ledger._groups
    task = cores.spout().task
    cores.cut = set()
    cores.restore(roots=[root, 12345], suspects={task: [["p", 8, 9, 2]]})
    suspects = home.report(cores.now)["suspects"]
    assert sorted(suspects[task]) == [["p", 0, 4, 1], ["p", 8, 9, 2]]
    cores.run(200)
    assert cores.counted() == dict.fromkeys(range(40), 2)


def test_the_crash_slot_goes_on_in_the_same_buffer() -> None:
    sizes: list[int] = []
    cores = ExactCores(exact_plan(1))

    def make(size: int) -> Any:
        sizes.append(size)
        return bytearray(size)

    cores.cores[0]._make_slot = make
    cores.start()
    cores.run(5)
    cores.restore()
    cores.run(5)
    assert len(sizes) == 1


def test_a_level_that_was_finishing_does_not_finish_in_the_next_epoch() -> None:
    cores = ExactCores(exact_plan(1))
    cores.start()
    cores.cores[0].finish.level = 1
    cores.restore()
    cores.run(40)
    assert not cores.of("finished") and cores.counted() == dict.fromkeys(range(40), 2)


def test_only_so_many_failures_are_remembered() -> None:
    restore = WorkerRestore(None)  # type: ignore[arg-type]
    failures = [Failure(n, "b", 1, str(n), "") for n in range(FAILURES_MAX + 1)]
    for n, failure in enumerate(failures):
        restore.note_failure(1, "p", n, failure)
    assert restore.last_failure(1, "p", 0) is None
    assert restore.last_failure(1, "p", FAILURES_MAX) is failures[-1]
