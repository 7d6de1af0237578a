"""Everything that is wrong with a topology file: what ``lint`` prints and ``run`` refuses.

Reads the file, the registries and the folder around it; the checks themselves are pure.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from waterspout.bolts.registry import BOLT_GROUP, BOLTS
from waterspout.spouts.registry import SPOUT_GROUP, SPOUTS
from waterspout.topology.classes import AllowList
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.host_variables import KEPT
from waterspout.topology.lint import lint_spec
from waterspout.topology.lint_facts import lint_facts
from waterspout.topology.loader import Loaded, ShortNames, load
from waterspout.topology.problems import Mark, Problem, Problems, quote
from waterspout.topology.spec import TopologySpec
from waterspout.topology.yaml_tree import FILE_BYTES_MAX

from .allow_lists import make_allow_list, plugins, refused
from .classcheck import IMPORT_LIMIT_S, check_classes

#: More prefixes of the allow list, separated by commas or colons.
ALLOW_VARIABLE = "WATERSPOUT_ALLOW"


@dataclass(frozen=True, slots=True)
class LintResult:
    """What became of a file: ``spec`` is None when an error was found.

    ``facts`` holds what is known of each component's class. ``problems`` are in the order of
    the file; ``dropped`` counts those beyond the limit.
    """

    spec: TopologySpec | None
    facts: dict[str, ComponentFacts] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    dropped: int = 0
    #: What its classes were checked against; workers get the same list.
    allow: AllowList = field(default_factory=AllowList)

    @property
    def ok(self) -> bool:
        """Whether the topology may run."""
        return self.spec is not None

    def to_json(self) -> dict[str, Any]:
        """Return the problems under stable names, for ``lint --format json``."""
        return {
            "ok": self.ok,
            "problems": [problem.to_json() for problem in self.problems],
            "dropped": self.dropped,
        }


def lint_file(
    path: str | Path,
    sets: Sequence[str] = (),
    allow: Sequence[str] = (),
    workers: int | None = None,
    env: Mapping[str, str] | None = None,
    *,
    limit_s: float = IMPORT_LIMIT_S,
) -> LintResult:
    """Find everything that is wrong with a topology file. Called by ``run`` and ``lint``.

    Args:
        path: the file, as problems shall name it.
        sets: ``a.b.c=VALUE`` overrides.
        allow: further prefixes of the allow list (``--allow``).
        workers: overrides ``workers``.
        env: variables for ``${NAME}`` and the allow list; the process's own when None.
        limit_s: seconds that importing all classes may take.
    """
    variables = dict(os.environ if env is None else env)
    more = variables.get(ALLOW_VARIABLE, "").replace(":", ",").split(",")
    variables |= KEPT
    text = _read_file(str(path))
    if isinstance(text, Problem):
        return LintResult(None, problems=(text,))
    folder = os.path.dirname(os.path.abspath(path))
    loaded = load(
        text,
        str(path),
        folder=folder,
        sets=sets,
        variables=variables,
        short_names=short_names(),
        workers=workers,
    )
    lint_spec(loaded)
    facts: dict[str, ComponentFacts] = {}
    allow_list = AllowList()
    if loaded.draft is not None:
        allow_list = make_allow_list(folder, [*allow, *filter(None, more)])
        _refuse_denied(loaded, allow_list)
        facts = check_classes(loaded, allow_list, limit_s)
        lint_facts(loaded, facts)
    problems = tuple(loaded.problems)
    return LintResult(loaded.spec, facts, problems, loaded.problems.dropped, allow_list)


def _read_file(path: str) -> bytes | Problem:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            what = "a folder" if os.path.isdir(path) else "not a regular file"
            return _unreadable(path, f"{what}, a YAML file expected")
        with open(path, "rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return _unreadable(path, f"there is no such file{_near_file(path)}")
    except (OSError, ValueError) as error:
        return _unreadable(path, getattr(error, "strerror", None) or str(error))


def _unreadable(path: str, what: str) -> Problem:
    problems = Problems()
    problems.add(Mark(path), "E_FILE", f"cannot read {quote(path)}: {what}")
    return next(iter(problems))


def _near_file(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        names = [each for each in os.listdir(folder or ".") if each.endswith((".yaml", ".yml"))]
    except OSError:
        return ""
    near = difflib.get_close_matches(name, names, n=1)
    return f", did you mean {quote(os.path.join(folder, near[0]))}?" if near else ""


def short_names() -> ShortNames:
    """Return every short name: installed entry points, and the ready-made classes over them."""
    return ShortNames(
        {**plugins(SPOUT_GROUP), **SPOUTS},
        {**plugins(BOLT_GROUP), **BOLTS},
    )


def _refuse_denied(loaded: Loaded, allow: AllowList) -> None:
    """Report denied classes and take them out of the draft, so that nobody imports them."""
    assert loaded.draft is not None
    for group in (loaded.draft.spouts, loaded.draft.bolts):
        for component in list(group.values()):
            path = f"{component.kind}s.{component.id}.class"
            if component.class_path and not _allowed(loaded, allow, component.class_path, path):
                group[component.id] = replace(component, class_path="")


def _allowed(loaded: Loaded, allow: AllowList, class_path: str, path: str) -> bool:
    problem = refused(allow, class_path)
    if problem is not None:
        loaded.add(path, *problem)
    return problem is None
