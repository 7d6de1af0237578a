"""Answers requests from other terminals while a run goes on: status, drain, dead letters.

One request, one answer, both a msgpack map; the folder of the run lets only its user in.

  {kind: status}                                   -> {ok: true, status: {..}}
  {kind: drain}                                    -> {ok: true}
  {kind: stop}                                     -> {ok: true}
  {kind: savepoint, action: ask | look | done, ..}  see savepoint_answers
  {kind: dead_letters, action: replay | drop, ids: [..] | nil (all)}  -> {ok: true, count: n}
  anything else                                    -> {ok: false, error: text}
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import zmq

from .control_wire import pack, unpack
from .run_driver import RunDriver
from .savepoint_answers import answer_savepoint
from .sockets import Context, router
from .store import StoreError

#: Largest request in bytes: the ids of all dead letters that can be.
REQUEST_BYTES_MAX = 64 << 20
#: Requests answered in one turn; a flood of them must not keep the workers waiting.
ANSWERED_MAX = 16


class StatusServer:
    """A ROUTER for anonymous clients. It answers what it can without asking the workers."""

    def __init__(
        self, context: Context, endpoint: str, driver: RunDriver
    ) -> None:
        self.socket = router(context, endpoint, REQUEST_BYTES_MAX)
        self._driver = driver

    def turn(self, now: float) -> None:
        """Answer what has arrived."""
        with suppress(zmq.Again):
            for _ in range(ANSWERED_MAX):
                # A REQ socket puts an empty part before its message, a DEALER does not.
                *envelope, data = self.socket.recv_multipart(zmq.NOBLOCK)
                # A client that did not wait for its answer gets none.
                with suppress(zmq.ZMQError):
                    answer = pack(answer_request(self._driver, data, now))
                    self.socket.send_multipart([*envelope, answer], zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def answer_request(driver: RunDriver, data: bytes, now: float) -> dict[str, Any]:
    """Return the answer to one request."""
    try:
        return {"ok": True, **_answer(driver, unpack(data), now)}
    except (ValueError, TypeError, StoreError) as error:
        return {"ok": False, "error": str(error)}


def _answer(driver: RunDriver, request: Mapping[str, Any], now: float) -> dict[str, Any]:
    match request:
        case {"kind": "status"}:
            return {"status": driver.status(now)}
        case {"kind": "drain"}:
            driver.request_drain()
        case {"kind": "stop"}:
            driver.request_stop()
        case {"kind": "savepoint"}:
            savepoints = driver.coordinator.durability.savepoints
            return answer_savepoint(savepoints, driver.plan, request, now, time.time())
        case {"kind": "dead_letters", "action": "replay", "ids": ids}:
            return {"count": driver.mark_replay(_ids(ids))}
        case {"kind": "dead_letters", "action": "drop", "ids": ids}:
            return {"count": driver.drop_dead_letters(_ids(ids))}
        case _:
            raise ValueError(f"unknown request {request!r:.80}")
    return {}


def _ids(ids: Any) -> list[int] | None:
    return None if ids is None else [int(each) for each in ids]
