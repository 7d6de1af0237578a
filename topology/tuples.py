"""The tuple a bolt receives: its values, and where they came from.

A ``Tuple`` is a plain Python tuple of the emitted values with one subclass per
(component, stream), made once when a worker boots. What is the same for a whole stream
(component, stream, fields) lives on that class, so a tuple costs one C call:
``map(cls, rows)``. What only hand-acking bolts need (``task``, the hold) is set on the
instance by their executor.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar

from .errors import UnknownField
from .problems import did_you_mean, listed, quote

#: The stream that ``emit`` uses when none is named.
DEFAULT_STREAM = "default"
_get = tuple.__getitem__
#: The component and stream of tick tuples, as in Storm.
SYSTEM_COMPONENT = "__system"
TICK_STREAM = "__tick"


class Tuple(tuple):  # type: ignore[type-arg]
    """Values emitted by ``component`` on ``stream``; ``tup["word"]``, ``tup.word``, ``tup[0]``.

    Attributes:
        component: id of the component that emitted it.
        stream: stream it was emitted on.
        fields: names of its values, in order.
        values: the values as a tuple.
        task: id of the task that emitted it; set only for bolts that ack by hand, else -1.
    """

    component: ClassVar[str] = ""
    stream: ClassVar[str] = DEFAULT_STREAM
    fields: ClassVar[tuple[str, ...]] = ()
    _index: ClassVar[dict[str, int]] = {}
    task: int = -1

    # Two plain arguments: the interpreter has a fast call for just that (90 ns; 115 with a third).
    def __getitem__(self, key: Any) -> Any:
        if key.__class__ is str:
            try:
                return _get(self, self._index[key])
            except KeyError:
                raise UnknownField(self._no_field(key)) from None
        return _get(self, key)

    @classmethod
    def _no_field(cls, name: str) -> str:
        near = did_you_mean(name, cls.fields)
        where = f"stream {cls.stream!r} of {cls.component!r}"
        return f"{where} has no field {quote(name)}{near}; it has {listed(cls.fields)}"

    @property
    def values(self) -> tuple[Any, ...]:
        """The values, in the order of ``fields``."""
        return tuple(self)

    def get(self, field: str, default: Any = None) -> Any:
        """Return the value of ``field``, or ``default`` when the stream has no such field."""
        position = self._index.get(field)
        return default if position is None else tuple.__getitem__(self, position)

    def as_dict(self) -> dict[str, Any]:
        """Return the values as a dict keyed by field."""
        return dict(zip(self.fields, self, strict=True))

    def is_tick(self) -> bool:
        """Say whether this is a tick tuple."""
        return self.component == SYSTEM_COMPONENT and self.stream == TICK_STREAM

    def __repr__(self) -> str:
        pairs = ", ".join(f"{f}={v!r:.80}" for f, v in zip(self.fields, self, strict=False))
        return f"<{self.component}/{self.stream} {pairs}>"

    # Identity, not values: two equal tuples are two pieces of work (acked one by one).
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other or (other.__class__ is tuple and tuple.__eq__(self, other) is True)

    def __ne__(self, other: object) -> bool:
        return not self == other


def unknown_attribute(error: BaseException) -> str | None:
    """Return what to say of ``tup.wrod``; None: the error is another one.

    Said when the error is told: a ``__getattr__`` would cost each right name 5 ns.
    """
    if isinstance(error, AttributeError) and isinstance(error.obj, Tuple) and error.name:
        return error.obj._no_field(error.name)
    return None


#: Attribute access is offered for every field but those that mean something on a Tuple.
_RESERVED = frozenset(dir(Tuple))


def tuple_class(component: str, stream: str, fields: tuple[str, ...]) -> type[Tuple]:
    """Make the Tuple subclass of one stream; called once per stream when a worker boots."""
    body: dict[str, Any] = {
        "component": component,
        "stream": stream,
        "fields": fields,
        "_index": {name: position for position, name in enumerate(fields)},
    }
    for position, name in enumerate(fields):
        if name.isidentifier() and name not in _RESERVED:
            body[name] = property(itemgetter(position))
    return type("Tuple", (Tuple,), body)


TICK_CLASS = tuple_class(SYSTEM_COMPONENT, TICK_STREAM, ("interval_s",))


def tick_tuple(interval_s: float) -> Tuple:
    """Return a tick tuple: component ``__system``, stream ``__tick``, value the interval."""
    return TICK_CLASS((interval_s,))
