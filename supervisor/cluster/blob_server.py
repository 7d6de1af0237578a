"""The thread of the coordinator that keeps blobs: a large file must not delay a heartbeat.

It touches files and its own socket, nothing else: no store, no topology.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import zmq
from waterspout.bolts.disk import fsync_folder

from ..control_wire import pack, unpack
from ..sockets import Socket
from .blobs import (
    BLOB_BYTES_MAX,
    CHUNK_BYTES_MAX,
    SUFFIXES,
    BlobLimits,
    BlobRefused,
    check,
)

#: Uploads whose files are open; the one that was idle for longest gives way, and can go on later.
UPLOADS_MAX = 32
#: What was never finished is deleted at the next start, once it is so old.
PARTIAL_KEPT_S = 86_400.0
#: How often the thread looks whether it is to end.
POLL_MS = 200

_log = logging.getLogger(__name__)

#: Says whether somebody (the name of a key, "" without keys) may make a request.
May = Callable[[str, Mapping[str, Any]], bool]


class _Upload:
    """A file that is not whole yet; its digest is computed as it comes."""

    def __init__(self, path: Path, partial: Path) -> None:
        self.path, self.partial = path, partial
        self.digest = hashlib.sha256()
        self.size = 0
        if partial.exists():
            with open(partial, "rb") as file:
                while data := file.read(CHUNK_BYTES_MAX):
                    self.digest.update(data)
                    self.size += len(data)
        self.file: BinaryIO = open(partial, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        os.chmod(partial, 0o600)

    def add(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += self.file.write(data[written:])
        self.digest.update(data)
        self.size += len(data)

    def finish(self) -> None:
        """Have it on disk under its own name."""
        os.fsync(self.file.fileno())
        self.close()
        self.partial.rename(self.path)
        fsync_folder(self.path.parent)

    def close(self) -> None:
        self.file.close()

    def discard(self) -> None:
        self.close()
        self.partial.unlink(missing_ok=True)


class BlobFiles:
    """Answers requests with files below one folder. Not thread-safe.

    Args:
        folder: ``code/``, ``requirements/`` and ``topologies/ID/snapshots/`` lie in it.
        limits: largest files.
    """

    def __init__(self, folder: Path, limits: BlobLimits) -> None:
        self._folder, self._limits = folder, limits
        self._uploads: dict[Path, _Upload] = {}
        for sort in SUFFIXES:
            (folder / sort).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._delete_old()

    def _delete_old(self) -> None:
        oldest = time.time() - PARTIAL_KEPT_S
        for pattern in (*(f"{sort}/.*.partial" for sort in SUFFIXES),
                        "topologies/*/snapshots/.*.partial"):  # fmt: skip
            for path in self._folder.glob(pattern):
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request, in any shape; never raises for what was asked."""
        try:
            path = self._folder.joinpath(*check(request, self._limits))
            if request["sort"] == "part" and not path.parent.parent.is_dir():
                raise BlobRefused(f"there is no topology {request['topology']}", gone=True)
            answer = self._get(path, request) if request["kind"] == "get" else self._put(
                path, request
            )
            return {"n": request["n"], "ok": True, **answer}
        except BlobRefused as refused:
            gone = {"gone": True} if refused.gone else {}
            return {"n": request.get("n"), "ok": False, "error": str(refused),
                    "retry": refused.retry, **gone}  # fmt: skip
        except OSError as error:
            text = f"{request.get('name')!r:.80}: {error.strerror or type(error).__name__}"
            return {"n": request.get("n"), "ok": False, "error": text, "retry": True}

    def _put(self, path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
        size: int = request["bytes"]
        if path.is_file() and path.stat().st_size == size:
            # Parts and packs are written once and never changed.
            return {"stored": True}
        upload = self._upload(path, request["sha256"])
        if upload.size > size:
            self._forget(upload)
            raise BlobRefused(f"{path.name}: had more bytes than were said; begin anew", retry=True)
        if request["kind"] == "chunk" and request["offset"] == upload.size:
            self._write(upload, request["data"])
        if upload.size < size:
            return {"offset": upload.size}
        if upload.digest.hexdigest() != request["sha256"]:
            self._forget(upload)
            raise BlobRefused(f"{path.name}: what came has another sha256", retry=True)
        del self._uploads[upload.partial]
        upload.finish()
        return {"stored": True}

    def _upload(self, path: Path, sha256: str) -> _Upload:
        partial = path.with_name(f".{path.name}.{sha256[:16]}.partial")
        upload = self._uploads.pop(partial, None)
        if upload is None:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            upload = _Upload(path, partial)
        self._uploads[partial] = upload
        if len(self._uploads) > UPLOADS_MAX:
            self._uploads.pop(next(iter(self._uploads))).close()
        return upload

    def _write(self, upload: _Upload, data: bytes) -> None:
        try:
            upload.add(data)
        except OSError:
            # How much of it was written is not known here; it is read again.
            self._uploads.pop(upload.partial).close()
            raise

    def _forget(self, upload: _Upload) -> None:
        self._uploads.pop(upload.partial).discard()

    def _get(self, path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(request["offset"])
                return {"bytes": size, "data": file.read(CHUNK_BYTES_MAX)}
        except FileNotFoundError:
            raise BlobRefused(f"{request['sort']} {path.name} is not here", gone=True) from None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # A damaged disk: it will not be read the next time, either.
            text = f"{request['sort']} {path.name}: {error.strerror}"
            raise BlobRefused(text, gone=True) from None

    def close(self) -> None:
        """Close what is open; unfinished files stay and can go on."""
        for upload in self._uploads.values():
            upload.close()
        self._uploads.clear()


class BlobServer(threading.Thread):
    """Serves blobs until it is closed.

    Args:
        socket: a ROUTER, bound; the thread's own from ``start`` on.
        folder: data folder of the coordinator.
        may: asked for each request, on this thread.
        limits: largest files.
    """

    def __init__(
        self, socket: Socket, folder: Path, may: May, limits: BlobLimits | None = None
    ) -> None:
        super().__init__(name="blobs", daemon=True)
        self._socket, self._may = socket, may
        self._files = BlobFiles(folder, limits or BlobLimits())
        self._ending = threading.Event()

    def run(self) -> None:
        """Serve. Called by ``start``."""
        try:
            while not self._ending.is_set():
                if self._socket.poll(POLL_MS):
                    self._serve()
        finally:
            self._files.close()
            self._socket.close()

    def close(self) -> None:
        """End the thread; returns when it has ended. Called on another one."""
        self._ending.set()
        if self.is_alive():
            self.join()
        else:
            self._socket.close()

    def _serve(self) -> None:
        frames = self._socket.recv_multipart(copy=False)
        if len(frames) != 2 or len(frames[1].buffer) > BLOB_BYTES_MAX:
            return
        route, frame = frames
        try:
            request = unpack(frame.bytes, BLOB_BYTES_MAX, 100)
        except ValueError:
            _log.warning("blob request refused reason=not msgpack")
            return
        answer = self._allowed(user_of(frame), request)
        try:
            self._socket.send_multipart([route.bytes, pack(answer)], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            # It is gone, or does not read: it asks again when it is back.
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise

    def _allowed(self, user: str, request: dict[str, Any]) -> dict[str, Any]:
        if not self._may(user, request):
            return {"n": request.get("n"), "ok": False, "retry": False,
                    "error": "the key may not do this"}  # fmt: skip
        return self._files.answer(request)


def user_of(frame: zmq.Frame) -> str:
    """Return who sent a message, as the authentication named him; "" without one."""
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return ""
