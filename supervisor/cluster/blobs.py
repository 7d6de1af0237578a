"""The protocol of blobs: files that hosts and clients give the coordinator, or get from it.

  put    {n, kind, sort, topology, name, bytes, sha256}            -> {offset} or {stored: true}
  chunk  {n, kind, sort, topology, name, bytes, sha256, offset, data} -> {offset} or {stored: true}
  get    {n, kind, sort, topology, name, offset}                   -> {bytes, data}

Every request names its file in full, and the answer to ``put`` and ``chunk`` says how much of it is
there: after a broken connection, or with a server that was restarted, it simply goes on. Answers
are {n, ok: true, ..} or {n, ok: false, error, retry, gone}. A file is stored when all of it is
there, has the sha256 that was said, and is on disk.

Sorts: ``code`` (packs, named by their sha256), ``requirements`` (likewise), ``part`` (of a snapshot
of a topology), ``state`` (parts of a savepoint, named by their sha256). Pure: names and limits;
files are touched by blob_server and blob_client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..snapshot_store import is_part_name
from .code_pack import PACK_BYTES_MAX
from .field_checks import Fields, blob, integer, name, one_of, problem_of, text

SORTS = ("code", "requirements", "part", "state")
#: How files end that are named by their sha256.
SUFFIXES = {"code": ".zip", "requirements": ".txt", "state": ".part"}
#: Bytes of a file in one message.
CHUNK_BYTES_MAX = 1 << 20
#: Largest message of this protocol.
BLOB_BYTES_MAX = CHUNK_BYTES_MAX + (16 << 10)
REQUIREMENTS_BYTES_MAX = 64 << 10
PART_BYTES_MAX = 4 << 30

_SHA256 = re.compile(r"[0-9a-f]{64}")
#: Ids of topologies are names of folders.
_TOPOLOGY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

_FILE: Fields = {"n": integer(), "sort": one_of(*SORTS), "topology": text(100), "name": name}
_PUT: Fields = {**_FILE, "bytes": integer(), "sha256": text(64)}
FIELDS: Mapping[str, Fields] = {
    "put": _PUT,
    "chunk": {**_PUT, "offset": integer(), "data": blob(CHUNK_BYTES_MAX)},
    "get": {**_FILE, "offset": integer()},
}


class BlobRefused(Exception):
    """A request that cannot be served.

    Attributes:
        retry: it may be possible later.
        gone: the file that is asked for is not there, or the disk cannot read it.
    """

    def __init__(self, text: str, *, retry: bool = False, gone: bool = False) -> None:
        super().__init__(text)
        self.retry, self.gone = retry, gone


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """Largest files, in bytes, by sort."""

    code: int = PACK_BYTES_MAX
    requirements: int = REQUIREMENTS_BYTES_MAX
    part: int = PART_BYTES_MAX
    state: int = PART_BYTES_MAX


def check(request: Mapping[str, Any], limits: BlobLimits) -> tuple[str, ...]:
    """Return where the file of a request lies: folders and name below the data folder.

    Raises:
        BlobRefused: it is no request, is beyond a limit, or names no file.
    """
    wrong = problem_of(request, FIELDS)
    if wrong is not None:
        raise BlobRefused(wrong)
    sort, file = request["sort"], request["name"]
    if request["kind"] != "get":
        _check_size(request, getattr(limits, sort))
        if not _SHA256.fullmatch(request["sha256"]):
            raise BlobRefused(f"{request['sha256']!r:.80} is no sha256")
    if sort == "part":
        if not _TOPOLOGY.fullmatch(request["topology"]) or not is_part_name(file):
            raise BlobRefused(f"{request['topology']!r:.80} {file!r:.80} is no snapshot part")
        return "topologies", request["topology"], "snapshots", file
    if not _SHA256.fullmatch(file):
        raise BlobRefused(f"{file!r:.80}: blobs of sort {sort} are named by their sha256")
    if request["kind"] != "get" and request["sha256"] != file:
        raise BlobRefused(f"{file}: the name is not the sha256 that was said")
    return (sort, f"{file}{SUFFIXES[sort]}")


def _check_size(request: Mapping[str, Any], bytes_max: int) -> None:
    size = request["bytes"]
    if size > bytes_max:
        text = f"{request['name']}: {size} bytes, a {request['sort']} has at most {bytes_max}"
        raise BlobRefused(text)
    if request["kind"] == "chunk" and request["offset"] + len(request["data"]) > size:
        raise BlobRefused(f"{request['name']}: more bytes than the {size} that were said")
