"""Requests stay open until their answer, and each kind has ids of its own."""

from __future__ import annotations

from typing import Any

from waterspout.supervisor.open_requests import OpenRequests


def asked(kind: str, number: int) -> dict[str, Any]:
    return {"kind": kind, "id": number}


def test_what_was_not_answered_is_open_in_the_order_of_the_questions() -> None:
    requests = OpenRequests()
    for message in (asked("reserve", 2), asked("dead_letters", 1), asked("dead_letters", 2)):
        requests.said(message)
    requests.heard(asked("dead_letters_stored", 2))
    assert requests.all() == [asked("reserve", 2), asked("dead_letters", 1)]
    requests.heard(asked("reserved", 2))
    requests.heard(asked("reserved", 2))
    requests.heard(asked("dead_letters_stored", 1))
    assert requests.all() == []


def test_whatever_needs_no_answer_is_not_kept() -> None:
    requests = OpenRequests()
    requests.said({"kind": "report", "epoch": 1})
    requests.said({"kind": "finished", "epoch": 1, "level": 0})
    requests.heard({"kind": "go"})
    assert requests.all() == []
