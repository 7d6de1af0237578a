"""What sources answer: what is taken as it is, what is made usual, what is refused and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.spouts.answers import (
    checked_names,
    checked_read,
    checked_reader,
    message_values,
)
from waterspout.spouts.contract import Reader, Source
from waterspout.topology.columns import Columns
from waterspout.topology.control_frames import Failure
from waterspout.topology.errors import UserError

from ..each_case import each_case
from .rig import Numbers, Rig, executor_of


@each_case("got", [None, ([[1]], 5), ([], 3), (Columns([[1, 2]]), 5), ([1], 4)])
def test_what_is_right_is_handed_on_untouched(got: Any) -> None:
    assert checked_read(got, 3) is got


class Offset:
    """A number that is no int, as numpy has them."""

    def __index__(self) -> int:
        return 5


def test_other_sequences_and_numbers_are_taken_as_the_usual_ones() -> None:
    got = checked_read([((1,), (2,)), Offset()], 3)
    assert got == ([(1,), (2,)], 5)
    assert got is not None and [type(each) for each in got] == [list, int]


@pytest.mark.parametrize(
    ("got", "text"),
    [
        ([[1]], r"^read returned \[\[1\]\], expected \(messages, position\) or None$"),
        (5, r"^read returned 5, expected \(messages, position\) or None$"),
        ([], r"^read returned \[\], expected"),
        (([], object()), r"^read returned \(\[\], <object object>\), .* with an int as position$"),
        (([[1]], True), "with an int as position$"),
        (([[1]], 5.0), "with an int as position$"),
        ((None, 5), "with a list of messages$"),
        (("ab", 5), "with a list of messages$"),
        (([[1]], 3), "^read returned 1 message and the position 3, where it began; expected"),
        (([], 2), "^read returned 0 messages and the position 2, and began at 3; expected"),
        (([[1]], 1 << 63), f"; the highest is {(1 << 63) - 1}$"),
    ],
)
def test_a_wrong_answer_to_a_read_is_shown_with_what_was_expected(got: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        checked_read(got, 3)


def test_what_is_shown_of_a_wrong_answer_is_cut() -> None:
    with pytest.raises(UserError) as caught:
        checked_read([[0] * 1000], 0)
    assert len(str(caught.value)) < 150


def test_a_reader_is_what_can_be_read() -> None:
    reader = Reader()
    assert checked_reader(reader) is reader
    with pytest.raises(UserError, match=r"^reader returned None, expected a Reader$"):
        checked_reader(None)


def names() -> Iterator[str]:
    yield "a"


def test_names_of_partitions_are_texts() -> None:
    assert checked_names(["a", "b"]) == ["a", "b"]
    assert checked_names(names()) == ["a"]
    for wrong in (None, "ab", [1], 5):
        with pytest.raises(UserError, match=r"^partitions returned .*, expected a list of texts$"):
            checked_names(wrong)


def test_a_message_that_is_none_has_itself_as_its_value() -> None:
    assert [message_values(row) for row in ([1, 2], (1,), 5, "ab")] == [[1, 2], [1], [5], ["ab"]]


# What becomes of wrong answers in an executor.


class Answers(Numbers):
    """Gives what it was told to, in place of numbers."""

    def __init__(self, *got: Any) -> None:
        super().__init__()
        self.got = list(got)

    def reader(self, partition: str, position: int | None) -> Any:
        return Given(self)


class Given(Reader):
    def __init__(self, source: Answers) -> None:
        self.source = source

    def read(self, limit: int) -> Any:
        return self.source.got[0]


def told(source: Source) -> list[str]:
    rig = Rig()
    executor = executor_of(rig, source, rig.ledger())
    for _ in range(3):
        executor.turn(rig.now, 100)
        rig.now += 1.0
    assert rig.taken() == []
    return [f"{error['text']} ({error['count']})" for error in rig.env.take_errors()]


@pytest.mark.parametrize("got", [[[1]], ([], object()), 5])
def test_a_wrong_answer_is_an_error_of_the_source_and_is_asked_again(got: Any) -> None:
    (text,) = told(Answers(got))
    assert text.startswith("reading p: UserError: read returned ") and text.endswith("(3)")


def test_a_source_without_a_reader_says_so() -> None:
    source = Numbers()
    source.reader = lambda partition, position: None  # type: ignore
    assert told(source) == ["reading p: UserError: reader returned None, expected a Reader (3)"]


def test_a_source_whose_partitions_are_no_names_says_so() -> None:
    (text,) = told(Numbers([1]))  # type: ignore[list-item]
    assert text.startswith("looking for partitions: UserError: partitions returned [1], expected")


def test_a_wrong_answer_where_a_group_is_read_again_is_an_error_and_is_asked_again() -> None:
    rig = Rig(backoff_min_s=0.1)
    source = Answers(([[1]], 1))
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 1)
    ((root, _),) = rig.taken()
    executor.failed(Failure(root, "b", 2, "no", ""), rig.now)
    executor.draining = True
    source.got = [[[1]]]
    for _ in range(3):
        rig.now += 2.0
        executor.turn(rig.now, 1)
    (error,) = rig.env.take_errors()
    assert error["text"].startswith("reading p again: UserError: read returned [[1]], expected")
    assert error["count"] == 3 and not executor.drained()


def test_messages_that_are_no_lists_fail_and_become_dead_letters() -> None:
    rig = Rig(attempts_max=1)
    executor = executor_of(rig, Answers(([5], 1)), rig.ledger())
    executor.turn(rig.now, 1)
    for failure in rig.env.fails:
        executor.failed(failure, rig.now)
    ((group, failure),) = rig.buried
    assert "expected a list of values, got int 5" in failure.reason
    assert executor.values_of(group) == [5]


def test_the_values_of_a_dead_letter_are_read_again_whatever_they_are() -> None:
    rig = Rig(attempts_max=2, backoff_min_s=0.1, backoff_max_s=0.1)
    source = Answers(([[5]], 1))
    executor = executor_of(rig, source, rig.ledger())
    executor.turn(rig.now, 1)
    ((root, _),) = rig.taken()
    group = executor.ledger.group_of(root)
    assert group is not None
    source.got = [([7], 1)]
    assert executor.values_of(group) == [7]
    source.got = [[5]]
    assert executor.values_of(group) is None
    executor.failed(Failure(root, "b", 2, "no", ""), rig.now)
    assert rig.buried == []
