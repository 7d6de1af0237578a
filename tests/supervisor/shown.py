"""A status and a summary as a run gives them, for the tests of what people see."""

from __future__ import annotations

import io
from typing import Any

from rich.console import RenderableType
from waterspout.supervisor.rendering import console


def status(**changes: Any) -> dict[str, Any]:
    """Return the status of a healthy run; ``changes`` replace fields."""
    return {
        "topology": "wordcount", "state": "running", "health": "healthy",
        "guarantee": "at-least-once", "epoch": 1, "uptime_s": 12.0, "pid": 4242,
        "spouts": [{
            "component": "lines", "tasks": 2, "emitted": 900_000, "acked": 850_123,
            "failed": 0, "replayed": 0, "dead": 0, "pending": 9812, "worked_through": 12,
            "reserved": 0,
            "first_unacked": {
                "partition": "a.py", "position": 17, "age_s": 0.25, "progress_s": 0.1,
                "at": ["split[0]"],
            },
            "lag": None, "lag_unit": None, "latency_ms": {"p50": 12.3, "p99": 1520.0},
            "exhausted": False, "watermark": None, "failing": [],
        }],
        "bolts": [{
            "component": "split", "tasks": 1, "executed": 870_000, "acked": 869_000,
            "failed": 0, "emitted": 3_000_000, "queue": 64, "capacity": 0.4, "held": 0,
            "metrics": {}, "watermark": None,
        }],
        "workers": [{
            "worker": 0, "pid": 4243, "state": "running", "restarts": 0, "last_exit": None,
            "memory_bytes": 39_400_000, "cpu_percent": 97.0, "report_age_s": 0.1,
            "links": [],
        }],
        "round": {
            "last": 3, "age_s": 0.5, "duration_ms": 4.0, "failures": 0, "failure": "",
            "under_way_s": None, "next_s": 0.5,
        },
        "checkpoint": None,
        "errors": [], "dead_letters": 0, **changes,
    }  # fmt: skip


def summary(**changes: Any) -> dict[str, Any]:
    """Return the summary of a run that went well; ``changes`` replace fields."""
    return {
        "topology": "wordcount", "guarantee": "at-least-once", "ok": True,
        "outcome": "finished", "duration_s": 5.4,
        "messages": 858_237, "acked": 858_237, "failed": 0, "replayed": 0,
        "duplicates_possible": 0, "worked_again": 0, "skipped_possible": 0, "dead_letters": 0,
        "dead_letters_through": 0, "dead_letters_failed_again": 0,
        "restarts": 0, "epochs": 1, "checkpoints": None,
        "latency_ms": {"p50": 12.0, "p99": 524.0},
        "components": [
            {"component": "lines", "kind": "spout", "tuples": 858_237, "tuples_per_s": 158_932.8}
        ],
        "top": {"count": [["self", 222_424], ["def", 61_156]]}, "values": {}, "errors": [],
        "failing": [], "reason": "",
        **changes,
    }  # fmt: skip


def drawn(view: RenderableType) -> str:
    """Return what a view looks like where there is no terminal, without trailing spaces."""
    out = io.StringIO()
    console(out).print(view)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
