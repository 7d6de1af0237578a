"""What every ready-made spout must do, run over everything in the registry.

A new spout gets a row in ``CASES``: how to make one that has something to give.
"""

from __future__ import annotations

import os

import msgpack
import pytest
from waterspout.spouts.contract import Source, Spout, declared_replay
from waterspout.spouts.registry import SPOUTS
from waterspout.topology.classes import load_class
from waterspout.topology.component import normal_outputs

#: Reads that give nothing after which a source has nothing more to give for now.
IDLE_MAX = 3


class Case:
    """A source of one kind, made anew as often as a test asks, over the same input."""

    def __init__(self, name, args, *, ends=True):
        self.name = name
        self.args = args
        self.ends = ends
        self.cls = load_class(SPOUTS[name])

    def open(self, context):
        source = self.cls(**self.args)
        source.open(context)
        return source


def lines():
    """Yield what the Generator cases emit."""
    yield from (f"line {n}" for n in range(50))


def pairs():
    """Yield messages of two values, with pauses."""
    for n in range(50):
        yield [str(n), n]
        yield None


def files(tmp_path, **args):
    for n in range(4):
        text = "".join(f"{n} {'ü' * m}\r\n" for m in range(n * 10)) + "last" * (n % 2)
        (tmp_path / f"{n}.txt").write_bytes(text.encode())
    (tmp_path / "long.txt").write_bytes(b"x" * 500 + b"\nshort\n\xff\n")
    return Case("Files", {"paths": f"{tmp_path}/*.txt", "line_bytes_max": 100, **args},
                ends=not args.get("follow"))  # fmt: skip


def stdin(tmp_path):
    out, into = os.pipe()
    os.write(into, b"".join(b"line %d\n" % n for n in range(50)) + b"rest")
    os.close(into)
    return Case("StdinLines", {"fd": out})


CASES = {
    "Files": files,
    "Files that are followed": lambda tmp: files(tmp, follow=True),
    "Files with paths": lambda tmp: files(tmp, include_path=True),
    "Sequence": lambda tmp: Case("Sequence", {"count": 50, "start": 7}),
    "Sequence in partitions": lambda tmp: Case("Sequence", {"count": 50, "partitions": 7}),
    "Sequence with a rate": lambda tmp: Case("Sequence", {"count": 50, "rate": 100}),
    "Sequence that goes on": lambda tmp: Case("Sequence", {"rate": 100}, ends=False),
    "Generator": lambda tmp: Case("Generator", {"iterable": "user:lines"}),
    "Generator that comes again": lambda tmp: Case(
        "Generator", {"iterable": "user:pairs", "fields": ["a", "b"], "replayable": True}
    ),
    "StdinLines": stdin,
    "Timer": lambda tmp: Case("Timer", {"interval": "10ms", "count": 50}),
}


#: Those whose messages are not read again; the tests of positions are about the others.
NOT_READ_AGAIN = {"Generator", "StdinLines", "Timer"}


@pytest.fixture(params=CASES)
def case(request, tmp_path, monkeypatch):
    functions = {"user:lines": lines, "user:pairs": pairs}
    monkeypatch.setattr("waterspout.spouts.generator.load_function", functions.__getitem__)
    case = CASES[request.param](tmp_path)
    yield case
    if "fd" in case.args:
        os.close(case.args["fd"])


SEEKING = pytest.mark.parametrize(
    "case", [name for name in CASES if name not in NOT_READ_AGAIN], indirect=True
)


def read_all(reader, clock, limit, most=200):
    """Return every (rows, position) there is for now, and whether the partition ended."""
    batches, idle = [], 0
    while idle < IDLE_MAX and len(batches) < most:
        clock.now += 0.01
        got = reader.read(limit)
        if got is None:
            return batches, True
        rows, _ = got
        assert len(rows) <= limit
        idle = 0 if rows else idle + 1
        batches.append(got)
    return batches, False


def rows_of(batches):
    return [row for rows, _ in batches for row in rows]


def test_every_registered_spout_has_a_case(tmp_path):
    made = {make(tmp_path).name for make in CASES.values()}
    assert made == set(SPOUTS)


@pytest.mark.parametrize(("case", "name"), [(name, name) for name in CASES], indirect=["case"])
def test_it_is_a_spout_that_says_how_its_messages_come_back(case, name):
    assert issubclass(case.cls, (Source, Spout))
    replay = declared_replay(case.cls, case.args)
    assert replay in (("re-emit", "none") if name in NOT_READ_AGAIN else ("seek",))


def test_partitions_are_stable_sorted_names_that_differ(case, context):
    names = list(case.open(context).partitions())
    assert names and names == sorted(set(names))
    assert names == list(case.open(context).partitions())
    assert all(isinstance(name, str) and name.encode() for name in names)


def test_read_gives_no_more_than_the_limit_and_positions_only_grow(case, context, clock):
    source = case.open(context)
    for partition in source.partitions():
        batches, _ = read_all(source.reader(partition, None), clock, 3)
        last = 0
        for rows, position in batches:
            assert type(position) is int
            assert position > last if rows else position >= last
            last = position


def test_messages_are_lists_of_the_declared_values_that_can_be_packed(case, context, clock):
    source = case.open(context)
    (decl,) = normal_outputs(case.cls.declare_outputs(case.args)).values()
    given = 0
    for partition in source.partitions():
        for row in rows_of(read_all(source.reader(partition, None), clock, 64)[0]):
            assert type(row) is list and len(row) == len(decl.fields)
            msgpack.packb(row)
            given += 1
    assert given >= 50


@SEEKING
def test_from_every_position_it_gives_the_same_messages_again(case, context, clock):
    source = case.open(context)
    for partition in source.partitions():
        batches, _ = read_all(source.reader(partition, None), clock, 3, most=40)
        every, given = rows_of(batches), 0
        for rows, position in batches:
            given += len(rows)
            for again in (source, case.open(context)):
                for limit in (1, 64):
                    reader = again.reader(partition, position)
                    got = rows_of(read_all(reader, clock, limit, most=5)[0])
                    reader.close()
                    rest = every[given:]
                    assert got[: len(rest)] == rest[: len(got)]
                    assert got or not rest


@SEEKING
def test_messages_one_by_one_end_at_the_same_positions_as_in_groups(case, context, clock):
    source = case.open(context)
    for partition in source.partitions():
        single, _ = read_all(source.reader(partition, None), clock, 1)
        grouped, _ = read_all(case.open(context).reader(partition, None), clock, 7)
        ends = {position for _, position in single}
        assert {position for _, position in grouped[:20]} <= ends | {0}


def test_a_bounded_source_ends_and_stays_ended(case, context, clock):
    source = case.open(context)
    for partition in source.partitions():
        reader = source.reader(partition, None)
        _, ended = read_all(reader, clock, 64)
        assert ended == case.ends
        if case.ends:
            assert source.bounded()
            assert reader.read(64) is None


def test_the_end_position_is_reached_where_it_is_known(case, context, clock):
    source = case.open(context)
    for partition in source.partitions():
        end = source.end_position(partition)
        if end is not None:
            batches, ended = read_all(source.reader(partition, None), clock, 64)
            reached = max((position for _, position in batches), default=0)
            # A followed file may end in half a line, which is no message yet.
            assert reached == end if ended else reached <= end


def test_closing_releases_files_and_may_come_at_any_time(case, context, clock):
    before = sorted(os.listdir("/proc/self/fd"))
    source = case.open(context)
    for partition in source.partitions():
        unread, used = source.reader(partition, None), source.reader(partition, None)
        read_all(used, clock, 1, most=2)
        for reader in (unread, used, used):
            reader.close()
    source.close()
    assert sorted(os.listdir("/proc/self/fd")) == before
