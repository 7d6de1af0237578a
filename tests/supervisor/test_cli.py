"""The command line: a slip is answered with usage, the nearest name and exit 2."""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from waterspout.supervisor import cli
from waterspout.supervisor.exit_codes import ExitCode
from waterspout.topology.errors import UserError

from ..each_case import each_case


def call(*words: str) -> Result:
    """Run the program with these words."""
    return CliRunner().invoke(cli.main, words, prog_name="waterspout")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own state and runs out of it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@each_case(
    "words, said",
    [
        (["rnu"], "there is no command 'rnu', did you mean 'run'?"),
        (["dead-letters", "lst"], "there is no command 'lst', did you mean 'list'?"),
        (["run", "x.yaml", "--jsno"], "--json"),
        (["run"], "FILE"),
        (["run", "x.yaml", "--workers"], "--workers"),
        (["run", "x.yaml", "--workers", "1e3"], "'1e3' is not a whole number from 1 to 1024"),
        (["run", "x.yaml", "--workers", "0"], "'0' is not a whole number from 1 to 1024"),
        (["run", "x.yaml", "--in-process", "--workers", "2"], "leave --workers out"),
        (["lint", "x.yaml", "--format", "xml"], "xml"),
        (["dead-letters", "replay"], "give the ids of dead letters, or --all"),
        (["dead-letters", "drop", "3", "--all"], "give the ids of dead letters, or --all"),
    ],
)
def test_a_slip_is_answered_with_usage_and_exit_2(words: list[str], said: str) -> None:
    result = call(*words)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    assert result.stderr.startswith("Usage: waterspout")
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_what_the_terminal_has_no_letters_for_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "ascii", write_through=True))
    Path("größe.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        cli.main(["lint", "größe.json", "--format", "json"], prog_name="waterspout")
    assert ended.value.code == ExitCode.REFUSED
    assert rb"gr\xf6\xdfe.json" in out.getvalue() or rb"gr\u00f6\u00dfe.json" in out.getvalue()


def test_the_version_is_that_of_the_package() -> None:
    assert call("--version").stdout == f"waterspout {version('waterspout')}\n"


def test_run_refuses_what_lint_refuses_with_the_same_text(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: bad\nblots: {}\nworkers: 0\n")
    linted, run = call("lint", "bad.yaml"), call("run", "bad.yaml")
    assert (linted.exit_code, run.exit_code) == (ExitCode.REFUSED, ExitCode.REFUSED)
    assert "E_UNKNOWN_KEY" in linted.stdout
    assert run.stderr == linted.stdout
    assert run.stdout == ""
    assert not (tmp_path / "state").exists()


def test_a_users_mistake_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise UserError("no\x1b such thing")

    monkeypatch.setattr(cli.new, "callback", refuse)
    result = call("new", "x")
    assert result.exit_code == ExitCode.REFUSED
    assert result.stderr == "waterspout: no\\x1b such thing\n"


def test_a_fault_of_ours_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(cli.new, "callback", fail)
    result = call("new", "x")
    assert result.exit_code == ExitCode.INTERNAL
    assert result.stderr.endswith("this is a fault of Waterspout; please report it\n")


def test_ctrl_c_outside_of_a_run_ends_it_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.new, "callback", interrupt)
    result = call("new", "x")
    assert (result.exit_code, result.output) == (ExitCode.STOPPED, "")


def test_new_names_its_files_and_what_to_do_next() -> None:
    result = call("new", "tides")
    assert result.exit_code == ExitCode.OK
    assert "tides/tides.yaml" in result.stdout.split()
    assert "waterspout run tides.yaml" in result.stderr
    assert call("new", "tides").exit_code == ExitCode.REFUSED


def test_every_command_and_option_has_a_help_text() -> None:
    def check(command: click.Command) -> None:
        assert command.help, command.name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{command.name} {parameter.name}"
        for sub in command.commands.values() if isinstance(command, click.Group) else ():
            check(sub)

    check(cli.main)


def test_help_has_every_command_in_one_section_with_its_whole_text() -> None:
    named = [name for names in cli.SECTIONS.values() for name in names]
    assert sorted(named) == sorted(cli.main.commands)  # type: ignore[attr-defined]
    shown = call("--help").stdout
    assert [title for title in cli.SECTIONS if f"\n{title}:\n" not in shown] == []
    assert "..." not in shown.partition("Options:")[2]


def test_the_absence_of_dead_letters_is_an_answer_and_no_error() -> None:
    result = call("dead-letters", "list")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "")
    assert "no dead letters" in result.stderr
    assert call("dead-letters", "show", "1").exit_code == ExitCode.REFUSED


def test_a_new_project_says_how_it_is_run_and_what_its_test_needs() -> None:
    result = call("new", "tides")
    assert result.exit_code == ExitCode.OK
    assert result.stderr.splitlines() == [
        "now: cd tides && waterspout run tides.yaml",
        "its test: pytest (pip install pytest, where it is missing)",
    ]
