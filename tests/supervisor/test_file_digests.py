"""A file's digest, and whether a part is what it says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from waterspout.bolts.snapshots import StateCopy, encode_part, part_sha256
from waterspout.supervisor import file_digests
from waterspout.supervisor.file_digests import file_sha256, part_digest

PART = b"".join(encode_part(StateCopy("count", 0, (), "", 1)))


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_files_are_read_piece_by_piece(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_digests, "_CHUNK", chunk)
    path = tmp_path / "part"
    path.write_bytes(PART)
    assert file_sha256(path) == hashlib.sha256(PART).hexdigest()
    found = part_digest(path)
    assert found == (len(PART), part_sha256(PART), part_sha256(PART))


@pytest.mark.parametrize("data", [b"", b"short", PART[:-1], b"?" + PART[1:], PART + b"?"])
def test_a_part_that_was_changed_is_not_what_it_says(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "part"
    path.write_bytes(data)
    found = part_digest(path)
    assert found.found != found.said


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for digest in (file_sha256, part_digest):
        with pytest.raises(FileNotFoundError):
            digest(tmp_path / "gone")
