"""All aggregates of a window at once."""

from __future__ import annotations

import pytest
from waterspout.bolts.windows.aggregates import CountRows, Mean, Sum
from waterspout.bolts.windows.folding import fold_all, merger


def test_each_group_has_the_accs_of_all_aggregates_in_order() -> None:
    made = [CountRows("n"), Sum("s", ["v"]), Mean("m", ["v"])]
    found = fold_all(made, ["b", "a", "b"], [[], [[1, 2, 3]], [[1, 2, 3]]], [0, 0, 0])
    assert list(found.items()) == [("b", (2, 4, (4, 2))), ("a", (1, 2, (2, 1)))]
    assert merger(made)(found["a"], found["b"]) == (3, 6, (6, 3))


@pytest.mark.parametrize("made", [CountRows("n"), Sum("s", ["v"])])
def test_one_aggregate_alone_is_a_tuple_of_one(made: CountRows | Sum) -> None:
    found = fold_all([made], ["a", "a"], [[[1, 1]]], [0, 0])
    assert found == {"a": (2,)}
    assert merger([made])((2,), (5,)) == (7,)
