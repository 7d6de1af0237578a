"""DATA and END frames: round trips, and every way in which one can be broken."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import ExtType, packb
from waterspout.topology.columns import Columns
from waterspout.topology.control_frames import DECODERS
from waterspout.topology.errors import WireError
from waterspout.topology.frame_header import DATA, END, HEADER_BYTES, Header, decode_header
from waterspout.topology.frames import (
    DATA_HEADER_BYTES,
    BodyPacker,
    DataFrame,
    EndFrame,
    data_frame,
    decode_channel,
    decode_data,
    decode_end,
    end_frame,
    read_runs,
    salvage_roots,
)
from waterspout.topology.trails import Trail
from waterspout.topology.wire_limits import (
    E_FRAME_DECODE,
    E_FRAME_DEPTH,
    E_FRAME_ENCODING,
    E_FRAME_SIZE,
    E_FRAME_TYPE,
    FRAME_CODES,
    FRAME_ROWS_MAX,
)
from waterspout.topology.wire_values import NotPackable

from ..each_case import each_case

CHANNEL = (3, 1, 7)
HEADER = Header(DATA, 5, 99, 12)
EDGE = 0xE0

roots = st.lists(st.integers(1, (1 << 64) - 1), max_size=3).map(tuple)
scalars = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.text() | st.binary()
)


@st.composite
def frames(draw: st.DrawFn) -> tuple[list[Any], list[list[Any]]]:
    """Draw runs and rows that belong together."""
    width = draw(st.integers(0, 3))
    counts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    values = scalars | st.lists(scalars, max_size=2).map(tuple)
    row = st.lists(values, min_size=width, max_size=width)
    rows = [draw(row) for _ in range(sum(counts))]
    return [(count, draw(roots)) for count in counts], rows


def frame_of(runs: Any, rows: list[list[Any]], edge: int = EDGE) -> bytes:
    body = BodyPacker().pack(runs, rows)
    return data_frame(HEADER, CHANNEL, edge, len(rows[0]), len(rows), body)


def with_body(body: bytes, width: int = 1, rows: int = 1) -> bytes:
    return data_frame(HEADER, CHANNEL, EDGE, width, rows, body)


def code_of(data: bytes) -> str:
    with pytest.raises(WireError) as caught:
        decode_data(data)
    return caught.value.code


@given(frame=frames())
def test_data_survives_the_round_trip(frame: tuple[list[Any], list[list[Any]]]) -> None:
    runs, rows = frame
    data = frame_of(runs, rows)
    assert decode_header(data) == HEADER
    assert decode_channel(data) == CHANNEL
    assert decode_data(data) == DataFrame(
        CHANNEL, EDGE, runs, [tuple(row) for row in rows], len(rows[0])
    )
    assert decode_data(memoryview(data)) == decode_data(data)
    assert salvage_roots(data) == tuple(dict.fromkeys(root for _, ids in runs for root in ids))


def test_trails_go_with_the_runs_that_have_some() -> None:
    runs: list[Any] = [(2, (5,)), (1, (6,))]
    trails = {5: Trail(3, None, 0, 0, [1, 2]), 6: None}
    rows = [["a"], ["b"], ["c"]]
    body = BodyPacker().pack(runs, rows, trails)
    frame = decode_data(with_body(body, rows=3))
    assert frame.runs == runs and list(frame.trails) == [5]
    trail = frame.trails[5]
    assert trail is not None and trail.message(1, 2) == (1, 3)
    assert salvage_roots(with_body(body, rows=3)) == (5, 6)


def test_the_layout_is_the_drawn_one() -> None:
    data = frame_of([(1, (5,))], [["a"]])
    assert DATA_HEADER_BYTES == 48
    assert data[HEADER_BYTES:] == (
        b"\xe0" + b"\0" * 7 + b"\x03\0\0\0" + b"\x07\0\0\0" + b"\x01\0" + b"\x01\0" + b"\x01\0\0\0"
        b"\x94" + b"\x91\x01" + b"\x90" + b"\xc4\x08\x05" + b"\0" * 7 + b"\x91\xa1a"
    )


def test_an_end_survives_the_round_trip() -> None:
    data = end_frame(Header(END, 5, 99, 12), CHANNEL)
    assert decode_header(data).kind == END
    assert decode_end(data) == EndFrame(CHANNEL)


@pytest.mark.parametrize(
    "data",
    [
        end_frame(HEADER, CHANNEL) + b"x",
        data_frame(HEADER, CHANNEL, 1, 0, 0, b""),
        data_frame(HEADER, CHANNEL, 0, 0, 1, b""),
    ],
)
def test_an_end_carries_nothing(data: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode_end(data)
    assert caught.value.code == E_FRAME_TYPE


RUNS = [(1, (5,))]
ONE_RUN = ((1,), (), b"\x05" + b"\0" * 7)
HEAD = packb((*ONE_RUN, []))[:-1]


@each_case(
    "data, code",
    [
        (with_body(b"")[:40], E_FRAME_DECODE),
        (with_body(b""), E_FRAME_DECODE),
        (with_body(b"\x94\x91"), E_FRAME_DECODE),
        (with_body(b"\xc1"), E_FRAME_DECODE),
        (with_body(packb((*ONE_RUN, ["a"])) + b"\x01"), E_FRAME_DECODE),
        (with_body(packb((*ONE_RUN, ["a"]))[:-1]), E_FRAME_DECODE),
        (with_body(packb(ONE_RUN)), E_FRAME_TYPE),
        (with_body(packb((*ONE_RUN, ["a"], 5))), E_FRAME_TYPE),
        (with_body(packb((*ONE_RUN, ["a"], [], []))), E_FRAME_TYPE),
        (with_body(packb({1: 2})), E_FRAME_TYPE),
        (with_body(packb((*ONE_RUN, "a"))), E_FRAME_TYPE),
        (with_body(packb((*ONE_RUN, ["a", "b"]))), E_FRAME_TYPE),
        (with_body(packb((*ONE_RUN, ["a", "b", "c"])), width=2, rows=1), E_FRAME_TYPE),
        (with_body(packb((*ONE_RUN, ["a"])), rows=0), E_FRAME_SIZE),
        (with_body(packb((*ONE_RUN, ["a"])), rows=FRAME_ROWS_MAX + 1), E_FRAME_SIZE),
        (with_body(packb((*ONE_RUN, [ExtType(4, b"x")]))), E_FRAME_TYPE),
        (with_body(HEAD + b"\x91\xa1\xff"), E_FRAME_ENCODING),
        (with_body(HEAD + b"\x91" * 5000 + b"\x01"), E_FRAME_DEPTH),
        (frame_of(RUNS, [["a"]], edge=0), E_FRAME_TYPE),
    ],
)
def test_broken_data_has_a_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


def ids(*roots: int) -> bytes:
    return b"".join(root.to_bytes(8, "little") for root in roots)


@each_case(
    "counts, root_counts, roots, runs",
    [
        ((2,), (), ids(5), [(2, (5,))]),
        ((2,), (1,), ids(5), [(2, (5,))]),
        ((2,), (0,), b"", [(2, ())]),
        ((1, 1), (), ids(5, 6), [(1, (5,)), (1, (6,))]),
        ((1, 1), (2, 0), ids(5, 6), [(1, (5, 6)), (1, ())]),
    ],
)
def test_runs_are_read_from_their_flat_form(
    counts: Any, root_counts: Any, roots: bytes, runs: Any
) -> None:
    assert read_runs(counts, root_counts, roots, 2) == runs


@each_case(
    "counts, root_counts, roots",
    [
        ((), (), b""),
        ((2, 1), (), ids(5, 6)),
        ((1,), (), ids(5)),
        ((0, 2), (), ids(5, 6)),
        ((-1, 3), (), ids(5, 6)),
        ((2.0,), (), ids(5)),
        ((True, 1), (), ids(5, 6)),
        (("2",), (), ids(5)),
        ((2,), (), ids(0)),
        ((2,), (), ids(5)[:-1]),
        ((2,), (), "12345678"),
        ((2,), (), (5,)),
        ((2,), (), None),
        ((2,), (), b""),
        ((2,), (), ids(5, 6)),
        ((2,), (1,), ids(5, 6)),
        ((2,), (1, 1), ids(5, 6)),
        ((1, 1), (3, -1), ids(5, 6)),
        ((1, 1), (1.0, 1.0), ids(5, 6)),
        ((2,), (True,), ids(5)),
        ((2,), {1: 1}, ids(5)),
        ((2,), 0, ids(5)),
        ((2,), None, ids(5)),
        ({2: 0}, (), ids(5)),
        (b"\x02", (), ids(5)),
        (2, (), ids(5)),
    ],
)
def test_runs_that_do_not_cover_the_rows_are_refused(
    counts: Any, root_counts: Any, roots: Any
) -> None:
    with pytest.raises(WireError) as caught:
        read_runs(counts, root_counts, roots, 2)
    assert caught.value.code == E_FRAME_TYPE


def test_untracked_rows_need_no_edge() -> None:
    assert decode_data(frame_of([(2, ())], [["a"], ["b"]], edge=0)).runs == [(2, ())]


def test_the_roots_of_a_frame_with_a_broken_value_can_be_named() -> None:
    body = packb(((1, 1), (2, 1), ids(5, 6, 6), ["a", ExtType(4, b"x")]))
    data = with_body(body, rows=2)
    assert code_of(data) == E_FRAME_TYPE
    assert salvage_roots(data) == (5, 6)


@each_case(
    "body",
    [
        b"",
        b"\xc1",
        b"\x94",
        packb(5),
        packb(ONE_RUN),
        packb(([], [], b"", ["a"])),
        packb(([1], [], ids(0), ["a"])),
    ],
)
def test_no_root_is_made_up_for_a_frame_with_broken_runs(body: bytes) -> None:
    assert salvage_roots(with_body(body)) == ()


def test_a_packer_goes_on_after_a_value_without_wire_form() -> None:
    packer = BodyPacker()
    good = packer.pack(RUNS, [["a"]])
    for bad in ({1}, 1 << 64, "\ud800", object()):
        with pytest.raises(NotPackable):
            packer.pack(RUNS, [["x" * 100, bad]])
    assert packer.pack(RUNS, [["a"]]) == good


def test_a_value_that_raises_while_it_is_packed_is_not_packable() -> None:
    class Odd(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise KeyError("odd")

    with pytest.raises(NotPackable):
        BodyPacker().pack(RUNS, [[Odd(a=1)]])


@given(body=st.binary(max_size=300), head=st.integers(0, DATA_HEADER_BYTES))
def test_random_bytes_raise_wire_errors_only(body: bytes, head: int) -> None:
    data = frame_of(RUNS, [["a"]])[:head] + body
    for kind in DECODERS:
        try:
            decode_header(data)
            DECODERS[kind](data)
        except WireError as error:
            assert error.code in FRAME_CODES
        salvage_roots(data)


@given(frame=frames(), data=st.data())
def test_a_changed_byte_is_a_wire_error_or_another_frame(
    frame: tuple[list[Any], list[list[Any]]], data: st.DataObject
) -> None:
    good = bytearray(frame_of(*frame))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_header(bytes(good))
        decoded = decode_data(bytes(good))
    except WireError:
        return
    assert sum(count for count, _ in decoded.runs) == len(decoded.rows)
    assert all(len(row) == decoded.width for row in decoded.rows)


@each_case("width, count", product([1, 3], [1, 15, 16, 100]))
def test_columns_are_packed_as_their_rows_and_come_out_as_columns_when_many(
    width: int, count: int
) -> None:
    rows = [[n + place for place in range(width)] for n in range(count)]
    body = BodyPacker().pack([(count, (7,))], Columns.of_rows(rows, width))
    assert body == BodyPacker().pack([(count, (7,))], rows)
    decoded = decode_data(with_body(body, width, count)).rows
    assert isinstance(decoded, Columns) == (count >= Columns.height_min)
    assert list(map(list, decoded)) == rows
    assert not isinstance(decoded, Columns) or decoded.normal
