"""Reads ``event_time`` of a spout: the name of a field, or a mapping."""

from __future__ import annotations

from .classes import normal_path
from .inputs import Section
from .problems import quote
from .spec import EventTimeSpec
from .values import MISSING, ValueReader
from .yaml_keys import EVENT_TIME_KEYS
from .yaml_nodes import Bad, Mapping, Node, Scalar


def read_event_time(
    reader: ValueReader, section: Section, node: Node, path: str
) -> EventTimeSpec | None:
    """Return what the section says; None when it says nothing or is wrong, which is reported."""
    if isinstance(node, Bad):
        return None
    if isinstance(node, Scalar):
        text = reader.text(node, path, what="the name of a field, or a mapping with 'field',")
        return None if text is MISSING else EventTimeSpec(text)
    mapping = reader.mapping(node, path)
    return None if mapping is None else _from_mapping(reader, section, mapping, path)


def _from_mapping(
    reader: ValueReader, section: Section, node: Mapping, path: str
) -> EventTimeSpec | None:
    before = len(tuple(reader.problems))
    values = section(EVENT_TIME_KEYS, node, path)
    if len(tuple(reader.problems)) > before:
        return None
    if bool(values["field"]) is bool(values["function"]):
        if values["field"]:
            what = f"field {quote(values['field'])} and a function exclude each other"
            reader.refuse(node.items["function"], "E_CONFLICT", path, what)
        else:
            what = "'field' is missing (the field that says when a row happened), or 'function'"
            reader.refuse(node, "E_MISSING", path, what)
        return None
    return EventTimeSpec(
        field=values["field"], function=normal_path(values["function"]), unit=values["unit"],
        lag_s=values["lag"], idle_s=values["idle"],
    )  # fmt: skip
