"""What spouts and bolts have in common: declared streams, lifecycle, context."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .tuples import DEFAULT_STREAM

#: What a component class may put in ``outputs``: fields of the default stream, or streams by name.
Outputs = "list[str] | dict[str, list[str] | StreamDecl]"


@dataclass(frozen=True, slots=True)
class StreamDecl:
    """One declared output stream: its field names, and whether the sender names the task."""

    fields: tuple[str, ...]
    direct: bool = False


def Stream(fields: list[str], *, direct: bool = False) -> StreamDecl:
    """Declare a stream in ``outputs = {"name": Stream([...], direct=True)}``."""
    return StreamDecl(tuple(fields), direct)


def normal_outputs(outputs: Any) -> dict[str, StreamDecl]:
    """Return ``outputs`` in one form: stream name -> StreamDecl.

    Raises:
        TypeError: outputs is neither a list of field names nor a dict of such lists.
    """
    if isinstance(outputs, dict):
        return {str(name): _stream(name, decl) for name, decl in outputs.items()}
    decl = _stream(DEFAULT_STREAM, outputs)
    return {DEFAULT_STREAM: decl} if decl.fields else {}


def _stream(name: Any, decl: Any) -> StreamDecl:
    if isinstance(decl, StreamDecl):
        return decl
    if isinstance(decl, (list, tuple)) and all(isinstance(f, str) for f in decl):
        return StreamDecl(tuple(decl))
    raise TypeError(f"outputs of stream {name!r}: expected a list of field names, got {decl!r:.80}")


class Metrics:
    """A component's own counters and gauges, shown by ``status``; bounded in number."""

    #: How many names one task may make; more are refused.
    NAMES_MAX = 100

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def count(self, name: str, by: float = 1) -> None:
        """Add ``by`` to counter ``name``."""
        self._check(name)
        self.values[name] = self.values.get(name, 0) + by

    def gauge(self, name: str, value: float) -> None:
        """Set gauge ``name``."""
        self._check(name)
        self.values[name] = value

    def _check(self, name: str) -> None:
        if name not in self.values and len(self.values) >= self.NAMES_MAX:
            raise ValueError(f"metrics: more than {self.NAMES_MAX} names; {name!r} is refused")


@dataclass(slots=True)
class Context:
    """What a component knows of its place; handed to ``open``/``prepare``.

    Attributes:
        topology: name of the topology.
        component: id of the component in the YAML.
        task: id of this task, unique in the topology.
        index: 0 .. parallelism - 1 among the tasks of the component.
        parallelism: number of tasks of the component.
        settings: the topology's settings, read only.
        inputs: of a bolt: (component, stream) that it reads -> the fields of that stream.
        fresh: nothing is durable, and no component of this run was at work before: it begins
            from the start, and does not go on with what an earlier one left.
        at_go: of a bolt: called when the components of all workers are built and the run starts
            in earnest, and after each loss; rows of other workers may come before. What a run
            that cannot start must leave alone is done here, and not in ``prepare``.
        restored: number of the round or checkpoint that the state is of; None: it begins empty.
        state: durable state (bolts.state.TaskState); None in spouts.
        timers: of a bolt (bolts.timers.Timers), by key, for ``on_timer``; None in spouts.
        watermark: how far event time has come in a bolt, in milliseconds since 1970; None: no
            watermark has come yet.
        clock: monotonic seconds; the only clock a component should use for durations.
        random: the task's own; seeded anew by each process that builds the task, so that no
            other task, nor an earlier process of this one, draws the same.
        metrics: own counters and gauges.
        log: logger whose lines carry component and task.
    """

    topology: str
    component: str
    task: int
    index: int
    parallelism: int
    settings: Mapping[str, Any]
    clock: Callable[[], float]
    random: random.Random
    inputs: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    fresh: bool = False
    at_go: list[Callable[[], None]] = field(default_factory=list)
    restored: int | None = None
    state: Any = None
    timers: Any = None
    watermark: int | None = None
    metrics: Metrics = field(default_factory=Metrics)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("waterspout.user"))


@dataclass(frozen=True, slots=True)
class Side:
    """One input that an argument names, as of a join, and what is read of it alone.

    Attributes:
        argument: the one that names it.
        component, stream: what it names.
        fields: each field that is read of it -> the argument that names it.
    """

    argument: str
    component: str
    stream: str = DEFAULT_STREAM
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a bolt needs of its inputs, as its ``args`` say; lint compares it with what they are.

    An argument is named by its path below ``args``: ``key``, ``key[1]``, ``aggregate.total.sum``.

    Attributes:
        fields: each field that it reads of every input -> the argument that names it.
        key: the fields by which it keeps state, in order; None: it does not say.
        event_time: the argument by which it waits for watermarks; "": it does not.
        sides: the inputs that it has to have, and no others; none: any.
        width: the argument that holds as many names as every input has fields, and their number.
        arity: least and most values that its function takes (None: any number), where it is handed
            all fields of an input; shown at ``function``.
        keyed: its state belongs to the key of ``fields`` groupings, so all inputs need one.
        one_task: the argument that lets it have one task only, and why, for people; None: any
            number.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] | None = None
    event_time: str = ""
    sides: tuple[Side, ...] = ()
    width: tuple[str, int] | None = None
    keyed: bool = False
    arity: tuple[int, int | None] | None = None
    one_task: tuple[str, str] | None = None


def values_of(least: int, most: int | None) -> str:
    """Return how many values a function takes, in words; ``most`` None: any number."""
    if most is None:
        return f"at least {least} values"
    return f"{least} value{'' if least == 1 else 's'}" if least == most else (
        f"{least} to {most} values"
    )  # fmt: skip


class Component:
    """Base of spouts and bolts. The constructor gets the YAML's ``args`` as keywords."""

    #: Fields of the default stream, or ``{stream: fields}``.
    outputs: Any = ()
    #: Names of constructor arguments that are import paths of functions (``module:function``).
    import_args: tuple[str, ...] = ()
    #: Set by the executor before ``open``/``prepare``.
    context: Context

    @classmethod
    def declare_outputs(cls, args: Mapping[str, Any]) -> Any:
        """Return the output streams for these ``args``; override when args decide the fields.

        Called without an instance, when a topology is linted and when a worker boots. A
        UserError ``Class: argument: what is wrong`` is shown at that argument.
        """
        return cls.outputs

    @classmethod
    def declare_needs(cls, args: Mapping[str, Any]) -> Needs:
        """Return what is needed of the inputs; override where args name their fields.

        Called after ``declare_outputs``, with the same args, when a topology is linted; when that
        raised, what this raises is passed over.
        """
        return Needs()

    @classmethod
    def import_paths(cls, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (argument, import path) of all that ``args`` have the component import.

        Asked before anything is imported; override where a path is inside of an argument.
        """
        for name in cls.import_args:
            value = args.get(name)
            for path in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(path, str):
                    yield name, path

    def log(self, message: str, level: str | None = None) -> None:
        """Log a line under the component's name (streamparse's signature)."""
        number = logging.getLevelName((level or "info").upper())
        self.context.log.log(number if isinstance(number, int) else logging.INFO, message)
