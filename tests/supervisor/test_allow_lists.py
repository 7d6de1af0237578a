"""What a topology may import, where it is linted and in a worker."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from waterspout.supervisor.allow_lists import (
    allow_options,
    local_modules,
    make_allow_list,
    refused,
    worker_allow_list,
)
from waterspout.topology.classes import OWN_PREFIXES, AllowList, ImportDenied, ImportFailed


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with a topology's own code, and what is none."""
    (tmp_path / "package").mkdir()
    for name in ("mine.py", "not-a-module.py", "native.cpython-311-x86_64-linux-gnu.so",
                 "notes.txt", "plain"):  # fmt: skip
        (tmp_path / name).touch()
    return tmp_path


def test_modules_and_packages_of_the_folder_are_its_own_code(code: Path) -> None:
    assert local_modules(code) == ["mine", "native", "package"]
    assert make_allow_list(str(code)).local == ("mine", "native", "package")


def test_installed_plugins_are_allowed_one_by_one(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entry_points(group: str) -> list[EntryPoint]:
        points = [EntryPoint("Others", "others.bolts:Split", "waterspout.bolts")]
        return [point for point in points if point.group == group]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    allow = make_allow_list(str(code))
    allow.check("others.bolts:Split")
    with pytest.raises(ImportDenied):
        allow.check("others.bolts:Another")


def test_a_worker_gets_the_same_list_by_its_command_line(code: Path) -> None:
    allow = AllowList((*OWN_PREFIXES, "more", "much.more"), ("mine", "native", "package"),
                      frozenset({"others.bolts:Split", "a:B"}))  # fmt: skip
    options = allow_options(allow)
    assert options == ("more", "much.more", "a:B", "others.bolts:Split")
    assert worker_allow_list(str(code), options) == allow


def test_why_a_path_may_not_be_imported() -> None:
    allow = AllowList(local=("mine",))
    assert refused(allow, "mine:Bolt") is None
    assert refused(allow, "os:system") == (
        "E_CLASS_DENIED", "'os' is the standard library, which is never allowed",
    )  # fmt: skip
    denied = refused(allow, "hypothesis:given")
    assert denied is not None and denied[0] == "E_CLASS_DENIED"
    assert refused(allow, "mien.inner:Bolt") == (
        "E_IMPORT",
        "there is no module 'mien', neither installed nor in the file's folder, "
        "did you mean 'mine'?",
    )
    with pytest.raises(ImportFailed, match="is not a path"):
        refused(allow, "mine:")


def test_without_anything_only_our_classes_are_allowed() -> None:
    assert worker_allow_list("", ()) == AllowList()
    worker_allow_list("", ()).check("waterspout.bolts:Map")
    with pytest.raises(ImportDenied):
        worker_allow_list("", ()).check("mine:Bolt")
