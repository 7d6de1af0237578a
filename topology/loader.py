"""YAML text -> TopologySpec, collecting every problem on the way.

The order: guarded tree, ``--set``, ``${}``, scalar rules, then each section against its table
of keys. What is wrong is reported and replaced by a default, so that the rest of the file is
still checked; the result counts only when no error was found.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadMapping
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from typing import Any

from .classes import OWN_PREFIXES, normal_path
from .event_time_section import read_event_time
from .inputs import read_inputs
from .problems import Mark, Problems, listed, quote
from .settings import Settings
from .spec import (
    ComponentOptions,
    ComponentSpec,
    EventTimeSpec,
    InputSpec,
    Kind,
    TopologySpec,
)
from .substitution import apply_sets, substitute
from .values import MISSING, ValueReader
from .yaml_keys import BOLT_KEYS, REQUIRED, SETTING_KEYS, SPOUT_KEYS, TOP_KEYS, Key
from .yaml_nodes import Bad, Mapping, Node, Scalar, kind_name, resolve, walk
from .yaml_tree import read_tree

#: Kinds of keys that the loader reads itself, section by section.
_SECTIONS = frozenset(("components", "settings", "inputs", "event_time"))


@dataclass(frozen=True, slots=True)
class ShortNames:
    """Class paths by short name: the registries of ready-made classes and the entry points."""

    spouts: ReadMapping[str, str] = field(default_factory=dict)
    bolts: ReadMapping[str, str] = field(default_factory=dict)

    def of(self, kind: Kind) -> ReadMapping[str, str]:
        """Return the names of one kind."""
        return self.spouts if kind == "spout" else self.bolts


@dataclass(slots=True)
class Loaded:
    """What became of a file.

    Attributes:
        draft: everything that could be read, None when nothing could; a component whose class
            is unknown has ``class_path == ""``.
        problems: everything that is wrong, so far.
        marks: where each value stands, by its path such as ``bolts.split.args.sep``.
        unread: paths of the values that were refused when they were read; in ``draft`` they
            are None, or what stands for them where they are left out.
        input_paths: of each bolt the paths of its inputs, in the order of ``draft``.
    """

    draft: TopologySpec | None
    problems: Problems
    marks: dict[str, Mark]
    input_paths: dict[str, list[str]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)

    @property
    def spec(self) -> TopologySpec | None:
        """The topology, when no error was found."""
        return None if self.problems.errors else self.draft

    def mark(self, path: str) -> Mark:
        """Return where ``path`` stands, or the nearest value around it."""
        while path not in self.marks:
            shorter = path[: max(path.rfind("."), path.rfind("["), 0)]
            if not shorter:
                break
            path = shorter
        return self.marks.get(path, self.marks[""])

    def refused(self, path: str) -> bool:
        """Say whether the value at ``path``, or one around it, was refused when it was read."""
        if any(_is_in(path, each) for each in self.unread):
            return True
        mark = self.mark(path)
        return any(each.mark == mark and each.code == "E_TYPE" for each in self.problems)

    def refused_below(self, path: str) -> bool:
        """Say whether a value in the one at ``path`` was refused when it was read."""
        return any(_is_in(each, path) for each in self.unread)

    def add(self, path: str, code: str, text: str, details: str = "") -> None:
        """Note a problem of the value at ``path``."""
        self.problems.add(self.mark(path), code, f"{path}: {text}" if path else text, details)


def load(
    text: bytes | str,
    file: str,
    *,
    folder: str = "",
    sets: Many[str] = (),
    variables: ReadMapping[str, str] | None = None,
    short_names: ShortNames | None = None,
    workers: int | None = None,
) -> Loaded:
    """Read a topology file. Called by ``supervisor.linting``, and by tests with texts of theirs.

    Args:
        text: content of the file.
        file: its name, as it stands before line and column of a problem.
        folder: absolute folder of the file, kept in the spec.
        sets: ``a.b.c=VALUE`` overrides, in order.
        variables: what ``${NAME}`` may name; the core reads no environment.
        short_names: classes that may be named without their module.
        workers: overrides ``workers``.
    """
    problems = Problems()
    loaded = Loaded(None, problems, {"": Mark(file, 1, 1)})
    tree = read_tree(text, file, problems)
    if isinstance(tree, Mapping):
        apply_sets(tree, sets, problems)
        if workers is not None:
            mark = Mark("--workers")
            tree.items["workers"] = Scalar(mark, str(workers), plain=True, text=str(workers))
            tree.keys["workers"] = mark
        resolve(substitute(tree, variables or {}, problems), problems)
        for path, node in walk(tree):
            loaded.marks[path] = node.mark
            if isinstance(node, Bad):
                loaded.unread.add(path)
        loaded.draft = _Loader(loaded, short_names or ShortNames()).topology(tree, folder)
    elif tree is not None:
        _refuse_root(resolve(tree, problems, "the file"), problems)
    return loaded


def _is_in(path: str, around: str) -> bool:
    return path == around or path.startswith((f"{around}.", f"{around}["))


def _refuse_root(root: Node, problems: Problems) -> None:
    if isinstance(root, Scalar) and root.value is None:
        problems.add(root.mark, "E_EMPTY", "the topology file is empty")
    elif not isinstance(root, Bad):
        what = f"a mapping expected at top level, got {kind_name(root)}"
        problems.add(root.mark, "E_TYPE", what)


class _Loader:
    """Reads the sections of one tree."""

    def __init__(self, loaded: Loaded, short_names: ShortNames) -> None:
        self.loaded = loaded
        self.problems = loaded.problems
        self.marks = loaded.marks
        self.short_names = short_names
        self.reader = ValueReader(loaded.problems)
        #: Every id so far in lower case -> (id, its place).
        self.ids: dict[str, tuple[str, Mark]] = {}

    def topology(self, root: Mapping, folder: str) -> TopologySpec:
        """Read the whole file."""
        values = self.section(TOP_KEYS, root, "")
        return TopologySpec(
            name=_or(values["name"], ""),
            guarantee=_or(values["guarantee"], "at-least-once"),
            workers=_or(values["workers"], 1),
            spouts=self.components(root, "spouts"),
            bolts=self.components(root, "bolts"),
            settings=self.settings(root.items.get("settings")),
            folder=folder,
            code=self.code(_or(values["code"], "."), folder),
            requirements=_or(values["requirements"], ""),
            state=_or(values["state"], "memory"),
        )

    def code(self, text: str, folder: str) -> str:
        """Return the folder of the code, when it is the file's or one above it."""
        parts = [part for part in text.rstrip("/").split("/") if part != "."]
        above = set(parts) <= {".."} and not text.startswith("/")
        if above and len(parts) <= folder.count("/"):
            return text
        what = f"{quote(text)} is not the folder of this file (.), or one above it (.., ../..)"
        self.loaded.add("code", "E_RANGE", what)
        return "."

    def section(self, table: dict[str, Key], node: Mapping, path: str) -> dict[str, Any]:
        """Read a mapping against its table; sections inside it stay unread."""
        meant = self.reader.keys(node, table, path)
        return {
            name: self.value(key, node, path, known=name not in meant)
            for name, key in table.items()
        }

    def value(self, key: Key, node: Mapping, path: str, *, known: bool) -> Any:
        """Read one key of a mapping: its value, its default, or MISSING.

        ``known`` is False when a slip of this key was reported: then nobody says it is missing.
        """
        inner = f"{path}.{key.name}" if path else key.name
        item = node.items.get(key.name)
        if item is not None:
            return MISSING if key.kind in _SECTIONS else self.reader.read(key, item, inner)
        if key.default is not REQUIRED:
            return key.default
        if known and key.name == "spouts":
            self.problems.add(node.mark, "E_NOSPOUT", "a topology needs at least one spout")
        elif known:
            what = f"{inner}: {key.name!r} is missing ({key.doc})"
            self.problems.add(node.mark, "E_MISSING", what)
        return MISSING

    def settings(self, node: Node | None) -> Settings:
        """Read the settings."""
        mapping = self.reader.mapping(node, "settings") if node is not None else None
        if mapping is None:
            return Settings()
        values = self.section(SETTING_KEYS, mapping, "settings")
        given = {name: values[name] for name in mapping.items if name in SETTING_KEYS}
        return Settings(
            **{
                f"{name}_s" if SETTING_KEYS[name].kind == "duration" else name: value
                for name, value in given.items()
                if value is not MISSING
            }
        )

    def components(self, root: Mapping, group: str) -> dict[str, ComponentSpec]:
        """Read all spouts, or all bolts."""
        node = root.items.get(group)
        mapping = self.reader.mapping(node, group) if node is not None else None
        found: dict[str, ComponentSpec] = {}
        for name, item in mapping.items.items() if mapping else ():
            assert mapping is not None
            if self.new_id(name, mapping.keys[name], group):
                found[name] = self.component(name, item, group, mapping.keys[name])
        if group == "spouts" and node is not None and mapping is not None and not found:
            self.problems.add(node.mark, "E_NOSPOUT", "a topology needs at least one spout")
        return found

    def new_id(self, name: str, mark: Mark, group: str) -> bool:
        """Check an id and note it; False when another component has it."""
        path = f"{group}.{name}"
        self.marks[path] = mark
        self.reader.component_id(mark, name, group)
        first = self.ids.setdefault(name.lower(), (name, mark))
        if first[1] is mark:
            return True
        same = "repeats" if first[0] == name else f"differs only in case from {quote(first[0])} of"
        what = f"{group}: id {quote(name)} {same} line {first[1].line}"
        self.problems.add(mark, "E_DUPID", what)
        return first[0] != name

    def component(self, name: str, node: Node, group: str, mark: Mark) -> ComponentSpec:
        """Read one spout or bolt."""
        kind: Kind = "spout" if group == "spouts" else "bolt"
        path = f"{group}.{name}"
        mapping = self.reader.mapping(node, path)
        if mapping is None:
            return ComponentSpec(name, kind, "")
        if not mapping.items and mapping is not node:
            mapping.mark = mark
        values = self.section(SPOUT_KEYS if kind == "spout" else BOLT_KEYS, mapping, path)
        return ComponentSpec(
            id=name,
            kind=kind,
            class_path=self.class_path(values["class"], kind, path),
            args=_or(values["args"], {}),
            parallelism=_or(values["parallelism"], 1),
            inputs=self.inputs(name, mapping, path) if kind == "bolt" else (),
            options=_options(values, self.event_time(mapping, path)),
        )

    def inputs(self, name: str, node: Mapping, path: str) -> tuple[InputSpec, ...]:
        """Read the inputs of a bolt and note where each stands."""
        path = f"{path}.inputs"
        if "inputs" not in node.items:
            return ()
        found = read_inputs(self.reader, self.section, node.items["inputs"], path)
        self.loaded.input_paths[name] = [inner for inner, _ in found]
        return tuple(item for _, item in found)

    def event_time(self, node: Mapping, path: str) -> EventTimeSpec | None:
        """Read when the rows of a spout happened; None: nobody says."""
        item = node.items.get("event_time")
        path = f"{path}.event_time"
        return None if item is None else read_event_time(self.reader, self.section, item, path)

    def class_path(self, text: Any, kind: Kind, path: str) -> str:
        """Return ``module:Class`` for what the file says; '' when that was refused."""
        if text is MISSING:
            return ""
        names = self.short_names.of(kind)
        path_text = normal_path(text)
        module, _, name = path_text.partition(":")
        if name and (module not in OWN_PREFIXES or "." in name):
            return path_text
        if (name or text) in names:
            return names[name or text]
        self.unknown_short_name(name or text, kind, f"{path}.class")
        return ""

    def unknown_short_name(self, name: str, kind: Kind, path: str) -> None:
        """Report a short name that no registry and no entry point has."""
        other: Kind = "bolt" if kind == "spout" else "spout"
        if name in self.short_names.of(other):
            self.loaded.add(path, "E_CLASS_KIND", f"{quote(name)} is a {other}, not a {kind}")
            return
        names = self.short_names.of(kind)
        what = (
            f"there is no ready-made or installed {kind} {quote(name)}, known: "
            f"{listed(sorted(names))}; a class of yours is written module:Class"
            f"{self.problems.did_you_mean(name, names)}"
        )
        self.loaded.add(path, "E_IMPORT", what)


def _or(value: Any, default: Any) -> Any:
    return default if value is MISSING else value


def _options(values: dict[str, Any], event_time: EventTimeSpec | None) -> ComponentOptions:
    default = ComponentOptions()

    def option(name: str, otherwise: Any) -> Any:
        return _or(values.get(name, otherwise), otherwise)

    return ComponentOptions(
        blocking=option("blocking", default.blocking),
        hang_timeout_s=option("hang_timeout", default.hang_timeout_s),
        tick_interval_s=option("tick_interval", default.tick_interval_s),
        concurrency=option("concurrency", default.concurrency),
        group_max=option("group_max", default.group_max),
        rate_hint=option("rate_hint", default.rate_hint),
        event_time=event_time,
        cpu=option("cpu", default.cpu),
        memory=option("memory", default.memory),
        hosts=option("hosts", default.hosts),
        state=option("state", default.state) or "",
        effectively_once=option("effectively_once", default.effectively_once),
    )
