"""Lines and byte offsets of one file, for every shape a file can have."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.spouts import line_reader
from waterspout.spouts.line_reader import ERROR_PREFIX, LineFormat, LineReader, UnreadableFile

from ..each_case import each_case


class Notices:
    """What a reader told, as (text, metric)."""

    def __init__(self):
        self.told = []

    def __call__(self, text, metric):
        self.told.append((text, metric))

    @property
    def metrics(self):
        return [metric for _, metric in self.told]


@pytest.fixture
def notices():
    return Notices()


@pytest.fixture
def read_all(tmp_path, notices):
    """Return a function that reads bytes as a file: all (values, position) in order."""

    def read(data, *, limit=64, position=0, **options):
        path = tmp_path / "file"
        path.write_bytes(data)
        reader = LineReader(str(path), position, LineFormat(**options), notices)
        return drain(reader, limit)

    return read


def drain(reader, limit):
    batches = []
    for _ in range(100_000):
        got = reader.read(limit)
        if got is None:
            return batches
        assert len(got[0]) <= limit
        batches.append(got)
    raise AssertionError("the reader does not end")


def lines(batches):
    return [row[0] for rows, _ in batches for row in rows]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\nb", ["a", "b"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\r\nb\r", ["a", "b"]),
        (b"a\rb\n", ["a\rb"]),
        (b"a\r\r\nb\n", ["a\r", "b"]),
        (b"\xffa\xe2\n\xe2\x82\xac\n", ["\ufffda\ufffd", "\u20ac"]),
        ("a\u2028b\x0bc\x85d\n".encode(), ["a\u2028b\x0bc\x85d"]),
        (b"\xef\xbb\xbfa\n", ["\ufeffa"]),
        (b"a\0b\n", ["a\0b"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 64])
def test_lines_end_at_newlines_and_at_the_end_of_the_file(read_all, data, expected, limit):
    batches = read_all(data, limit=limit)
    assert lines(batches) == expected
    assert not batches or batches[-1][1] == len(data)


def test_the_position_is_the_byte_after_the_line_end(read_all):
    # 0      3    5      9
    # a b \n ü \n c \r \n d
    batches = read_all("ab\nü\nc\r\nd".encode(), limit=1)
    assert [(rows, position) for rows, position in batches] == [
        ([["ab"]], 3),
        ([["ü"]], 6),
        ([["c"]], 9),
        ([["d"]], 10),
    ]


def read_with_ends(reader, limit):
    ends = []
    while (got := reader.read(limit)) is not None:
        if len(got[0]):
            ends.append(reader.message_ends())
            assert (len(ends[-1]), ends[-1][-1]) == (len(got[0]), got[1])
    return [end for some in ends for end in some]


@pytest.mark.parametrize("limit", [2, 3, 64])
@pytest.mark.parametrize("data", [
    b"a\nbc\n\ndef\ng", "ü\r\nbc\n\r\ndef\ng\n".encode(), b"a\nb\n" + b"x" * 20 + b"\nc\nd\n",
    b"\xef\xbb\xbfa\nb\nc\n",
])  # fmt: skip
def test_it_knows_where_each_line_of_a_read_ends(tmp_path, notices, data, limit):
    path = tmp_path / "file"
    path.write_bytes(data)
    line_format = LineFormat(line_bytes_max=10, encoding="utf-8-sig")
    for start in (0, data.index(b"\n") + 1):
        found = read_with_ends(LineReader(str(path), start, line_format, notices), limit)
        ends = [at + 1 for at, byte in enumerate(data) if byte == 10 or at + 1 == len(data)]
        assert found == [end for end in ends if end > start]


@given(
    data=st.binary(max_size=60).map(
        lambda data: data.replace(b"\x03", b"\r\n").replace(b"b", b"\n")
    ),
    limit=st.integers(1, 5),
    block=st.integers(1, 20),
    line_bytes_max=st.integers(1, 30),
)
def test_from_every_position_it_reads_the_same_lines_again(
    tmp_path_factory, data, limit, block, line_bytes_max
):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    line_format = LineFormat(line_bytes_max=line_bytes_max)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_reader, "BLOCK_BYTES", block)
        patch.setattr(line_reader, "FIRST_BLOCK_BYTES", max(block // 2, 1))
        patch.setattr(line_reader, "SCAN_BYTES_MAX", 2 * block)
        whole = drain(LineReader(str(path), 0, line_format, Notices()), limit)
        one_by_one = drain(LineReader(str(path), 0, line_format, Notices()), 1)
        ends = read_with_ends(LineReader(str(path), 0, line_format, Notices()), limit)
        assert ends == [position for rows, position in one_by_one if len(rows)]
        every = lines(whole)
        plain = data.split(b"\n")
        plain = plain if plain[-1] else plain[:-1]
        assert len(every) == len(plain)
        for line, raw in zip(every, plain, strict=True):
            decoded = raw.decode("utf-8", "replace").removesuffix("\r")
            assert line == decoded if len(raw) <= line_bytes_max else line.startswith(ERROR_PREFIX)
        count, positions = 0, [0]
        for rows, position in whole:
            count += len(rows)
            assert position >= positions[-1]
            positions.append(position)
            rest = drain(LineReader(str(path), position, line_format, Notices()), 3)
            assert lines(rest) == every[count:]
        assert positions[-1] == len(data)


def test_a_file_of_many_blocks_is_read_line_for_line(read_all):
    text = "".join(f"{n} {'ü' * (n % 97)}\n" for n in range(20_000))
    batches = read_all(text.encode(), limit=100)
    assert lines(batches) == text.splitlines()
    assert batches[-1][1] == len(text.encode())


def test_a_line_longer_than_a_block_comes_whole(read_all):
    long = "x" * (3 * line_reader.BLOCK_BYTES)
    assert lines(read_all(f"a\n{long}\nb\n".encode())) == ["a", long, "b"]


def test_a_line_at_the_limit_comes_whole_and_one_beyond_is_told(read_all, notices, tmp_path):
    data = b"a\n" + b"x" * 100 + b"\n" + b"y" * 101 + b"\nb\n"
    got = lines(read_all(data, line_bytes_max=100))
    assert got[:2] == ["a", "x" * 100] and got[3:] == ["b"]
    assert got[2].startswith(f"{ERROR_PREFIX}101 bytes at byte 103 of {tmp_path / 'file'}")
    ((text, metric),) = notices.told
    assert metric == "lines_too_long"
    assert f"path={tmp_path / 'file'} offset=103 bytes=101 line_bytes_max=100" in text


def test_a_long_line_without_an_end_is_told_at_the_end_of_the_file(read_all):
    (line,) = lines(read_all(b"y" * 200_000, line_bytes_max=1000))
    assert line.startswith(f"{ERROR_PREFIX}200000 bytes at byte 0 of ")


def test_one_read_looks_through_a_bounded_part_of_a_long_line(tmp_path, notices, monkeypatch):
    monkeypatch.setattr(line_reader, "SCAN_BYTES_MAX", 4 * line_reader.BLOCK_BYTES)
    path = tmp_path / "file"
    path.write_bytes(b"y" * (9 * line_reader.BLOCK_BYTES) + b"\nb\n")
    reader = LineReader(str(path), 0, LineFormat(line_bytes_max=1000), notices)
    assert reader.read(64) == ([], 0)
    assert reader.read(64) == ([], 0)
    rows, position = reader.read(64)
    assert rows[0][0].startswith(ERROR_PREFIX) and position == 9 * line_reader.BLOCK_BYTES + 1
    assert reader.read(64) == ([["b"]], position + 2)


def test_the_path_stands_after_the_line(read_all, tmp_path):
    assert read_all(b"a\n", path_field=True) == [([["a", str(tmp_path / "file")]], 2)]
    ((rows, _),) = read_all(b"aaa\n", path_field=True, line_bytes_max=1)
    assert rows[0][1] == str(tmp_path / "file")


@pytest.mark.parametrize("limit", [1, 64])
def test_utf8_sig_takes_a_mark_only_from_the_start_of_the_file(read_all, limit):
    data = b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"
    batches = read_all(data, limit=limit, encoding="UTF-8-SIG")
    assert lines(batches) == ["a", "\ufeffb"]
    assert batches[-1][1] == len(data)


def test_other_encodings_decode(read_all):
    assert lines(read_all(b"\xfc\n\x80\n", encoding="latin-1")) == ["ü", "\x80"]
    assert lines(read_all("日本\n語\n".encode("shift_jis"), encoding="shift_jis")) == ["日本", "語"]
    assert lines(read_all(b"\xa4\n\n\xa4", encoding="gb18030")) == ["\ufffd", "", "\ufffd"]


def test_a_codec_that_makes_line_ends_loses_no_line(read_all):
    got = read_all(b"a\\nb\nc\n", encoding="unicode_escape")
    assert lines(got) == ["a\nb", "c"]


@each_case(
    "encoding", ["utf-16", "utf-16-le", "utf-32", "cp037", "rot13", "hex", "nope", "idna", ""]
)
def test_an_encoding_that_cannot_keep_lines_apart_is_refused(encoding):
    with pytest.raises(ValueError, match=f"'{encoding}'"):
        LineFormat(encoding=encoding)


def test_a_file_that_is_gone_ends_with_a_word(tmp_path, notices):
    reader = LineReader(str(tmp_path / "gone"), 7, LineFormat(), notices)
    assert reader.read(64) is None
    assert reader.read(64) is None
    ((text, metric),) = notices.told
    assert metric == "files_vanished" and f"path={tmp_path / 'gone'} position=7" in text


def test_a_file_that_is_removed_while_it_is_read_is_read_to_its_end(tmp_path, notices):
    path = tmp_path / "file"
    path.write_bytes(b"a\n" * 100_000)
    reader = LineReader(str(path), 0, LineFormat(), notices)
    reader.read(1)
    path.unlink()
    assert len(lines(drain(reader, 1000))) == 99_999
    assert notices.told == []


@pytest.mark.parametrize("line_bytes_max", [100, 1 << 18])
def test_a_file_system_that_loses_a_file_while_it_is_read_ends_it_with_a_word(
    tmp_path, notices, monkeypatch, line_bytes_max
):
    path = tmp_path / "file"
    path.write_bytes(b"a\n" + b"x" * 200_000)
    reader = LineReader(str(path), 0, LineFormat(line_bytes_max=line_bytes_max), notices)
    assert reader.read(1) == ([["a"]], 2)

    def stale(fd, size, offset):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(line_reader.os, "pread", stale)
    assert reader.read(1) is None
    assert notices.metrics == ["files_vanished"]


def test_a_long_line_of_a_file_that_is_lost_ends_with_a_word(tmp_path, notices, monkeypatch):
    monkeypatch.setattr(line_reader, "SCAN_BYTES_MAX", line_reader.BLOCK_BYTES)
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)
    reader = LineReader(str(path), 0, LineFormat(line_bytes_max=100), notices)
    assert reader.read(1) == ([], 0)

    def stale(fd, size, offset):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(line_reader.os, "pread", stale)
    assert reader.read(1) is None
    assert notices.metrics == ["files_vanished"]


def test_a_file_that_is_shorter_than_the_position_ends_with_a_word(read_all, notices):
    assert read_all(b"abc\n", position=9) == []
    assert notices.metrics == ["files_truncated"]


def test_a_file_that_was_read_to_its_end_before_ends_without_a_word(read_all, notices):
    assert read_all(b"abc\n", position=4) == []
    assert notices.told == []


def test_a_refused_file_is_an_error_that_names_it_and_is_tried_again(
    tmp_path, notices, monkeypatch
):
    path = tmp_path / "file"
    path.write_bytes(b"a\n")
    reader = LineReader(str(path), 0, LineFormat(), notices)

    def refuse(path, flags):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(line_reader.os, "open", refuse)
        with pytest.raises(UnreadableFile, match=rf"cannot read {path}: Permission denied"):
            reader.read(64)
    assert reader.read(64) == ([["a"]], 2)


def test_a_folder_in_the_place_of_a_file_is_an_error_that_names_it(tmp_path, notices):
    reader = LineReader(str(tmp_path), 0, LineFormat(), notices)
    with pytest.raises(UnreadableFile, match=rf"cannot read {tmp_path}: Is a directory"):
        reader.read(64)


def test_the_file_is_open_only_between_the_first_read_and_the_end(tmp_path, notices):
    path = tmp_path / "file"
    path.write_bytes(b"a\nb\n")
    before = len(os.listdir("/proc/self/fd"))
    reader = LineReader(str(path), 0, LineFormat(), notices)
    assert len(os.listdir("/proc/self/fd")) == before
    reader.read(1)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    drain(reader, 1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_close_releases_the_file_and_may_come_twice(tmp_path, notices):
    path = tmp_path / "file"
    path.write_bytes(b"a\nb\n")
    before = len(os.listdir("/proc/self/fd"))
    reader = LineReader(str(path), 0, LineFormat(), notices)
    reader.read(1)
    reader.close()
    reader.close()
    assert len(os.listdir("/proc/self/fd")) == before
