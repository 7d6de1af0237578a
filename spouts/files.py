"""The ``Files`` source: the lines of files, by glob, resumable by byte offset.

Each file is a partition. Without ``follow`` the files that match when the run starts are read
to their end; with it they are watched for more (``follow.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from waterspout.topology.argument_checks import Checks
from waterspout.topology.component import Context
from waterspout.topology.errors import UserError

from .arguments import declared, integer, texts
from .contract import Reader, Source
from .follow import Follower
from .line_reader import LINE_BYTES_MAX, LineReader, UnreadableFile, read_format
from .walk import Slip, Walk, escaped

#: Patterns that are shown of those that match nothing.
SHOWN_MAX = 5


class Files(Source):
    """Emits every line of the files that match ``paths``, without its line end.

    The fields are ``line``, and ``path`` with ``include_path``: ``line`` comes first, so that
    a bolt that takes ``tup[0]`` works with both.

    Args:
        paths: a glob or a list of globs; ``**`` stands for any number of folders, ``dir/*`` for the
            files in one, ``[[]`` for a ``[`` itself. A relative one begins in the working folder,
            ``${TOPOLOGY_DIR}/*.txt`` next to the topology's file.
        exclude: globs of files and folders to leave out, held against the absolute path, in
            which ``*`` spans ``/`` (``**/site-packages/**``).
        include_path: emit the absolute path of the file, too.
        encoding: text encoding; bytes that do not decode become U+FFFD, no line is lost.
        line_bytes_max: a longer line is not emitted; a message that begins with
            ``[waterspout: line too long]`` and names file and offset takes its place.
        follow: go on at the end of files, take up new ones, survive rotation and truncation. Files
            are looked for each ``discover_interval``: one that comes and is renamed to what no glob
            matches within that time is not found.
        allow_empty: run even when no file matches; without it that is an error.

    Raises:
        WrongArguments: an argument is wrong.
    """

    outputs = ("line",)
    position_unit = "bytes"

    def __init__(
        self,
        paths: str | list[str],
        exclude: str | list[str] | None = None,
        include_path: bool = False,
        encoding: str = "utf-8",
        line_bytes_max: int = 1 << 18,
        follow: bool = False,
        allow_empty: bool = False,
    ) -> None:
        check = Checks()
        check(integer, "Files", "line_bytes_max", line_bytes_max, 1, LINE_BYTES_MAX)
        self._format = check(read_format, "Files", encoding, include_path, line_bytes_max)
        self._patterns = check(texts, "Files", "paths", paths)
        unwanted = [] if exclude is None else exclude
        excluded = check(texts, "Files", "exclude", unwanted, empty=True)
        check.end()
        #: What relative patterns begin at.
        self._folder = os.getcwd()
        self._walk = Walk(self._patterns, excluded)
        self._follow = follow
        self._allow_empty = allow_empty
        self._paths: dict[str, str] | None = None

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> list[str]:
        """Return the fields for these ``args``, after checking them."""
        return declared(cls, args, ["line", "path"] if args.get("include_path") else ["line"])

    def open(self, context: Context) -> None:
        """Find the files.

        Raises:
            UserError: none matches, or one may not be read.
        """
        self._context = context
        self._follower = Follower(self._format, self._notice, context.clock)
        if not self._follow:
            self._paths = {escaped(path): path for path in self._walk.files()}
            self._check(self._paths)
        else:
            self._tell(self._walk.sure_slips())

    def _check(self, paths: dict[str, str]) -> None:
        if not paths and not self._allow_empty:
            slips = self._walk.slips()[:SHOWN_MAX]
            shown = ", ".join(escaped(one.pattern) + _in_brackets(one.hint) for one in slips)
            what = f"no file matches {shown}{self._where()}"
            raise UserError(f"Files: {what}; allow_empty: true runs without")
        self._tell(self._walk.slips())
        for path in paths.values():
            if not os.access(path, os.R_OK) and os.path.exists(path):
                raise UnreadableFile(path, "permission denied")

    def _tell(self, slips: list[Slip]) -> None:
        for one in slips:
            what = f"no file matches: path={escaped(one.place)}{_in_brackets(one.hint)}"
            self._notice(what, "paths_unmatched")

    def _where(self) -> str:
        """Say which folder relative patterns were looked for in: on a cluster it is the host's."""
        if all(os.path.isabs(os.path.expanduser(pattern)) for pattern in self._patterns):
            return ""
        return f" in {escaped(self._folder)} (${{TOPOLOGY_DIR}}/ is where the topology's file lies)"

    def partitions(self) -> Sequence[str]:
        """Return one name per file: its path, or what identifies a followed file."""
        if self._paths is None:
            return self._follower.discover(self._walk.files())
        return list(self._paths)

    def reader(self, partition: str, position: int | None) -> Reader:
        """Return a reader of one file from a byte offset."""
        if self._paths is None:
            return self._follower.reader(partition, position or 0)
        path = self._paths.get(partition, partition)
        return LineReader(path, position or 0, self._format, self._notice)

    def end_position(self, partition: str) -> int | None:
        """Return the size of the file; None when it is gone."""
        if self._paths is None:
            return self._follower.end_position(partition)
        try:
            return os.stat(self._paths.get(partition, partition)).st_size
        except OSError:
            return None

    def bounded(self) -> bool:
        """Say whether the input ends: files that are followed never do."""
        return not self._follow

    def _notice(self, text: str, metric: str) -> None:
        self._context.log.warning("%s", text)
        self._context.metrics.count(metric)


def _in_brackets(hint: str) -> str:
    return f" ({hint})" if hint else ""
