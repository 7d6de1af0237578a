"""The nodes of a YAML tree: values that know where they stand, and what a value is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .problems import Mark, Problems
from .scalars import AmbiguousScalar, NumberTooLarge, resolve_scalar
from .secret_values import shown

#: Stands for the path of a key in messages.
A_KEY = "a key"


@dataclass(slots=True)
class Scalar:
    """A text. ``raw`` is as written; ``value`` is what it means after ``resolve``."""

    mark: Mark
    raw: str
    plain: bool
    text: str = ""
    value: Any = None


@dataclass(slots=True)
class Sequence:
    """A list."""

    mark: Mark
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A mapping with text keys; ``keys`` holds the place of each key."""

    mark: Mark
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)


@dataclass(slots=True)
class Bad:
    """Stands where something was refused and reported: nobody complains about it again."""

    mark: Mark


Node = Scalar | Sequence | Mapping | Bad


def resolve(node: Node, problems: Problems, path: str = "") -> Node:
    """Give every scalar below ``node`` its value; return the node, with Bad where one was refused.

    Called once, after substitution. A quoted text is itself, a plain one is read by the core
    schema of YAML 1.2.
    """
    if isinstance(node, Mapping):
        for key, item in node.items.items():
            node.items[key] = resolve(item, problems, f"{path}.{key}" if path else key)
    elif isinstance(node, Sequence):
        node.items = [resolve(item, problems, f"{path}[{i}]") for i, item in enumerate(node.items)]
    elif isinstance(node, Scalar):
        return _resolve_scalar(node, problems, path)
    return node


def _resolve_scalar(node: Scalar, problems: Problems, path: str) -> Node:
    try:
        node.value = resolve_scalar(node.text) if node.plain else node.text
    except AmbiguousScalar as error:
        # Of a key nobody means true or false.
        advice = f'write "{node.raw}", in quotes' if path == A_KEY else error.advice
        what = f"{path}: {shown(path, node.raw)} is {error.what}: {advice}"
        problems.add(node.mark, "E_TYPE", what)
    except NumberTooLarge as error:
        problems.add(node.mark, "E_RANGE", f"{path}: {error}, at most 64 bits; quote it for text")
    else:
        return node
    return Bad(node.mark)


def kind_name(node: Node) -> str:
    """Return what a node is, in words for a message."""
    if isinstance(node, Mapping):
        return "mapping"
    if isinstance(node, Sequence):
        return "list"
    if isinstance(node, Bad):
        return "something refused"
    return _SCALAR_KINDS[type(node.value)]


_SCALAR_KINDS = {
    str: "text",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "nothing",
}


def to_plain(node: Node) -> Any:
    """Return the tree as dicts, lists and values; what was refused becomes None."""
    if isinstance(node, Mapping):
        return {key: to_plain(item) for key, item in node.items.items()}
    if isinstance(node, Sequence):
        return [to_plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Yield every node below ``node`` with its path, such as ``bolts.split.inputs[0]``."""
    if isinstance(node, Mapping):
        children = [(f"{path}.{key}" if path else key, item) for key, item in node.items.items()]
    elif isinstance(node, Sequence):
        children = [(f"{path}[{position}]", item) for position, item in enumerate(node.items)]
    else:
        return
    for inner, item in children:
        yield inner, item
        yield from walk(item, inner)
