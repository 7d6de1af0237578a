"""The limits of the wire fit together."""

from __future__ import annotations

import re

from waterspout.topology import wire_limits as limits


def test_control_frames_fit_where_data_frames_are_kept_small() -> None:
    assert limits.message_bytes_max(1024) == limits.CONTROL_BYTES_MAX
    assert limits.message_bytes_max(1 << 20) == 1 << 20


def test_the_protocol_range_is_one() -> None:
    assert 1 <= limits.PROTOCOL_MIN <= limits.PROTOCOL_MAX


def test_every_code_is_listed_once_and_named_as_it_reads() -> None:
    names = [name for name in vars(limits) if re.fullmatch("E_FRAME_[A-Z]+", name)]
    assert sorted(names) == sorted(limits.FRAME_CODES)
    assert all(getattr(limits, name) == name for name in names)
