"""A coordinator that answers as a test says; what commands speak with instead of a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Answers = Mapping[str, Any]


class Scripted:
    """Answers each request with what stands under its kind: a dict, a list in turn, or a call."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def ask(self, request: Mapping[str, Any], timeout_s: float = 10.0) -> dict[str, Any]:
        self.asked.append(dict(request))
        answer = self.answers[request["kind"]]
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(request)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return {"ok": True, **answer}

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        self.asked.append(dict(request))
        yield from self.answers[request["kind"]]


def cluster_status(**more: Any) -> dict[str, Any]:
    """Return the answer to ``status`` of a cluster with one host and no topology."""
    host = {
        "host": "a", "state": "up", "address": "10.0.0.1", "slots": 4, "slots_taken": 2,
        "labels": {}, "cpus": 4, "memory_bytes": 8 << 30, "load1": 0.5, "free_disk_bytes": 1 << 30,
        "log_bytes": 0, "workers": 2, "lease_left_s": 9.5, "version": "1", "python": "3.11",
        "clock_offset_s": 0.0,
    }  # fmt: skip
    cluster = {
        "coordinator": "tcp://a:7461", "term": 1, "pid": 7, "version": "1", "insecure": False,
        "uptime_s": 100.0, "health": "healthy",
    }  # fmt: skip
    return {"status": {"cluster": cluster, "hosts": [host], "topologies": [], **more}}


def topology_row(**more: Any) -> dict[str, Any]:
    """Return the row of a topology that has ended, or with ``life`` another one."""
    row = {
        "id": "wc-1", "topology": "wc", "life": "ended", "outcome": "finished", "reason": "",
        "health": "healthy", "workers": [], "submitted_at": 0.0, "state": "ended",
        "uptime_s": 5.0,
    }  # fmt: skip
    return {**row, **more}
