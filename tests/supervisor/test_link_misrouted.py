"""Frames on channels that the plan does not have: refused, counted, and nothing breaks."""

from __future__ import annotations

from waterspout.supervisor.link_events import BadData
from waterspout.topology.control_frames import decode_credit
from waterspout.topology.frame_header import END, MARK
from waterspout.topology.frames import Channel, EndFrame, MarkFrame, end_frame, mark_frame
from waterspout.topology.marks import BARRIER, Mark

from ..each_case import each_case
from .test_link_receiver import ID, A, B, data, head, opened, refusal


@each_case(
    "channel", [B, (9, 0, 2), (1, 7, 2), (4, 0, 2)],
)  # fmt: skip
def test_a_frame_on_a_channel_that_the_plan_does_not_have_is_refused_and_its_roots_fail(
    channel: Channel,
) -> None:
    receiver = opened(channels={A: 1, (4, 0, 2): 3})
    (event,) = receiver.on_message(ID, data(1, channel), 0.0)
    assert isinstance(event, BadData)
    assert (event.channel, event.roots, event.code) == (channel, (5,), "misrouted")
    assert refusal(receiver) == "misrouted"
    assert receiver.counters.refused == {"misrouted": 1}
    assert f"task {channel[0]}, stream {channel[1]}, to task {channel[2]}" in event.text
    receiver.flush()
    (_, credit), = receiver.outbox
    assert decode_credit(credit).returned == [(channel, 1)]
    assert receiver.on_message(ID, data(2), 0.0)


def test_the_end_of_a_channel_that_the_plan_does_not_have_ends_nothing() -> None:
    receiver = opened(channels={A: 1})
    (event,) = receiver.on_message(ID, end_frame(head(END, 1), B), 0.0)
    assert isinstance(event, BadData)
    assert (event.channel, event.roots, event.code) == (B, (), "misrouted")
    assert receiver.on_message(ID, end_frame(head(END, 2), A), 0.0) == [EndFrame(A)]


def test_a_mark_on_a_channel_that_the_plan_does_not_have_marks_nothing() -> None:
    receiver = opened(channels={A: 1})
    mark = Mark(BARRIER, 3)
    (event,) = receiver.on_message(ID, mark_frame(head(MARK, 1), B, mark), 0.0)
    assert isinstance(event, BadData) and event.channel == B
    assert receiver.on_message(ID, mark_frame(head(MARK, 2), A, mark), 0.0) == [MarkFrame(A, mark)]
    assert receiver.on_message(ID, mark_frame(head(MARK, 2), A, mark), 0.0) == [], "once"
