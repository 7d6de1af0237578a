"""The key of the tuple at work: found by the grouping, set for whoever asked and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.bolts.contract import Batch, Bolt
from waterspout.bolts.state import TaskState
from waterspout.bolts.state_handles import NO_KEY
from waterspout.bolts.state_keys import TupleKeys, set_keys
from waterspout.topology.columns import Columns
from waterspout.topology.errors import StateError
from waterspout.topology.spec import InputSpec
from waterspout.topology.tuples import tuple_class

BY_USER = InputSpec("clicks", grouping="fields", fields=("user",))
BY_BOTH = InputSpec("clicks", grouping="fields", fields=("page", "user"))
SHUFFLED = InputSpec("other")
CLICK = tuple_class("clicks", "default", ("user", "page"))
OTHER = tuple_class("other", "default", ("x",))


class Noting(Bolt):
    """Notes the key at each of its calls."""

    def __init__(self, state: TaskState) -> None:
        self.state, self.keys = state, []  # type: ignore[var-annotated]

    def process(self, tup: Any) -> None:
        self.keys.append(self.state.key)

    def process_tick(self, tup: Any) -> None:
        self.keys.append(self.state.key)

    def finish(self) -> None:
        self.keys.append(self.state.key)


def bound(*inputs: InputSpec) -> tuple[Noting, TaskState]:
    keys = TupleKeys("count", inputs)
    state = TaskState("count", keys=keys)
    bolt = Noting(state)
    set_keys(bolt, state, keys, is_generator=False)
    return bolt, state


def test_one_field_is_the_key_itself_and_several_are_a_tuple() -> None:
    for spec, expected in ((BY_USER, "u"), (BY_BOTH, ("p", "u"))):
        bolt, _ = bound(spec)
        bolt.process(CLICK(("u", "p")))
        assert bolt.keys == [expected]


def test_calls_without_a_key_have_none() -> None:
    bolt, _ = bound(BY_USER, SHUFFLED)
    bolt.process(CLICK(("u", "p")))
    bolt.process_tick(None)
    bolt.process(CLICK(("v", "p")))
    bolt.process(OTHER((1,)))
    bolt.process(CLICK(("w", "p")))
    bolt.finish()
    assert bolt.keys == ["u", NO_KEY, "v", NO_KEY, "w", NO_KEY]


def test_a_paused_generator_goes_on_with_its_own_key() -> None:
    class Pausing(Bolt):
        def process(self, tup: Any) -> Iterator[Any]:
            seen.append(state.key)
            yield [1]
            seen.append(state.key)

    seen: list[Any] = []
    keys = TupleKeys("count", [BY_USER])
    state, bolt = TaskState("count", keys=keys), Pausing()
    set_keys(bolt, state, keys, is_generator=True)
    rows = bolt.process(CLICK(("u", "p")))
    assert next(rows) == [1]
    state.key = "of a timer"
    assert list(rows) == []
    assert seen == ["u", "u"]


def test_a_handle_without_a_fields_grouping_is_refused_by_name() -> None:
    state = TaskState("count", keys=TupleKeys("count", [SHUFFLED]))
    for ask in (state.value, state.list, state.map):
        with pytest.raises(StateError, match=r"count: state\.\w+\('total'\) belongs to a key"):
            ask("total")
    assert not state.key_wanted


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize(("spec", "first"), [(BY_USER, "u"), (BY_BOTH, ("p", "u"))])
def test_a_batch_comes_by_key_in_the_order_of_first_tuples(
    columns: bool, spec: InputSpec, first: Any
) -> None:
    rows = [("u", "p"), ("v", "q"), ("u", "p")]
    given: Any = Columns([list(column) for column in zip(*rows, strict=True)]) if columns else rows
    state = TaskState("count", keys=TupleKeys("count", [spec]))
    seen = [
        (key, state.key, [tuple(tup) for tup in tuples])
        for key, tuples in state.by_key(Batch(CLICK, given))
    ]
    assert seen[0] == (first, first, [("u", "p"), ("u", "p")])
    assert [len(tuples) for _, _, tuples in seen] == [2, 1]
    assert state.key is NO_KEY
    assert state.key_wanted
