"""Small plans for the shell's tests, made without a file and without lint."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from waterspout.supervisor.linting import LintResult, lint_file
from waterspout.topology.plan import Plan, make_plan

NUMBERS = """\
name: numbers
workers: 1
spouts:
  numbers: {class: Sequence, args: {count: 500}}
bolts:
  count: {class: Count, inputs: [{from: numbers, grouping: global}]}
settings: {round_interval: 50ms, report_interval: 20ms}
"""


def plan_of(text: str, folder: Path, workers: int = 1) -> Plan:
    """Return the plan of a topology's text, as if its file were in ``folder``."""
    (folder / "topology.yaml").write_text(text)
    # The class check takes a child process; where only ready-made classes are in it, one is enough.
    linted = _lint(text, folder if "components:" in text else None)
    assert linted.spec is not None, linted.problems
    return make_plan(replace(linted.spec, folder=str(folder)), linted.facts, workers=workers)


@cache
def _lint(text: str, folder: Path | None) -> LintResult:
    with TemporaryDirectory() as anywhere:
        path = (folder or Path(anywhere)) / "topology.yaml"
        path.write_text(text)
        return lint_file(path)
