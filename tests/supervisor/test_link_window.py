"""The window keeps frames from their number to their ack."""

from __future__ import annotations

from waterspout.supervisor.link_window import TRACKING_FRAMES_MAX, Window


def test_frames_are_kept_until_they_are_acknowledged() -> None:
    window = Window()
    for frame in (b"a", b"b", b"c"):
        window.add(frame, tracking=False)
    assert (window.seq, list(window.frames)) == (3, [b"a", b"b", b"c"])
    assert window.ack(2)
    assert list(window.frames) == [b"c"]
    assert not window.ack(2), "an old ack is no progress"
    assert not window.ack(1)
    assert window.ack(3)
    assert (window.acked, list(window.frames)) == (3, [])


def test_only_tracking_frames_take_room_in_the_lane() -> None:
    window = Window()
    window.add(b"data", tracking=False)
    for _ in range(TRACKING_FRAMES_MAX):
        assert window.tracking_room
        window.add(b"t", tracking=True)
    assert not window.tracking_room
    window.ack(1)
    assert not window.tracking_room
    window.ack(2)
    assert window.tracking_room
