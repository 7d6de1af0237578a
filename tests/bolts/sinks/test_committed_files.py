"""CommitJsonl, CommitCsv: files that are there are complete, and all of them are right."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.sinks.committed_files import WRITE_BYTES, CommitCsv, CommitJsonl
from waterspout.topology.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def hidden(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir() if path.name.startswith("."))


def rows(folder: Path) -> list[Any]:
    lines = "".join((folder / name).read_text() for name in visible(folder)).splitlines()
    return [json.loads(line) for line in lines]


def test_a_file_appears_when_it_is_committed_and_not_before(bench, folder: Path) -> None:
    sink = bench.start(CommitJsonl(str(folder)))
    sink.process_batch(bench.batch(["w", "n"], [["a", 1], ["ü", None]]))
    assert (visible(folder), hidden(folder)) == ([], [".tmp"])
    sink.before_snapshot(12)
    assert (visible(folder), hidden(folder)) == ([], [".ready"])
    sink.on_durable(12)
    (name,) = visible(folder)
    assert name.startswith("part-0000000012-0000-") and name.endswith(".jsonl")
    assert hidden(folder) == []
    assert rows(folder) == [{"w": "a", "n": 1}, {"w": "ü", "n": None}]


def test_a_folder_that_cannot_be_made_is_said_in_one_line(bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"folder '.*file/out' cannot be made: Not a directory"):
        bench.start(CommitJsonl(str(tmp_path / "file" / "out")))
    with pytest.raises(UserError, match=r"folder '.*' cannot be made: .*file is no folder$"):
        bench.start(CommitJsonl(str(tmp_path / "file")))


def test_a_folder_that_cannot_be_written_to_is_said_at_the_start(
    bench, folder: Path, monkeypatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match=r"step: folder '.*/out' cannot be written to$"):
        bench.start(CommitJsonl(str(folder)))


def test_a_checkpoint_without_rows_makes_no_file(bench, folder: Path) -> None:
    sink = bench.start(CommitJsonl(str(folder)))
    sink.before_snapshot(1)
    sink.on_durable(1)
    assert list(folder.iterdir()) == []


def test_every_csv_file_has_a_header(bench, folder: Path) -> None:
    sink = bench.start(CommitCsv(str(folder), fields=["n", "w"]))
    for number in (1, 2):
        sink.process_batch(bench.batch(["w", "n"], [['say "a"', number]]))
        sink.before_snapshot(number)
        sink.on_durable(number)
    files = [list(csv.reader((folder / name).read_text().splitlines())) for name in visible(folder)]
    assert files == [[["n", "w"], ["1", 'say "a"']], [["n", "w"], ["2", 'say "a"']]]


def test_a_new_task_removes_what_no_checkpoint_knows_and_nothing_else(bench, folder: Path) -> None:
    folder.mkdir()
    kept = [
        "part-0000000001-0000-aaaaaaaa.jsonl",
        "other.txt",
        ".other-0000-aaaaaaaa.tmp",
        ".part-0001-aaaaaaaa.tmp",  # of another task
        ".part-0000000004-0000-aaaaaaaa.ready",  # of the restored checkpoint: in somebody's state
        ".part-0000000009-0001-aaaaaaaa.ready",
        ".part-0000-aaaaaaaa.ready",  # not ours
    ]
    void = [
        ".part-0000-bbbbbbbb.tmp",
        ".part-0002-bbbbbbbb.tmp",  # of a task that is no more
        ".part-0000000005-0000-bbbbbbbb.ready",
        ".part-0000000005-0007-bbbbbbbb.ready",
    ]
    for name in (*kept, *void):
        (folder / name).touch()
    bench.start(CommitJsonl(str(folder)), parallelism=2, restored=4, fresh=False)
    assert sorted(os.listdir(folder)) == sorted(kept)


def test_a_run_from_the_start_may_begin_with_an_empty_folder(bench, folder: Path) -> None:
    folder.mkdir()
    old, other = folder / "part-0000000001-0000-aaaaaaaa.jsonl", folder / "part-1.csv"
    for path in (old, other):
        path.touch()
    bench.start(CommitJsonl(str(folder), begin="new"), fresh=False, restored=4)
    bench.start(CommitJsonl(str(folder), begin="append"))
    assert old.exists()
    sink = bench.start(CommitJsonl(str(folder), begin="new"))
    assert old.exists()
    (begin,) = sink.context.at_go
    begin()
    assert sorted(os.listdir(folder)) == ["part-1.csv"]
    assert not sink.context.at_go


def test_a_file_that_is_gone_is_said_to_be_lost(bench, folder: Path) -> None:
    sink = bench.start(CommitJsonl(str(folder)))
    sink.process_batch(bench.batch(["n"], [[1]]))
    sink.before_snapshot(1)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"step: neither \.part-0000000001.* nor part-.* lost"):
        sink.on_durable(1)


def test_a_disk_that_fails_refuses_a_batch_and_loses_none(bench, folder: Path, monkeypatch) -> None:
    sink = bench.start(CommitJsonl(str(folder)))
    big = "x" * (WRITE_BYTES + 1)
    sink.process_batch(bench.batch(["n"], [[big]]))
    full = True

    def write(descriptor: int, data: Any, offset: int, write: Any = os.pwrite) -> int:
        if full:
            # A part of it gets there before the disk is full.
            write(descriptor, b"y" * 1000, offset)
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:100_000], offset)

    monkeypatch.setattr(os, "pwrite", write)
    for _ in range(2):
        with pytest.raises(OSError, match=f"No space left on device: '{folder}'"):
            sink.process_batch(bench.batch(["n"], [["refused"]]))
    with pytest.raises(OSError, match="No space"):
        sink.before_snapshot(1)
    full = False
    sink.process_batch(bench.batch(["n"], [["taken"]]))
    sink.before_snapshot(2)
    sink.on_durable(2)
    assert [row["n"] for row in rows(folder)] == [big, "taken"]


def test_a_task_that_ends_leaves_no_unfinished_file(bench, folder: Path) -> None:
    sink = bench.start(CommitJsonl(str(folder)))
    sink.process_batch(bench.batch(["n"], [[1]]))
    sink.cleanup()
    assert list(folder.iterdir()) == []


def test_another_stream_than_the_first_is_refused_by_name(bench, folder: Path) -> None:
    sink = bench.start(CommitJsonl(str(folder)))
    sink.process_batch(bench.batch(["n"], [[1]]))
    with pytest.raises(UserError, match=r"step: the files have the columns \['n'\]"):
        sink.process_batch(bench.batch(["m"], [[1]]))
    named = bench.start(CommitJsonl(str(folder), fields=["n"]))
    with pytest.raises(UserError, match="step: fields: the input has no field 'n'; it has"):
        named.process_batch(bench.batch(["m"], [[1]]))


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"begin": "anew"}, "begin: append or new expected, got 'anew', did you mean 'new'?"),
        ({"prefix": "../x"}, "prefix: letters"),
        ({"prefix": ""}, "prefix: letters"),
    ],
)
def test_arguments_that_cannot_be_are_refused(args: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError, match=text):
        CommitJsonl("x", **args)
