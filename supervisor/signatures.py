"""Whether the methods of a component can be called as the framework calls them."""

from __future__ import annotations

import inspect
from typing import Any

from waterspout.bolts.contract import Bolt, ColumnBolt
from waterspout.spouts.contract import Source, Spout
from waterspout.topology.problems import quote

#: Of each base: its methods, and what they are called with.
CALLS: dict[type[Any], dict[str, tuple[str, ...]]] = {
    Bolt: {
        "prepare": ("context",), "process": ("tup",), "process_batch": ("batch",),
        "process_tick": ("tup",), "after_batch": (), "on_timer": ("timer",),
        "on_watermark": ("watermark",), "reset": ("old_tuples",), "flush": (),
        "before_snapshot": ("number",), "on_durable": ("number",), "finish": (), "summary": (),
        "cleanup": (),
    },
    ColumnBolt: {"columns": ("cls", "columns", "runs")},
    Source: {
        "open": ("context",), "partitions": (), "reader": ("partition", "position"),
        "end_position": ("partition",), "close": (),
    },
    Spout: {
        "open": ("context",), "next_tuple": (), "ack": ("tup_id",), "fail": ("tup_id",),
        "activate": (), "deactivate": (), "close": (),
    },
}  # fmt: skip


def wrong_signatures(cls: type[Any]) -> str:
    """Say which methods of a class cannot be called, and with what they are; "": none."""
    wrong = []
    for base, methods in CALLS.items():
        for name, arguments in methods.items() if issubclass(cls, base) else ():
            taken = _taken(cls, name, arguments)
            if taken is not None:
                called = ", ".join(arguments)
                wrong.append(f"{name!r} is called with ({called}) and takes ({taken})")
    return f"{quote(cls.__qualname__)}: {'; '.join(wrong)}" if wrong else ""


def _taken(cls: type[Any], name: str, arguments: tuple[str, ...]) -> str | None:
    """Return what a method takes, when it cannot be called so; None: it can, or is not there."""
    static = inspect.getattr_static(cls, name, None)
    bound = isinstance(static, (staticmethod, classmethod))
    if not bound and not inspect.isfunction(static):
        return None
    try:
        signature = inspect.signature(getattr(cls, name))
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*(() if bound else (None,)), *arguments)
    except TypeError:
        return ", ".join(list(map(str, signature.parameters))[0 if bound else 1 :])
    return None
