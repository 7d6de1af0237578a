"""CommitParquet: columns with one type each, whole files or none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.sinks import parquet_files
from waterspout.bolts.sinks.parquet_files import CommitParquet
from waterspout.topology.errors import UserError

pyarrow_parquet = pytest.importorskip(
    "pyarrow.parquet", reason="needs the extra: pip install -e '.[parquet]'"
)


def table(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.parquet"))
    return [row for path in files for row in pyarrow_parquet.read_table(path).to_pylist()]


def durable(sink: Any, number: int) -> None:
    sink.before_snapshot(number)
    sink.on_durable(number)


def test_rows_come_back_with_their_types(bench, tmp_path: Path) -> None:
    sink = bench.start(CommitParquet(str(tmp_path)))
    rows = [["a", 1, 1.5, None, [1, 2]], ["ü", None, 2.0, True, []]]
    sink.process_batch(bench.batch(list("abcde"), rows))
    assert table(tmp_path) == []
    durable(sink, 1)
    assert table(tmp_path) == [dict(zip("abcde", row, strict=True)) for row in rows]


def test_a_value_of_another_type_fails_its_batch_alone(bench, tmp_path: Path) -> None:
    sink = bench.start(CommitParquet(str(tmp_path)))
    sink.process_batch(bench.batch(["n"], [[1]]))
    with pytest.raises(UserError, match="step: no column of one type"):
        sink.process_batch(bench.batch(["n"], [[2], ["x"]]))
    sink.process_batch(bench.batch(["n"], [[3]]))
    durable(sink, 1)
    assert table(tmp_path) == [{"n": 1}, {"n": 3}]


def test_the_next_file_may_have_other_types(bench, tmp_path: Path) -> None:
    sink = bench.start(CommitParquet(str(tmp_path)))
    for number, value in enumerate([1, "x"]):
        sink.process_batch(bench.batch(["n"], [[value]]))
        durable(sink, number)
    assert table(tmp_path) == [{"n": 1}, {"n": "x"}]


def test_large_files_are_row_groups(bench, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(parquet_files, "GROUP_ROWS", 10)
    sink = bench.start(CommitParquet(str(tmp_path)))
    for start in range(0, 25, 5):
        sink.process_batch(bench.batch(["n"], [[n] for n in range(start, start + 5)]))
    durable(sink, 1)
    (path,) = tmp_path.glob("*.parquet")
    assert pyarrow_parquet.ParquetFile(path).num_row_groups == 3
    assert [row["n"] for row in table(tmp_path)] == list(range(25))


def test_a_task_that_ends_leaves_no_unfinished_file(bench, tmp_path: Path) -> None:
    sink = bench.start(CommitParquet(str(tmp_path)))
    sink.process_batch(bench.batch(["n"], [[1]]))
    sink.cleanup()
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_it_says_what_to_install(bench, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r"step: .*pip install 'waterspout\[parquet\]'"):
        bench.start(CommitParquet(str(tmp_path)))
