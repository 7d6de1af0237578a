"""The command line of ``state``: names, options and help.

Imported with ``cli``; what the verb does is imported when it is called.
"""

from __future__ import annotations

from pathlib import Path

import click

from .exit_codes import ExitCode


@click.group()
def state() -> None:
    """Look into the state that bolts keep."""


@state.command()
@click.argument("name")
@click.option("--component", metavar="ID", help="Show entries of this bolt, not only how many.")
@click.option("--key", metavar="K", help="Only what this key has: JSON, or a text.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, metavar="N",
    help="At most so many entries of each map.",
)  # fmt: skip
@click.option(
    "--state-dir", type=click.Path(path_type=Path), metavar="D",
    help="The state directory given to run.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each map or entry.")
def show(
    name: str, component: str | None, key: str | None, limit: int, state_dir: Path | None,
    as_json: bool,
) -> ExitCode:  # fmt: skip
    """Show what the newest complete snapshot holds.

    NAME is a topology that ran on this machine, or the folder of a savepoint, which a topology
    of a cluster can write, too. It is read from files: nothing has to run, and what runs is not
    disturbed; it shows the moment of the snapshot, not this one.
    """
    from .state_command import show_state

    return show_state(name, state_dir, component, key, limit, as_json)


#: In the order of the help.
COMMANDS: tuple[click.Command, ...] = (state,)
