"""A new project: complete, readable by Python and YAML, and never over something that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from waterspout.supervisor.linting import lint_file
from waterspout.supervisor.scaffold import create_project
from waterspout.topology.errors import UserError


def test_a_project_has_a_topology_a_spout_two_bolts_and_a_test(tmp_path: Path) -> None:
    paths = create_project("tides", tmp_path)
    assert [p.name for p in paths] == [
        "tides.yaml", "sentences.py", "words.py", "test_topology.py", "pytest.ini",
    ]  # fmt: skip
    assert sorted((tmp_path / "tides").iterdir()) == sorted(paths)
    topology = yaml.safe_load(paths[0].read_text())
    assert topology["name"] == "tides"
    assert (len(topology["spouts"]), len(topology["bolts"])) == (1, 2)


@pytest.mark.parametrize("name", ["no", "null", "y", "A", "a-b_c9", "a" * 64])
def test_names_that_yaml_would_read_as_something_else_stay_names(name: str, tmp_path: Path) -> None:
    topology = create_project(name, tmp_path)[0]
    assert topology.name == f"{name}.yaml"
    assert yaml.safe_load(topology.read_text())["name"] == name


def test_every_class_of_the_topology_is_in_the_files_beside_it(tmp_path: Path) -> None:
    create_project("tides", tmp_path)
    topology = yaml.safe_load((tmp_path / "tides" / "tides.yaml").read_text())
    for component in [*topology["spouts"].values(), *topology["bolts"].values()]:
        module, name = component["class"].split(":")
        tree = ast.parse((tmp_path / "tides" / f"{module}.py").read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def test_no_placeholder_is_left_in_any_file(tmp_path: Path) -> None:
    for path in create_project("tides", tmp_path):
        assert "$" not in path.read_text()


@pytest.mark.parametrize(
    "name",
    ["", "a/b", "../x", "/x", "a b", "9a", "_a", "-a", ".", "..", "a.b", "é", "a\n", "a" * 65],
)
def test_a_bad_name_is_refused_in_one_line_and_makes_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a project name") as caught:
        create_project(name, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_refused_and_left_as_it_was(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "tides"
    if kind == "folder":
        target.mkdir()
        (target / "precious.txt").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=re.escape(f"{target} exists already")):
        create_project("tides", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["tides"]
    if kind == "folder":
        assert [p.name for p in target.iterdir()] == ["precious.txt"]


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot make the folder .*: No such file or directory"):
        create_project("tides", tmp_path / "missing")


def test_a_new_project_passes_lint_without_a_warning(tmp_path: Path) -> None:
    result = lint_file(create_project("tides", tmp_path)[0])
    assert [str(problem) for problem in result.problems] == []
    assert result.ok
