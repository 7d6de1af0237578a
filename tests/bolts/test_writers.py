"""WriteLines, WriteCsv, WriteJsonl: what is written can be read back by every reader."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.bolts.writers import WriteCsv, WriteJsonl, WriteLines
from waterspout.topology.errors import UserError


def written(bench, bolt, *batches: tuple[list[str], list[Any]], **place: Any) -> bytes:
    bench.start(bolt, **place)
    for fields, rows in batches:
        bolt.process_batch(bench.batch(fields, rows))
    bolt.flush()
    bolt.cleanup()
    path: Path = bolt._file.path
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "out")


def test_lines_of_one_field_are_its_values(bench, path: str) -> None:
    rows = [["a"], ("ü",), ["x\udc80"]]
    assert written(bench, WriteLines(path), (["w"], rows)) == "a\nü\nx\\udc80\n".encode()


def test_lines_take_bytes_as_they_are_and_every_other_value(bench, path: str) -> None:
    rows = [[b"\xff\x00"], [None], [1.5], [[1, "x"]], ["s"]]
    assert written(bench, WriteLines(path), (["w"], rows)) == b'\xff\x00\n\n1.5\n[1,"x"]\ns\n'


def test_lines_have_text_for_every_value(bench, path: str) -> None:
    rows = [["a", 1, 1.5, True, None, [1]], ["b", 2, 2, "x", "y", {"k": 1}]]
    data = written(bench, WriteLines(path, separator=","), (list("abcdef"), rows))
    assert data == b'a,1,1.5,True,,[1]\nb,2,2,x,y,{"k":1}\n'


def test_lines_of_several_fields_are_separated(bench, path: str) -> None:
    batch = (["a", "b", "c"], [["x", 1, b"\xff"]])
    assert written(bench, WriteLines(path), batch) == b"x\t1\t\xff\n"
    bolt = WriteLines(path + "2", fields=["c", "a"], separator=" | ")
    assert written(bench, bolt, batch) == b"\xff | x\n"


def test_csv_has_one_header_and_quotes_what_needs_it(bench, path: str) -> None:
    batch = (["word", "n"], [['say "a, b"', 1], ["two\nlines", None]])
    text = 'word,n\n"say ""a, b""",1\n"two\nlines",\n'
    assert written(bench, WriteCsv(path), batch) == text.encode()
    assert written(bench, WriteCsv(path), batch) == (text + text.partition("\n")[2]).encode()


def test_csv_without_a_header(bench, path: str) -> None:
    assert written(bench, WriteCsv(path, header=False), (["a"], [[1]])) == b"1\n"


def test_a_record_that_was_torn_in_its_quotes_does_not_swallow_the_next(bench, path: str) -> None:
    Path(path).write_text('a,b\n1,"tor\n')
    written(bench, WriteCsv(path), (["a", "b"], [[2, "x"]]))
    with open(path, newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["1", "tor\n"], ["2", "x"]]


def test_csv_columns_are_those_of_the_first_stream_or_the_fields_asked_for(
    bench, path: str
) -> None:
    first, other = (["a", "b"], [[1, 2]]), (["b", "a"], [[3, 4]])
    with pytest.raises(UserError, match=r"step: the file has the columns \['a', 'b'\]"):
        written(bench, WriteCsv(path + "1"), first, other)
    assert written(bench, WriteCsv(path, ["b"]), first, other) == b"b\n2\n3\n"


CELLS = st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_csv_is_read_back_by_the_csv_module(rows: list[Any]) -> None:
    bolt = WriteCsv("unused", ["a", "b"], header=False)
    text = bolt.encode(("a", "b"), rows).decode()
    back = list(csv.reader(io.StringIO(text, newline="")))
    assert back == [["" if cell is None else str(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("value", ["a\rb", "\r", "\r\n", "\n", '"', "", " x ", "é,"])
def test_csv_of_odd_text_is_read_back(bench, path: str, value: str) -> None:
    rows = [[value, "n"], ["m", value], [value, value]]
    data = written(bench, WriteCsv(path, header=False), (["a", "b"], rows))
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == rows


def test_csv_has_text_for_every_value(bench, path: str) -> None:
    batch = (["a", "b", "c"], [[b"\xffx", [1, {"k": b"v"}], True]])
    data = written(bench, WriteCsv(path, header=False), batch)
    assert next(csv.reader([data.decode()])) == ["\\xffx", '[1,{"k":"v"}]', "True"]


def test_jsonl_has_an_object_per_line(bench, path: str) -> None:
    rows = [['a\n"ü', 1, [1, {"k": None}]], ["x", 2, float("nan")], [b"\xff", 3, True]]
    data = written(bench, WriteJsonl(path), (["w", "n", "x"], rows))
    assert [json.loads(line) for line in data.splitlines()] == [
        {"w": 'a\n"ü', "n": 1, "x": [1, {"k": None}]},
        {"w": "x", "n": 2, "x": None},
        {"w": "\\xff", "n": 3, "x": True},
    ]
    assert "ü".encode() in data


@pytest.mark.parametrize("value", [1.5, 1e300, -0.0, float("nan"), float("-inf"), 2**63])
def test_jsonl_numbers_are_json_numbers_or_null(bench, path: str, value: float) -> None:
    data = written(bench, WriteJsonl(path), (["x"], [[value], [value]]))
    expected = value if abs(value) < float("inf") else None
    assert [json.loads(line, parse_constant=pytest.fail)["x"] for line in data.splitlines()] == [
        expected
    ] * 2


def test_jsonl_of_field_names_with_percent_and_quotes(bench, path: str) -> None:
    data = written(bench, WriteJsonl(path), (['%s"', "%%"], [["a", 1]]))
    assert json.loads(data) == {'%s"': "a", "%%": 1}


def test_jsonl_booleans_are_not_written_as_python_spells_them(bench, path: str) -> None:
    data = written(bench, WriteJsonl(path), (["b"], [[True], [1], [None]]))
    assert data == b'{"b":true}\n{"b":1}\n{"b":null}\n'


WRITERS = [WriteLines, WriteCsv, WriteJsonl]


@pytest.mark.parametrize("cls", WRITERS)
def test_several_tasks_need_their_index_in_the_path(bench, tmp_path: Path, cls: Any) -> None:
    with pytest.raises(UserError, match=r"step: path: several .*as in 'words-\{index\}\.csv'"):
        bench.start(cls(str(tmp_path / "words.csv")), parallelism=2)
    for name, file in [("{index}", "1"), ("{task}", "8"), ("{task}-{index}", "8-1")]:
        bolt = bench.start(cls(str(tmp_path / "{index}" / name)), index=1, parallelism=2)
        assert bolt._file.path == tmp_path / "1" / file
        bolt.cleanup()


@pytest.mark.parametrize("cls", WRITERS)
def test_a_field_that_the_input_lacks_is_named_and_nothing_is_written(
    bench, path: str, cls: Any
) -> None:
    bolt = bench.start(cls(path, fields=["zz"]))
    with pytest.raises(UserError, match=r"step: fields: the input has no field 'zz'; it has \['a'"):
        bolt.process_batch(bench.batch(["a"], [[1]]))
    bolt.flush()
    assert Path(path).read_bytes() == b""


@pytest.mark.parametrize("cls", WRITERS)
def test_they_are_sinks_and_a_clean_stop_before_prepare_is_fine(cls: Any) -> None:
    assert cls.sink
    cls("x").cleanup()


@pytest.mark.parametrize(
    ("more", "fresh", "stays"),
    [
        ({}, True, True),
        ({"begin": "append"}, True, True),
        ({"begin": "new"}, True, False),
        ({"begin": "new"}, False, True),
    ],
)
@pytest.mark.parametrize("kind", [WriteLines, WriteCsv, WriteJsonl])
def test_a_file_is_started_over_when_a_run_begins_from_the_start_and_that_is_wanted(
    bench, path: str, kind: Any, more: dict[str, Any], fresh: bool, stays: bool
) -> None:
    batch = (["w"], [["a"]])
    first = written(bench, kind(path), batch)
    second = written(bench, kind(path, **more), batch, fresh=fresh)
    # A header comes once.
    row = first.splitlines(keepends=True)[-1]
    assert second == (first + row if stays else first)


def test_a_file_is_emptied_when_the_run_goes_and_not_while_it_may_not_start(
    bench, path: str
) -> None:
    Path(path).write_text("of the run before\n")
    bench.start(WriteLines(path, begin="new")).cleanup()
    assert Path(path).read_text() == "of the run before\n"
    bolt = bench.start(WriteLines(path, begin="new"))
    (begin,) = bolt.context.at_go
    begin()
    assert Path(path).read_text() == ""


def test_any_other_beginning_is_refused(path: str) -> None:
    with pytest.raises(UserError, match="WriteCsv: begin: append or new expected, got 'fresh'"):
        WriteCsv(path, begin="fresh")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [WriteLines, WriteCsv, WriteJsonl])
def test_a_path_that_cannot_be_written_is_refused_in_one_line(
    bench, kind: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for path, why in [
        (tmp_path, "Is a directory"),
        (tmp_path / "file" / "out", f"{tmp_path}/file is no folder"),
        (tmp_path / "file" / "more" / "out", f"Not a directory: {tmp_path}/file/more"),
        (Path("/proc/no/out"), "No such file or directory: /proc/no"),
    ]:
        with pytest.raises(UserError) as refused:
            bench.start(kind(str(path)))
        assert str(refused.value).startswith("step: path: ")
        assert str(refused.value).endswith(f": {why}")


def test_without_an_index_in_the_path_it_needs_to_be_the_only_task() -> None:
    needs = WriteCsv.declare_needs({"path": "out/a.csv"})
    assert needs.one_task is not None and needs.one_task[0] == "path"
    assert needs.one_task[1].endswith("put {index} into its name, as in 'a-{index}.csv'")
    for free in ("a-{index}.csv", "{task}/a.csv", "", None, 5):
        assert WriteCsv.declare_needs({"path": free}).one_task is None
