"""Origins: which message a row comes from, and by which way it came about.

Only rows that a bolt below asks it of have one (``effectively_once``, origin_paths.py): a hidden
value behind those of the stream. Two rows with the same origin are the same row, made twice.

    0                8                 16                               32
    +----------------+-----------------+--------------------------------+
    | partition, u64 | position, u64   | path, 128 bits                 |
    +----------------+-----------------+--------------------------------+

``partition`` stands for spout and partition, ``position`` is the one after the message, big
endian. The path is 0 at the spout, and at each emit the hash of the path before, of who emits on
which stream, and of the how-manieth emit for the row it was. b"" is no origin: a row that a bolt
emits by itself, or a dead letter that is tried again.
Source of the hash: xxh3 (Yann Collet), by the xxhash package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from xxhash import xxh3_64_digest, xxh3_128_digest

from .channels import OpenFrame, Rows
from .columns import Columns
from .errors import UserError
from .groupings import DirectRoute, Route

#: Bytes of an origin, and where position and path begin.
ORIGIN_BYTES, POSITION_AT, PATH_AT = 32, 8, 16
_ROOT = bytes(ORIGIN_BYTES - PATH_AT)
#: How-manieth emits as a path has them.
_PLACES = [place.to_bytes(4, "big") for place in range(1024)]
#: A row that was emitted: index of its stream, and its values.
Kept = tuple[int, list[Any]]


def partition_bytes(spout: str, partition: str) -> bytes:
    """Return what stands for a partition in origins."""
    return xxh3_64_digest(f"{spout}\0{partition}".encode("utf-8", "surrogatepass"))


def origin_of(partition: bytes, end: int) -> bytes:
    """Return the origin of a message; ``end``: the position after it."""
    return partition + end.to_bytes(8, "big") + _ROOT


def salt_of(component: str, stream: str) -> bytes:
    """Return what a path mixes in of who emits on which stream."""
    return xxh3_64_digest(f"{component}\0{stream}".encode("utf-8", "surrogatepass"))


def copy_of(origin: bytes, index: int) -> bytes:
    """Return the origin of the copy that task ``index`` got of a row that went to all tasks."""
    if not origin:
        return b""
    path = xxh3_128_digest(origin[PATH_AT:] + b"copy" + index.to_bytes(4, "big"))
    return origin[:PATH_AT] + path


def descendant(origin: bytes, salt: bytes, index: int) -> bytes:
    """Return the origin of the ``index``-th row that was emitted for a row."""
    if not origin:
        return b""
    place = _PLACES[index] if index < len(_PLACES) else index.to_bytes(4, "big")
    return origin[:PATH_AT] + xxh3_128_digest(origin[PATH_AT:] + salt + place)


def descendants(origin: bytes, salt: bytes, count: int, first: int = 0) -> list[bytes]:
    """Return the origins of rows that were emitted for a row: 80 ns each.

    Args:
        first: index of the first of them.
    """
    end = first + count
    if not origin or end > len(_PLACES):
        return [descendant(origin, salt, index) for index in range(first, end)]
    head, base, digest = origin[:PATH_AT], origin[PATH_AT:] + salt, xxh3_128_digest
    return [head + digest(base + place) for place in _PLACES[first:end]]


def without_origins(rows: Rows) -> tuple[Rows, list[bytes]]:
    """Return rows as their bolt sees them, and their origins."""
    if isinstance(rows, Columns):
        bare = Columns.of(rows.values[:-1], rows.height, normal=rows.normal)
        return bare, rows.values[-1]
    return [row[:-1] for row in rows], [row[-1] for row in rows]


def with_origins(rows: Rows, origins: list[bytes]) -> Rows:
    """Return rows with their origins behind their values."""
    if isinstance(rows, Columns):
        return Columns.of((*rows.values, origins), rows.height, normal=rows.normal)
    return [[*row, origin] for row, origin in zip(rows, origins, strict=True)]


class RowAtWork:
    """The row that a task works on: what it emits descends from it. One per task.

    Attributes:
        origin: of the row; b"": none is at work, or it has none.
        given: origins of the rows that a spout is about to emit.
        attached: the rows that are emitted have their origins already, as last column.
        kept: what was emitted for the row, where that is wanted.
    """

    __slots__ = ("attached", "component", "given", "index", "kept", "kept_max", "origin")

    def __init__(self, component: str, kept_max: int) -> None:
        self.component, self.kept_max = component, kept_max
        self.given: list[bytes] | None = None
        self.kept: list[Kept] | None = None
        self.attached = False
        self.end()

    def begin(self, origin: bytes, index: int = 0) -> None:
        """Begin with a row, or go on with it after ``index`` emits."""
        self.origin, self.index = origin, index

    def end(self) -> None:
        """No row is at work."""
        self.origin, self.index = b"", 0
        self.kept = None

    def next(self, salt: bytes) -> bytes:
        """Return the origin of the next row that is emitted."""
        index = self.index
        self.index = index + 1
        return descendant(self.origin, salt, index)

    def origins(self, salt: bytes, count: int) -> list[bytes]:
        """Return the origins of rows that are emitted in one go."""
        if self.given is not None and len(self.given) == count:
            return self.given
        first = self.index
        self.index = first + count
        return descendants(self.origin, salt, count, first)

    def keep(self, stream: int, rows: Iterable[Any]) -> None:
        """Keep rows that were emitted.

        Raises:
            UserError: they are more than one call may emit.
        """
        assert self.kept is not None
        self.kept.extend((stream, list(row)) for row in rows)
        if len(self.kept) > self.kept_max:
            what = f"one call emitted more than emit_max = {self.kept_max} tuples, which are kept"
            raise UserError(f"{what} with effectively_once")


class OriginRoute(Route):
    """All routes of one stream, some of which want origins. Stands in for them in the emitter.

    Args:
        stream: index and name.
        plain: routes to bolts that want none.
        carrying: routes to those that do.
        row: of the task.
    """

    def __init__(
        self, stream: tuple[int, str], plain: Sequence[Route], carrying: Sequence[Route],
        row: RowAtWork,
    ) -> None:  # fmt: skip
        self._routes = (*plain, *carrying)
        self.targets = [target for route in self._routes for target in route.targets]
        self.by_column = any(route.by_column for route in self._routes)
        self.whole = all(route.whole for route in self._routes)
        self._turning = [r for r in self._routes if type(r).turn is not Route.turn]
        self._stream, name = stream
        self._salt = salt_of(row.component, name)
        self._plain, self._carrying, self._row = tuple(plain), tuple(carrying), row
        self.put = self._put if plain or len(carrying) != 1 else self._one_put()

    def _one_put(self) -> Callable[[list[Any]], None]:
        """Return ``put`` for the usual case: one bolt reads, and it wants origins.

        What the rows emitted for one row have in common is made once, and ``RowAtWork.next`` is
        written out: 210 ns a row, with calls and without that 340.
        """
        put, at_work, salt, stream = self._carrying[0].put, self._row, self._salt, self._stream
        places, places_max, digest = _PLACES, len(_PLACES), xxh3_128_digest
        parent = head = base = b""

        def one(row: list[Any]) -> None:
            nonlocal parent, head, base
            if at_work.kept is not None:
                at_work.keep(stream, [row])
            origin, index = at_work.origin, at_work.index
            if not origin or index >= places_max:
                put([*row, at_work.next(salt)])
                return
            at_work.index = index + 1
            if origin is not parent:
                parent, head, base = origin, origin[:PATH_AT], origin[PATH_AT:] + salt
            put([*row, head + digest(base + places[index])])

        return one

    def _put(self, row: list[Any]) -> None:
        at_work = self._row
        if at_work.kept is not None:
            at_work.keep(self._stream, [row])
        for route in self._plain:
            route.put(row)
        if self._carrying:
            stamped = [*row, at_work.next(self._salt)]
            for route in self._carrying:
                route.put(stamped)

    def put_many(self, rows: Rows) -> None:
        """Put the rows of one group."""
        at_work = self._row
        if at_work.attached:
            stamped, bare = rows, without_origins(rows)[0]
        else:
            bare = rows
            if self._carrying:
                stamped = with_origins(rows, at_work.origins(self._salt, len(rows)))
        if at_work.kept is not None:
            at_work.keep(self._stream, bare)
        for route in self._plain:
            route.put_many(bare)
        for route in self._carrying:
            route.put_many(stamped)

    def turn(self) -> None:
        """Let each route choose anew."""
        for route in self._turning:
            route.turn()


class _Stamped:
    """Stands in for the rows of a frame: what is appended gets its origin."""

    def __init__(self, frame: OpenFrame, salt: bytes, row: RowAtWork) -> None:
        self._append, self._salt, self._row = frame.rows.append, salt, row
        self.rows = self

    def append(self, row: list[Any]) -> None:
        self._append([*row, self._row.next(self._salt)])


class OriginDirectRoute(DirectRoute):
    """A direct stream whose subscriber wants origins."""

    def __init__(self, route: DirectRoute, name: str, row: RowAtWork) -> None:
        super().__init__(route.targets)
        salt = salt_of(row.component, name)
        stamped: Mapping[int, Any] = {
            task: _Stamped(frame, salt, row) for task, frame in route.by_task.items()
        }
        self.by_task = dict(stamped)
