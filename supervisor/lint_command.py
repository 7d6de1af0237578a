"""``waterspout lint``, and the words with which ``run`` refuses a file: the same ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from .exit_codes import ExitCode
from .linting import LintResult, lint_file
from .rendering_values import lines, plural


def lint_files(
    files: Sequence[str], form: str, strict: bool, sets: Sequence[str], allow: Sequence[str]
) -> ExitCode:
    """Lint every file and print what is wrong with them: data on stdout, chatter on stderr."""
    results = {file: lint_file(file, sets, allow) for file in files}
    refused = [file for file, result in results.items() if is_refused(result, strict)]
    if form == "json":
        click.echo(json.dumps(_as_json(results, strict), indent=2))
    else:
        for result in results.values():
            for line in problem_lines(result):
                click.echo(line)
        for file, result in results.items():
            click.echo(_verdict(file, result, strict), err=True)
    return ExitCode.REFUSED if refused else ExitCode.OK


def is_refused(result: LintResult, strict: bool = False) -> bool:
    """Say whether a file is refused; with ``strict`` by a warning, too."""
    warned = any(problem.level == "warning" for problem in result.problems)
    return not result.ok or (strict and warned)


def problem_lines(result: LintResult, levels: Sequence[str] = ()) -> list[str]:
    """Return ``file:line:col: CODE message`` for each problem, the user's traceback below it."""
    found = []
    for problem in result.problems:
        if levels and problem.level not in levels:
            continue
        found.append(str(problem))
        found += [f"    {line}" for line in lines(problem.details).splitlines()]
    if result.dropped:
        found.append(f"... and {plural(result.dropped, 'more problem')}")
    return found


def _as_json(results: dict[str, LintResult], strict: bool) -> dict[str, object]:
    files = [
        {"file": file, **result.to_json(), "ok": not is_refused(result, strict)}
        for file, result in results.items()
    ]
    return {"ok": all(file["ok"] for file in files), "files": files}


def _verdict(file: str, result: LintResult, strict: bool) -> str:
    levels: list[str] = [problem.level for problem in result.problems]
    counts = [
        plural(levels.count(level), level) for level in ("error", "warning") if level in levels
    ]
    verdict = "refused" if is_refused(result, strict) else "fine"
    return f"{file}: {verdict}" + (f", {', '.join(counts)}" if counts else "")
