"""``${NAME}`` inside the texts of a topology file, and ``--set a.b.c=VALUE``.

One pass over the parsed tree: what a variable holds is never read as YAML structure and never
substituted again. In a plain text the result is read by the same scalar rules as if it had
been written there; in a quoted one it stays text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Variables
from collections.abc import Sequence as Many

from .problems import QUOTE_MAX, Mark, Problems, quote
from .yaml_nodes import Bad, Mapping, Node, Scalar, Sequence
from .yaml_tree import DEPTH_MAX, SCALAR_CHARS_MAX, read_value

#: ``$${`` stands for a literal ``${``; otherwise a name, and what follows it up to ``}``.
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::(.*))?", re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def substitute(
    node: Node, variables: Variables[str, str], problems: Problems, path: str = ""
) -> Node:
    """Put the variables into every text below ``node``; return the node, or Bad in its place."""
    if isinstance(node, Mapping):
        for key, item in node.items.items():
            inner = f"{path}.{key}" if path else key
            if "${" in key:
                what = f"{path or 'here'}: a key cannot hold ${{...}}, got {quote(key)}"
                problems.add(node.keys[key], "E_SUBST", what)
            node.items[key] = substitute(item, variables, problems, inner)
    elif isinstance(node, Sequence):
        node.items = [
            substitute(item, variables, problems, f"{path}[{position}]")
            for position, item in enumerate(node.items)
        ]
    elif isinstance(node, Scalar) and "${" in node.raw:
        return _Substitution(node, variables, problems, path).result()
    return node


class _Substitution:
    """Puts variables into one text."""

    def __init__(
        self, node: Scalar, variables: Variables[str, str], problems: Problems, path: str
    ) -> None:
        self.node = node
        self.variables = variables
        self.problems = problems
        self.path = path
        self.bad = False

    def result(self) -> Node:
        """Return the node with its new text, or Bad."""
        text = _REFERENCE.sub(self._replace, self.node.raw)
        if len(text) > SCALAR_CHARS_MAX:
            self._refuse("E_SIZE", f"more than {SCALAR_CHARS_MAX} characters after substitution")
        self.node.text = text
        return Bad(self.node.mark) if self.bad else self.node

    def _replace(self, match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        inside = _INSIDE.fullmatch(match.group(1) or "")
        if inside is None:
            form = "${NAME}, ${NAME:default} or ${NAME:?message}"
            return self._refuse("E_SUBST", f"{quote(match.group())} is not {form}; $${{ is a text")
        return self._value(inside.group(1), inside.group(2))

    def _value(self, name: str, rest: str | None) -> str:
        value = self.variables.get(name)
        if value or (value is not None and rest is None):
            return self._checked(name, value)
        if rest is None:
            near = self.problems.did_you_mean(name, self.variables)
            return self._refuse("E_UNSET", f"${{{name}}} is not set and has no default{near}")
        if rest.startswith("?"):
            return self._refuse("E_UNSET", f"${{{name}}} is not set: {rest[1:][:200]}")
        if rest.startswith("-"):
            what = f"the default of ${{{name}:-...}} begins with '-'; here it is ${{{name}:...}}"
            self.problems.add(self.node.mark, "W_SUBST", f"{self.path}: {what}")
        return rest

    def _checked(self, name: str, value: str) -> str:
        if _CONTROL.search(value):
            what = f"the value of ${{{name}}} holds a line break or another control character"
            return self._refuse("E_SUBST", what)
        return value

    def _refuse(self, code: str, what: str) -> str:
        self.bad = True
        self.problems.add(self.node.mark, code, f"{self.path}: {what}")
        return ""


def apply_set(root: Mapping, assignment: str, problems: Problems) -> None:
    """Apply one ``a.b.c=VALUE`` to the tree: replace the value there, or add it.

    VALUE is read like one of the file: a list or mapping in brackets, a text in quotes, and
    anything else by the scalar rules, as if it were one plain text (``*.py`` needs no quotes).
    Lists are addressed by position (``inputs.0.grouping``).
    """
    path, equals, value = assignment.partition("=")
    keys = path.split(".")
    mark = Mark(f"--set {path[:QUOTE_MAX]}" if equals else "--set")
    if not equals or not all(keys):
        problems.add(mark, "E_SET", f"a.b.c=VALUE expected, got {quote(path)}")
        return
    if len(keys) > DEPTH_MAX:
        problems.add(mark, "E_DEPTH", f"nesting deeper than {DEPTH_MAX}")
        return
    parent = _descend(root, keys[:-1], mark, problems)
    if parent is not None:
        _put(parent, keys[-1], _value(value, mark, problems), mark, problems)


def apply_sets(root: Mapping, assignments: Many[str], problems: Problems) -> None:
    """Apply every ``--set`` in order; a later one wins."""
    for assignment in assignments:
        apply_set(root, assignment, problems)


def _value(value: str, mark: Mark, problems: Problems) -> Node:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    if quoted or value.startswith(("[", "{")):
        return read_value(value, mark.file, problems)
    return Scalar(mark, value, plain=True, text=value)


def _descend(root: Mapping, keys: list[str], mark: Mark, problems: Problems) -> Node | None:
    node: Node = root
    for depth, key in enumerate(keys):
        inner = _child(node, key)
        if inner is None:
            if not _may_create(node, keys, depth, mark, problems):
                return None
            inner = Mapping(mark)
            _put(node, key, inner, mark, problems)
        node = inner
    return node


def _child(node: Node, key: str) -> Node | None:
    if isinstance(node, Mapping):
        return node.items.get(key)
    if isinstance(node, Sequence) and key.isascii() and key.isdigit() and len(key) < 6:
        return node.items[int(key)] if int(key) < len(node.items) else None
    return None


def _may_create(
    node: Node, keys: list[str], depth: int, mark: Mark, problems: Problems
) -> bool:
    """Say whether a missing mapping on the way may be made: not a component nobody declared."""
    where = ".".join(keys[:depth]) or "the file"
    if not isinstance(node, Mapping):
        problems.add(mark, "E_SET", f"{where} is a {_form(node)} without {quote(keys[depth])}")
        return False
    if depth == 1 and keys[0] in ("spouts", "bolts"):
        near = problems.did_you_mean(keys[1], node.items)
        problems.add(mark, "E_REF", f"{keys[0]} has no {quote(keys[1])}{near}")
        return False
    return True


def _put(parent: Node, key: str, node: Node, mark: Mark, problems: Problems) -> None:
    if isinstance(parent, Mapping):
        parent.items[key] = node
        parent.keys[key] = mark
    elif _child(parent, key) is not None:
        assert isinstance(parent, Sequence)
        parent.items[int(key)] = node
    else:
        problems.add(mark, "E_SET", f"cannot set {quote(key)} of a {_form(parent)}")


def _form(node: Node) -> str:
    return "list" if isinstance(node, Sequence) else "value"
