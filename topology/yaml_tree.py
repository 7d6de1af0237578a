"""YAML text -> a tree of nodes that know their place, built from guarded parser events.

The parser's events are counted while the tree is built: depth, nodes and sizes are bounded,
anchors, aliases, merge keys, tags and second documents are refused where they stand. No
object is constructed and no alias is followed, so hostile text costs as much as its bytes.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from .problems import Mark, Problems, quote
from .yaml_nodes import A_KEY, Bad, Mapping, Node, Scalar, Sequence, kind_name, resolve

#: Bytes of a topology file.
FILE_BYTES_MAX = 1_048_576
#: Characters of one text in it, before and after ${} substitution.
SCALAR_CHARS_MAX = 65_536
#: Lists and mappings inside each other.
DEPTH_MAX = 32
#: Values and keys of one file.
NODES_MAX = 20_000

#: libyaml where PyYAML was built with it; the same events, 20 times faster.
PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: Control characters that no text file needs; tab, line feed and carriage return are fine. A byte
#: order mark is fine only as the first character: libyaml skips it elsewhere, PyYAML keeps it.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Refused(Exception):
    """Reading cannot go on; the reason has been noted."""


def read_tree(
    text: bytes | str, file: str, problems: Problems, parser: Any = PARSER
) -> Node | None:
    """Return the root node of a YAML text; None when it cannot be read or is empty.

    Scalars are not resolved yet: substitution comes first (see ``resolve``). Whatever is wrong
    is added to ``problems``; nothing is raised, for any input.
    """
    try:
        return _TreeBuilder(decode(text, file, problems), file, problems).build(parser)
    except Refused:
        return None


def read_value(text: str, option: str, problems: Problems) -> Node:
    """Return what is written on the command line as the value of ``option``, read as in a file.

    Under the same limits. Its places are columns of ``text``; what cannot be read becomes Bad.
    """
    try:
        decoded = decode(text, option, problems)
        return _ValueBuilder(decoded, option, problems).build(PARSER) or Bad(Mark(option))
    except Refused:
        return Bad(Mark(option))


def decode(text: bytes | str, file: str, problems: Problems) -> str:
    """Return the file's bytes as text without control characters.

    Raises:
        Refused: too large or no such text; noted as E_SIZE or E_ENCODING.
    """
    if len(text) > FILE_BYTES_MAX:
        problems.add(Mark(file, 1, 1), "E_SIZE", f"the file is over {FILE_BYTES_MAX} bytes")
        raise Refused
    if isinstance(text, bytes):
        text = _from_utf8(text, file, problems)
    text = text.removeprefix("\ufeff")
    found = _CONTROL.search(text)
    if found:
        byte = len(text[: found.start()].encode("utf-8", "surrogatepass"))
        what = f"control character {quote(found.group())} at byte {byte}; write it as an escape"
        problems.add(_mark_at(text[: found.start()], file), "E_ENCODING", what)
        raise Refused
    return text


def _from_utf8(text: bytes, file: str, problems: Problems) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        mark = _mark_at(text[: error.start].decode("utf-8", "replace"), file)
        problems.add(mark, "E_ENCODING", f"not valid UTF-8 text at byte {error.start}")
        raise Refused from None


def _mark_at(before: str, file: str) -> Mark:
    return Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


class _TreeBuilder:
    """Builds the tree of one text; a stack of open collections takes the place of recursion."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self.text = text
        self.file = file
        self.problems = problems
        self.root: Node | None = None
        self.stack: list[Mapping | Sequence] = []
        #: Of each open mapping: the key that waits for its value (None: it was refused, and the
        #: value goes nowhere); no tuple while the mapping waits for a key.
        self.pending: list[tuple[str | None, Mark] | None] = []
        self.nodes = 0
        self.documents = 0

    def build(self, parser: Any) -> Node | None:
        """Walk the events."""
        try:
            for event in yaml.parse(self.text, Loader=parser):
                self._event(event)
        except yaml.YAMLError as error:
            self._syntax(error)
            raise Refused from None
        if self.root is None:
            self._note(Mark(self.file, 1, 1), "E_EMPTY", "the topology file is empty")
            raise Refused
        return self.root

    def _event(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._document(event)
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()
            self.pending.pop()

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            line = event.start_mark.line + 1
            what = f"one YAML document expected, a second one starts at line {line}"
            self._note(self._mark(event), "E_MULTIDOC", what)
            raise Refused

    def _node(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            self._note(self._mark(event), "E_SIZE", f"more than {NODES_MAX} values")
            raise Refused
        bad = self._refuse_anchor(event) or self._refuse_tag(event)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open(event, bad)
        elif isinstance(event, yaml.AliasEvent) or bad:
            self._place(Bad(self._mark(event)))
        else:
            self._place(self._scalar(event))

    def _refuse_anchor(self, event: Any) -> bool:
        if not event.anchor:
            return False
        sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
        what = f"anchors and aliases are not allowed, got {quote(sign + event.anchor)}"
        self._note(self._mark(event), "E_ALIAS", what)
        return True

    def _refuse_tag(self, event: Any) -> bool:
        tag = getattr(event, "tag", None)
        if not tag:
            return False
        what = f"tags are not allowed, got {quote(tag)}; a value in quotes is text"
        self._note(self._mark(event), "E_TAG", what)
        return True

    def _open(self, event: Any, bad: bool) -> None:
        """Open a list or mapping; what stands in a refused one is still looked at."""
        if len(self.stack) >= DEPTH_MAX:
            self._note(self._mark(event), "E_DEPTH", f"nesting deeper than {DEPTH_MAX}")
            raise Refused
        is_map = isinstance(event, yaml.MappingStartEvent)
        node = Mapping(self._mark(event)) if is_map else Sequence(self._mark(event))
        self._place(Bad(node.mark) if bad else node)
        self.stack.append(node)
        self.pending.append(None)

    def _scalar(self, event: Any) -> Node:
        mark = self._mark(event)
        if len(event.value) > SCALAR_CHARS_MAX:
            self._note(mark, "E_SIZE", f"a text of more than {SCALAR_CHARS_MAX} characters")
            return Bad(mark)
        if _SURROGATE.search(event.value):
            self._note(mark, "E_ENCODING", "half of a surrogate pair; write the character itself")
            return Bad(mark)
        return Scalar(mark, event.value, plain=event.implicit[0], text=event.value)

    def _place(self, node: Node) -> None:
        """Put a finished or just opened node where it belongs."""
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif self.pending[-1] is None:
            self.pending[-1] = (self._key(node, parent), node.mark)
        else:
            key, mark = self.pending[-1]
            self.pending[-1] = None
            if key is not None:
                parent.items[key] = node
                parent.keys[key] = mark

    def _key(self, node: Node, parent: Mapping) -> str | None:
        """Return the text of a key; None when it was refused."""
        if isinstance(node, (Mapping, Sequence)):
            self._note(node.mark, "E_TYPE", f"a key must be text, got a {kind_name(node)}")
        elif isinstance(node, Scalar) and node.plain and node.raw == "<<":
            self._note(node.mark, "E_ALIAS", "merge keys ('<<') are not allowed")
        elif isinstance(resolve(node, self.problems, A_KEY), Scalar):
            return self._text_key(node, parent)
        return None

    def _text_key(self, node: Any, parent: Mapping) -> str | None:
        key = node.value
        if not isinstance(key, str):
            what = f"a key must be text, got {kind_name(node)} {quote(node.raw)}; quote it"
            self._note(node.mark, "E_TYPE", what)
        elif key in parent.items:
            self._note(node.mark, "E_DUPKEY", _repeats(key, node.mark, parent.keys[key]))
        else:
            return key
        return None

    def _mark(self, event: Any) -> Mark:
        return self._place_of(event.start_mark)

    def _place_of(self, at: Any) -> Mark:
        return Mark(self.file, at.line + 1, at.column + 1)

    def _note(self, mark: Mark, code: str, text: str) -> None:
        self.problems.add(mark, code, text)

    def _syntax(self, error: yaml.YAMLError) -> None:
        at = getattr(error, "problem_mark", None)
        mark = self._place_of(at) if at else Mark(self.file, 1, 1)
        said = [getattr(error, name, None) for name in ("context", "problem")]
        what = ", ".join(part for part in said if part) or "this is not YAML"
        lines = self.text.split("\n")
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            what = f"line {mark.line}: tab used for indentation; use spaces"
        elif "${" in line and re.search(r"[\[{].*\$\{", line):
            what += "; inside [ ] and { } a text with ${...} has to be quoted"
        self._note(mark, "E_SYNTAX", what)


class _ValueBuilder(_TreeBuilder):
    """Builds the tree of a value that stands on the command line."""

    def _place_of(self, at: Any) -> Mark:
        return Mark(self.file, 0, at.index + 1)

    def _note(self, mark: Mark, code: str, text: str) -> None:
        if code == "E_SYNTAX" and self.text[0] in "[{":
            text += f"; a text that begins with {self.text[0]} has to be quoted"
        super()._note(mark, code, text)


def _repeats(key: str, mark: Mark, first: Mark) -> str:
    if mark.line:
        return f"{quote(key)} at line {mark.line} repeats line {first.line}"
    return f"{quote(key)} at column {mark.column} repeats column {first.column}"
