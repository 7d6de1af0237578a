"""What a source fails at: how often in a row, since when, and until when it is told."""

from __future__ import annotations

from waterspout.spouts.contract import Spout
from waterspout.spouts.executor import SourceExecutor
from waterspout.spouts.troubles import TOLD_MAX, Troubles
from waterspout.topology.control_frames import Failure

from .rig import Numbers, Rig, executor_of
from .test_storm_executor import start


def troubles_of(rig: Rig) -> Troubles:
    return Troubles(rig.env, "lines", 1)


def test_what_fails_is_told_with_how_often_and_since_when_until_it_succeeds() -> None:
    rig = Rig()
    troubles = troubles_of(rig)
    for text in ("no broker", "no route"):
        troubles.failed("reading a", OSError(text))
        rig.now += 1.0
    assert troubles.rows(rig.now) == [["reading a", "OSError: no route", 2, 2.0]]
    assert [e["text"] for e in rig.env.take_errors()] == [
        "reading a: OSError: no broker", "reading a: OSError: no route"
    ]  # fmt: skip
    troubles.over("reading b")
    assert troubles.found
    troubles.over("reading a")
    assert troubles.rows(rig.now) == []


def test_what_was_only_noted_is_no_trouble() -> None:
    rig = Rig()
    troubles = troubles_of(rig)
    troubles.note("closing a reader", OSError("gone"))
    assert not troubles.found
    assert [e["text"] for e in rig.env.take_errors()] == ["closing a reader: OSError: gone"]


def test_those_that_last_longest_are_told() -> None:
    rig = Rig()
    troubles = troubles_of(rig)
    for n in range(TOLD_MAX + 3):
        troubles.failed(f"reading {n}", OSError())
    troubles.failed("reading 0", OSError())
    assert [row[0] for row in troubles.rows(rig.now)] == [f"reading {n}" for n in range(TOLD_MAX)]


def test_a_stop_iteration_is_told_with_how_input_ends() -> None:
    rig = Rig()
    troubles = troubles_of(rig)
    troubles.failed("next_tuple", StopIteration())
    ((_, text, _, _),) = troubles.rows(rig.now)
    assert text.startswith("StopIteration; the input ends when ")


def test_a_sys_exit_is_told_without_advice_for_bolts() -> None:
    rig = Rig()
    troubles = troubles_of(rig)
    troubles.failed("reading a", SystemExit(4))
    assert troubles.rows(rig.now)[0][1] == "called sys.exit(4)"


def told(rig: Rig, executor: SourceExecutor) -> list[list[object]]:
    executor.turn(rig.now, 100)
    rig.now += 1.0
    return [row[:3] for row in executor.troubles.rows(rig.now)]


def test_a_source_that_cannot_be_read_is_in_trouble_until_it_can() -> None:
    rig, source = Rig(), Numbers()
    executor = executor_of(rig, source, rig.ledger())
    source.errors = [OSError("no list")] * 2
    looking, error = "looking for partitions", "OSError: no list"
    assert told(rig, executor) == [[looking, error, 1]]
    assert told(rig, executor) == [[looking, error, 2]]
    executor.discover(rig.now)
    source.errors = [OSError("no broker")] * 2
    assert told(rig, executor) == [["reading p", "OSError: no broker", 1]]
    assert told(rig, executor) == [["reading p", "OSError: no broker", 2]]
    assert told(rig, executor) == []


def failing_retry(rig: Rig) -> SourceExecutor:
    """Return an executor whose one group failed, and cannot be read again."""
    source = Numbers(size=2)
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 100)
    ((root, _),) = rig.taken()
    executor.failed(Failure(root, "bolt", 2, "no", ""), rig.now)
    rig.now += 1.0
    source.errors = [OSError("no broker")]
    executor.turn(rig.now, 100)
    assert [row[0] for row in executor.troubles.rows(rig.now)] == ["reading p again"]
    return executor


def test_a_retry_is_in_trouble_until_it_is_read() -> None:
    rig = Rig(backoff_min_s=0.1)
    executor = failing_retry(rig)
    rig.now += 2.0
    executor.turn(rig.now, 100)
    assert not executor.troubles.found


def test_a_new_epoch_begins_without_trouble() -> None:
    rig = Rig(backoff_min_s=0.1)
    executor = failing_retry(rig)
    executor.new_epoch(None, [], rig.now)
    assert not executor.troubles.found


class Raises(Spout):
    """Raises twice, then has nothing."""

    left = 2

    def next_tuple(self) -> None:
        self.left -= 1
        if self.left >= 0:
            raise OSError("no queue")


def test_a_spout_that_raises_is_in_trouble_until_it_does_not() -> None:
    rig = Rig()
    executor = start(rig, Raises())
    seen = []
    for _ in range(4):
        executor.turn(rig.now, 100)
        seen.append([row[:3] for row in executor.troubles.rows(rig.now)])
        rig.now += 1.0
    assert seen == [
        [["next_tuple", "OSError: no queue", 1]], [["next_tuple", "OSError: no queue", 2]], [], []
    ]  # fmt: skip


def test_a_spout_begins_a_new_epoch_without_trouble() -> None:
    rig = Rig()
    executor = start(rig, Raises())
    executor.turn(rig.now, 100)
    assert executor.troubles.found
    executor.new_epoch(None, [], rig.now)
    assert not executor.troubles.found
