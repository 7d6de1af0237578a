"""What of a batch is written."""

from __future__ import annotations

import pytest
from waterspout.bolts.written_rows import checked_begin, other_columns, written_rows
from waterspout.topology.errors import UserError


def test_begin_is_one_of_two_words() -> None:
    assert [checked_begin("WriteCsv", word) for word in ("append", "new")] == ["append", "new"]
    with pytest.raises(UserError, match=r"^WriteCsv: begin: append or new expected, got 'over'"):
        checked_begin("WriteCsv", "over")


def test_without_fields_all_of_a_batch_is_written(bench) -> None:
    batch = bench.batch(["a", "b"], [[1, 2], [3, 4]])
    names, rows = written_rows("save", batch, None)
    assert (names, [list(row) for row in rows]) == (("a", "b"), [[1, 2], [3, 4]])


def test_fields_are_written_in_the_order_that_was_asked_for(bench) -> None:
    batch = bench.batch(["a", "b", "c"], [[1, 2, 3], [4, 5, 6]])
    assert written_rows("save", batch, ("c", "a")) == (("c", "a"), [(3, 1), (6, 4)])


def test_a_field_that_the_stream_lacks_is_named_with_what_it_has(bench) -> None:
    with pytest.raises(UserError, match=r"^save: fields: .* no field 'z'; it has \['a'\]$"):
        written_rows("save", bench.batch(["a"], [[1]]), ("a", "z"))


def test_other_columns_are_refused_with_both_lists() -> None:
    text = str(other_columns("save", "the file has", ("a",), ("b", "c")))
    assert text.startswith("save: the file has the columns ['a'], this stream has ['b', 'c'];")
