"""Effects: frozen values, drained in order."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from waterspout.supervisor.effects import Event, Outbox, StartWorker


def test_effects_come_out_in_order():
    outbox = Outbox()
    outbox.append(StartWorker(1, 77))
    outbox.event("worker lost", worker=1)
    assert list(outbox) == [StartWorker(1, 77), Event("worker lost", {"worker": 1})]


def test_effects_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        StartWorker(1, 77).worker = 2  # type: ignore[misc]
