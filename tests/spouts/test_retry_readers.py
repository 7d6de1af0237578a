"""Readers of what is read again: asked again while they have nothing, and only some at a time."""

from __future__ import annotations

from waterspout.spouts.contract import Messages, Reader
from waterspout.spouts.groups import Group
from waterspout.spouts.retries import Retry
from waterspout.spouts.retry_readers import WAITING_MAX, RetryReaders

from .rig import NumberReader, Numbers, Rig, executor_of
from .test_executor import complete_all, fail


class Late(Numbers):
    """Each reader has nothing at first."""

    def reader(self, partition: str, position: int | None) -> Reader:
        super().reader(partition, position)
        return LateReader(self, position or 0)


class LateReader(NumberReader):
    asked = 0

    def read(self, limit: int) -> tuple[Messages, int] | None:
        self.asked += 1
        return super().read(limit) if self.asked > 3 else ([], self.at)


def test_a_source_that_answers_late_gives_what_failed_again() -> None:
    rig = Rig()
    source = Late(size=4)
    executor = executor_of(rig, source, rig.ledger())
    sent = []
    for _ in range(40):
        executor.turn(rig.now, 100)
        for root, values in rig.taken():
            sent.append(values)
            if len(values) == 4:
                fail(executor, root, rig.now)
            else:
                executor.completed(root, rig.now)
        rig.now += 0.3
    assert sent == [[0, 1, 2, 3], [0], [1], [2], [3]]
    assert executor.drained()
    assert source.readers == 0


def test_a_dead_letter_has_the_values_that_went_out_whatever_the_source_gives_then() -> None:
    rig = Rig(attempts_max=2)
    executor = executor_of(rig, Late(size=2), rig.ledger())
    for _ in range(40):
        executor.turn(rig.now, 100)
        for root, values in rig.taken():
            if 1 in values:
                fail(executor, root, rig.now)
            else:
                executor.completed(root, rig.now)
        rig.now += 0.3
    ((group, _),) = rig.buried
    assert executor.values_of(group) == [1]


def test_in_a_new_epoch_and_at_the_end_no_reader_of_a_retry_is_left_open() -> None:
    for end in ("new_epoch", "close"):
        rig = Rig()
        source = Late(size=4)
        executor = executor_of(rig, source, rig.ledger())
        for _ in range(4):
            executor.turn(rig.now, 100)
            rig.now += 1.0
        fail(executor, rig.taken()[0][0], rig.now)
        rig.now += 10.0
        executor.turn(rig.now, 100)
        assert source.readers == 1  # all was read, so it is the one of the retry
        executor.new_epoch(None, [], rig.now) if end == "new_epoch" else executor.close()
        assert source.readers == 0
        assert complete_all(rig, executor) == []


def test_no_more_than_some_wait_with_an_open_reader() -> None:
    source = Numbers(size=4)
    readers = RetryReaders(source.reader, lambda each: each.close())
    retries = [Retry(Group("p", 0, 1, 1, 0.0), 1) for _ in range(WAITING_MAX + 5)]
    for retry in retries:
        assert readers.of(retry) is readers.of(retry)
        readers.wait(retry)
    assert source.readers == WAITING_MAX
    readers.done(retries[0])
    readers.done(retries[-1])
    assert source.readers == WAITING_MAX - 1
    readers.close()
    assert source.readers == 0
