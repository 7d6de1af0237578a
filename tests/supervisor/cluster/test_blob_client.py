"""Blobs between a client and a server, over a socket of this machine."""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from waterspout.supervisor.cluster import blob_server
from waterspout.supervisor.cluster.blob_client import BlobClient, BlobError
from waterspout.supervisor.cluster.blob_server import BlobServer
from waterspout.supervisor.cluster.blobs import BLOB_BYTES_MAX, CHUNK_BYTES_MAX
from waterspout.supervisor.sockets import dealer, router

DATA = bytes(random.Random(1).randbytes(2 * CHUNK_BYTES_MAX + 17))
SHA = hashlib.sha256(DATA).hexdigest()


class Server:
    """A blob server that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        # Names of such sockets must be short.
        self._short = tempfile.TemporaryDirectory(prefix="ws-")
        self.endpoint, self.folder = f"ipc://{self._short.name}/blobs", folder
        self.allowed = True
        self._context = zmq.Context()
        self.start()

    def start(self) -> None:
        socket = router(self._context, self.endpoint, BLOB_BYTES_MAX)
        self.server = BlobServer(socket, self.folder, lambda user, request: self.allowed)
        self.server.start()

    def close(self) -> None:
        self.server.close()
        self._context.term()
        self._short.cleanup()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(blob_server, "POLL_MS", 5)
    made = Server(tmp_path / "data")
    yield made
    made.close()


def test_a_file_comes_back_as_it_was_given(server: Server, tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(DATA)
    with BlobClient(server.endpoint) as client:
        client.put("code", tmp_path / "pack", name=SHA, sha256=SHA)
        client.put("code", DATA, name=SHA, sha256=SHA)
        client.get("code", name=SHA, to=tmp_path / "back", sha256=SHA)
    assert (tmp_path / "back").read_bytes() == DATA
    assert (server.folder / "code" / f"{SHA}.zip").read_bytes() == DATA


def test_a_client_goes_on_with_a_server_that_came_back(server: Server, tmp_path: Path) -> None:
    with BlobClient(server.endpoint, answer_s=0.2) as client:
        answer = client._ask({
            "kind": "chunk", "sort": "code", "topology": "", "name": SHA, "sha256": SHA,
            "bytes": len(DATA), "offset": 0, "data": DATA[:CHUNK_BYTES_MAX],
        })  # fmt: skip
        assert answer["offset"] == CHUNK_BYTES_MAX
        server.server.close()
        server.start()
        client.put("code", DATA, name=SHA, sha256=SHA)
    assert (server.folder / "code" / f"{SHA}.zip").read_bytes() == DATA


def test_what_is_refused_is_an_error_that_says_whether_to_try_again(
    server: Server, tmp_path: Path
) -> None:
    with BlobClient(server.endpoint) as client:
        with pytest.raises(BlobError, match="is not here") as found:
            client.get("code", name=SHA, to=tmp_path / "back")
        assert (found.value.retry, found.value.gone) == (False, True)
        with pytest.raises(BlobError, match="another sha256") as found:
            client.put("code", b"other", name=SHA, sha256=SHA)
        assert found.value.retry
        server.allowed = False
        with pytest.raises(BlobError, match="may not do this"):
            client.put("code", DATA, name=SHA, sha256=SHA)
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_changed_file_is_not_taken_for_the_right_one(server: Server, tmp_path: Path) -> None:
    (server.folder / "code" / f"{SHA}.zip").write_bytes(b"changed")
    with BlobClient(server.endpoint) as client, pytest.raises(BlobError, match="another sha256"):
        client.get("code", name=SHA, to=tmp_path / "back", sha256=SHA)
    assert not (tmp_path / "back").exists()


class Unconnected:
    """Takes no message although it said that it would: the connection ended in between."""

    def poll(self, timeout_ms: int, event: int) -> int:
        return event

    def send(self, data: bytes, flags: int) -> None:
        raise zmq.Again

    def close(self, linger: int) -> None:
        pass


def test_a_connection_that_ends_before_a_request_is_made_anew(server: Server) -> None:
    made = iter([Unconnected()])

    def dial(context: Any, *place: Any) -> Any:
        return next(made, None) or dealer(context, *place)

    with BlobClient(server.endpoint, dial=dial) as client:
        client.put("code", b"small", name=(sha := hashlib.sha256(b"small").hexdigest()), sha256=sha)
    assert (server.folder / "code" / f"{sha}.zip").read_bytes() == b"small"


def test_a_server_that_is_not_there_is_named_with_the_time_waited(tmp_path: Path) -> None:
    with BlobClient(f"ipc://{tmp_path.anchor}nobody-{tmp_path.name}", answer_s=0.01) as client:
        with pytest.raises(BlobError, match=r"no answer from ipc://.*nobody") as found:
            client.put("code", DATA, name=SHA, sha256=SHA)
        assert found.value.retry
