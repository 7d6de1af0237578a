"""Files that others could read or change are refused, each in one line that names it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from waterspout.supervisor.private_files import PrivateFileError, read_private


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    made = tmp_path / "file"
    made.write_text("text\n")
    made.chmod(0o600)
    return made


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_a_private_file_is_read(path: Path) -> None:
    assert read_private(path, 5) == "text\n"
    path.chmod(0o400)
    assert read_private(path, 5) == "text\n"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda path: path.chmod(0o640), "mode 0640"),
        (lambda path: path.chmod(0o602), "mode 0602"),
        (lambda path: path.parent.chmod(0o770), "others may change it"),
        (lambda path: path.parent.chmod(0o702), "others may change it"),
        (lambda path: path.write_text("text\n\n"), "over 5 bytes"),
        (lambda path: path.write_bytes(b"\xff"), "not a text file"),
        (link, "not a plain file"), (folder, "not a plain file"), (Path.unlink, "No such file"),
    ],
)  # fmt: skip
def test_what_is_not_private_is_refused(
    path: Path, spoil: Callable[[Path], object], text: str
) -> None:
    spoil(path)
    with pytest.raises(PrivateFileError, match=text) as caught:
        read_private(path, 5)
    assert str(path.parent) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PrivateFileError, match="belongs to another user"):
        read_private(path, 5)
