"""What a topology file says, once it is known to be right: plain frozen data.

Made by ``loader.load``; read by the plan, the workers and the CLI; travels between processes
as msgpack maps (``to_wire``/``from_wire``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .settings import Settings
from .tuples import DEFAULT_STREAM
from .wire_fields import made

Kind = Literal["spout", "bolt"]
Guarantee = Literal["at-most-once", "at-least-once", "exactly-once"]

#: Every grouping by its name in the YAML, with the sentence that the docs print.
GROUPINGS: dict[str, str] = {
    "shuffle": "any task; prefers tasks of the own worker while they are not busier (the default)",
    "local-or-shuffle": "a task of the own worker when there is one, else any task",
    "fields": "tuples with equal values in `fields` go to the same task",
    "partial-key": "like fields, but each key may go to two tasks, the less busy one of them",
    "all": "every task gets a copy",
    "global": "all tuples go to the first task",
    "none": "the framework chooses; the same as shuffle",
    "direct": "the sender names the task; the stream has to be declared direct",
    "custom": "a class of yours chooses (`class`, `args`)",
}

#: Groupings that take the names of key fields.
KEYED_GROUPINGS = ("fields", "partial-key")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One subscription of a bolt: which stream of which component, dealt out how.

    ``custom`` is the class path of a custom grouping, ``args`` its constructor arguments.
    """

    source: str
    stream: str = DEFAULT_STREAM
    grouping: str = "shuffle"
    fields: tuple[str, ...] = ()
    custom: str | None = None
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventTimeSpec:
    """When the rows of a spout happened.

    Attributes:
        field, function: one of them is given: a field, or the path of a function of the row.
        unit: how that is written, one of ``event_time.UNITS``.
        lag_s: how far rows may be out of order.
        idle_s: a partition that is silent for so long holds nobody back; None: it always does.
    """

    field: str = ""
    function: str = ""
    unit: str = "s"
    lag_s: float = 0.0
    idle_s: float | None = None


@dataclass(frozen=True, slots=True)
class ComponentOptions:
    """How the tasks of a component are run.

    Attributes:
        blocking: each task gets a thread of its own (bolts).
        hang_timeout_s: a call that takes longer gets its worker killed.
        tick_interval_s: how often the bolt gets a tick tuple; None: never.
        state: backend of its keyed state, one of ``yaml_keys.STATE_BACKENDS``; "": as the
            topology says.
        concurrency: calls of an ``async def process`` that run at once in one task.
        group_max: messages that the spout draws as one group; None: decided by the framework.
        rate_hint: messages per second expected from the spout; read by lint only.
        event_time: of the spout's rows; None: it sends no watermarks.
        cpu, memory: cores and bytes of each task, hints for a cluster; 0: none.
        hosts: labels that the host of a task must have.
        effectively_once: each tuple counts once in the state of the bolt, under at-least-once.
    """

    blocking: bool = False
    hang_timeout_s: float = 300.0
    tick_interval_s: float | None = None
    concurrency: int = 16
    group_max: int | None = None
    rate_hint: float | None = None
    event_time: EventTimeSpec | None = None
    cpu: float = 0.0
    memory: int = 0
    hosts: tuple[str, ...] = ()
    state: str = ""
    effectively_once: bool = False


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One spout or bolt. ``class_path`` is always in the form ``module:Class``."""

    id: str
    kind: Kind
    class_path: str
    args: dict[str, Any] = field(default_factory=dict)
    parallelism: int = 1
    inputs: tuple[InputSpec, ...] = ()
    options: ComponentOptions = ComponentOptions()


@dataclass(frozen=True, slots=True)
class TopologySpec:
    """A whole topology.

    Attributes:
        folder: absolute folder of its file, on the workers' path.
        code: the folder that a cluster gets, seen from ``folder``.
        requirements: file of packages to install, seen from ``folder``; "": none.
        state: backend of keyed state where a bolt names none.
    """

    name: str
    guarantee: Guarantee
    workers: int
    spouts: dict[str, ComponentSpec]
    bolts: dict[str, ComponentSpec]
    settings: Settings = field(default_factory=Settings)
    folder: str = ""
    code: str = "."
    requirements: str = ""
    state: str = "memory"

    def components(self) -> Iterator[ComponentSpec]:
        """Yield the spouts, then the bolts, each in the order of the file."""
        yield from self.spouts.values()
        yield from self.bolts.values()

    def component(self, component_id: str) -> ComponentSpec:
        """Return a component by id.

        Raises:
            KeyError: there is none of that id.
        """
        return self.spouts.get(component_id) or self.bolts[component_id]

    def to_wire(self) -> dict[str, Any]:
        """Return the spec as maps, lists and scalars that msgpack and JSON can carry."""
        wire = asdict(self)
        for kind in ("spouts", "bolts"):
            wire[kind] = list(wire[kind].values())
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> TopologySpec:
        """Return what ``to_wire`` was made from.

        Raises:
            OtherVersion: it has fields that are not known here.
            TypeError, KeyError: the map is not one that ``to_wire`` made.
        """
        parts = dict(wire)
        for kind in ("spouts", "bolts"):
            components = [_component(each) for each in parts[kind]]
            parts[kind] = {component.id: component for component in components}
        parts["settings"] = Settings.from_wire(parts["settings"])
        return made(cls, parts, "the topology")


def _component(wire: Mapping[str, Any]) -> ComponentSpec:
    parts = dict(wire)
    what = str(parts["id"])
    parts["inputs"] = tuple(_input(each, f"an input of {what}") for each in parts["inputs"])
    options = dict(parts["options"])
    event_time = options.get("event_time")
    if event_time is not None:
        options["event_time"] = made(EventTimeSpec, event_time, f"event_time of {what}")
    options["hosts"] = tuple(options["hosts"])
    parts["options"] = made(ComponentOptions, options, what)
    return made(ComponentSpec, parts, what)


def _input(wire: Mapping[str, Any], what: str) -> InputSpec:
    parts = dict(wire)
    parts["fields"] = tuple(parts["fields"])
    return made(InputSpec, parts, what)
