"""Which key a tuple has, and how it becomes ``context.state.key`` while the tuple is at work.

Only a bolt that asked for a handle or a timer pays for it: its ``process`` is wrapped then, and
no other bolt is looked at. A key is that of the ``fields`` grouping its tuple came by: the value
of the field, or the tuple of the values of several.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import repeat
from operator import itemgetter
from typing import Any

from waterspout.topology.errors import StateError
from waterspout.topology.spec import InputSpec
from waterspout.topology.tuples import Tuple

from .contract import Batch, Bolt
from .state_handles import NO_KEY, KeyAtWork

GetKey = Callable[[Any], Any]
#: Hash of a grouping's values to the number of their key group (topology.keys.key_group).
KeyGroup = Callable[[tuple[Any, ...]], int]


class TupleKeys:
    """Finds the keys of tuples.

    Args:
        component: the bolt, for errors.
        inputs: its inputs.
        offloads: its calls run elsewhere, several at once or beside timers: none is at work here.
    """

    def __init__(
        self, component: str, inputs: Iterable[InputSpec], *, offloads: bool = False
    ) -> None:
        self.component, self._offloads = component, offloads
        self._fields = {
            (one.source, one.stream): one.fields for one in inputs if one.grouping == "fields"
        }
        self._getters: dict[type[Tuple], GetKey] = {}

    def check(self, what: str) -> None:
        """Refuse ``what`` where no input has a key.

        Raises:
            StateError: no input has a fields grouping, or the bolt is blocking or async.
        """
        if self._offloads:
            raise StateError(
                f"{self.component}: {what} belongs to the key at work, and calls of a blocking or "
                "async bolt are not alone at work; use context.state.keyed(name) with the key"
            )
        if not self._fields:
            raise StateError(
                f"{self.component}: {what} belongs to a key, and no input has a 'fields' "
                "grouping; group the input by the key, or use context.state.task(name)"
            )

    def getter(self, cls: type[Tuple]) -> GetKey:
        """Return what gives the key of a tuple of ``cls``; NO_KEY where its input has none."""
        found = self._getters.get(cls)
        if found is None:
            fields = self._fields.get((cls.component, cls.stream))
            found = itemgetter(*(cls._index[name] for name in fields)) if fields else _no_key
            self._getters[cls] = found
        return found

    def groups(self, batch: Batch) -> Mapping[Any, list[Tuple]]:
        """Return the tuples of a batch by key, in the order in which the keys come first."""
        cls = batch._cls
        fields = self._fields.get((cls.component, cls.stream), ())
        columns = [batch.column(name) for name in fields]
        keys: Iterable[Any] = repeat(NO_KEY)
        if columns:
            keys = columns[0] if len(columns) == 1 else zip(*columns, strict=True)
        found: dict[Any, list[Tuple]] = {}
        for key, tup in zip(keys, batch, strict=False):
            found.setdefault(key, []).append(tup)
        return found


def set_keys(bolt: Bolt, state: KeyAtWork, keys: TupleKeys, *, is_generator: bool) -> None:
    """Have every call of ``bolt`` find the key of its tuple in ``state.key``.

    Called once after ``prepare``, for bolts that asked for it.
    """
    process: Any = bolt.process
    wrapped = _keyed_generator if is_generator else _keyed
    calls = {"process": wrapped(process, state, keys)}
    for name in ("process_batch", "process_tick", "finish"):
        method = getattr(bolt, name, None)
        if method is not None:
            calls[name] = _keyless(method, state)
    for name, call in calls.items():
        setattr(bolt, name, call)


def _keyed(process: Callable[[Any], Any], state: KeyAtWork, keys: TupleKeys) -> GetKey:
    getters = keys._getters

    def call(tup: Any) -> Any:
        getter = getters.get(type(tup)) or keys.getter(type(tup))
        state.key = getter(tup)
        return process(tup)

    return call


def _keyed_generator(process: Callable[[Any], Any], state: KeyAtWork, keys: TupleKeys) -> GetKey:
    def call(tup: Any) -> Iterator[Any]:
        key = state.key = keys.getter(type(tup))(tup)
        for row in process(tup) or ():
            yield row
            # It may have been paused, and a timer of another key been called meanwhile.
            state.key = key

    return call


def _keyless(method: Callable[..., Any], state: KeyAtWork) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        state.key = NO_KEY
        return method(*args)

    return call


def _no_key(tup: Any) -> Any:
    return NO_KEY


def is_owned(key: Any, owned: Collection[int], key_group: KeyGroup | None) -> bool:
    """Say whether a key of a keyed map is of one of the key groups ``owned``."""
    if key_group is None:
        raise ValueError("restore: owned groups without a key_group function")
    return key_group(key if isinstance(key, tuple) else (key,)) in owned
