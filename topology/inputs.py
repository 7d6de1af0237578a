"""Reads the ``inputs`` of a bolt: each a text ``component[.stream]`` or a mapping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .classes import normal_path
from .problems import quote
from .spec import KEYED_GROUPINGS, InputSpec
from .tuples import DEFAULT_STREAM
from .values import MISSING, ValueReader
from .yaml_keys import INPUT_KEYS
from .yaml_nodes import Bad, Mapping, Node, Scalar, Sequence

#: Reads a mapping against a table: (table, node, path) -> values by name.
Section = Callable[[dict[str, Any], Mapping, str], dict[str, Any]]


def read_inputs(
    reader: ValueReader, section: Section, node: Node, path: str
) -> list[tuple[str, InputSpec]]:
    """Return (path, InputSpec) for each input of a bolt.

    Items that are wrong are reported and left out.
    """
    if isinstance(node, Bad):
        return []
    if not isinstance(node, Sequence):
        single = isinstance(node, Scalar) and isinstance(node.value, str)
        hint = "; a single one is written [component]" if single else ""
        reader.wrong(node, "E_TYPE", path, "a list of inputs", hint)
        return []
    if not node.items:
        reader.refuse(node, "E_MISSING", path, "a bolt needs at least one input")
    every = [(f"{path}[{i}]", item) for i, item in enumerate(node.items)]
    found = [(inner, _read(reader, section, item, inner)) for inner, item in every]
    return [(inner, item) for inner, item in found if item is not None]


def _read(reader: ValueReader, section: Section, node: Node, path: str) -> InputSpec | None:
    if isinstance(node, Mapping):
        return _from_mapping(reader, section, node, path)
    if isinstance(node, Bad):
        return None
    expected = "component, component.stream or a mapping with 'from'"
    text = reader.text(node, path, what=expected)
    if text is MISSING:
        return None
    source, stream = _split(text)
    return InputSpec(source, stream)


def _split(text: str) -> tuple[str, str]:
    source, dot, stream = text.partition(".")
    return source, stream if dot else DEFAULT_STREAM


def _from_mapping(
    reader: ValueReader, section: Section, node: Mapping, path: str
) -> InputSpec | None:
    values = section(INPUT_KEYS, node, path)
    if values["from"] in (MISSING, None):
        return None
    source, stream = _split(values["from"])
    if "." not in values["from"] and values["stream"] is not MISSING:
        stream = values["stream"]
    elif "stream" in node.items:
        what = f"the stream is given twice, in 'from: {values['from'][:80]}' and in 'stream'"
        reader.refuse(node.items["stream"], "E_CONFLICT", path, what)
    item = InputSpec(
        source,
        stream,
        _or(values["grouping"], "all"),  # an unknown grouping: one that no later check minds
        _or(values["fields"], ()),
        normal_path(values["class"]) if isinstance(values["class"], str) else None,
        _or(values["args"], {}),
    )
    if MISSING not in (values["grouping"], values["class"]):
        _check_grouping(reader, node, item, path)
    return item


def _or(value: Any, default: Any) -> Any:
    return default if value is MISSING else value


def _check_grouping(reader: ValueReader, node: Mapping, item: InputSpec, path: str) -> None:
    """A keyed grouping needs fields, a custom one its class, and no other takes them."""
    keyed = item.grouping in KEYED_GROUPINGS
    grouping = quote(item.grouping)
    at = node.items.get("grouping", node)
    if keyed and "fields" not in node.items:
        what = f"grouping {grouping} needs its key fields, such as fields: [word]"
        reader.refuse(at, "E_GROUPING", path, what)
    elif keyed and isinstance(node.items["fields"], Sequence) and not item.fields:
        reader.refuse(node.items["fields"], "E_GROUPING", path, "at least one key field expected")
    elif not keyed and item.fields:
        what = f"grouping {grouping} takes no fields; did you mean grouping: fields?"
        reader.refuse(node.items["fields"], "E_GROUPING", path, what)
    if item.grouping == "custom" and item.custom is None:
        reader.refuse(at, "E_GROUPING", path, "grouping 'custom' needs its 'class'")
    for name in ("class", "args"):
        if item.grouping != "custom" and name in node.items:
            what = f"grouping {grouping} takes no {name!r}; it belongs to 'custom'"
            reader.refuse(node.items[name], "E_GROUPING", path, what)
