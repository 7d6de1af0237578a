"""Gives files to the coordinator and gets them from it; blocks while it does.

Used by ``submit`` and by the job threads of a supervisor, one client per thread.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import zmq

from ..control_wire import pack, unpack
from ..sockets import Context, Socket, dealer
from .blobs import BLOB_BYTES_MAX, CHUNK_BYTES_MAX

#: An answer is waited for so long; then the connection is made anew and the request repeated.
ANSWER_S = 5.0
#: How often a request is sent before the coordinator counts as out of reach.
TRIES = 3


class BlobError(Exception):
    """A file could not be given or got.

    Attributes:
        retry: trying again may help.
        gone: the server says that it does not have the file.
    """

    def __init__(self, text: str, *, retry: bool, gone: bool = False) -> None:
        super().__init__(text)
        self.retry, self.gone = retry, gone


class BlobClient:
    """Speaks with one blob server. Not thread-safe.

    Args:
        endpoint: of the server, tcp://HOST:PORT.
        dial: makes the connection; None: without keys.
        answer_s: seconds that an answer may take.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        dial: Callable[[Context, str, int], Socket] | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._endpoint, self._answer_s = endpoint, answer_s
        self._dial = dial or dealer
        self._context: Context = zmq.Context()
        self._socket: Socket | None = None
        self._number = 0

    def __enter__(self) -> BlobClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._hang_up()
        self._context.term()

    def put(
        self, sort: str, source: Path | bytes, *, name: str, id: str = "", sha256: str
    ) -> None:
        """Have a file stored; returns when it is on disk there.

        Args:
            sort: ``code``, ``requirements`` or ``part``.
            source: the file, or what it holds.
            name: of the blob.
            id: of the topology, for parts.
            sha256: of all its bytes.

        Raises:
            BlobError: it is refused, or the server cannot be reached.
            OSError: the file cannot be read.
        """
        with BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
            self._put(file, {"sort": sort, "topology": id, "name": name, "sha256": sha256})

    def _put(self, file: BinaryIO, what: dict[str, Any]) -> None:
        what["bytes"] = file.seek(0, os.SEEK_END)
        answer = self._ask({"kind": "put", **what})
        while not answer.get("stored"):
            offset = answer["offset"]
            file.seek(offset)
            data = file.read(CHUNK_BYTES_MAX)
            if not data:
                raise BlobError(f"{what['name']}: became shorter while it was read", retry=True)
            answer = self._ask({"kind": "chunk", **what, "offset": offset, "data": data})

    def get(
        self, sort: str, *, name: str, id: str = "", to: Path, sha256: str | None = None
    ) -> None:
        """Get a file; it is on disk and whole when this returns, or not there at all.

        Args:
            sort, name, id: as for ``put``.
            to: where it is to lie.
            sha256: it must have; None: it proves itself when it is read.

        Raises:
            BlobError: it is refused, is another one, or the server cannot be reached.
            OSError: it cannot be written.
        """
        half = to.with_name(f".{to.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        try:
            with open(half, "xb") as file:
                found = self._get(file, {"sort": sort, "topology": id, "name": name})
                file.flush()
                os.fsync(file.fileno())
            if sha256 is not None and found != sha256:
                raise BlobError(f"{name}: what came has another sha256", retry=True)
            half.rename(to)
        finally:
            half.unlink(missing_ok=True)

    def _get(self, file: BinaryIO, what: dict[str, Any]) -> str:
        digest, offset, size = hashlib.sha256(), 0, None
        while offset != size:
            answer = self._ask({"kind": "get", **what, "offset": offset})
            data = answer["data"]
            if size not in (None, answer["bytes"]) or (not data and offset < answer["bytes"]):
                raise BlobError(f"{what['name']}: was changed while it was read", retry=True)
            size = answer["bytes"]
            file.write(data)
            digest.update(data)
            offset += len(data)
        return digest.hexdigest()

    # Requests.

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        for _ in range(TRIES):
            answer = self._try(request)
            if answer is None:
                # Perhaps the connection is dead and does not know it.
                self._hang_up()
                continue
            if not answer.get("ok"):
                retry, gone = bool(answer.get("retry")), bool(answer.get("gone"))
                raise BlobError(str(answer.get("error")), retry=retry, gone=gone)
            return answer
        waited = f"{TRIES * self._answer_s:.0f} s"
        raise BlobError(f"no answer from {self._endpoint} within {waited}", retry=True)

    def _try(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Send a request once; return its answer, None when none came in time."""
        if self._socket is None:
            self._socket = self._dial(self._context, self._endpoint, BLOB_BYTES_MAX)
        self._number += 1
        end = time.monotonic() + self._answer_s
        # A DEALER that is not connected yet takes nothing.
        if not self._wait(zmq.POLLOUT, end):
            return None
        try:
            self._socket.send(pack({**request, "n": self._number}), zmq.NOBLOCK)
        except zmq.Again:
            # Its connection has ended since.
            return None
        while self._wait(zmq.POLLIN, end):
            try:
                answer = unpack(self._socket.recv_multipart()[-1], BLOB_BYTES_MAX, 100)
            except ValueError as error:
                raise BlobError(f"{self._endpoint}: {error}", retry=False) from error
            if answer.get("n") == self._number:
                return answer
        return None

    def _wait(self, event: int, end: float) -> bool:
        assert self._socket is not None
        left_ms = max(int((end - time.monotonic()) * 1000), 0)
        return bool(self._socket.poll(left_ms, event))

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None
