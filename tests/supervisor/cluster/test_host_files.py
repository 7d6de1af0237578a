"""Files of a host: parts go and come, code and environments are had once, failures told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.bolts.snapshots import StateCopy, encode_part, part_sha256
from waterspout.supervisor.allow_lists import local_modules
from waterspout.supervisor.cluster.blob_client import BlobError
from waterspout.supervisor.cluster.code_pack import pack
from waterspout.supervisor.cluster.environments import Environments
from waterspout.supervisor.cluster.host_files import HostFiles, python_of
from waterspout.supervisor.cluster.host_jobs import JobFailed
from waterspout.supervisor.cluster.host_protocol import WishWorker
from waterspout.supervisor.cluster.supervisor_folder import SupervisorFolder
from waterspout.supervisor.snapshot_store import SnapshotStore
from waterspout.topology.errors import CorruptSnapshot

ID = "words-0a1b2c"
PART = "epoch-1.round-2.task-3.part"
STATE = b"".join(encode_part(StateCopy("count", 0, (), "", 1)))
DIGEST = part_sha256(STATE)
OTHER_STATE = b"".join(encode_part(StateCopy("count", 1, (), "", 1)))
PACK = pack({"mine/__init__.py": b"", "top.py": b"X = 1\n", "sub/inner.py": b""})
SHA = hashlib.sha256(PACK).hexdigest()


class FakeBlobs:
    """A coordinator's blobs in a dict."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, str], bytes] = {}
        self.error: BlobError | None = None
        self.gets = 0

    def put(self, sort: str, source: Path, *, name: str, id: str, sha256: str) -> None:
        if self.error is not None:
            raise self.error
        assert hashlib.sha256(source.read_bytes()).hexdigest() == sha256
        self.held[sort, id, name] = source.read_bytes()

    def get(self, sort: str, *, name: str, id: str, to: Path, sha256: str | None) -> None:
        self.gets += 1
        if self.error is not None:
            raise self.error
        to.write_bytes(self.held[sort, id, name])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[SupervisorFolder]:
    folder = SupervisorFolder(tmp_path / "data")
    yield folder
    folder.close()


@pytest.fixture
def blobs() -> FakeBlobs:
    return FakeBlobs()


@pytest.fixture
def files(folder: SupervisorFolder, blobs: FakeBlobs) -> HostFiles:
    connect: Any = lambda: blobs  # noqa: E731
    return HostFiles(folder, connect, Environments(folder.environments))


def test_a_part_goes_to_the_coordinator_and_comes_back_on_another_host(
    files: HostFiles, folder: SupervisorFolder, blobs: FakeBlobs
) -> None:
    path = folder.make_topology(ID) / "snapshots" / PART
    path.write_bytes(STATE)
    files.upload(ID, PART)
    path.unlink()
    files.fetch(ID, PART, DIGEST)
    assert path.read_bytes() == STATE
    files.fetch(ID, PART, DIGEST)
    assert blobs.gets == 1


@pytest.mark.parametrize(
    "there", [b"", b"x", OTHER_STATE, STATE[:-1], b"?" + STATE[1:], STATE + b"?"]
)
def test_a_file_that_only_has_the_name_of_a_part_or_is_damaged_is_replaced(
    files: HostFiles, folder: SupervisorFolder, blobs: FakeBlobs, there: bytes
) -> None:
    """A topology that begins from a savepoint has names that an earlier beginning had."""
    path = folder.make_topology(ID) / "snapshots" / PART
    path.write_bytes(there)
    blobs.held["part", ID, PART] = STATE
    files.fetch(ID, PART, DIGEST)
    assert (path.read_bytes(), blobs.gets) == (STATE, 1)


def test_a_part_that_is_gone_is_never_stored(files: HostFiles) -> None:
    with pytest.raises(JobFailed, match="is gone") as error:
        files.upload(ID, PART)
    assert error.value.final


@pytest.mark.parametrize("retry", [True, False])
def test_a_refusal_is_final_unless_trying_again_may_help(
    files: HostFiles, blobs: FakeBlobs, retry: bool
) -> None:
    blobs.error = BlobError("no such blob", retry=retry)
    with pytest.raises(JobFailed, match="no such blob") as error:
        files.fetch(ID, PART, DIGEST)
    assert error.value.final is not retry


@pytest.mark.parametrize("there", [None, b"damaged"])
def test_a_part_that_is_gone_at_the_coordinator_is_left_to_the_worker_to_find(
    files: HostFiles, folder: SupervisorFolder, blobs: FakeBlobs, there: bytes | None
) -> None:
    """F18: it says ``corrupt``, and everybody goes back to an older snapshot."""
    blobs.error = BlobError("part is not here", retry=False, gone=True)
    parts = folder.make_topology(ID) / "snapshots"
    if there is not None:
        (parts / PART).write_bytes(there)
    files.fetch(ID, PART, DIGEST)
    with pytest.raises(CorruptSnapshot):
        SnapshotStore(parts).open(PART, DIGEST)


def test_code_that_is_gone_is_not_waited_for(files: HostFiles, blobs: FakeBlobs) -> None:
    blobs.error = BlobError("code is not here", retry=False, gone=True)
    with pytest.raises(JobFailed, match="is not here") as error:
        files.prepare(SHA, "")
    assert error.value.final


def test_without_a_coordinator_everything_waits(folder: SupervisorFolder) -> None:
    files = HostFiles(folder, lambda: None, Environments(folder.environments))
    with pytest.raises(JobFailed, match="not in reach") as error:
        files.fetch(ID, PART, DIGEST)
    assert not error.value.final


def test_code_is_fetched_and_unpacked_once(
    files: HostFiles, blobs: FakeBlobs, folder: SupervisorFolder
) -> None:
    blobs.held["code", "", SHA] = PACK
    assert not files.ready(SHA, "")
    files.prepare(SHA, "")
    files.prepare(SHA, "")
    assert blobs.gets == 1
    assert files.ready(SHA, "")
    code = files.code_folder(WishWorker(ID, 0, 7, code=SHA))
    assert code is not None
    assert local_modules(code) == ["mine", "sub", "top"]
    inner = files.code_folder(WishWorker(ID, 0, 7, code=SHA, sub="sub"))
    assert inner is not None
    assert local_modules(inner) == ["inner"]
    assert not list(folder.path.glob("*.part"))


def test_a_folder_outside_of_the_code_is_refused(files: HostFiles, blobs: FakeBlobs) -> None:
    blobs.held["code", "", SHA] = PACK
    files.prepare(SHA, "")
    with pytest.raises(ValueError, match="leads out"):
        files.code_folder(WishWorker(ID, 0, 7, code=SHA, sub="../.."))


def test_a_topology_without_code_and_requirements_is_ready(files: HostFiles) -> None:
    assert files.ready("", "")
    assert files.code_folder(WishWorker(ID, 0, 7)) is None


@pytest.mark.parametrize(("code", "requirements"), [("..", ""), ("", ".."), ("A" * 64, "")])
def test_a_path_is_neither_code_nor_requirements(
    files: HostFiles, code: str, requirements: str
) -> None:
    assert not files.ready(code, requirements)
    with pytest.raises(JobFailed, match="not a sha256") as error:
        files.prepare(code, requirements)
    assert error.value.final
    assert files.code_folder(WishWorker(ID, 0, 7, code="..")) is None


def test_a_pack_that_is_none_is_final(files: HostFiles, blobs: FakeBlobs) -> None:
    blobs.held["code", "", SHA] = b"nonsense"
    with pytest.raises(JobFailed, match="another sha256") as error:
        files.prepare(SHA, "")
    assert error.value.final


def test_requirements_that_are_not_allowed_are_final(files: HostFiles, blobs: FakeBlobs) -> None:
    text = b"left-pad==1.0\n"
    sha256 = hashlib.sha256(text).hexdigest()
    blobs.held["requirements", "", sha256] = text
    with pytest.raises(JobFailed, match="installs no requirements") as error:
        files.prepare("", sha256)
    assert error.value.final


def test_a_worker_without_requirements_runs_on_our_own_interpreter(tmp_path: Path) -> None:
    environments = Environments(tmp_path)
    assert python_of(environments, "") == environments.own
    python = tmp_path / ("0" * 64) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert python_of(environments, "0" * 64) == str(python)
