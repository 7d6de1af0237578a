"""What the blob server makes of requests: whole files or none, wherever an upload breaks off."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster import blob_server
from waterspout.supervisor.cluster.blob_server import BlobFiles
from waterspout.supervisor.cluster.blobs import BlobLimits

DATA = bytes(random.Random(1).randbytes(1000))
SHA = hashlib.sha256(DATA).hexdigest()
PART = "epoch-1.round-2.task-3.part"


class Rig:
    """A folder, and requests for one part of 1,000 bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "topologies/wc-1").mkdir(parents=True)
        self.files = BlobFiles(folder, BlobLimits(part=2000))
        self.path = folder / "topologies/wc-1/snapshots" / PART

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        what: dict[str, Any] = {"n": 7, "sort": "part", "topology": "wc-1", "name": PART}
        if kind != "get":
            what |= {"bytes": len(DATA), "sha256": SHA}
        answer = self.files.answer({"kind": kind, **what, **fields})
        assert answer.pop("n") == 7
        return answer

    def chunk(self, start: int, end: int) -> dict[str, Any]:
        return self.ask("chunk", offset=start, data=DATA[start:end])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_file_is_there_when_all_of_it_came_and_not_before(rig: Rig) -> None:
    assert rig.ask("put") == {"ok": True, "offset": 0}
    assert rig.chunk(0, 600) == {"ok": True, "offset": 600}
    assert not rig.path.exists()
    assert rig.ask("get", offset=0)["ok"] is False
    assert rig.chunk(600, 1000) == {"ok": True, "stored": True}
    assert rig.path.read_bytes() == DATA
    assert os.stat(rig.path).st_mode & 0o777 == 0o600
    assert rig.ask("put") == {"ok": True, "stored": True}


def test_a_chunk_that_comes_twice_or_too_early_changes_nothing(rig: Rig) -> None:
    rig.chunk(0, 600)
    assert rig.chunk(0, 600) == {"ok": True, "offset": 600}
    assert rig.chunk(900, 1000) == {"ok": True, "offset": 600}
    assert rig.chunk(600, 1000)["stored"] is True
    assert rig.path.read_bytes() == DATA


@pytest.mark.parametrize("cut", range(0, 1000, 100))
def test_a_server_that_was_restarted_goes_on_where_the_file_ends(rig: Rig, cut: int) -> None:
    rig.ask("put")
    rig.chunk(0, cut)
    rig.files.close()
    rig.files = BlobFiles(rig.folder, BlobLimits())
    assert rig.ask("put") == {"ok": True, "offset": cut}
    assert rig.chunk(cut, 1000) == {"ok": True, "stored": True}
    assert rig.path.read_bytes() == DATA


def test_other_bytes_than_the_sha256_says_are_thrown_away(rig: Rig) -> None:
    answer = rig.ask("chunk", offset=0, data=b"x" * 1000)
    assert answer == {"ok": False, "retry": True, "error": f"{PART}: what came has another sha256"}
    assert list(rig.path.parent.iterdir()) == []
    assert rig.ask("put") == {"ok": True, "offset": 0}


def test_a_full_disk_is_an_answer_and_the_upload_can_go_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.chunk(0, 600)

    def full(self: Any, data: bytes) -> None:
        self.file.write(data[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(blob_server._Upload, "add", full)
        answer = rig.chunk(600, 1000)
    assert (answer["ok"], answer["retry"]) == (False, True)
    assert "No space left on device" in answer["error"]
    assert rig.ask("put") == {"ok": True, "offset": 610}
    assert rig.chunk(610, 1000)["stored"] is True
    assert rig.path.read_bytes() == DATA


def test_many_uploads_at_once_keep_few_files_open(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_server, "UPLOADS_MAX", 2)
    names = [f"epoch-1.round-2.task-{task}.part" for task in range(1, 6)]
    for start, end in ((0, 500), (500, 1000)):
        for name in names:
            rig.ask("chunk", name=name, offset=start, data=DATA[start:end])
            assert len(rig.files._uploads) <= 2
    assert [(rig.path.parent / name).read_bytes() for name in names] == [DATA] * 5


def test_parts_of_unknown_topologies_and_too_large_ones_are_refused(rig: Rig) -> None:
    assert rig.ask("put", topology="other") == {
        "ok": False, "retry": False, "gone": True, "error": "there is no topology other",
    }  # fmt: skip
    assert "a part has at most 2000" in rig.ask("put", bytes=2001)["error"]


def test_a_part_that_is_not_there_or_that_the_disk_cannot_read_is_said_to_be_gone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rig.ask("get", offset=0)["gone"] is True
    rig.chunk(0, 1000)

    def damaged(*_: Any) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(blob_server, "open", damaged, raising=False)
    answer = rig.ask("get", offset=0)
    assert (answer["retry"], answer["gone"]) == (False, True)
    assert "Input/output error" in answer["error"]


def test_a_coordinator_that_is_short_of_files_does_not_say_that_a_part_is_gone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.chunk(0, 1000)

    def short(*_: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(blob_server, "open", short, raising=False)
    answer = rig.ask("get", offset=0)
    assert answer["retry"] is True
    assert "gone" not in answer


def test_what_was_never_finished_goes_after_a_day(rig: Rig) -> None:
    rig.chunk(0, 600)
    rig.files.close()
    (partial,) = rig.path.parent.iterdir()
    BlobFiles(rig.folder, BlobLimits())
    assert partial.exists()
    os.utime(partial, (1, 1))
    BlobFiles(rig.folder, BlobLimits())
    assert not partial.exists()
