"""A wake-up is never lost, and never blocks who sets it."""

from __future__ import annotations

import select

from waterspout.supervisor.wakeup import Wakeup


def ready(wakeup: Wakeup) -> bool:
    return bool(select.select([wakeup], [], [], 0)[0])


def test_a_wakeup_before_the_poll_ends_it_at_once_and_once() -> None:
    wakeup = Wakeup()
    assert not ready(wakeup)
    wakeup.set()
    wakeup.set()
    assert ready(wakeup)
    wakeup.clear()
    assert not ready(wakeup)
    wakeup.clear()
    wakeup.close()


def test_a_reader_that_sleeps_does_not_block_the_writers() -> None:
    wakeup = Wakeup()
    for _ in range(100_000):
        wakeup.set()
    assert ready(wakeup)
    wakeup.close()
