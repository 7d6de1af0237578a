"""The command line of those who run a cluster: its keys, its daemons, and how they are started.

Imported with ``cli``; what verbs do is imported when they are called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_values import Seconds
from .exit_codes import ExitCode

if TYPE_CHECKING:
    from .cluster.supervisor_config import SupervisorConfig


@click.command()
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Settings of the cluster; options win over it.")  # fmt: skip
@click.option(
    "--bind", metavar="tcp://ADDRESS:PORT",
    help="Where to listen, an address of this machine, such as tcp://10.0.0.5:7461, or"
    " tcp://0.0.0.0:7461 for all; code and state go over PORT + 1 [default: tcp://127.0.0.1:7461].",
)  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="D", help="Where all is kept.")
@click.option("--lease", type=Seconds(), metavar="TIME",
              help="Silence after which a host is lost [default: 10s].")  # fmt: skip
@click.option("--keys", type=click.Path(path_type=Path), metavar="D", help="Folder with its key.")
@click.option("--insecure", is_flag=True, help="No keys: whoever reaches the port may run code.")
def coordinator(
    config: Path | None, bind: str | None, data: Path | None, lease: float | None,
    keys: Path | None, insecure: bool,
) -> ExitCode:  # fmt: skip
    """Run the coordinator of a cluster; SIGTERM ends it, workers go on."""
    from .cluster.cluster_yaml import coordinator_config
    from .cluster.coordinator_command import run_coordinator

    given = {"bind": bind, "data": data, "lease_s": lease, "keys": keys}
    known = {name: value for name, value in given.items() if value is not None}
    return run_coordinator(coordinator_config(config, known, insecure=insecure))


@click.command()
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Settings of the cluster; options win over it.")  # fmt: skip
@click.option("--coordinator", metavar="tcp://HOST:PORT",
              help="The coordinator [default: tcp://127.0.0.1:7461].")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), metavar="D", help="Where all is kept.")
@click.option("--slots", type=click.IntRange(1, 256), metavar="N",
              help="Workers that this host takes [default: its cores].")  # fmt: skip
@click.option("--name", metavar="NAME", help="Of this host; only with --insecure.")
@click.option("--allow", metavar="PREFIX", multiple=True, help="Class prefixes that may run here.")
@click.option("--keys", type=click.Path(path_type=Path), metavar="D", help="Folder with its key.")
@click.option("--insecure", is_flag=True, help="No keys; the coordinator has to run so, too.")
def supervisor(
    config: Path | None, coordinator: str | None, data: Path | None, slots: int | None,
    name: str | None, allow: tuple[str, ...], keys: Path | None, insecure: bool,
) -> ExitCode:  # fmt: skip
    """Run the supervisor of this host; SIGTERM ends it, workers go on.

    SIGHUP has it read --config anew.
    """
    from .cluster.cluster_yaml import supervisor_config
    from .cluster.supervisor_command import run_supervisor

    given = {
        "coordinator": coordinator, "data": data, "slots": slots, "name": name, "keys": keys,
        "allow": allow or None,
    }  # fmt: skip
    known = {key: value for key, value in given.items() if value is not None}

    def read() -> SupervisorConfig:
        return supervisor_config(config, known, insecure=insecure)

    return run_supervisor(read(), read if config is not None else None)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--hosts", default="", metavar="A,B,..", help="Names of the hosts of the cluster.")
@click.option("--add-host", metavar="NAME", help="Make the keys of one more host.")
def keygen(folder: Path, hosts: str, add_host: str | None) -> ExitCode:
    """Make the keys of a cluster in DIR: a folder for the coordinator and for each host.

    Keys that are there are never overwritten.
    """
    from .cluster import keygen_command

    return keygen_command.keygen(folder, hosts, add_host)


@click.command()
@click.argument("form", type=click.Choice(["systemd", "compose"]))
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              default=Path("/etc/waterspout/cluster.yaml"), show_default=True,
              help="Settings of the cluster, as the daemons will find them.")  # fmt: skip
@click.option("--lint", "topologies", type=click.Path(path_type=Path), multiple=True,
              metavar="FILE", help="Lint this topology before a start; repeatable.")  # fmt: skip
def export(form: str, config: Path, topologies: tuple[Path, ...]) -> ExitCode:
    """Print units for systemd, or a file for docker compose."""
    import sys

    from .cluster.units import compose_file, systemd_units

    program = Path(sys.argv[0]).absolute()
    click.echo(
        systemd_units(program, config.absolute(), tuple(path.absolute() for path in topologies))
        if form == "systemd"
        else compose_file(config),
        nl=False,
    )
    return ExitCode.OK


#: In the order of the help.
COMMANDS: tuple[click.Command, ...] = (keygen, coordinator, supervisor, export)
