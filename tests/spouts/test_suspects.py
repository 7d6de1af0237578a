"""Messages that were tried before their ledger started over."""

from __future__ import annotations

import pytest
from waterspout.spouts import suspects as module
from waterspout.spouts.groups import Group
from waterspout.spouts.positions import Positions
from waterspout.spouts.suspects import Suspects


def restored(*wire: list[object]) -> Suspects:
    made = Suspects()
    made.restore(wire)
    return made


def is_replay(suspects: Suspects, start: int, attempts: int, end: int | None = None) -> bool:
    end = start + 1 if end is None else end
    return suspects.is_replay(Group("p", start, end, end - start, 0.0, attempts=attempts))


def test_the_same_suspect_is_kept_once_with_its_most_attempts() -> None:
    assert restored(["p", 0, 1, 3], ["p", 0, 1, 2]).to_wire() == [["p", 0, 1, 3]]


def test_attempts_of_a_group_count_for_each_of_its_messages_but_not_as_their_own() -> None:
    suspects = restored(["p", 4, 8, 1], ["p", 5, 6, 2], ["q", 0, 9, 7])
    assert [suspects.attempts("p", n) for n in (3, 4, 5, 7, 8)] == [0, 1, 2, 1, 0]
    assert [suspects.attempts_alone("p", n, n + 1) for n in (4, 5)] == [0, 2]
    assert suspects.attempts_alone("r", 0, 1) == suspects.attempts("r", 0) == 0


def test_they_follow_until_the_last_is_passed() -> None:
    suspects = restored(["p", 4, 8, 1])
    assert [suspects.follow("p", n) for n in (0, 7, 8)] == [True, True, False]
    assert not suspects.follow("q", 0)


def test_they_are_forgotten_once_all_of_a_range_is_durable() -> None:
    suspects = restored(["p", 0, 2, 1], ["p", 2, 4, 1])
    suspects.durable("q", Positions(9))
    suspects.durable("p", Positions(3))
    assert suspects.to_wire() == [["p", 2, 4, 1]]
    suspects.durable("p", Positions(4))
    assert suspects.to_wire() == [] and not suspects.follow("p", 0)


def test_a_partition_keeps_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SUSPECTS_MAX", 2)
    suspects = restored(*(["p", n, n + 1, 1] for n in range(3)))
    suspects.add("p", 1, 2, 5)
    assert suspects.to_wire() == [["p", 0, 1, 1], ["p", 1, 2, 5]]


def test_without_an_earlier_ledger_what_has_attempts_is_a_replay() -> None:
    suspects = Suspects()
    suspects.add("p", 0, 4, 1)
    assert [is_replay(suspects, 0, 0, 4), is_replay(suspects, 0, 1)] == [False, True]


def test_what_an_earlier_ledger_had_sent_is_no_replay_of_this_one_until_it_fails_here() -> None:
    #  suspects  [2, 4)        [8, 9)
    #  sent       2  3  4 ..7   8   9
    suspects = restored(["p", 2, 4, 1], ["p", 8, 9, 3])
    assert [is_replay(suspects, n, 1) for n in (2, 3)] == [False, False]
    assert is_replay(suspects, 2, 2)
    assert not is_replay(suspects, 4, 0)
    assert is_replay(suspects, 4, 1), "it failed here"
    assert not is_replay(suspects, 8, 3)
    assert not is_replay(suspects, 9, 0)
    assert [is_replay(suspects, n, 1) for n in (8, 9)] == [True, True]


def test_of_another_partition_what_has_attempts_is_a_replay() -> None:
    assert is_replay(restored(["q", 2, 4, 1]), 2, 1)
