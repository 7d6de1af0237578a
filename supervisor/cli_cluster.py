"""The command line of the cluster: names, options and help of its verbs.

Imported with ``cli``; what verbs do is imported when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from waterspout.topology.problems import printable

from .cli_from import begins_from
from .cli_values import Parallelism, Seconds
from .exit_codes import ExitCode

if TYPE_CHECKING:
    from .cluster.client import Client
    from .cluster.client_connection import ClientOptions

_F = TypeVar("_F", bound=Callable[..., Any])


def asks(command: _F) -> _F:
    """Add the options that say where the coordinator is; the command gets ``options``."""

    def called(
        *args: Any, coordinator: str | None, keys: Path | None, insecure: bool, **kwargs: Any
    ) -> Any:
        from .cluster.client import Unreachable
        from .cluster.client_connection import ClientOptions

        try:
            return command(*args, options=ClientOptions(coordinator, keys, insecure), **kwargs)
        except Unreachable as error:
            click.echo(f"waterspout: {printable(str(error))}", err=True)
            return ExitCode.UNREACHABLE

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    at = click.option(
        "--coordinator", metavar="HOST:PORT",
        help="The coordinator [default: WATERSPOUT_COORDINATOR, else 127.0.0.1:7461].",
    )  # fmt: skip
    keys_option = click.option(
        "--keys", type=click.Path(path_type=Path), metavar="D",
        help="Folder with the own key [default: waterspout/keys under the user's configuration].",
    )  # fmt: skip
    insecure_option = click.option(
        "--insecure", is_flag=True, help="Without keys; the coordinator has to run so, too."
    )
    return at(keys_option(insecure_option(called)))  # type: ignore[return-value]


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def connected(options: ClientOptions) -> Client:
    """Return a client for the coordinator that the options name."""
    from .cluster.client_connection import connect

    return connect(options)


def _wait_options(command: _F) -> _F:
    wait = click.option(
        "--wait", "wait_s", type=Seconds(), default="5m", show_default=True, metavar="TIME",
        help="How long to wait until it is done.",
    )  # fmt: skip
    no_wait = click.option(
        "--no-wait", is_flag=True, help="Return once it has begun; status says how far it is."
    )
    return wait(no_wait(command))


def _waiting(client: Client, name: str, wait_s: float, no_wait: bool) -> Callable[[], ExitCode]:
    from .cluster.move_wait import wait_for_move

    if no_wait or not wait_s:
        return lambda: ExitCode.OK
    return lambda: wait_for_move(client, name, wait_s)


def _file_options(command: _F) -> _F:
    sets = click.option(
        "--set", "sets", metavar="a.b.c=VALUE", multiple=True,
        help="Override a value of the file; may be repeated.",
    )  # fmt: skip
    allow = click.option(
        "--allow", metavar="PREFIX", multiple=True,
        help="Allow classes of this package, too (hosts have lists of their own).",
    )  # fmt: skip
    workers = click.option("--workers", type=click.IntRange(1, 4096), metavar="N",
                           help="Worker processes.")  # fmt: skip
    return sets(allow(workers(command)))


@click.command()
@click.argument("file", metavar="FILE")
@_file_options
@click.option("--fresh", is_flag=True, help="Forget the state that a topology of this name left.")
@click.option("--dry-run", is_flag=True, help="Only say which task would go to which host.")
@click.option(
    "--wait", "wait_s", type=Seconds(), default="60s", show_default=True, metavar="TIME",
    help="How long to wait until it runs; 0: not at all.",
)  # fmt: skip
@begins_from
@_as_json
@asks
def submit(
    file: str, sets: Sequence[str], allow: Sequence[str], workers: int | None, fresh: bool,
    dry_run: bool, wait_s: float, savepoint: Path | None, allow_dropped: bool, as_json: bool,
    options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """Run a topology on the cluster.

    It is linted here, packed with the code next to it, and sent to the coordinator. One of its name
    that has ended left positions and state: it goes on with these, also with other parallelism.
    """
    from .cluster import savepoints, submit_command
    from .cluster.client_connection import connect_blobs

    bundle = submit_command.make_bundle(file, sets, allow, workers)
    if bundle is None:
        return ExitCode.REFUSED
    state = None
    if savepoint is not None:
        state = savepoints.state_for(savepoint, bundle.plan, allow_dropped=allow_dropped)
    with connected(options) as client:
        return submit_command.submit(
            client, lambda: connect_blobs(options), bundle,
            fresh=fresh, dry_run=dry_run, wait_s=wait_s, as_json=as_json, state=state,
            allow_dropped=allow_dropped,
        )  # fmt: skip


@click.command("list")
@_as_json
@asks
def list_(as_json: bool, options: ClientOptions) -> ExitCode:
    """List the topologies of the cluster."""
    from .cluster.cluster_commands import list_topologies

    with connected(options) as client:
        return list_topologies(client, as_json)


@click.command()
@click.argument("name")
@click.option("--wait", "wait_s", type=Seconds(), metavar="TIME",
              help="How long what is under way may take [default: its drain_timeout].")  # fmt: skip
@click.option("--now", is_flag=True, help="At once; what was not acked is replayed by the next.")
@asks
def kill(name: str, wait_s: float | None, now: bool, options: ClientOptions) -> ExitCode:
    """End a topology: its spouts stop, what is under way is worked off. Its state is kept."""
    from .cluster.cluster_commands import kill as run

    with connected(options) as client:
        return run(client, name, wait_s, now)


@click.command()
@click.argument("name")
@asks
def pause(name: str, options: ClientOptions) -> ExitCode:
    """Have the spouts of a topology stop."""
    from .cluster.cluster_commands import pause as run

    with connected(options) as client:
        return run(client, name)


@click.command()
@click.argument("name")
@asks
def resume(name: str, options: ClientOptions) -> ExitCode:
    """Have the spouts of a paused topology go on."""
    from .cluster.cluster_commands import resume as run

    with connected(options) as client:
        return run(client, name)


@click.command()
@click.argument("name")
@click.option("--workers", type=click.IntRange(1, 4096), metavar="N", help="Worker processes.")
@click.option("--parallelism", type=Parallelism(), multiple=True, metavar="COMPONENT=N",
              help="Tasks of a component; may be repeated.")  # fmt: skip
@_wait_options
@asks
def rebalance(
    name: str, workers: int | None, parallelism: Sequence[tuple[str, int]], wait_s: float,
    no_wait: bool, options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """Spread a topology anew, with other numbers of workers or tasks if you like.

    Its spouts stop, what is under way is worked off, and it starts again where it was. Exit codes:
    0 done, 6 it could not start so and was rolled back, 7 not done in time, 1 refused.
    """
    from .cluster.cluster_commands import rebalance as run

    with connected(options) as client:
        wait = _waiting(client, name, wait_s, no_wait)
        return run(client, name, workers, dict(parallelism), wait)


@click.command()
@click.argument("host")
@click.option("--undo", is_flag=True, help="Have it take workers again.")
@click.option(
    "--force", is_flag=True,
    help="Also when other hosts have no free slots for them: they share slots, or wait.",
)  # fmt: skip
@asks
def drain(host: str, undo: bool, force: bool, options: ClientOptions) -> ExitCode:
    """Move all workers away from a host, and give it no new ones.

    Refused when the other hosts have not enough free slots for them.
    """
    from .cluster.cluster_commands import drain_host

    with connected(options) as client:
        return drain_host(client, host, undo, force)


@click.command()
@click.argument("name", required=False)
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID", help="Only later ones.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, metavar="N",
    help="At most so many.",
)  # fmt: skip
@_as_json
@asks
def events(
    name: str | None, after: int, limit: int, as_json: bool, options: ClientOptions
) -> ExitCode:
    """Show what happened in the cluster, oldest first."""
    from .cluster.cluster_commands import events as run

    with connected(options) as client:
        return run(client, name, after, limit, as_json)


@click.command()
@click.argument("name")
@click.argument("file", metavar="FILE")
@_file_options
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--yes", is_flag=True, help="Do not ask before it is done.")
@_wait_options
@asks
def swap(
    name: str, file: str, sets: Sequence[str], allow: Sequence[str], workers: int | None,
    dry_run: bool, yes: bool, wait_s: float, no_wait: bool, options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """Replace a running topology by a new version: positions and state are kept.

    What changes is shown first. A version that cannot start is rolled back. Exit codes: 0 done,
    6 rolled back, 7 not done in time, 1 refused, or declined by who was asked.
    """
    from .cluster import submit_command
    from .cluster.client_connection import connect_blobs

    bundle = submit_command.make_bundle(file, sets, allow, workers)
    if bundle is None:
        return ExitCode.REFUSED
    with connected(options) as client:
        return submit_command.swap(
            client, lambda: connect_blobs(options), bundle, name,
            dry_run=dry_run, agreed=lambda: yes or click.confirm("do it?", err=True),
            wait=_waiting(client, name, wait_s, no_wait),
        )  # fmt: skip


@click.command()
@click.argument("name")
@click.option("--component", metavar="ID", help="Only of the workers that have it.")
@click.option("--follow", is_flag=True, help="Go on with what is logged from now on.")
@click.option("--lines", "tail_lines", type=click.IntRange(0, 100_000), default=100,
              show_default=True, metavar="N",
              help="Last lines that come first, of all files together, as far as they are in the"
              " last 64 KB of each.")  # fmt: skip
@asks
def logs(
    name: str, component: str | None, follow: bool, tail_lines: int, options: ClientOptions
) -> ExitCode:
    """Show what the workers of a topology logged, on all hosts."""
    from .cluster.cluster_commands import logs as run

    with connected(options) as client:
        return run(client, name, component, follow, tail_lines)


@click.command()
@click.argument("name")
@click.option("--component", metavar="ID",
              help="Only tuples that it emits; where it emits none, those it gets.")  # fmt: skip
@click.option("--where", default="", metavar="EXPR",
              help="Such as: word == 'x' and n > 3. Unknown fields are refused.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=10, show_default=True,
              metavar="N", help="End after so many.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(0.01, 1000), default=10.0, show_default=True,
              metavar="N", help="At most so many a second.")  # fmt: skip
@_as_json
@asks
def tap(
    name: str, component: str | None, where: str, limit: int, rate: float, as_json: bool,
    options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """Show a live sample of the tuples of a topology."""
    from .cluster.cluster_commands import tap as run

    with connected(options) as client:
        return run(client, name, component, where, limit, rate, as_json)


@click.command("log-level")
@click.argument("name")
@click.argument("logger")
@click.argument("level", type=click.Choice(
    ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], case_sensitive=False))  # fmt: skip
@click.option("--for", "for_s", type=Seconds(), default="10m", show_default=True, metavar="TIME",
              help="Then it is as before.")  # fmt: skip
@asks
def log_level(
    name: str, logger: str, level: str, for_s: float, options: ClientOptions
) -> ExitCode:
    """Have the workers of a topology log more, or less, for a time."""
    from .cluster.cluster_commands import log_level as run

    with connected(options) as client:
        return run(client, name, logger, level.upper(), for_s)


@click.command()
@_as_json
@asks
def doctor(as_json: bool, options: ClientOptions) -> ExitCode:
    """Find out why something does not connect: keys, names, ports, versions, clocks."""
    from .cluster.doctor_command import doctor as run

    return run(options, as_json)


#: In the order of the help.
COMMANDS: tuple[click.Command, ...] = (
    submit, list_, kill, pause, resume, rebalance, swap, drain, events, logs, tap, log_level,
    doctor,
)  # fmt: skip
