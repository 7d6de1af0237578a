"""``waterspout keygen``: makes the keys of a cluster, or those of one more host."""

from __future__ import annotations

from pathlib import Path

import click

from ..exit_codes import ExitCode
from .keys import ADMIN, AUTHORIZED, COORDINATOR, READONLY, add_host, write_key_set


def keygen(folder: Path, names: str, new_host: str | None) -> ExitCode:
    """Make keys, and say which folder belongs where.

    Args:
        folder: of the key set.
        names: of the hosts of a new key set, with commas.
        new_host: add this one to a key set that is there.

    Raises:
        KeyFileError: nothing was made, and why.
    """
    listed = names.strip().removesuffix(",")
    hosts = [host.strip() for host in listed.split(",")] if listed else []
    if "" in hosts:
        raise click.UsageError(f"--hosts {names!r:.80}: a name is missing between two commas")
    if hosts and new_host is not None:
        raise click.UsageError("--hosts is for a new cluster, --add-host for one that has keys")
    if new_host is not None:
        add_host(folder, new_host)
        click.echo(f"copy {folder / new_host} to {new_host}, as ~/.config/waterspout/keys there")
        list_of_keys = folder / COORDINATOR / AUTHORIZED
        click.echo(f"copy {list_of_keys} to the coordinator, and send it SIGHUP")
        return ExitCode.OK
    write_key_set(folder, hosts)
    rows = [
        (COORDINATOR, "the coordinator's machine"),
        *((host, f"the host {host}") for host in hosts),
        (ADMIN, "whoever may submit and kill topologies"),
        (READONLY, "whoever may only look"),
    ]
    width = max(len(str(folder / name)) for name, _ in rows)
    for name, where in rows:
        click.echo(f"{folder / name!s:<{width}}  for {where}")
    click.echo("\nCopy each folder to ~/.config/waterspout/keys there, or name it with --keys.")
    if not hosts:
        click.echo("No hosts were named; waterspout keygen --add-host NAME adds one.")
    return ExitCode.OK
