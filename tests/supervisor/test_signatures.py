"""Methods that cannot be called as the framework calls them."""

from __future__ import annotations

import inspect
from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.registry import BOLTS
from waterspout.spouts.contract import Source, Spout
from waterspout.spouts.registry import SPOUTS
from waterspout.supervisor.signatures import CALLS, wrong_signatures
from waterspout.topology.classes import load_class

from ..each_case import each_case


class Good(Bolt):
    def prepare(self, context: Any, more: int = 5) -> None: ...
    def process(self, *rows: Any) -> None: ...
    @staticmethod
    def finish() -> None: ...
    @classmethod
    def on_timer(cls, timer: Any) -> None: ...
    flush = None  # type: ignore[assignment]


class Bad(Bolt):
    def prepare(self) -> None: ...  # type: ignore[override]
    def process(self, tup: Any, other: Any) -> None: ...  # type: ignore[override]
    @staticmethod
    def finish(self: Any) -> None: ...  # type: ignore[override]


class BadSource(Source):
    def partitions(self) -> list[str]:
        return []

    def reader(self, partition: str) -> Any: ...  # type: ignore[override]


class BadSpout(Spout):
    def next_tuple(self, count: int) -> None: ...  # type: ignore[override]


@each_case(
    "cls, expected",
    [
        (Good, ""),
        (
            Bad,
            "'Bad': 'prepare' is called with (context) and takes (); 'process' is called with "
            "(tup) and takes (tup, other); 'finish' is called with () and takes (self)",
        ),
        (
            BadSource,
            "'BadSource': 'reader' is called with (partition, position) and takes (partition)",
        ),
        (BadSpout, "'BadSpout': 'next_tuple' is called with () and takes (count)"),
    ],
)
def test_a_method_takes_what_it_is_called_with(cls: type[Any], expected: str) -> None:
    assert wrong_signatures(cls) == expected


@each_case("path", [*BOLTS.values(), *SPOUTS.values()])
def test_ready_made_classes_can_be_called(path: str) -> None:
    assert wrong_signatures(load_class(path)) == ""


def test_the_table_says_what_the_contracts_say() -> None:
    for base, methods in CALLS.items():
        for name, arguments in methods.items():
            method = getattr(base, name, None)
            if method is not None:
                assert tuple(inspect.signature(method).parameters)[1:] == arguments, (base, name)
