"""``waterspout lint``: problems on stdout, a verdict on stderr, exit 1 when one refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from waterspout.supervisor.exit_codes import ExitCode
from waterspout.supervisor.lint_command import is_refused, lint_files, problem_lines
from waterspout.supervisor.linting import LintResult
from waterspout.topology.problems import Mark, Problem
from waterspout.topology.spec import TopologySpec

SPEC = TopologySpec("t", "at-least-once", 1, {}, {})
WARNING = Problem(Mark("t.yaml", 3, 5), "W_IDLE", "two workers have nothing to do")
GOOD = "name: good\nspouts:\n  n: {class: Sequence, args: {count: 1}}\n"


def test_the_users_traceback_stands_below_its_problem() -> None:
    problem = Problem(Mark("t.yaml", 3, 5), "E_IMPORT", "user raises", "Traceback\n  x\x1b\nErr")
    assert problem_lines(LintResult(None, problems=(problem, WARNING))) == [
        "t.yaml:3:5: E_IMPORT user raises",
        "    Traceback",
        "      x\\x1b",
        "    Err",
        "t.yaml:3:5: W_IDLE two workers have nothing to do",
    ]


def test_problems_beyond_the_limit_are_counted() -> None:
    assert problem_lines(LintResult(None, dropped=2)) == ["... and 2 more problems"]


def test_a_warning_refuses_only_when_strict() -> None:
    result = LintResult(SPEC, problems=(WARNING,))
    assert not is_refused(result)
    assert is_refused(result, strict=True)
    assert not is_refused(LintResult(SPEC), strict=True)


def test_several_files_are_judged_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text(GOOD)
    Path("bad.yaml").write_text("name: bad\n")
    assert lint_files(["good.yaml", "bad.yaml"], "text", False, (), ()) is ExitCode.REFUSED
    said = capsys.readouterr()
    assert "bad.yaml:1:1: E_NOSPOUT" in said.out
    assert "good.yaml: fine" in said.err
    assert "bad.yaml: refused, 1 error" in said.err


def test_json_has_a_row_per_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("name: bad\n")
    lint_files(["bad.yaml", "gone.yaml"], "json", False, (), ())
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert [(f["file"], f["ok"], f["problems"][0]["code"]) for f in found["files"]] == [
        ("bad.yaml", False, "E_NOSPOUT"),
        ("gone.yaml", False, "E_FILE"),
    ]
