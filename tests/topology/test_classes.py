"""Import paths and the allow list, which is asked before anything is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from waterspout.topology.classes import (
    AllowList,
    ImportDenied,
    ImportFailed,
    load_class,
    load_function,
    normal_path,
    split_path,
)

from ..each_case import each_case

ALLOW = AllowList(local=("wordcount",), classes=frozenset(["other.package:Spout"]))


@each_case(
    "text, path",
    [("a.b.C", "a.b:C"), ("a.b:C", "a.b:C"), ("a:B.C", "a:B.C"), ("short", "short")],
)
def test_a_path_has_one_normal_form(text: str, path: str) -> None:
    assert normal_path(text) == path


@each_case("text", ["short", ":x", "a:", ""])
def test_a_path_needs_module_and_name(text: str) -> None:
    with pytest.raises(ImportFailed, match="is not a path"):
        split_path(text)


@each_case(
    "path",
    ["waterspout.spouts.files:Files", "waterspout.bolts:Map", "wordcount:Split",
     "wordcount.inner:Split", "other.package:Spout", "other.package.Spout"],
)  # fmt: skip
def test_what_is_on_the_list_is_allowed(path: str) -> None:
    ALLOW.check(path)


DENIED = [
    ("os.system", "'os' is the standard library, which is never allowed"),
    ("builtins.eval", "'builtins' is the standard library"),
    ("subprocess:Popen", "'subprocess' is the standard library"),
    ("__main__:x", "'__main__' is the standard library"),
    ("importlib.util:find_spec", "'importlib' is the standard library"),
    ("other.package:Else", "'other' is not under the allowed prefixes [waterspout.spouts, wat"),
    ("wordcount2:Split", "did you mean 'wordcount'?"),
    ("waterspout.supervisor.cli:main", "'waterspout' is not under the allowed prefixes"),
    ("waterspout.boltsx:Map", "'waterspout' is not under the allowed prefixes"),
]


@each_case("path, expected", DENIED)
def test_everything_else_is_denied(path: str, expected: str) -> None:
    with pytest.raises(ImportDenied) as raised:
        ALLOW.check(path)
    assert expected in str(raised.value)


def test_the_standard_library_is_denied_even_when_it_is_asked_for() -> None:
    with pytest.raises(ImportDenied):
        AllowList(prefixes=("os",), classes=frozenset(["os:system"])).check("os:system")


def test_the_list_comes_back_from_json() -> None:
    assert AllowList.from_json(ALLOW.to_json()) == ALLOW


MODULE = """
import os
class Outer:
    class Inner: pass
def function(): return 5
value = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a module on the path and return its name."""
    (tmp_path / "some_module.py").write_text(MODULE)
    (tmp_path / "broken_module.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "some_module", raising=False)
    return "some_module"


def test_classes_and_functions_are_loaded_by_path(module: str) -> None:
    assert load_class(f"{module}:Outer.Inner").__qualname__ == "Outer.Inner"
    assert load_class(f"{module}.Outer").__name__ == "Outer"
    assert load_function(f"{module}:function")() == 5


FAILS = [
    ("Outr", "has no 'Outr', did you mean 'Outer'?"),
    ("Outer.Inr", "has no 'Inr'"),
    ("os.system", "leads through the module 'os'"),
    ("function", "is a function, not a class"),
]


@pytest.mark.parametrize(("name", "expected"), FAILS)
def test_what_is_no_class_is_refused(module: str, name: str, expected: str) -> None:
    with pytest.raises(ImportFailed) as raised:
        load_class(f"{module}:{name}")
    assert expected in str(raised.value)


def test_what_cannot_be_called_is_no_function(module: str) -> None:
    with pytest.raises(ImportFailed, match="is an int, which cannot be called"):
        load_function(f"{module}:value")


def test_a_missing_module_is_told_from_one_that_a_module_misses(module: str) -> None:
    with pytest.raises(ImportFailed, match="there is no module 'nobody_has_this'"):
        load_class("nobody_has_this.inner:Class")
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        load_class("broken_module:Class")
