"""The table of processes on disk: read back as written, and nonsense is an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.process_table import (
    ProcessRow,
    ProcessTable,
    read_table,
    write_table,
)

ROW = ProcessRow("words-0a1b2c", 3, (1 << 64) - 1, 4711, 1e9 + 0.25, 99, ("mine",), "plan-1")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "processes.json"
    table = ProcessTable(5, (ROW, ProcessRow("t", 0, 7)), "boot", 1 << 62)
    write_table(path, table)
    assert read_table(path) == table
    write_table(path, ProcessTable(6, ()))
    assert read_table(path) == ProcessTable(6, ())
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["processes.json"]


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "{}", '{"term": 1, "rows": [{}]}', '{"term": 1, "rows": [{"x": 1}]}'],
)
def test_a_table_of_another_version_is_an_empty_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "processes.json"
    path.write_text(text)
    assert read_table(path) == ProcessTable(0, ())
    assert read_table(tmp_path / "none") == ProcessTable(0, ())


def test_a_table_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "processes.json"
    write_table(path, ProcessTable(5, (ROW,)))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_table(path, ProcessTable(6, ()))
    assert read_table(path).term == 5
