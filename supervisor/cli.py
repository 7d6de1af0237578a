"""The command line: names, options and help. What commands do is in modules of their own.

Those are imported when their command is called, so that ``--help`` and ``status`` start fast.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
from waterspout.topology.errors import WaterspoutError
from waterspout.topology.problems import did_you_mean, printable

from . import cli_cluster, cli_daemons, cli_savepoints, cli_state
from .cli_cluster import asks, connected
from .cli_from import begins_from
from .exit_codes import ExitCode
from .standard_streams import Unwritten, guarded

if TYPE_CHECKING:
    from .cluster.client_connection import ClientOptions
    from .dead_letter_commands import Letters

_F = TypeVar("_F", bound=Callable[..., Any])

#: Characters of a command's text in the list of all: more than any has.
HELP_MAX = 300
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Refused(click.ClickException):
    """One line on stderr, and an exit code of our table."""

    exit_code = int(ExitCode.REFUSED)

    def __init__(self, error: WaterspoutError) -> None:
        super().__init__(str(error))
        #: What is to be shown; an error that names several problems has a line for each.
        self.lines: Sequence[str] = getattr(error, "lines", None) or [str(error)]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        for line in self.lines:
            click.echo(f"waterspout: {printable(line)}", err=True)


class NearestGroup(click.Group):
    """A group that names the command that an unknown one may be a slip of."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a sub-command."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = did_you_mean(name, self.commands)
            raise click.UsageError(f"there is no command {name!r:.80}{near}", ctx)
        return super().resolve_command(ctx, args)


#: Commands in the order of ``--help``: what they are for, and their names.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Write and run": ("new", "lint", "run"),
    "Look and keep, on this machine or in a cluster": (
        "status", "dead-letters", "state", "savepoint",
    ),
    "Topologies of a cluster": (
        "submit", "list", "pause", "resume", "rebalance", "swap", "kill",
        "logs", "log-level", "tap", "events",
    ),
    "Hosts of a cluster": (
        "keygen", "coordinator", "supervisor", "drain", "doctor", "export",
    ),
}  # fmt: skip


class Program(NearestGroup):
    """The whole program: a user's mistake is one line, never a traceback of ours."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program; output that cannot be written is one line, or nothing to speak of."""
        with guarded():
            return super().main(*args, **extra)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by what they are for; nothing of their texts is cut."""
        for title, names in SECTIONS.items():
            rows = [(name, self.commands[name].get_short_help_str(HELP_MAX)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its exit code ends the program."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Where the locale has no letter for something it is escaped, as stderr does.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            code = super().invoke(ctx)
        except WaterspoutError as error:
            raise Refused(error) from error
        except click.UsageError as error:
            # Some of click's own errors do not know which command they belong to.
            error.ctx = error.ctx or ctx
            raise
        except KeyboardInterrupt:
            ctx.exit(int(ExitCode.STOPPED))
        except (click.ClickException, click.exceptions.Exit, click.Abort, Unwritten):
            raise
        except Exception:
            import traceback

            click.echo(traceback.format_exc(), err=True)
            click.echo("waterspout: this is a fault of Waterspout; please report it", err=True)
            ctx.exit(int(ExitCode.INTERNAL))
        ctx.exit(int(code or ExitCode.OK))


class _Workers(click.IntRange):
    """A number of workers; its range stands in the help text already."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r:.80} is not a whole number from 1 to {self.max}", param, ctx)

    def _describe_range(self) -> str:
        return ""


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"waterspout {version('waterspout')}")
        ctx.exit()


@click.group(cls=Program, context_settings=CONTEXT)
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True,
    help="Print the version and exit.",
)  # fmt: skip
def main() -> None:
    """Stream processing in the manner of Storm: topologies in YAML, every message tracked."""


def _setting_options(command: _F) -> _F:
    """Add the options that change how a file is read; ``run`` and ``lint`` share them."""
    sets = click.option(
        "--set", "sets", metavar="a.b.c=VALUE", multiple=True,
        help="Override a value of the file; may be repeated.",
    )  # fmt: skip
    allow = click.option(
        "--allow", metavar="PREFIX", multiple=True,
        help="Allow classes of this package, too (also: WATERSPOUT_ALLOW).",
    )  # fmt: skip
    return sets(allow(command))


@main.command()
@click.argument("file", metavar="FILE")
@click.option("--in-process", is_flag=True, help="One process, no sockets: breakpoints work.")
@click.option("--workers", type=_Workers(1, 1024), metavar="N", help="Worker processes (1..1024).")
@_setting_options
@click.option(
    "--state-dir", type=click.Path(path_type=Path), metavar="D",
    help="Where positions, state and dead letters are kept: an empty folder, or that of earlier"
    " runs [default: waterspout/NAME under the user's state home].",
)  # fmt: skip
@click.option(
    "--snapshots", metavar="URL",
    help="Where snapshots of state go: s3://..., any that fsspec knows [default: into D]; kept for"
    " later runs of this state.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Drop the state of earlier runs and start over.")
@begins_from
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(
    file: str,
    in_process: bool,
    workers: int | None,
    sets: tuple[str, ...],
    allow: tuple[str, ...],
    state_dir: Path | None,
    snapshots: str | None,
    fresh: bool,
    savepoint: Path | None,
    allow_dropped: bool,
    as_json: bool,
) -> ExitCode:
    """Run a topology until its input ends.

    Ctrl-C drains: no new messages are taken, those under way are worked off. A second Ctrl-C
    stops at once. A run that was interrupted goes on where it stopped, also with other
    parallelism; one that came to the end of its input begins anew.
    """
    if in_process and workers not in (None, 1):
        raise click.UsageError("--in-process is one worker: leave --workers out")
    from .run_command import RunOptions, run_file

    return run_file(RunOptions(
        file, in_process, workers, sets, state_dir, fresh, as_json, allow, savepoint, allow_dropped,
        snapshots,
    ))  # fmt: skip


@main.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="How problems are printed.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Refuse files with warnings, too.")
@_setting_options
def lint(
    files: tuple[str, ...], form: str, strict: bool, sets: tuple[str, ...], allow: tuple[str, ...]
) -> ExitCode:
    """Find everything wrong with topology files.

    Nothing is run; classes are imported in a process of their own.
    """
    from .lint_command import lint_files

    return lint_files(files, form, strict, sets, allow)


@main.command()
@click.argument("name", required=False)
@click.option(
    "--json", "as_json", is_flag=True,
    help="JSON: an object a line per topology; of a cluster one object with all of them.",
)  # fmt: skip
@click.option(
    "--watch", is_flag=True,
    help="Again every second, until the run ends; of a cluster until Ctrl-C.",
)  # fmt: skip
@asks
def status(name: str | None, as_json: bool, watch: bool, options: ClientOptions) -> ExitCode:
    """Show how running topologies are.

    Those of this user on this machine, or those of a cluster when a coordinator, keys or
    --insecure are given. Exits with 0 when they are healthy, 5 degraded, 4 stalled, 3 when none
    is running or it does not answer.
    """
    if options.given:
        from .cluster import cluster_commands

        with connected(options) as client:
            show = cluster_commands.watch if watch else cluster_commands.status
            return show(client, name, as_json)
    from .status_command import show_status, watch_status

    return watch_status(name, as_json) if watch else show_status(name, as_json)


@main.command()
@click.argument("name")
def new(name: str) -> ExitCode:
    """Make the folder of a small project.

    A topology, a spout, two bolts, and a test: it runs and passes as it is.
    """
    from .scaffold import create_project

    for path in create_project(name, Path()):
        click.echo(str(path))
    click.echo(f"now: cd {name} && waterspout run {name}.yaml", err=True)
    click.echo("its test: pytest (pip install pytest, where it is missing)", err=True)
    return ExitCode.OK


@main.group("dead-letters", cls=NearestGroup)
def dead_letters() -> None:
    """Look at messages that were given up on.

    Those of topologies on this machine, or of a cluster when a coordinator, keys or --insecure are
    given.
    """


def _store_options(command: _F) -> _F:
    topology = click.option(
        "--topology", metavar="NAME", help="Whose; needed when several have dead letters."
    )
    folder = click.option(
        "--state-dir", type=click.Path(path_type=Path), metavar="D",
        help="The state directory given to run.",
    )  # fmt: skip
    return topology(folder(asks(command)))


@contextmanager
def _letters(
    topology: str | None, state_dir: Path | None, options: ClientOptions
) -> Iterator[Letters]:
    """Open what the options mean: a store of this machine, or a coordinator's."""
    if options.given and state_dir is None:
        from .cluster.cluster_letters import ClusterLetters

        with connected(options) as client:
            yield ClusterLetters(client, topology)
    else:
        from .dead_letter_commands import open_store

        yield open_store(topology, state_dir)


_ids = click.argument("ids", metavar="ID...", nargs=-1, type=int)
_every = click.option("--all", "every", is_flag=True, help="All of them.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dead_letters.command("list")
@_store_options
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID", help="Only later ones.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, metavar="N",
    help="At most so many.",
)  # fmt: skip
@_as_json
def list_(
    topology: str | None, state_dir: Path | None, after: int, limit: int, as_json: bool,
    options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """List dead letters, a line each."""
    from .dead_letter_commands import NoLetters, list_letters

    try:
        with _letters(topology, state_dir, options) as letters:
            return list_letters(letters, after, limit, as_json)
    except NoLetters as nothing:
        click.echo(str(nothing), err=True)
        return ExitCode.OK


@dead_letters.command()
@click.argument("id", type=int)
@_store_options
@_as_json
def show(
    id: int, topology: str | None, state_dir: Path | None, as_json: bool, options: ClientOptions
) -> ExitCode:
    """Show one with its values, the reason and the traceback."""
    from .dead_letter_commands import show_letter

    with _letters(topology, state_dir, options) as letters:
        return show_letter(letters, id, as_json)


@dead_letters.command()
@_ids
@_every
@_store_options
def replay(
    ids: tuple[int, ...], every: bool, topology: str | None, state_dir: Path | None,
    options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """Have dead letters tried again, with all their attempts."""
    from .dead_letter_commands import chosen, replay_letters

    which = chosen(ids, every)
    with _letters(topology, state_dir, options) as letters:
        return replay_letters(letters, which)


@dead_letters.command()
@_ids
@_every
@_store_options
def drop(
    ids: tuple[int, ...], every: bool, topology: str | None, state_dir: Path | None,
    options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """Forget dead letters for good."""
    from .dead_letter_commands import chosen, drop_letters

    which = chosen(ids, every)
    with _letters(topology, state_dir, options) as letters:
        return drop_letters(letters, which)


for _commands in (cli_daemons, cli_cluster, cli_savepoints, cli_state):
    for _command in _commands.COMMANDS:
        main.add_command(_command)
