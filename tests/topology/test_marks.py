"""Marks: over the wire, and behind the frames that wait for credit."""

from __future__ import annotations

from itertools import product

import pytest
from waterspout.topology.channels import OpenFrame
from waterspout.topology.errors import WireError
from waterspout.topology.frame_header import MARK, Header, decode_header
from waterspout.topology.frames import MarkFrame, data_frame, decode_mark, mark_frame
from waterspout.topology.marks import (
    BARRIER,
    IDLE,
    KINDS,
    MAX_WATERMARK,
    MIN_WATERMARK,
    WATERMARK,
    Mark,
)

from ..each_case import each_case

CHANNEL = (3, 1, 7)
HEADER = Header(MARK, 5, 99, 12)


@each_case("kind, value", product(sorted(KINDS), [0, 1, -1, MAX_WATERMARK, MIN_WATERMARK]))
def test_a_mark_survives_the_round_trip(kind: int, value: int) -> None:
    data = mark_frame(HEADER, CHANNEL, Mark(kind, value))
    assert decode_header(data) == HEADER
    assert decode_mark(data) == MarkFrame(CHANNEL, Mark(kind, value))


@each_case(
    "data",
    [
        mark_frame(HEADER, CHANNEL, Mark(BARRIER, 1)) + b"x",
        mark_frame(HEADER, CHANNEL, Mark(BARRIER, 1))[:-1],
        mark_frame(HEADER, CHANNEL, Mark(0, 1)),
        mark_frame(HEADER, CHANNEL, Mark(200, 1)),
        data_frame(HEADER, CHANNEL, 1, 0, 0, b"\3" + b"\0" * 8),
        data_frame(HEADER, CHANNEL, 0, 0, 1, b"\3" + b"\0" * 8),
    ],
)
def test_what_is_no_mark_is_refused(data: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode_mark(data)
    assert caught.value.code == "E_FRAME_TYPE"


def test_marks_stand_behind_sealed_frames_and_count_no_rows() -> None:
    frame = OpenFrame(CHANNEL, 1)
    frame.rows.append(["a"])
    frame.ready.append(frame.take())
    for value in range(100):
        frame.add_mark(Mark(WATERMARK, value))
    frame.add_mark(Mark(IDLE, 0))
    assert [type(each) for each in frame.ready] == [tuple, Mark]
    frame.add_mark(Mark(BARRIER, 4))
    frame.add_mark(Mark(WATERMARK, 100))
    assert list(frame.ready)[1:] == [Mark(IDLE, 0), Mark(BARRIER, 4), Mark(WATERMARK, 100)]
    assert (frame.waiting_rows(), [rows for _, _, rows, _ in frame.sealed()]) == (1, [[["a"]]])
    frame.drop()
    assert not frame.ready
