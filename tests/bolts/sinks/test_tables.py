"""What table sinks have in common: names, blocks, limits, SQL."""

from __future__ import annotations

from typing import Any

import pytest
from waterspout.bolts.sinks import tables
from waterspout.bolts.sinks.tables import BLOCK_ROWS, Table, plain, quoted
from waterspout.topology.errors import UserError

from ...each_case import each_case


class Kept(Table):
    """A database that is a list."""

    def __init__(self, fields: list[str] | None = None, key: list[str] | None = None) -> None:
        super().__init__("t", fields, key, create=True)
        self.begun: list[tuple[str, ...]] = []
        self.blocks: list[tuple[str, tuple[str, ...], list[list[Any]]]] = []

    def begin(self, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        self.begun.append(columns)

    def write_block(self, id: str, columns: tuple[str, ...], block: list[list[Any]]) -> None:
        self.blocks.append((id, columns, block))


def done(sink: Kept, number: int) -> list[list[Any]]:
    sink.before_snapshot(number)
    sink.on_durable(number)
    return [row for _, _, block in sink.blocks for row in block]


def test_rows_wait_for_their_checkpoint_in_order(bench) -> None:
    sink = bench.start(Kept())
    sink.process_batch(bench.batch(["a", "b"], [[1, 2], [3, 4]]))
    sink.process_batch(bench.batch(["a", "b"], [[5, 6]]))
    assert sink.blocks == []
    assert done(sink, 1) == [[1, 2], [3, 4], [5, 6]]
    assert (len(sink.blocks), sink.begun) == (1, [("a", "b")])
    sink.process_batch(bench.batch(["a", "b"], [[7, 8]]))
    assert done(sink, 2)[3:] == [[7, 8]]
    assert len({id for id, _, _ in sink.blocks}) == 2 and len(sink.begun) == 1


def test_many_rows_become_blocks_that_fit_into_the_state(bench) -> None:
    sink = bench.start(Kept())
    sink.process_batch(bench.batch(["a"], [[n] for n in range(2 * BLOCK_ROWS + 1)]))
    sink.process_batch(bench.batch(["a"], [["x" * 3_000_000], ["y" * 3_000_000]]))
    sink.process_batch(bench.batch(["a"], [["z" * 3_000_000]]))
    rows = done(sink, 1)
    assert [row[0] for row in rows[: 2 * BLOCK_ROWS + 1]] == list(range(2 * BLOCK_ROWS + 1))
    assert max(sum(len(str(row)) for row in block) for _, _, block in sink.blocks) < 8 << 20
    assert max(len(block) for _, _, block in sink.blocks) == BLOCK_ROWS


def test_one_batch_of_large_rows_is_cut_by_size(bench) -> None:
    sink = bench.start(Kept())
    sink.process_batch(bench.batch(["a"], [["x" * 500_000] for _ in range(40)]))
    assert len(done(sink, 1)) == 40
    assert max(sum(len(row[0]) for row in block) for _, _, block in sink.blocks) < 8 << 20


def test_fields_choose_columns_and_their_order(bench) -> None:
    sink = bench.start(Kept(fields=["b", "a"]))
    sink.process_batch(bench.batch(["a", "b", "c"], [[1, 2, 3]]))
    sink.process_batch(bench.batch(["b", "a"], [[5, 4]]))
    assert done(sink, 1) == [[2, 1], [5, 4]]
    with pytest.raises(UserError, match=r"table t has the columns \['b', 'a'\], this stream has"):
        sink.process_batch(bench.batch(["a"], [[1]]))


def test_another_stream_or_a_field_that_names_no_column_is_refused(bench) -> None:
    sink = bench.start(Kept())
    sink.process_batch(bench.batch(["a"], [[1]]))
    with pytest.raises(UserError, match="this stream has"):
        sink.process_batch(bench.batch(["a", "b"], [[1, 2]]))
    with pytest.raises(UserError, match="field 'a b' cannot name a column"):
        bench.start(Kept()).process_batch(bench.batch(["a b"], [[1]]))
    with pytest.raises(UserError, match="no field 'k'"):
        bench.start(Kept(key=["k"])).process_batch(bench.batch(["a"], [[1]]))


def test_what_the_inputs_are_is_known_at_the_start(bench) -> None:
    one = {("s", "default"): ("a", "b"), ("s", "more"): ("a", "b")}
    assert bench.start(Kept(), inputs=one).columns == ("a", "b")
    assert bench.start(Kept(fields=["b"]), inputs=one).columns == ("b",)
    with pytest.raises(UserError, match="step: table t: field 'a b' cannot name a column"):
        bench.start(Kept(), inputs={("s", "default"): ("a b",)})
    other = {**one, ("r", "default"): ("b", "a")}
    with pytest.raises(UserError, match=r"different fields, \['a', 'b'\] and \['b', 'a'\]; say"):
        bench.start(Kept(), inputs=other)
    bench.start(Kept(fields=["b"]), inputs=other)


def test_more_rows_than_may_wait_are_refused(bench, monkeypatch) -> None:
    monkeypatch.setattr(tables, "ROWS_MAX", 3)
    sink = bench.start(Kept())
    sink.process_batch(bench.batch(["a"], [[1], [2]]))
    with pytest.raises(UserError, match=r"more than 3 rows wait.*checkpoint_interval"):
        sink.process_batch(bench.batch(["a"], [[3], [4]]))
    assert done(sink, 1) == [[1], [2]]
    sink.process_batch(bench.batch(["a"], [[3], [4]]))
    assert done(sink, 2) == [[1], [2], [3], [4]]


@each_case("name", ["a b", 'a"; DROP TABLE x', "", "1a", "x" * 64])
def test_names_that_are_not_plain_are_refused(name: str) -> None:
    for args in ({"fields": [name]}, {"key": [name]}):
        with pytest.raises(UserError, match=r"letters, digits and _|a list of fields"):
            Kept(**args)


def test_a_key_has_to_be_among_the_fields() -> None:
    with pytest.raises(UserError, match=r"key\[0\]: 'k' is not one of the fields a"):
        Kept(fields=["a"], key=["k"])


def test_the_insert_replaces_by_key() -> None:
    assert Kept().insert(("a", "b"), "V") == 'INSERT INTO "t" ("a", "b") V'
    assert Kept(key=["a"]).insert(("a", "b", "c"), "V") == (
        'INSERT INTO "t" ("a", "b", "c") V ON CONFLICT ("a") DO UPDATE SET '
        '"b" = excluded."b", "c" = excluded."c"'
    )
    assert Kept(key=["a"]).insert(("a",), "V").endswith('ON CONFLICT ("a") DO NOTHING')


def test_values_that_no_database_has_become_json() -> None:
    assert plain([[[1, "ü"], {"a": None}, "s", None, b"x"]]) == [
        ['[1,"ü"]', '{"a":null}', "s", None, b"x"]
    ]
    assert quoted(["a", "b"]) == '"a", "b"'
