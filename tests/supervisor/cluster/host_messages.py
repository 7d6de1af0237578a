"""One right message of every kind that supervisor and coordinator may say, to copy and change."""

from __future__ import annotations

from typing import Any


def beat_row(**changes: Any) -> dict[str, Any]:
    """Return a worker's row of a beat."""
    return {
        "id": "words-0a1b2c",
        "worker": 0,
        "incarnation": (1 << 64) - 1,
        "state": "running",
        "pid": 4711,
        "created": 1000.5,
        "memory": 50 << 20,
        "cpu": 12.5,
        "why": "",
        "exit": None,
        **changes,
    }


def hello(name: str = "a", **changes: Any) -> dict[str, Any]:
    """Return a hello of a host."""
    return {
        "kind": "hello",
        "proto": [1, 1],
        "version": "0.1",
        "name": name,
        "session": 7,
        "machine": f"boot {name}",
        "data_dir": "/var/lib/waterspout",
        "address": f"{name}.example",
        "slots": 4,
        "labels": {"disk": "ssd"},
        "cpus": 4,
        "memory_bytes": 8 << 30,
        "python": "3.11.2",
        "wall": 1.7e9,
        "term": 0,
        **changes,
    }


def beat(**changes: Any) -> dict[str, Any]:
    """Return a beat of a host."""
    return {
        "kind": "beat",
        "session": 7,
        "echo": 1,
        "version": 0,
        "workers": [beat_row()],
        "load1": 0.5,
        "free_disk": 1 << 40,
        "log_bytes": 1 << 20,
        **changes,
    }


RELAY = {"kind": "relay", "items": [["words-0a1b2c", 0, 5, b"envelope"]]}
SAID_BY_SUPERVISOR: dict[str, dict[str, Any]] = {
    "hello": hello(),
    "beat": beat(),
    "relay": RELAY,
    "answer": {"kind": "answer", "id": 3, "ok": True, "data": b"log"},
}
SAID_BY_COORDINATOR: dict[str, dict[str, Any]] = {
    "welcome": {
        "kind": "welcome",
        "term": 1,
        "host": "a",
        "lease_s": 10.0,
        "beat_s": 1.0,
        "blob_endpoint": "tcp://127.0.0.1:7462",
        "wall": 1.7e9,
    },
    "refused": {"kind": "refused", "code": "duplicate", "text": "another host has this name"},
    "unknown": {"kind": "unknown"},
    "wish": {"kind": "wish", "term": 1, "version": 2, "beat": 3, "workers": None},
    "relay": RELAY,
    "ask": {"kind": "ask", "id": 1, "what": "reload"},
    "prune": {"kind": "prune", "topology": "words-0a1b2c", "round": 3, "keep": ["1-2-3"]},
}
