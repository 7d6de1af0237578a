"""Reads one value of a topology file as its key's kind, with limits; reports what is wrong.

Every reader returns the value or ``MISSING`` after it has noted a problem. None of them
raises, whatever the node holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from .problems import Mark, Problems, listed, quote
from .secret_values import SECRET_REFERENCE, has_password, is_secret_key, last_key, shown
from .units import format_duration, format_size, parse_duration, parse_size
from .yaml_keys import Key
from .yaml_nodes import Bad, Mapping, Node, Scalar, Sequence, kind_name, to_plain, walk

#: A value that was refused and reported.
MISSING: Any = object()

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
NAME_FORM = "[A-Za-z][A-Za-z0-9_-]{0,63}"
#: A stream or field may start with '_' (they are Python identifiers more often than not).
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
#: A label of a host: key, or key=value.
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,63}(=[A-Za-z0-9_.-]{0,63})?")
_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?", re.ASCII)
PATH_CHARS_MAX = 300
#: Nothing but variables, none of which has a default in the file.
_VARIABLES = re.compile(r"(\$\{\w{1,100}(:\?[^{}]*)?\})+")


class ValueReader:
    """Reads values against their keys."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def read(self, key: Key, node: Node, path: str) -> Any:
        """Return the value of ``node`` as ``key`` wants it, or MISSING."""
        if isinstance(node, Bad):
            return MISSING
        return READERS[key.kind](self, key, node, path)

    def refuse(self, node: Node, code: str, path: str, what: str) -> Any:
        """Note a problem at ``node`` and return MISSING."""
        self.problems.add(node.mark, code, f"{path}: {what}")
        return MISSING

    def wrong(self, node: Node, code: str, path: str, expected: str, hint: str = "") -> Any:
        """Note 'X expected, got Y'."""
        found = got(node, path, with_kind=code == "E_TYPE")
        return self.refuse(node, code, path, f"{expected} expected, got {found}{hint}")

    def mapping(self, node: Node, path: str) -> Mapping | None:
        """Return ``node`` when it is a mapping; an empty value counts as an empty one."""
        if isinstance(node, Mapping):
            return node
        if isinstance(node, Scalar) and node.value is None:
            return Mapping(node.mark)
        if not isinstance(node, Bad):
            self.wrong(node, "E_TYPE", path, "a mapping")
        return None

    def keys(self, node: Mapping, allowed: Iterable[str], path: str) -> set[str]:
        """Report every key of ``node`` that is not allowed; return what they may stand for."""
        allowed = list(allowed)
        meant = set()
        for name in node.items:
            if name not in allowed:
                where = f"{path}: " if path else ""
                near = self.problems.did_you_mean(name, allowed)
                what = f"{where}unknown key {quote(name)}, allowed: {listed(allowed)}{near}"
                self.problems.add(node.keys[name], "E_UNKNOWN_KEY", what)
                meant.add(self.problems.nearest(name, allowed) or "")
        return meant

    def text(self, node: Node, path: str, code: str = "E_TYPE", what: str = "a text") -> Any:
        """Return the text of a scalar, or MISSING."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        hint = "; quote it" if isinstance(node, Scalar) and node.value is not None else ""
        return self.wrong(node, code, path, what, hint)

    def name(self, node: Node, text: str, path: str) -> Any:
        """Return ``text`` when it is a name for a topology or component, or MISSING."""
        if text.startswith("__"):
            return self.refuse(node, "E_NAME", path, f"{quote(text)}: '__' is reserved")
        if not NAME.fullmatch(text):
            return self.refuse(node, "E_NAME", path, f"{quote(text)}, allowed {NAME_FORM}")
        return text

    def component_id(self, mark: Mark, text: str, path: str) -> None:
        """Check the id of a component."""
        self.name(Bad(mark), text, path)


def got(node: Node, path: str, *, with_kind: bool) -> str:
    """Return what a node is, for '... expected, got ...'; secrets are masked."""
    if not isinstance(node, Scalar) or node.value is None:
        return kind_name(node)
    text = shown(path, node.raw)
    if isinstance(node.value, str):
        return text
    return f"{kind_name(node)} {text[1:-1]}" if with_kind else text[1:-1]


def _number_like(node: Node) -> Any:
    """Return the int or float of a node; None for all else (a bool is not a number)."""
    value = node.value if isinstance(node, Scalar) else None
    return value if type(value) in (int, float) else None


def _integer(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    value = _number_like(node)
    if type(value) is int and key.minimum <= value <= key.maximum:
        return value
    limits = f"{int(key.minimum)}..{int(key.maximum)}"
    hint = "; write it without quotes" if _quoted_number(node) else ""
    return reader.wrong(node, "E_RANGE", path, f"integer {limits}", hint)


def _quoted_number(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.plain and node.text.isascii() and (
        node.text.isdigit()
    )


def _number(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    value = _number_like(node)
    if value is not None and math.isfinite(value) and key.minimum <= value <= key.maximum:
        return float(value)
    limits = f"{key.minimum:g}..{key.maximum:g}"
    return reader.wrong(node, "E_RANGE", path, f"number {limits}")


def _duration(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    value = node.value if isinstance(node, Scalar) else None
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None:
        number = _number_like(node)
        known = type(number) is int and 0 < number < 10**9
        hint = f"; a number needs its unit: {number}s" if known else ""
        form = "a duration such as 500ms, 30s, 5m"
        return reader.wrong(node, "E_DURATION", path, form, hint)
    if not key.minimum <= seconds <= key.maximum:
        limits = f"{format_duration(key.minimum)}..{format_duration(key.maximum)}"
        code = "E_RANGE" if seconds else "E_DURATION"
        return reader.wrong(node, code, path, f"a duration of {limits}")
    return seconds


def _size(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    value = _number_like(node)
    if type(value) is not int:
        text = node.value if isinstance(node, Scalar) else None
        value = parse_size(text) if isinstance(text, str) else None
    if value is not None and key.minimum <= value <= key.maximum:
        return value
    limits = f"{format_size(key.minimum)}..{format_size(key.maximum)}"
    return reader.wrong(node, "E_RANGE", path, f"a size of {limits}, such as 512KiB or 1MiB,")


def _boolean(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    return reader.wrong(node, "E_TYPE", path, "true or false")


def _text(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path)
    if text is not MISSING and len(text) > key.maximum:
        return reader.refuse(node, "E_SIZE", path, f"over {int(key.maximum)} characters")
    return text


def _name(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path)
    return text if text is MISSING else reader.name(node, text, path)


def _choice(reader: ValueReader, key: Key, node: Node, path: str, code: str) -> Any:
    text = reader.text(node, path, code, f"one of {listed(key.choices)}")
    if text is MISSING or text in key.choices:
        return text
    near = reader.problems.did_you_mean(text, key.choices)
    what = f"{quote(text)} unknown, allowed: {listed(key.choices)}{near}"
    return reader.refuse(node, code, path, what)


def _one_of(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    return _choice(reader, key, node, path, "E_RANGE")


def _grouping(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    return _choice(reader, key, node, path, "E_GROUPING")


def _guarantee(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    return _choice(reader, key, node, path, "E_GUARANTEE")


def _class(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path, what="a class such as module:Class")
    if text is MISSING:
        return text
    if len(text) > PATH_CHARS_MAX or not _PATH.fullmatch(text):
        what = f"{quote(text)} is not a class path such as module:Class or module.Class"
        return reader.refuse(node, "E_NAME", path, what)
    return text


def _function(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path, what="a function such as module:function")
    if text is MISSING:
        return text
    if len(text) > PATH_CHARS_MAX or not _PATH.fullmatch(text) or not {":", "."} & set(text):
        what = f"{quote(text)} is not the path of a function, module:function or module.function"
        return reader.refuse(node, "E_NAME", path, what)
    return text


def _source(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    return reader.text(node, path, what="the id of a component")


def _stream(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    text = reader.text(node, path)
    if text is MISSING or _FIELD.fullmatch(text):
        return text
    return reader.refuse(node, "E_NAME", path, f"{quote(text)} is not the name of a stream")


def _names(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    if not isinstance(node, Sequence):
        single = isinstance(node, Scalar) and isinstance(node.value, str)
        hint = "; a single one is written [name]" if single else ""
        return reader.wrong(node, "E_TYPE", path, "a list of field names", hint)
    names = []
    for position, item in enumerate(node.items):
        text = MISSING
        if not isinstance(item, Bad):
            text = reader.text(item, f"{path}[{position}]", what="the name of a field")
        if text in names:
            reader.refuse(item, "E_GROUPING", path, f"{quote(text)} is there twice")
        names.append(text)
    return MISSING if MISSING in names else tuple(names)


def _labels(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    if not isinstance(node, Sequence) or len(node.items) > key.maximum:
        form = f"a list of at most {int(key.maximum)} labels such as [gpu, zone=eu]"
        return reader.wrong(node, "E_TYPE", path, form)
    labels = []
    for position, item in enumerate(node.items):
        text = MISSING
        if not isinstance(item, Bad):
            text = reader.text(item, f"{path}[{position}]", what="a label")
        if text is not MISSING and not _LABEL.fullmatch(text):
            what = f"{quote(text)} is no label; written key or key=value"
            text = reader.refuse(item, "E_NAME", f"{path}[{position}]", what)
        labels.append(text)
    return MISSING if MISSING in labels else tuple(labels)


def _args(reader: ValueReader, key: Key, node: Node, path: str) -> Any:
    mapping = reader.mapping(node, path)
    if mapping is None:
        return MISSING
    for inner, item in walk(mapping, path):
        if isinstance(item, Scalar):
            _refuse_secret(reader, inner, item)
            _refuse_version(reader, inner, item)
    return to_plain(mapping)


def _refuse_secret(reader: ValueReader, path: str, node: Scalar) -> None:
    """Refuse a password that stands in the file; one given by --set stays out of the file."""
    if not node.mark.line or not node.raw or node.value is None or isinstance(node.value, bool):
        return
    named = _VARIABLES.fullmatch(node.raw) or SECRET_REFERENCE.fullmatch(node.raw)
    literal = is_secret_key(last_key(path)) and not named
    if literal or has_password(node.raw):
        what = "a secret does not belong into the file; write ${NAME} and set the variable"
        reader.refuse(node, "E_SECRET", path, what)


def _refuse_version(reader: ValueReader, path: str, node: Scalar) -> None:
    if type(node.value) is float and last_key(path).endswith("version"):
        what = f"{quote(node.raw)} is read as the number {node.value!r}; quote the value"
        reader.refuse(node, "E_TYPE", path, what)


READERS: dict[str, Callable[[ValueReader, Key, Node, str], Any]] = {
    "integer": _integer,
    "number": _number,
    "duration": _duration,
    "size": _size,
    "boolean": _boolean,
    "text": _text,
    "name": _name,
    "guarantee": _guarantee,
    "grouping": _grouping,
    "choice": _one_of,
    "class": _class,
    "function": _function,
    "source": _source,
    "stream": _stream,
    "names": _names,
    "labels": _labels,
    "args": _args,
}
