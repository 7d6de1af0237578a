"""Learns about a topology's classes in a throw-away child, within 10 seconds.

This process never imports users' code: an import may hang, exit, crash or print. The child is
killed with everything it started when its time is up.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from waterspout.topology.classes import AllowList
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.host_variables import with_host_variables
from waterspout.topology.loader import Loaded
from waterspout.topology.problems import quote
from waterspout.topology.secret_values import masked
from waterspout.topology.spec import ComponentSpec, TopologySpec

from .host_args import host_variables

#: Seconds that importing all classes of a topology may take.
IMPORT_LIMIT_S = 10.0
#: Characters of the child's stderr that are shown when it died.
STDERR_MAX = 4000

_CHILD = ("-P", "-m", "waterspout.supervisor.classcheck_child")


@dataclass(slots=True)
class _Outcome:
    """What one child told: its answers, and the component during which it ended too early."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    died_at: str | None = None
    how: str = ""
    stderr: str = ""


def check_classes(
    loaded: Loaded, allow: AllowList, limit_s: float = IMPORT_LIMIT_S
) -> dict[str, ComponentFacts]:
    """Return the facts of every component whose class could be looked at.

    Called by ``lint_file``. Problems are added to ``loaded``. A class that kills or stops the
    child is reported, and the others are looked at in a new child.
    """
    assert loaded.draft is not None
    facts: dict[str, ComponentFacts] = {}
    waiting = [each for each in loaded.draft.components() if each.class_path]
    deadline = time.monotonic() + limit_s
    while waiting:
        outcome = _ask(loaded.draft, waiting, loaded, allow, deadline - time.monotonic())
        for answer in outcome.answers:
            _take(loaded, answer, facts)
        known = {answer["id"] for answer in outcome.answers}
        waiting = [each for each in waiting if each.id not in known]
        if not waiting:
            break
        culprit = next((each for each in waiting if each.id == outcome.died_at), waiting[0])
        _report_death(loaded, culprit, outcome, limit_s)
        module = culprit.class_path.partition(":")[0]
        waiting = [each for each in waiting if each.class_path.partition(":")[0] != module]
        if time.monotonic() >= deadline:
            break
    return facts


def _take(loaded: Loaded, answer: Mapping[str, Any], facts: dict[str, ComponentFacts]) -> None:
    assert loaded.draft is not None
    component = loaded.draft.component(answer["id"])
    prefix = f"{component.kind}s.{component.id}"
    for path, code, text, details in answer["findings"]:
        if not _follows(loaded, prefix, path, code, text):
            text, details = masked(text, component.args), masked(details, component.args)
            loaded.add(f"{prefix}.{path}", code, text, details)
    if answer["facts"] is None:
        return
    known = ComponentFacts.from_json(answer["facts"])
    if loaded.refused(f"{prefix}.args") or loaded.refused_below(f"{prefix}.args"):
        known = replace(known, outputs={}, outputs_known=False)
    facts[component.id] = known


def _follows(loaded: Loaded, prefix: str, path: str, code: str, text: str) -> bool:
    """Say whether a finding is about an argument that was refused by itself, as it was read.

    A class that was handed a None for it says something about that. What it says of all
    arguments together, or of its outputs, may follow from it, too; but not that one is missing,
    or that it is not known.
    """
    if code not in ("E_ARGS", "E_OUTPUTS") or ": unexpected " in text:
        return False
    # Of a custom grouping, args are beside the class.
    path = "args" if code == "E_OUTPUTS" else path.removesuffix(".class")
    where, missing = f"{prefix}.{path}", text.endswith(" is missing")
    return loaded.refused(where) or (not missing and loaded.refused_below(where))


def _report_death(
    loaded: Loaded, component: ComponentSpec, outcome: _Outcome, limit_s: float
) -> None:
    module = component.class_path.partition(":")[0]
    how = outcome.how or f"does not end within {limit_s:g} s"
    text = f"importing {quote(module)} {how}"
    if outcome.died_at is None:
        text = f"the check of the classes {how}, before any of them was imported"
    loaded.add(f"{component.kind}s.{component.id}.class", "E_IMPORT", text, outcome.stderr)


def _ask(
    draft: TopologySpec,
    components: list[ComponentSpec],
    loaded: Loaded,
    allow: AllowList,
    limit_s: float,
) -> _Outcome:
    """Run one child over these components."""
    request = {
        "folder": draft.folder,
        "allow": allow.to_json(),
        "components": [_request(loaded, each) for each in components],
    }
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, *_CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        timed_out = False
        try:
            output, _ = child.communicate(json.dumps(request).encode(), timeout=max(0.01, limit_s))
        except subprocess.TimeoutExpired as error:
            timed_out = True
            output = error.stdout or b""
        finally:
            _kill(child)
        outcome = _read(output)
        if not timed_out:
            outcome.how = _how_it_ended(child.returncode)
            outcome.stderr = _tail(errors)
        return outcome


def _request(loaded: Loaded, component: ComponentSpec) -> dict[str, Any]:
    paths = loaded.input_paths.get(component.id, [])
    prefix = f"{component.kind}s.{component.id}."
    assert loaded.draft is not None
    here = host_variables(loaded.draft.folder)
    event_time = component.options.event_time
    return {
        "id": component.id,
        "kind": component.kind,
        "class_path": component.class_path,
        "args": with_host_variables(component.args, here),
        "time_function": event_time.function if event_time is not None else "",
        "customs": [
            {
                "path": f"{path.removeprefix(prefix)}.class",
                "class_path": item.custom,
                "args": with_host_variables(item.args, here),
            }
            for path, item in zip(paths, component.inputs, strict=False)
            if item.custom
        ],
    }


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started, and take its remains."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    child.wait()


def _read(output: bytes) -> _Outcome:
    outcome = _Outcome()
    for line in _lines(output):
        if "begin" in line:
            outcome.died_at = line["begin"]
        else:
            outcome.answers.append(line)
    return outcome


def _lines(output: bytes) -> Iterator[dict[str, Any]]:
    """Yield what the child said; half a line at the end is the line it died in."""
    for line in output.split(b"\n"):
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict):
                yield said


def _how_it_ended(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"kills its process with {signal.Signals(-code).name}"
    return f"ends its process with exit code {code}"


def _tail(errors: Any) -> str:
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - STDERR_MAX))
    return bytes(errors.read()).decode("utf-8", "replace")
