"""Lines of the daemons' logs begin with the time and how bad it is."""

from __future__ import annotations

import logging

from waterspout.supervisor.cluster.daemon_log import DaemonFormatter


def test_a_line_has_time_level_and_event() -> None:
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "host lost host=%s", ("a",), None)
    record.created = 1763905153.5
    assert DaemonFormatter().format(record) == (
        "2025-11-23T13:39:13.500Z WARNING host lost host=a"
    )
