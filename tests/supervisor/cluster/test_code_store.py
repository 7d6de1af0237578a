"""Folders become packs, packs become folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster import code_store
from waterspout.supervisor.cluster.code_pack import PackPlan, PackRefused, pack, sha256_of
from waterspout.supervisor.cluster.code_store import CodeStore, pack_folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in {
        "topology.yaml": "name: x", "components.py": "A = 1", "lib/more.py": "B = 2",
        ".git/config": "x", "venv2/pyvenv.cfg": "x", "venv2/lib/a.py": "x", ".env": "TOKEN=1",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_folder_comes_out_as_it_was_packed(project: Path, tmp_path: Path) -> None:
    packed = pack_folder(project)
    path = CodeStore(tmp_path / "store").add(packed.sha256, packed.data)
    found = sorted(str(each.relative_to(path)) for each in path.rglob("*") if each.is_file())
    assert found == ["components.py", "lib/more.py", "topology.yaml"]
    assert (path / "lib/more.py").read_text() == "B = 2"
    assert packed.files == 3
    assert [name for name, _ in packed.left_out] == [".env", ".git/", "venv2/"]


def test_the_same_files_elsewhere_give_the_same_name(project: Path, tmp_path: Path) -> None:
    before = pack_folder(project).sha256
    (project / "components.py").touch()
    os.rename(project, tmp_path / "moved")
    assert pack_folder(tmp_path / "moved").sha256 == before
    (tmp_path / "moved/components.py").write_text("A = 2")
    assert pack_folder(tmp_path / "moved").sha256 != before


def test_links_out_of_the_folder_stay_out(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("x")
    (project / "out.txt").symlink_to(tmp_path / "outside.txt")
    (project / "in.py").symlink_to("components.py")
    (project / "folder").symlink_to(project / "lib")
    os.mkfifo(project / "pipe")
    packed = pack_folder(project)
    assert packed.files == 4
    why = dict(packed.left_out)
    assert why["out.txt"] == "is a link out of the folder"
    assert why["folder"] == "is a link to a folder"
    assert why["pipe"] == "is no file"


def test_what_is_gone_by_the_time_it_is_read_stays_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "half-written.tmp").write_text("x")
    (project / "scratch").mkdir()
    real_plan, real_walk = code_store.plan_pack, os.walk

    def walk(folder: Path, onerror: Callable[[OSError], None]) -> Iterator[Any]:
        for where, folders, names in real_walk(folder, onerror=onerror):
            if where == str(project):
                (project / "scratch").rmdir()
            yield where, folders, names

    def plan(*given: Any) -> PackPlan:
        (project / "half-written.tmp").unlink()
        return real_plan(*given)

    monkeypatch.setattr(os, "walk", walk)
    monkeypatch.setattr(code_store, "plan_pack", plan)
    packed = pack_folder(project)
    assert packed.files == 3
    why = dict(packed.left_out)
    assert why["half-written.tmp"] == why["scratch"] == "was gone when it was read"


def test_a_folder_that_is_none_or_holds_too_much_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PackRefused, match="nowhere"):
        pack_folder(project / "nowhere")
    monkeypatch.setattr(code_store, "LOOKED_AT_MAX", 3)
    with pytest.raises(PackRefused, match="over 3 files; name the folder with code:"):
        pack_folder(project)


def test_a_pack_with_another_sha256_is_not_unpacked(tmp_path: Path) -> None:
    store = CodeStore(tmp_path)
    with pytest.raises(PackRefused, match="another sha256"):
        store.add("0" * 64, pack({"a": b""}))
    assert list(tmp_path.iterdir()) == []


def test_a_bad_pack_leaves_nothing_behind(tmp_path: Path) -> None:
    store, data = CodeStore(tmp_path), pack({"../a": b""})
    with pytest.raises(PackRefused, match="leads out"):
        store.add(sha256_of(data), data)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_nothing_that_looks_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pack({"a": b"", "b": b""})
    store, sha256 = CodeStore(tmp_path), sha256_of(data)
    real = code_store._write

    def full(path: Path, content: bytes) -> None:
        if path.name == "b":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(code_store, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        store.add(sha256, data)
    assert store.path(sha256) is None
    monkeypatch.setattr(code_store, "_write", real)
    assert sorted(each.name for each in store.add(sha256, data).iterdir()) == ["a", "b"]


def test_what_is_here_is_not_unpacked_again_and_what_nobody_needs_goes(tmp_path: Path) -> None:
    store, one, two = CodeStore(tmp_path), pack({"a": b"1"}), pack({})
    first, second = store.add(sha256_of(one), one), store.add(sha256_of(two), two)
    (first / "mark").touch()
    assert (store.add(sha256_of(one), one) / "mark").exists()
    assert store.prune([sha256_of(one)]) == 1
    assert first.is_dir() and not second.exists()
    assert store.path(sha256_of(two)) is None
    assert CodeStore(tmp_path / "none").prune([]) == 0
