"""The command line of savepoints: names, options and help.

Imported with ``cli``; what the verb does is imported when it is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_cluster import asks, connected
from .cli_values import Seconds
from .exit_codes import ExitCode

if TYPE_CHECKING:
    from .cluster.client_connection import ClientOptions

@click.command()
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Where it is written, a new folder [default: NAME-savepoint-N].",
)  # fmt: skip
@click.option(
    "--wait", "wait_s", type=Seconds(), default="10m", show_default=True, metavar="TIME",
    help="How long its snapshot may take.",
)  # fmt: skip
@click.option(
    "--state-dir", type=click.Path(path_type=Path), metavar="D",
    help="The run that keeps its state there, when several have the name.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@asks
def savepoint(
    name: str, out: Path | None, wait_s: float, state_dir: Path | None, as_json: bool,
    options: ClientOptions,
) -> ExitCode:  # fmt: skip
    """Copy the state of a running topology to a folder.

    Of a run of this user on this machine, or of a topology of a cluster when a coordinator, keys
    or --insecure are given. The topology goes on meanwhile. The folder has all that run --from and
    submit --from need, also for changed code and other parallelism; it is yours to keep or delete.
    """
    from .savepoint_command import of_run, take_savepoint

    if options.given:
        if state_dir is not None:
            raise click.UsageError("--state-dir is for runs on this machine, without a coordinator")
        from .cluster.client_connection import connect_blobs
        from .cluster.savepoints import of_topology

        with connected(options) as client, connect_blobs(options) as blobs:
            send, fetch = of_topology(client, blobs, name)
            return take_savepoint(name, send, fetch, out=out, wait_s=wait_s, as_json=as_json)
    send, fetch = of_run(name, state_dir)
    return take_savepoint(name, send, fetch, out=out, wait_s=wait_s, as_json=as_json)


#: In the order of the help.
COMMANDS: tuple[click.Command, ...] = (savepoint,)
