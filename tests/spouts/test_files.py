"""The Files source without following: which files, which fields, and what a user is told."""

import logging
import os

import pytest
from waterspout.spouts import files
from waterspout.spouts.contract import declared_replay
from waterspout.spouts.files import Files
from waterspout.spouts.line_reader import UnreadableFile
from waterspout.topology.errors import UserError

from ..each_case import each_case


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("b1\nb2\n")
    (tmp_path / "a.txt").write_text("a1\n")
    (tmp_path / "sub" / "c.txt").write_text("c1\n")
    (tmp_path / "empty.txt").write_text("")
    return tmp_path


def opened(context, paths, **args):
    source = Files(paths=paths, **args)
    source.open(context)
    return source


def read_all(source):
    rows = []
    for partition in source.partitions():
        reader = source.reader(partition, None)
        while (got := reader.read(64)) is not None:
            rows += got[0]
    return rows


def test_it_emits_the_lines_of_all_matching_files_sorted_by_path(folder, context):
    source = opened(context, str(folder / "**/*.txt"))
    names = ["a.txt", "b.txt", "empty.txt", "sub/c.txt"]
    assert source.partitions() == [str(folder / name) for name in names]
    assert read_all(source) == [["a1"], ["b1"], ["b2"], ["c1"]]
    assert source.bounded()


def test_the_path_comes_after_the_line_when_asked_for(folder, context):
    args = {"paths": [str(folder / "a.txt"), str(folder / "sub/*")], "include_path": True}
    assert Files.declare_outputs(args) == ["line", "path"]
    source = opened(context, **args)
    a, c = str(folder / "a.txt"), str(folder / "sub/c.txt")
    assert read_all(source) == [["a1", a], ["c1", c]]


def test_it_declares_one_field_and_seeks():
    assert Files.declare_outputs({"paths": "x"}) == ["line"]
    assert declared_replay(Files, {"paths": "x"}) == "seek"


def test_excluded_files_are_left_out(folder, context):
    source = opened(context, str(folder / "**/*.txt"), exclude=["*/sub/*", "*/b.txt"])
    assert read_all(source) == [["a1"]]


def test_files_that_appear_during_a_bounded_run_are_not_taken_up(folder, context):
    source = opened(context, str(folder / "*.txt"))
    before = source.partitions()
    (folder / "new.txt").write_text("new\n")
    assert source.partitions() == before


def test_the_end_position_is_the_size(folder, context):
    source = opened(context, str(folder / "*.txt"))
    assert source.end_position(str(folder / "b.txt")) == 6
    assert source.position_unit == "bytes"
    (folder / "b.txt").unlink()
    assert source.end_position(str(folder / "b.txt")) is None


def test_a_partition_of_an_earlier_run_that_is_gone_ends_with_a_word(folder, context, caplog):
    source = opened(context, str(folder / "*.txt"))
    assert source.reader(str(folder / "gone.txt"), 3).read(64) is None
    assert f"file vanished: path={folder / 'gone.txt'} position=3" in caplog.text
    assert context.metrics.values == {"files_vanished": 1}


def test_nothing_at_all_to_read_is_an_error(folder, context):
    with pytest.raises(UserError, match=r"Files: no file matches .*\*\.csv; allow_empty"):
        opened(context, str(folder / "*.csv"))
    assert read_all(opened(context, str(folder / "*.csv"), allow_empty=True)) == []


def test_where_relative_patterns_were_looked_for_is_said(folder, context, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(UserError) as caught:
        opened(context, "*.csv")
    assert f"no file matches *.csv in {folder} (${{TOPOLOGY_DIR}}/ is where" in str(caught.value)


def test_a_folder_or_a_bracket_among_the_paths_is_told_with_what_to_write(
    folder, context, caplog, monkeypatch
):
    monkeypatch.chdir(folder.parent)
    (folder / "x[1].txt").touch()
    with pytest.raises(UserError) as caught:
        opened(context, [f"{folder.name}/", f"{folder.name}/x[1].txt", f"{folder.name}/[z].txt"])
    name = folder.name
    assert str(caught.value).startswith(
        f"Files: no file matches {name}/ (that is a folder; {name}/* is each file in it, {name}/** "
        f"each below it, too), {name}/x[1].txt (there is a file of this name, but in a glob "
        f"[...] stands for one character: write [[] for a [ itself), {name}/[z].txt (in a glob "
    )
    assert opened(context, f"{name}/x[[]1].txt").partitions() == [str(folder / "x[1].txt")]
    opened(context, [str(folder), str(folder / "*.txt")])
    assert f"no file matches: path={folder} (that is a folder; " in caplog.text


def test_a_folder_that_is_to_be_followed_is_told_at_the_start(folder, context, caplog):
    opened(context, [str(folder), str(folder / "*.txt"), str(folder / "[z]")], follow=True)
    assert caplog.text.count("no file matches: path=") == 1
    assert f"no file matches: path={folder} (that is a folder; " in caplog.text


def test_one_pattern_of_several_without_a_file_is_told(folder, context, caplog):
    with caplog.at_level(logging.WARNING):
        opened(context, [str(folder / "*.txt"), str(folder / "gone.txt")])
    assert f"no file matches: path={folder / 'gone.txt'}" in caplog.text
    assert context.metrics.values == {"paths_unmatched": 1}


def test_a_file_that_may_not_be_read_is_an_error_at_the_start(folder, context, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda path, mode: not path.endswith("b.txt"))
    with pytest.raises(UnreadableFile, match=r"cannot read .*/b\.txt: permission denied"):
        opened(context, str(folder / "*.txt"))


def test_a_name_that_is_no_utf8_can_be_packed_and_read(tmp_path, context):
    with open(os.fsencode(tmp_path) + b"/\xff.txt", "wb") as file:
        file.write(b"a\n")
    source = opened(context, str(tmp_path / "*"), include_path=True)
    (partition,) = source.partitions()
    partition.encode()
    assert read_all(source) == [["a", f"{tmp_path}/\\xff.txt"]]


@each_case(
    "args, text",
    [
        ({"paths": []}, "Files: paths: expected a text or a list of texts, got []"),
        ({"paths": [""]}, "Files: paths: expected texts that are not empty, got ['']"),
        ({"paths": "x", "exclude": 3}, "Files: exclude: expected a text or a list of texts, got 3"),
        ({"paths": "x", "encoding": "utf-16"}, "Files: encoding: 'utf-16' does not keep ASCII"),
        ({"paths": "x", "encoding": "nope"}, "Files: encoding: 'nope' is no text encoding"),
        ({"paths": "x", "line_bytes_max": 0}, "Files: line_bytes_max: expected an integer of 1"),
    ],
)
def test_wrong_arguments_are_one_line_and_found_without_an_instance(args, text):
    with pytest.raises(UserError) as caught:
        Files.declare_outputs(args)
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)
