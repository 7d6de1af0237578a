"""What the house rules look at in every Python file, read once.

A syntax tree is big and slow to walk: each file is walked once, and only the finds are kept.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("topology", "spouts", "bolts", "supervisor", "configs")


@dataclass(slots=True)
class Source:
    """What the rules look at in one file.

    ``calls`` are (line, dotted name, has arguments), ``attributes`` and ``imports`` (line, dotted
    or absolute name); ``absolute`` are imports without dots, ``undocumented`` public things.
    """

    docstring: str
    lines: int
    imports: list[tuple[int, str]] = field(default_factory=list)
    absolute: list[tuple[int, str]] = field(default_factory=list)
    calls: list[tuple[int, str, bool]] = field(default_factory=list)
    attributes: list[tuple[int, str]] = field(default_factory=list)
    undocumented: list[tuple[int, str]] = field(default_factory=list)


@cache
def sources() -> dict[str, Source]:
    """Return every Python file of the project as path -> what is in it."""
    folders = (*FOLDERS, "tests", "benchmarks", "docs")
    paths = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    named = {str(p.relative_to(ROOT)): p for p in sorted(paths)}
    # Millions of small objects and no garbage: the collector would only look through them.
    gc.disable()
    try:
        return {name: read_source(name, path.read_text("utf-8")) for name, path in named.items()}
    finally:
        gc.enable()


def read_source(path: str, text: str) -> Source:
    """Return what is in a file, from one walk through its tree."""
    tree = ast.parse(text)
    source = Source(ast.get_docstring(tree) or "", len(text.splitlines()))
    source.undocumented += [
        (node.lineno, name) for name, node in public_things(tree) if not ast.get_docstring(node)
    ]
    for node in ast.walk(tree):
        kind = type(node)
        if kind is ast.Attribute:
            source.attributes.append((node.lineno, dotted(node) or f"?.{node.attr}"))
        elif kind is ast.Call:
            source.calls.append((node.lineno, dotted(node.func), bool(node.args)))
        elif kind is ast.Import or kind is ast.ImportFrom:
            source.imports += imports(path, node)
            if kind is ast.ImportFrom and not node.level:
                source.absolute.append((node.lineno, node.module or ""))
    return source


def package_sources(*folders: str) -> dict[str, Source]:
    """Return the files of some folders as path -> what is in them."""
    return {path: source for path, source in sources().items() if path.split("/")[0] in folders}


def imports(path: str, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute module name) for everything that a statement imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield node.lineno, alias.name
        return
    package = ["waterspout", *path.split("/")[:-1]]
    base = package[: len(package) - node.level + 1] if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    yield node.lineno, module
    for alias in node.names:
        yield node.lineno, f"{module}.{alias.name}"


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for a name or attribute, else an empty string."""
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return node.id if isinstance(node, ast.Name) else ""


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public_things(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Yield public classes and functions, and public methods of classes without a base.

    A method of a derived class may inherit the docstring of the contract it fulfils.
    """
    for node in tree.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.bases:
            for method in filter(is_public_method, node.body):
                assert isinstance(method, Definition)
                yield f"{node.name}.{method.name}", method


def is_public_method(node: ast.stmt) -> bool:
    """Say whether a statement of a class body is a method that a reader looks up."""
    if not isinstance(node, Definition) or node.name.startswith("_"):
        return False
    decorators = {dotted(decorator).split(".")[-1] for decorator in node.decorator_list}
    return not decorators & {"setter", "overload"}
