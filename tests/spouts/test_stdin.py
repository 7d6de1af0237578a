"""Lines of a pipe, read without ever waiting for it."""

import os

import pytest
from waterspout.spouts.contract import declared_replay
from waterspout.spouts.line_reader import ERROR_PREFIX
from waterspout.spouts.stdin import StdinLines
from waterspout.topology.errors import UserError


class Pipe:
    """A pipe whose ends close when the test is over."""

    def __init__(self):
        self.out, self._in = os.pipe()

    def write(self, data):
        os.write(self._in, data)

    def end(self):
        os.close(self._in)
        self._in = -1

    def close(self):
        for fd in (self.out, self._in):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def make(pipe, context):
    def make(**args):
        source = StdinLines(fd=pipe.out, **args)
        source.open(context)
        (partition,) = source.partitions()
        return source.reader(partition, None)

    return make


def test_an_empty_pipe_is_not_waited_for(make):
    assert make().read(10) == ([], 0)


def test_lines_come_when_they_are_complete_and_the_rest_at_the_end(make, pipe):
    reader = make()
    pipe.write(b"one\ntw")
    assert reader.read(10) == ([["one"]], 1)
    assert reader.read(10) == ([], 1)
    pipe.write(b"o\r\nthree\nfour")
    assert reader.read(1) == ([["two"]], 2)
    assert reader.read(1) == ([["three"]], 3)
    assert reader.read(1) == ([], 3)
    pipe.end()
    assert reader.read(1) == ([["four"]], 4)
    assert reader.read(1) is None
    assert reader.read(1) is None


def test_an_end_after_a_line_end_gives_no_empty_line(make, pipe):
    reader = make()
    pipe.write(b"one\n\n")
    pipe.end()
    assert reader.read(10) == ([["one"], [""]], 2)
    assert reader.read(10) is None


def test_bytes_that_do_not_decode_lose_no_line(make, pipe):
    reader = make()
    pipe.write(b"\xff\n\xe2\x82\nok\n")
    assert reader.read(10) == ([["\ufffd"], ["\ufffd"], ["ok"]], 3)


def test_a_byte_order_mark_is_taken_only_from_the_start(make, pipe):
    reader = make(encoding="utf-8-sig")
    pipe.write(b"\xef\xbb\xbfa\n")
    assert reader.read(10) == ([["a"]], 1)
    pipe.write(b"\xef\xbb\xbfb\n")
    assert reader.read(10) == ([["\ufeffb"]], 2)


@pytest.mark.parametrize("pieces", [1, 3, 7, 30, 100])
def test_a_line_that_is_too_long_is_told_however_it_comes(make, pipe, pieces, context):
    reader = make(line_bytes_max=10)
    data = b"a\n" + b"x" * 25 + b"\nb\n" + b"y" * 10 + b"\n" + b"z" * 11
    rows = []
    for start in range(0, len(data), pieces):
        pipe.write(data[start : start + pieces])
        rows += reader.read(100)[0]
    pipe.end()
    while (got := reader.read(100)) is not None:
        rows += got[0]
    lines = [row[0] for row in rows]
    assert [line for line in lines if not line.startswith(ERROR_PREFIX)] == ["a", "b", "y" * 10]
    assert lines[1].startswith(f"{ERROR_PREFIX}25 bytes of stdin (line_bytes_max is 10)")
    assert lines[4].startswith(f"{ERROR_PREFIX}11 bytes of stdin")
    assert context.metrics.values == {"lines_too_long": 2}


def test_a_regular_file_is_read_too(tmp_path, context):
    path = tmp_path / "input"
    path.write_bytes(b"one\ntwo")
    fd = os.open(path, os.O_RDONLY)
    source = StdinLines(fd=fd)
    source.open(context)
    reader = source.reader("stdin", None)
    got = [reader.read(10) for _ in range(3)]
    os.close(fd)
    assert got == [([["one"]], 1), ([["two"]], 2), None]


def test_a_descriptor_that_is_closed_is_an_error_that_names_it(make, pipe):
    reader = make()
    fd, pipe.out = pipe.out, -1
    os.close(fd)
    with pytest.raises(UserError, match=f"StdinLines: cannot read file descriptor {fd}: "):
        reader.read(10)


def test_what_was_read_cannot_be_read_again():
    assert declared_replay(StdinLines, {}) == "re-emit"
    assert StdinLines.declare_outputs({}) == ["line"]


@pytest.mark.parametrize("args", [{"encoding": "utf-16"}, {"line_bytes_max": 0}, {"fd": -1}])
def test_wrong_arguments_are_named(args):
    (name,) = args
    with pytest.raises(UserError, match=f"^StdinLines: {name}: "):
        StdinLines.declare_outputs(args)
