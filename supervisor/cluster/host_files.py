"""What a host has to have before a worker can run, and what it must give away: blobs and packs.

Called on the job threads; each has a BlobClient of its own. Until the first ``welcome`` the
address of the blobs is not known: then everything fails for now.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

from ..file_digests import file_sha256, part_digest
from .blob_client import BlobClient, BlobError
from .code_pack import PackRefused
from .code_store import CodeStore
from .environments import Environments, NoEnvironment
from .host_jobs import JobFailed
from .host_protocol import WishWorker
from .supervisor_folder import SupervisorFolder

_log = logging.getLogger(__name__)


class HostFiles:
    """Files of one job thread.

    Args:
        folder: of the supervisor.
        connect: gives the client; None: nobody can be reached yet. Called on the job thread.
        environments: makes environments.
    """

    def __init__(
        self,
        folder: SupervisorFolder,
        connect: Callable[[], BlobClient | None],
        environments: Environments,
    ) -> None:
        self._folder, self._connect = folder, connect
        self._code = CodeStore(folder.code)
        self._environments = environments

    # Called by the loop.

    def ready(self, code: str, requirements: str) -> bool:
        """Say whether code and environment are there already."""
        return (not code or self._code_at(code) is not None) and (
            not requirements
            or (_is_sha256(requirements) and self._environments.python(requirements) is not None)
        )

    def _code_at(self, sha256: str) -> Path | None:
        return self._code.path(sha256) if _is_sha256(sha256) else None

    def code_folder(self, wish: WishWorker) -> Path | None:
        """Return the folder of a topology's own code; None: it has none here.

        Raises:
            ValueError: ``sub`` leads out of it.
        """
        path = self._code_at(wish.code)
        if path is None:
            return None
        folder = (path / wish.sub).resolve()
        if not folder.is_relative_to(path.resolve()):
            raise ValueError(f"sub {wish.sub!r:.80} leads out of the code")
        return folder

    # Called on a job thread.

    def upload(self, id: str, file: str) -> None:
        """Store a snapshot part at the coordinator.

        Raises:
            JobFailed: it could not be.
        """
        path = self._folder.topology(id) / "snapshots" / file
        try:
            digest = file_sha256(path)
        except FileNotFoundError:
            raise JobFailed(f"{file} is gone", final=True) from None
        self._blobs(lambda blobs: blobs.put("part", path, name=file, id=id, sha256=digest))

    def fetch(self, id: str, file: str, sha256: str) -> None:
        """Have a snapshot part in the folder of its topology.

        A file that has its name but is of another run, or damaged, is replaced: the coordinator
        has a copy of each part that counts. When that is gone, or damaged itself, it is left to
        the worker to find: it says so, and everybody goes back to an older snapshot.

        Raises:
            JobFailed: it could not be had, and may be there.
        """
        path = self._folder.make_topology(id) / "snapshots" / file
        if _is_part(path, sha256):
            return

        def get(blobs: BlobClient) -> None:
            try:
                blobs.get("part", name=file, id=id, to=path, sha256=None)
            except BlobError as error:
                if not error.gone:
                    raise
                _log.warning("snapshot part gone topology=%s file=%s reason=%s", id, file, error)

        self._blobs(get)

    def prepare(self, code: str, requirements: str) -> None:
        """Have code and environment ready.

        Raises:
            JobFailed: they could not be had.
        """
        for name in (code, requirements):
            if name and not _is_sha256(name):
                raise JobFailed(f"{name!r:.80} is not a sha256", final=True)
        if code and self._code_at(code) is None:
            try:
                self._code.add(code, self._get("code", code))
            except PackRefused as error:
                raise JobFailed(str(error), final=True) from error
        if requirements and self._environments.python(requirements) is None:
            text = self._get("requirements", requirements)
            try:
                self._environments.make(requirements, text)
            except NoEnvironment as error:
                raise JobFailed(str(error), final=True) from error

    def _get(self, sort: str, sha256: str) -> bytes:
        path = self._folder.path / f"{sort}-{sha256}.part"
        self._blobs(lambda blobs: blobs.get(sort, name=sha256, id="", to=path, sha256=sha256))
        try:
            return path.read_bytes()
        finally:
            path.unlink()

    def _blobs(self, use: Callable[[BlobClient], object]) -> None:
        blobs = self._connect()
        if blobs is None:
            raise JobFailed("the coordinator is not in reach", final=False)
        try:
            use(blobs)
        except BlobError as error:
            raise JobFailed(str(error), final=not error.retry) from error


def _is_sha256(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def _is_part(path: Path, sha256: str) -> bool:
    """Say whether a whole part with this digest lies there."""
    try:
        digest = part_digest(path)
    except OSError:
        return False
    return digest.found == digest.said == sha256


def python_of(environments: Environments, requirements: str) -> str:
    """Return the interpreter that a worker with these requirements runs on."""
    found = environments.python(requirements) if requirements else None
    return str(found) if found is not None else environments.own
