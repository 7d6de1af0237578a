"""The tracking lane merges what waits, so that it is bounded by the roots that are pending."""

from __future__ import annotations

from waterspout.supervisor.link_lane import TrackingLane
from waterspout.topology.control_frames import (
    Failure,
    control_frame,
    decode_fails,
    decode_toggles,
    decode_vouch,
)
from waterspout.topology.frame_header import FAILS, TOGGLES, VOUCH, Header
from waterspout.topology.wire_limits import FAILS_MAX, TOGGLES_MAX

BYTES_MAX = 1 << 20


def taken(lane: TrackingLane, bytes_max: int = BYTES_MAX) -> list[tuple[int, bytes]]:
    """Return (kind, frame) of everything that waits, in the order it would be sent."""
    frames = []
    while part := lane.next_bodies(bytes_max):
        kind, bodies = part
        frames += [(kind, control_frame(Header(kind, 1, 2, 3), body)) for body in bodies]
    assert lane.waiting == 0
    return frames


def test_toggles_of_one_root_are_xored_together() -> None:
    lane = TrackingLane()
    lane.add_toggles({1: 0b0011, 2: 0b1000})
    lane.add_toggles({1: 0b0101})
    ((kind, frame),) = taken(lane)
    assert kind == TOGGLES
    assert decode_toggles(frame).pairs == [(1, 0b0110), (2, 0b1000)]


def test_toggles_that_cancel_out_are_not_sent() -> None:
    lane = TrackingLane()
    lane.add_toggles({1: 7})
    lane.add_toggles({1: 7, 2: 0})
    assert lane.waiting == 0
    assert lane.next_bodies(BYTES_MAX) is None


def test_the_first_failure_of_a_root_stands_and_a_root_is_vouched_for_once() -> None:
    lane = TrackingLane()
    first = Failure(5, "split", 1, "first", "")
    lane.add_fails([first, first._replace(reason="second")])
    lane.add_vouches([8, 9])
    lane.add_vouches([9])
    lane.add_toggles({5: 1})
    fails, toggles, vouches = taken(lane)
    assert (fails[0], toggles[0], vouches[0]) == (FAILS, TOGGLES, VOUCH)
    assert decode_fails(fails[1]).failures == [first]
    assert decode_vouch(vouches[1]).roots == (8, 9)


def test_what_is_too_much_for_one_frame_goes_into_several() -> None:
    lane = TrackingLane()
    lane.add_toggles(dict.fromkeys(range(1, TOGGLES_MAX + 2), 1))
    lane.add_vouches(range(1, TOGGLES_MAX + 2))
    lane.add_fails(Failure(root, "c", 1, "r", "") for root in range(1, FAILS_MAX + 2))
    kinds = [kind for kind, _ in taken(lane)]
    assert kinds == [FAILS, FAILS, TOGGLES, TOGGLES, VOUCH, VOUCH]


def test_frames_stay_within_the_bytes_allowed() -> None:
    lane = TrackingLane()
    lane.add_toggles(dict.fromkeys(range(1, 200), 1))
    lane.add_vouches(range(1, 200))
    frames = taken(lane, bytes_max=1000)
    assert [len(frame) - 24 for kind, frame in frames if kind == TOGGLES] == [992, 992, 992, 208]
    assert [len(frame) - 24 for kind, frame in frames if kind == VOUCH] == [1000, 592]


def test_each_message_of_a_root_may_fail_once_besides_the_root() -> None:
    lane = TrackingLane()
    whole = Failure(5, "split", 1, "why", "")
    first, third = (whole._replace(row=row, rows=4) for row in (0, 2))
    # Of a part of the group, dealt out to another bolt: a message of its own.
    of_two = whole._replace(row=0, rows=2)
    lane.add_fails([first, third, of_two, first, whole])
    assert lane.waiting == 4
    ((kind, frame),) = taken(lane)
    assert kind == FAILS and decode_fails(frame).failures == [first, third, of_two, whole]
