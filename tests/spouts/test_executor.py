"""The executor of a Source task: what it reads, replays, gives up and skips."""

from __future__ import annotations

from typing import Any

from waterspout.spouts.executor import READ_BACKOFF_S, SourceExecutor
from waterspout.spouts.groups import Group
from waterspout.topology.control_frames import Failure
from waterspout.topology.groupings import CustomRoute
from waterspout.topology.task_env import AGAIN

from .rig import Numbers, Rig, executor_of


def complete_all(rig: Rig, executor: SourceExecutor) -> list[list[int]]:
    groups = rig.taken()
    for root, _ in groups:
        executor.completed(root, rig.now)
    return [values for _, values in groups]


def drain(rig: Rig, executor: SourceExecutor) -> list[int]:
    """Run until nothing comes any more, completing everything; return what came."""
    values: list[int] = []
    for _ in range(200):
        executor.turn(rig.now, 100)
        values += [n for group in complete_all(rig, executor) for n in group]
        rig.now += 1.0
        if executor.exhausted and executor.drained():
            break
    return values


def fail(executor: SourceExecutor, root: int, now: float) -> None:
    executor.failed(Failure(root, "bolt", 2, "no", "trace"), now)


def test_messages_go_out_in_groups_each_under_a_root_of_its_own() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=6), rig.ledger(group_max=4))
    assert executor.turn(rig.now, 100) == 6
    groups = rig.taken()
    assert [values for _, values in groups] == [[0, 1, 2, 3], [4, 5]]
    assert {root for root, _ in groups} == set(rig.roots.opened)
    assert all(root >> 48 == 1 for root in rig.roots.opened)


def test_the_guard_edge_is_in_a_root_until_its_group_was_routed() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=4), rig.ledger())
    executor.turn(rig.now, 100)
    edge = rig.frame.edge
    ((root, guard),) = rig.roots.opened.items()
    assert rig.env.toggles == {root: guard ^ edge}


def test_nothing_is_read_before_go_nor_while_the_outbox_is_full() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(), rig.ledger())
    executor.going = False
    assert executor.turn(rig.now, 100) == 0
    executor.going, rig.is_blocked = True, True
    assert executor.turn(rig.now, 100) == 0
    rig.is_blocked = False
    assert executor.turn(rig.now, 100) == 6


def test_partitions_are_dealt_out_to_tasks_so_that_each_is_read_once() -> None:
    names = [f"p{n}" for n in range(20)]
    read = []
    for index in range(3):
        rig, source = Rig(index=index), Numbers(names, 2)
        drain(rig, executor_of(rig, source, rig.ledger(), parallelism=3))
        read.append({name for name, _ in source.opened})
    assert all(read)
    assert sorted(name for part in read for name in part) == sorted(names)


def test_a_source_is_exhausted_when_all_partitions_have_ended_and_no_new_one_can_come() -> None:
    rig, source = Rig(discover_interval_s=5.0), Numbers(("a", "b"), 2)
    source.is_bounded = False
    executor = executor_of(rig, source, rig.ledger())
    drain(rig, executor)
    assert not executor.exhausted
    source.names.append("c")
    source.is_bounded = True
    rig.now += 5.0
    assert drain(rig, executor) == [0, 1]
    assert executor.exhausted and executor.drained()
    assert source.readers == 0


def test_a_failed_group_is_read_again_message_by_message_after_a_back_off() -> None:
    rig = Rig(backoff_min_s=0.5)
    executor = executor_of(rig, Numbers(size=4, stride=10), rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    fail(executor, root, rig.now)
    assert executor.turn(rig.now, 100) == 0
    assert executor.wakeup(rig.now) == 0.5
    rig.now += 0.5
    assert executor.turn(rig.now, 100) == 4
    assert [values for _, values in rig.taken()] == [[0], [1], [2], [3]]


def test_the_roots_of_replays_and_of_suspects_say_so() -> None:
    rig = Rig()
    ledger = rig.ledger()
    ledger.restore({}, [["p", 4, 5, 1]])
    executor = executor_of(rig, Numbers(size=6), ledger)
    executor.turn(rig.now, 100)
    sent = rig.taken()
    assert [values for root, values in sent if root & AGAIN] == [[4]]
    fail(executor, sent[0][0], rig.now)
    rig.now += 60
    executor.turn(rig.now, 100)
    assert all(root & AGAIN for root, _ in rig.taken())


def test_a_replay_that_is_stopped_half_way_goes_on_where_it_was() -> None:
    rig = Rig()
    source = Numbers(size=4)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    fail(executor, root, rig.now)
    rig.now += 1.0
    assert executor.turn(rig.now, 3) == 3
    assert not executor.drained()
    assert executor.wakeup(rig.now) == 0.0
    assert executor.turn(rig.now, 3) == 1
    assert complete_all(rig, executor) == [[0], [1], [2], [3]]
    assert executor.drained() and source.readers == 0


def test_a_message_with_its_last_attempt_is_buried_with_its_values() -> None:
    rig = Rig(attempts_max=2)
    executor = executor_of(rig, Numbers(size=1, stride=7), rig.ledger())
    for _ in range(2):
        executor.turn(rig.now, 100)
        ((root, _),) = rig.taken()
        fail(executor, root, rig.now)
        rig.now += 1.0
    ((group, failure),) = rig.buried
    assert (group.start, group.end, failure.reason) == (0, 7, "no")
    assert executor.values_of(group) == [0]
    assert not executor.drained()
    executor.ledger.buried(group)
    assert executor.drained()


def test_the_values_of_a_last_attempt_are_known_when_they_can_no_longer_be_read() -> None:
    rig, source = Rig(attempts_max=1), Numbers(size=1)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 100)
    fail(executor, rig.taken()[0][0], rig.now)
    source.errors.append(OSError("gone"))
    assert executor.values_of(rig.buried[0][0]) == [0]


def test_messages_that_the_source_has_lost_are_given_up_by_name() -> None:
    rig, source = Rig(), Numbers(size=4)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 100)
    fail(executor, rig.taken()[0][0], rig.now)
    source.size = 2
    rig.now += 1.0
    executor.turn(rig.now, 100)
    complete_all(rig, executor)
    ((group, failure),) = rig.buried
    assert (group.start, group.end) == (2, 4)
    assert failure.reason == "p no longer has positions 2 to 4"
    assert failure.reason in [error["text"] for error in rig.env.take_errors()]
    executor.ledger.buried(group)
    assert executor.drained()
    assert executor.ledger.positions_of("p").first_unacked == 4


def test_a_read_that_raises_backs_off_and_goes_on_at_the_position_of_the_last_good_one() -> None:
    rig, source = Rig(), Numbers(size=6)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 2)
    source.errors.append(OSError("disk"))
    assert executor.turn(rig.now, 100) == 0
    assert executor.wakeup(rig.now) == READ_BACKOFF_S
    (error,) = rig.env.take_errors()
    assert error["text"] == "reading p: OSError: disk"
    assert "maybe_raise" in error["traceback"]
    assert drain(rig, executor) == [0, 1, 2, 3, 4, 5]


def test_a_source_that_raises_when_asked_for_partitions_or_a_reader_is_asked_again() -> None:
    rig, source = Rig(), Numbers(size=2)
    executor = executor_of(rig, source, rig.ledger())
    source.errors.append(ValueError("one"))
    executor.turn(rig.now, 100)
    rig.now += 1.0
    executor.discover(rig.now)
    source.errors.append(SystemExit(3))
    assert drain(rig, executor) == [0, 1]
    texts = [error["text"] for error in rig.env.take_errors()]
    assert texts[0] == "looking for partitions: ValueError: one"
    assert texts[1].startswith("reading p: called sys.exit(3)")


def test_a_replay_that_raises_is_tried_again_later() -> None:
    rig, source = Rig(), Numbers(size=1)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 100)
    fail(executor, rig.taken()[0][0], rig.now)
    rig.now += 0.5
    source.errors.append(OSError("disk"))
    assert executor.turn(rig.now, 100) == 0
    rig.now += READ_BACKOFF_S
    assert executor.turn(rig.now, 100) == 1
    assert source.readers == 0


def test_positions_without_a_message_are_passed_over() -> None:
    #  positions 0    1         5
    #            |msg |nothing--|msg
    class Gaps(Numbers):
        def reader(self, partition, position):  # type: ignore[no-untyped-def]
            parts = {0: ([["a"]], 1), 1: ([], 5), 5: ([["b"]], 6)}
            reader = super().reader(partition, position)
            at = [position or 0]

            def read(limit):  # type: ignore[no-untyped-def]
                if at[0] not in parts:
                    return None
                rows, at[0] = parts[at[0]]
                return rows, at[0]

            reader.read = read  # type: ignore[method-assign]
            return reader

    rig = Rig()
    executor = executor_of(rig, Gaps(), rig.ledger(group_max=1))
    assert drain(rig, executor) == ["a", "b"]
    assert executor.ledger.positions_of("p").first_unacked == 6


def test_a_restart_reads_only_what_was_not_acked() -> None:
    rig, source = Rig(), Numbers(size=8)
    ledger = rig.ledger()
    ledger.restore({"p": [1, [[3, 5], [6, 7]]]}, [])
    assert drain(rig, executor_of(rig, source, ledger)) == [1, 2, 5, 7]
    assert ledger.positions_of("p").first_unacked == 8


def test_suspects_are_read_singly_and_only_the_one_that_kills_is_given_up() -> None:
    rig = Rig(attempts_max=3)
    ledger = rig.ledger()
    ledger.restore({}, [["p", 0, 4, 1], ["p", 2, 3, 3]])
    executor = executor_of(rig, Numbers(size=6), ledger)
    executor.turn(rig.now, 100)
    groups = rig.taken()
    assert [values for _, values in groups][:3] == [[0], [1], [3]]
    ((group, failure),) = rig.buried
    assert (group.start, group.end) == (2, 3)
    assert failure.reason == "its worker died while working on it; it was tried 3 times"


def test_a_group_that_died_together_is_not_given_up_with_attempts_max_of_one() -> None:
    rig = Rig(attempts_max=1)
    ledger = rig.ledger()
    ledger.restore({}, [["p", 0, 4, 1]])
    assert drain(rig, executor_of(rig, Numbers(size=6), ledger)) == [0, 1, 2, 3, 4, 5]
    assert rig.buried == []


def test_a_new_epoch_goes_back_to_what_is_durable_and_loses_nothing() -> None:
    rig, source = Rig(), Numbers(size=9)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 8)
    (done, _), (open_, _) = rig.taken()
    executor.completed(done, rig.now)
    executor.new_epoch(None, [open_], rig.now)
    assert executor.turn(rig.now, 100) == 0
    executor.going = True
    assert drain(rig, executor) == [4, 5, 6, 7, 8]
    assert source.readers == 0


def test_an_attempt_of_a_new_epoch_is_written_down_before_anything_else_goes_out() -> None:
    """The worker of the ledger may be the next to die: nobody else knows of the attempt."""
    rig = Rig()
    executor = executor_of(rig, Numbers(size=9), rig.ledger())
    executor.turn(rig.now, 8)
    _, (open_, _) = rig.taken()
    noted: list[tuple[int, int, int]] = []
    executor.in_flight = lambda root, group, drawn: noted.append((root, group.attempts, drawn))
    executor.new_epoch(None, [open_, 12345], rig.now)
    assert noted == [(open_, 1, executor.ledger.emitted)]


def test_a_message_kept_by_the_framework_is_given_up_when_it_kills_worker_after_worker() -> None:
    rig = Rig(attempts_max=2)
    executor = executor_of(rig, Numbers(size=2), rig.ledger(seeks=False))
    roots: list[int] = []
    for _ in range(3):
        executor.going = True
        executor.turn(rig.now, 100)
        groups = rig.taken()
        roots = [root for root, values in groups if 0 in values]
        rig.now += 1.0
        executor.new_epoch(None, roots, rig.now)
    executor.going = True
    executor.turn(rig.now, 100)
    assert [group.kept for group, _ in rig.buried] == [[(None, "default", [0])]]
    assert complete_all(rig, executor) == [[1]]


def test_kept_messages_of_a_source_with_wide_positions_all_come_back() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=3, stride=10), rig.ledger(seeks=False))
    executor.turn(rig.now, 100)
    fail(executor, rig.taken()[0][0], rig.now)
    rig.now += 1.0
    assert drain(rig, executor) == [0, 1, 2]
    assert executor.ledger.positions_of("p").first_unacked == 30


def test_a_draining_task_replays_but_reads_nothing_new() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=8), rig.ledger())
    executor.turn(rig.now, 4)
    executor.draining = True
    fail(executor, rig.taken()[0][0], rig.now)
    rig.now += 1.0
    assert executor.turn(rig.now, 100) == 4
    assert not executor.drained()
    complete_all(rig, executor)
    assert executor.turn(rig.now, 100) == 0 and executor.drained()


class Choosy:
    """A custom grouping that raises for number 2."""

    def prepare(self, context: Any, stream: str, targets: list[int]) -> None: ...

    def choose_tasks(self, values: list[Any]) -> list[int]:
        if values[0] == 2:
            raise RuntimeError("not 2")
        return [2]


def test_a_message_that_a_grouping_refuses_fails_and_ends_as_a_dead_letter() -> None:
    rig = Rig(attempts_max=2)
    rig.emitter.streams["default"].routes[0] = CustomRoute([rig.frame], Choosy())
    executor = executor_of(rig, Numbers(size=4), rig.ledger())
    values: list[int] = []
    for _ in range(20):
        executor.turn(rig.now, 100)
        for failure in rig.env.fails:
            executor.failed(failure, rig.now)
        rig.env.fails.clear()
        values += [n for group in complete_all(rig, executor) for n in group]
        rig.now += 1.0
    assert sorted(values) == [0, 1, 3]
    assert [(g.start, f.reason) for g, f in rig.buried] == [(2, "RuntimeError: not 2")]
    assert rig.env.take_errors()[0]["text"] == "RuntimeError: not 2"


def test_a_message_of_the_wrong_length_fails_by_name() -> None:
    rig = Rig()
    executor = executor_of(rig, Numbers(size=1), rig.ledger())
    executor.send(Group("p", 0, 1, 1, rig.now), [[1, 2]], rig.now)
    assert "lines: emit to stream 'default': 2 values" in rig.env.fails[0].reason
    assert rig.taken() == []


def test_lag_is_how_far_the_reader_is_behind_and_unknown_when_the_source_cannot_say() -> None:
    rig, source = Rig(), Numbers(size=8, stride=10)
    executor = executor_of(rig, source, rig.ledger())
    assert executor.lag() is None
    executor.discover(rig.now)
    executor.turn(rig.now, 4)
    assert executor.lag() == (40, "positions")
    source.end_error = OSError("broker")
    assert executor.lag() == (40, "positions"), "the control thread asks nobody"
    rig.now += 1.0
    executor.turn(rig.now, 0)
    assert executor.lag() is None


def test_close_closes_readers_and_the_source_even_when_a_reader_cannot_be_closed() -> None:
    rig, source = Rig(), Numbers(size=8)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 4)

    def refuse() -> None:
        raise OSError("close")

    executor._waiting[0].reader.close = refuse  # type: ignore[union-attr, method-assign]
    executor.close()
    assert source.closed
