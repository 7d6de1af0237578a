"""What a worker has asked the coordinator and got no answer to.

Answers may be withheld for long (no room for dead letters, a full disk), and a coordinator
keeps who waits in memory only: to one that was started anew everything open is said again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Kind of a request -> kind of its answer; both have the same ``id``.
ANSWERS = {"dead_letters": "dead_letters_stored", "reserve": "reserved"}
_REQUESTS = {answer: request for request, answer in ANSWERS.items()}


class OpenRequests:
    """The open requests of a worker; bounded by the messages that it has pending."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], Mapping[str, Any]] = {}

    def said(self, message: Mapping[str, Any]) -> None:
        """Note a message to the coordinator, if it is a request. Called for every one."""
        if message["kind"] in ANSWERS:
            self._open[message["kind"], message["id"]] = message

    def heard(self, message: Mapping[str, Any]) -> None:
        """Note a message of the coordinator, if it is an answer. Called for every one."""
        request = _REQUESTS.get(message.get("kind", ""))
        if request is not None:
            self._open.pop((request, message["id"]), None)

    def all(self) -> list[Mapping[str, Any]]:
        """Return what is open, in the order in which it was asked."""
        return list(self._open.values())
