"""Every exception of Waterspout: one root, then by whose fault it is."""

from __future__ import annotations

from collections.abc import Sequence

from .problems import with_article


class WaterspoutError(Exception):
    """Root of every error that Waterspout raises."""


class UserError(WaterspoutError):
    """Something a user wrote is wrong; shown as one line, never as a traceback of ours."""


class WrongArguments(UserError):
    """Arguments of a component are wrong: all of them, each in a line of ``found``.

    None is in there when some are missing or unknown, which lint says by itself.
    """

    def __init__(self, found: Sequence[str] = ()) -> None:
        super().__init__("; ".join(found) or "the arguments do not fit")
        self.found = tuple(found)


class UnknownField(UserError, KeyError):
    """A bolt asked a tuple for a field that its stream does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


class EmitError(UserError, TypeError):
    """A component emitted something its declared streams do not allow.

    Carries ``component`` and ``stream`` so that the line names both.
    """

    def __init__(self, component: str, stream: str, what: str) -> None:
        super().__init__(f"{component}: emit to stream {stream!r}: {what}")
        self.component = component
        self.stream = stream
        self.what = what


class UnserialisableValue(EmitError):
    """An emitted value has no wire form (a set, a datetime, an object; an int over 64 bits on the
    way to another worker, or with ``check_values``)."""

    def __init__(self, component: str, stream: str, field: str, value_type: str) -> None:
        super().__init__(
            component,
            stream,
            f"field {field!r} holds {with_article(value_type)}, which has no wire form; "
            "emit str, bytes, int of 64 bits, float, bool, None, or lists and dicts of these",
        )
        self.field = field
        self.value_type = value_type


class TupleTooLarge(EmitError):
    """A tuple's wire form is over ``tuple_bytes_max``."""

    def __init__(self, component: str, stream: str, size_bytes: int, bytes_max: int) -> None:
        super().__init__(
            component,
            stream,
            f"the tuple takes {size_bytes} bytes, tuple_bytes_max is {bytes_max}; "
            "emit a reference instead of the payload or raise the setting",
        )
        self.size_bytes = size_bytes
        self.bytes_max = bytes_max


class EmitOverflow(EmitError):
    """One call emitted more than ``emit_max`` tuples; its tuple fails."""

    def __init__(self, component: str, stream: str, emit_max: int) -> None:
        super().__init__(
            component,
            stream,
            f"one call emitted more than emit_max = {emit_max} tuples; "
            "yield them from a generator bolt, which is paused when its outbox is full",
        )


class FailTuple(WaterspoutError):
    """Raise it in ``process`` to fail the tuple at work on purpose; it is replayed."""


class StateError(UserError):
    """A value put into ``context.state`` cannot be snapshotted; names bolt and key."""


class WireError(WaterspoutError):
    """What a peer sent is not a frame of ours. ``code`` is one of the E_FRAME_* codes."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class CorruptSnapshot(WaterspoutError):
    """A snapshot part does not match its length and sha256."""


class WorkerFailedToBoot(WaterspoutError):
    """A worker could not build its components: restarting it would not help.

    ``details`` holds the user's own traceback.
    """

    def __init__(self, worker: int, component: str, text: str, details: str = "") -> None:
        super().__init__(f"worker {worker} cannot boot: component {component!r}: {text}")
        self.worker = worker
        self.component = component
        self.text = text
        self.details = details


class WorkerLost(WaterspoutError):
    """A worker process is gone: it crashed, hung or was killed."""
