"""``waterspout coordinator``: runs the coordinator of a cluster until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import zmq

from ..exit_codes import ExitCode
from .coordinator_config import CoordinatorConfig, default_data, is_loopback
from .coordinator_daemon import CoordinatorDaemon
from .daemon_log import log_to_stderr
from .event_lines import event_line
from .keys import ADMIN, AUTHORIZED, COORDINATOR, default_keys, write_key_set

_log = logging.getLogger(__name__)


def run_coordinator(config: CoordinatorConfig) -> ExitCode:
    """Run a coordinator; returns when it was told to end.

    Raises:
        UserError: another coordinator uses the folder.
        StoreError: the folder cannot be used.
    """
    log_to_stderr()
    if not config.data.parts:
        config = replace(config, data=default_data())
    if refused := _refusal(config):
        click.echo(f"waterspout: {refused}", err=True)
        return ExitCode.REFUSED
    if not config.insecure:
        config = replace(config, keys=config.keys or _keys(config.data))
    try:
        daemon = CoordinatorDaemon(config, version("waterspout"), say)
    except zmq.ZMQError as error:
        click.echo(f"waterspout: cannot listen on {config.bind}: {error.strerror}", err=True)
        return ExitCode.REFUSED
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.request_end())
    signal.signal(signal.SIGHUP, lambda *_: daemon.request_reload())
    if config.insecure:
        _log.warning("insecure: everybody who reaches this port may run code here")
    say("coordinator listening", {"endpoint": config.bind, "data": config.data})
    daemon.run()
    say("coordinator ended", {"endpoint": config.bind})
    return ExitCode.OK


def _refusal(config: CoordinatorConfig) -> str:
    """Return why this must not be run, or an empty text."""
    try:
        loopback = is_loopback(config.bind)
    except ValueError as error:
        return str(error)
    if config.insecure or config.keys is not None or _own_keys() is not None or loopback:
        return ""
    where = f"{config.bind}, which other machines can reach"
    return f"no keys to listen on {where}: waterspout keygen makes them (or --insecure)"


def _own_keys() -> Path | None:
    """Return the user's folder of keys, if it is that of a coordinator."""
    folder = default_keys()
    return folder if (folder / AUTHORIZED).exists() else None


def _keys(data: Path) -> Path:
    """Return the folder of the coordinator's keys; on a machine of its own it makes them.

    Raises:
        KeyFileError: they cannot be made.
    """
    folder = _own_keys()
    if folder is not None:
        return folder
    folder = data / "keys"
    if not folder.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        host = socket.gethostname()
        write_key_set(folder, [host])
        click.echo(
            f"keys made in {folder}: supervisor --keys {folder / host},"
            f" everything else --keys {folder / ADMIN}",
            err=True,
        )
    return folder / COORDINATOR


def say(name: str, fields: Mapping[str, Any]) -> None:
    """Log an event."""
    _log.info("%s", event_line(name, fields))
