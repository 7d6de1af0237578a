"""Globs over real folders, held against the glob module where that has the same rules."""

import glob
import os

import pytest
from waterspout.spouts import walk
from waterspout.spouts.walk import Walk, escaped
from waterspout.topology.errors import UserError

TREE = [
    "a.txt",
    "b.log",
    ".hidden.txt",
    "one/a.txt",
    "one/two/b.txt",
    "one/two/three/c.txt",
    "one/[x]/d.txt",
    ".dot/e.txt",
    "ten/a.txt",
    "ten/two/a.txt",
]


@pytest.fixture
def tree(tmp_path):
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        "*.txt",
        "*",
        "?.txt",
        "[ab].*",
        "[!a].*",
        "**/*.txt",
        "**",
        "one/**/*.txt",
        "**/two/*.txt",
        "**/two/**/*.txt",
        "**/**/a.txt",
        "*/two/*",
        "one/two/b.txt",
        "t*/**/a.txt",
        ".*.txt",
        ".dot/*",
        "one/[[]x]/*",
        "nothing/**/*.txt",
        "a.txt/*",
        "missing.txt",
    ],
)
def test_it_finds_what_the_glob_module_finds(tree, pattern):
    every = glob.glob(str(tree / pattern), recursive=True)
    files = sorted({path for path in every if os.path.isfile(path)})
    assert Walk([str(tree / pattern)]).files() == files


def test_a_file_that_two_patterns_match_comes_once(tree):
    found = Walk([str(tree / "*.txt"), str(tree / "a.*")]).files()
    assert found == [str(tree / "a.txt")]


def test_patterns_without_a_file_are_named(tree):
    found = Walk([str(tree / "*.txt"), str(tree / "gone.txt"), str(tree / "*.csv")])
    found.files()
    assert found.unmatched == [str(tree / "gone.txt"), str(tree / "*.csv")]


def test_a_relative_pattern_is_made_absolute_once(tree, monkeypatch):
    monkeypatch.chdir(tree)
    found = Walk(["*.txt"])
    monkeypatch.chdir("/")
    assert found.files() == [str(tree / "a.txt")]


def test_excluded_files_are_left_out_and_excluded_folders_not_entered(tree, monkeypatch):
    entered = []
    scandir = os.scandir
    monkeypatch.setattr(walk.os, "scandir", lambda path: entered.append(path) or scandir(path))
    found = Walk([str(tree / "**/*.txt")], ["**/one/**", "*/ten/a.txt"]).files()
    assert found == [str(tree / "a.txt"), str(tree / "ten/two/a.txt")]
    assert str(tree / "one") not in entered


def test_a_literal_path_can_be_excluded(tree):
    assert Walk([str(tree / "a.txt")], ["*/a.txt"]).files() == []


def test_a_circle_of_links_ends(tree):
    (tree / "one" / "up").symlink_to(tree)
    (tree / "ten" / "self").symlink_to(tree / "ten")
    found = Walk([str(tree / "**/*.txt")]).files()
    assert len(found) == 7


def test_a_link_to_a_folder_is_followed(tree):
    (tree / "link").symlink_to(tree / "one" / "two")
    found = Walk([str(tree / "link/**/*.txt")]).files()
    assert found == [str(tree / "link/b.txt"), str(tree / "link/three/c.txt")]


def test_broken_links_and_pipes_are_no_files(tree):
    (tree / "broken.txt").symlink_to(tree / "nowhere")
    os.mkfifo(tree / "pipe.txt")
    assert Walk([str(tree / "*.txt")]).files() == [str(tree / "a.txt")]


def test_a_folder_that_may_not_be_read_is_an_error_that_names_it(tree, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(walk.os, "scandir", refuse)
    with pytest.raises(UserError, match=r"cannot read the folder .*: Permission denied"):
        Walk([str(tree / "*.txt")]).files()


def test_a_name_that_is_no_utf8_has_a_form_that_can_be_shown(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(path, "wb"):
        pass
    (found,) = Walk([str(tmp_path / "*")]).files()
    assert os.fsencode(found) == path
    assert escaped(found) == f"{tmp_path}/\\xff.txt"
