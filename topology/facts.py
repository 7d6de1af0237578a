"""What is known of a component class without importing it in this process.

Collected in a throw-away child (``supervisor.classcheck``) and read by ``lint_facts`` and the
plan. Travels as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .component import Needs, Side, StreamDecl
from .spec import Kind
from .wire_fields import made


@dataclass(frozen=True, slots=True)
class ComponentFacts:
    """Facts about one component's class with its ``args``.

    Attributes:
        kind: what the class is.
        outputs: the streams it declares.
        outputs_known: False: they could not be told, as its args are wrong.
        replay: how its messages come back, ``seek``, ``re-emit`` or ``none``; None for bolts.
        auto_ack: False: it acks by hand and may hold tuples.
        is_async: ``process`` is ``async def``.
        is_generator: ``process`` is a generator function.
        has_process: it overrides ``process``.
        has_batch: it overrides ``process_batch``.
        has_tick: it overrides ``process_tick``.
        has_timer: it overrides ``on_timer``.
        auto_anchor: False: what it emits without ``anchors=`` is not tracked.
        deterministic: what ``process`` emits depends on nothing but the tuple.
        own_emits: methods that it overrides and that may emit without a tuple at work.
        stateful: it keeps state that is snapshotted.
        sink: it buffers output that ``flush`` makes durable.
        sink_kind: ``none``, ``append``, ``upsert`` or ``transactional``: what it writes to the
            outside, and whether that can be done again.
        rescalable: its state can go to other tasks, whatever the grouping of its inputs.
        bounded: whether its input ends; None when that is known only at run time.
        needs: what its args need of its inputs.
        outputs_hint: what makes it emit while it declares no outputs; "": nothing does.
    """

    kind: Kind
    outputs: dict[str, StreamDecl] = field(default_factory=dict)
    replay: str | None = None
    auto_ack: bool = True
    is_async: bool = False
    is_generator: bool = False
    has_process: bool = True
    has_batch: bool = False
    has_tick: bool = False
    has_timer: bool = False
    auto_anchor: bool = True
    deterministic: bool = False
    own_emits: tuple[str, ...] = ()
    stateful: bool = False
    sink: bool = False
    sink_kind: str = "none"
    rescalable: bool = False
    bounded: bool | None = None
    needs: Needs = field(default_factory=Needs)
    outputs_known: bool = True
    outputs_hint: str = ""

    @property
    def holds(self) -> bool:
        """Whether it may keep tuples after its method returned (hand-ack, async)."""
        return not self.auto_ack or self.is_async

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain maps and lists."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], what: str = "facts") -> ComponentFacts:
        """Return what ``to_json`` was made from; ``what``: whose facts, for people.

        Raises:
            OtherVersion: it has fields that are not known here.
            TypeError, KeyError: the map is not one that ``to_json`` made.
        """
        parts = dict(data)
        parts["outputs"] = {
            name: StreamDecl(tuple(decl["fields"]), bool(decl["direct"]))
            for name, decl in parts["outputs"].items()
        }
        parts["own_emits"] = tuple(parts.get("own_emits", ()))
        needs = dict(parts.get("needs", {}))
        for name in ("key", "width", "arity", "one_task"):
            if needs.get(name) is not None:
                needs[name] = tuple(needs[name])
        needs["sides"] = tuple(made(Side, side, what) for side in needs.get("sides", ()))
        return made(cls, {**parts, "needs": made(Needs, needs, what)}, what)
