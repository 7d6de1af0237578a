"""Follows the logs of a topology over hosts: the last lines of all, then what is added.

Pure: says what to ask which host, takes the answers, and gives lines. A worker's log is a chain
of files, known by inode; a cycle lists them and reads what is new in each:

    listed   worker-0.log.1 (inode 7)   worker-0.log (inode 9)
    known    inode 7 up to 500          -
    read     inode 7 from 500           inode 9 from 0

What is known is told the client as marks: with them another LogFollow, of a coordinator that was
started again, goes on where this one was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..log_lines import LINE
from .host_protocol import LOG_READ_MAX

#: How often what is new is looked for.
POLL_S = 0.5
#: Lines that wait for the client; beyond, nothing more is asked for.
LINES_MAX = 10_000
#: Longest line; the rest of it is left out.
LINE_CHARS_MAX = 2000
#: Files of one host that are followed.
FILES_MAX = 1000

#: host, file, text.
Line = tuple[str, str, str]
#: host, worker, inode, offset, whether the lines there are of the component that is asked for.
Mark = tuple[str, int, int, int, bool]


class _Read(NamedTuple):
    """A piece to be read: of which worker and file, and from where."""

    worker: int
    file: str
    inode: int
    offset: int
    #: Where the file ended when it was listed.
    end: int
    tail: bool = False


@dataclass(slots=True)
class _Log:
    """What was read of one worker's log."""

    inode: int = 0
    offset: int = 0
    rest: bytes = b""
    #: Lines belong to the component that is asked for.
    wanted: bool = False
    #: Read on since its mark was taken.
    news: bool = False


@dataclass(slots=True)
class _Host:
    """One host."""

    open: _Read | str = ""
    list_at: float = 0.0
    reads: deque[_Read] = field(default_factory=deque)
    logs: dict[int, _Log] = field(default_factory=dict)
    #: The last lines of its logs have been read.
    tailed: bool = False


class LogFollow:
    """One client's request. Times are monotonic seconds.

    Args:
        id: of the topology.
        hosts: that its workers ran on.
        component: only its lines; None: all.
        follow: go on with what is added.
        tail_lines: how many lines of what is there come first.
        marks: of one before this: it goes on from there, and with all that hosts which are in
            none have; None: there was none.
    """

    def __init__(
        self,
        id: str,
        hosts: Iterable[str],
        component: str | None = None,
        *,
        follow: bool = False,
        tail_lines: int = 100,
        marks: Iterable[Sequence[Any]] | None = None,
    ) -> None:
        self._id, self._component = id, component
        self._follow, self._tail_lines = follow, tail_lines
        self._hosts = {host: _Host() for host in hosts}
        self._tails: list[tuple[str, Line]] = []
        self._lines: deque[Line] = deque()
        self._told = marks is not None
        for host, worker, inode, offset, wanted in marks or ():
            logs = self._hosts.setdefault(host, _Host()).logs
            logs[worker] = _Log(inode, offset, wanted=wanted)
        for each in self._hosts.values():
            each.tailed = self._told
        self._end_tails()

    def add_host(self, name: str) -> None:
        """Follow the logs of another host, from their beginning: a worker has come there."""
        if name not in self._hosts:
            self._hosts[name] = _Host(tailed=self._told)

    @property
    def done(self) -> bool:
        """Nothing more will come, once ``take`` was called."""
        return not self._lines and self._told and (not self._follow or not self._hosts)

    def take(self) -> list[Line]:
        """Take out the lines that are there."""
        found = list(self._lines)
        self._lines.clear()
        return found

    def take_marks(self) -> list[Mark]:
        """Take out up to where logs were read, those that were read on; called after ``take``."""
        if not self._told:
            return []
        found: list[Mark] = []
        for name, host in self._hosts.items():
            for worker, log in host.logs.items():
                if log.news:
                    log.news = False
                    found.append((name, worker, log.inode, log.offset - len(log.rest), log.wanted))
        return found

    def asks(self, now: float) -> list[tuple[str, dict[str, Any]]]:
        """Return (host, fields of ``ask``); each is answered before the host is asked again."""
        if len(self._lines) >= LINES_MAX:
            return []
        found = []
        for name, host in self._hosts.items():
            if host.open:
                continue
            if host.reads:
                read = host.open = host.reads.popleft()
                size = min(max(read.end - read.offset, 1), LOG_READ_MAX)
                found.append((name, {
                    "what": "log_read", "topology": self._id, "file": read.file,
                    "offset": read.offset, "bytes": size,
                }))  # fmt: skip
            elif now >= host.list_at and (not host.tailed or (self._follow and self._told)):
                host.open, host.list_at = "list", now + POLL_S
                found.append((name, {
                    "what": "log_files", "topology": self._id, "component": self._component,
                }))  # fmt: skip
        return found

    def answered(self, name: str, answer: Mapping[str, Any] | None) -> None:
        """Take the answer to what a host was asked; None: it gave none."""
        host = self._hosts[name]
        asked, host.open = host.open, ""
        if answer is None or not answer.get("ok"):
            host.reads.clear()
            if answer is None and not host.tailed:
                self._lines.append((name, "-", "this host does not answer; its logs are left out"))
            host.tailed = host.tailed or answer is None or asked == "list"
        elif isinstance(asked, _Read):
            self._read(name, host, asked, answer)
        else:
            self._listed(host, answer)
        if not host.reads and not host.open:
            host.tailed = True
        self._end_tails()

    def _listed(self, host: _Host, answer: Mapping[str, Any]) -> None:
        chains: dict[int, list[Mapping[str, Any]]] = {}
        for row in list(answer.get("files") or ())[:FILES_MAX]:
            chains.setdefault(row["worker"], []).append(row)
        for worker, rows in chains.items():
            log = host.logs.get(worker)
            if not host.tailed:
                row = rows[-1]
                start = max(0, row["bytes"] - LOG_READ_MAX)
                host.reads.append(
                    _Read(worker, row["file"], row["inode"], start, row["bytes"], tail=True)
                )
                continue
            inodes = [row["inode"] for row in rows]
            if log is not None and log.inode in inodes:
                rows = rows[inodes.index(log.inode) :]
            for row in rows:
                same = log is not None and row["inode"] == log.inode
                start = log.offset if log is not None and same else 0
                if row["bytes"] > start:
                    host.reads.append(_Read(worker, row["file"], row["inode"], start, row["bytes"]))

    def _read(self, name: str, host: _Host, asked: _Read, answer: Mapping[str, Any]) -> None:
        if answer["inode"] != asked.inode:
            # Set aside since it was listed; the next list tells where it is now.
            host.reads = deque(each for each in host.reads if each.worker != asked.worker)
            return
        data: bytes = answer["data"]
        log = host.logs.setdefault(asked.worker, _Log())
        if asked.tail and asked.offset:
            data = data[data.find(b"\n") + 1 :]
        if log.inode not in (0, asked.inode) and log.rest:
            self._line(name, asked, log, log.rest)
            log.rest = b""
        log.inode, log.offset = asked.inode, asked.offset + len(answer["data"])
        log.news = True
        *whole, log.rest = (log.rest + data).split(b"\n")
        for line in whole:
            self._line(name, asked, log, line)
        if len(log.rest) > LOG_READ_MAX:
            self._line(name, asked, log, log.rest)
            log.rest = b""
        if data and log.offset < asked.end:
            host.reads.appendleft(asked._replace(offset=log.offset))

    def _line(self, name: str, read: _Read, log: _Log, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        head = LINE.match(text)
        if head is not None:
            log.wanted = self._component in (None, head[2])
        elif self._component is None:
            log.wanted = True
        if not log.wanted:
            return
        line = name, read.file, text[:LINE_CHARS_MAX]
        if read.tail:
            # Lines of one file stay in order: one without a time follows the one above it.
            at = text[: text.find(" ")] if head is not None else ""
            self._tails.append((max(at, self._tail_time(line)), line))
        else:
            self._lines.append(line)

    def _tail_time(self, line: Line) -> str:
        last = self._tails[-1] if self._tails else ("", line)
        return last[0] if last[1][:2] == line[:2] else ""

    def _end_tails(self) -> None:
        """Give the last lines of all hosts, by time, once they are all there."""
        if self._told or not all(host.tailed and not host.reads for host in self._hosts.values()):
            return
        self._told = True
        self._tails.sort(key=lambda each: each[0])
        first = max(len(self._tails) - self._tail_lines, 0)
        self._lines.extend(line for _, line in self._tails[first:])
        self._tails.clear()
