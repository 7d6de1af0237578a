"""``waterspout supervisor``: run the supervisor of this host until it is told to end."""

from __future__ import annotations

import logging
import random
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

from waterspout.topology.errors import UserError

from ..exit_codes import ExitCode
from .daemon_log import log_to_stderr
from .host_connection import HostConnection
from .host_facts import own_address
from .supervisor_config import SupervisorConfig, default_data, host_and_port
from .supervisor_daemon import SupervisorDaemon
from .supervisor_folder import SupervisorFolder

_log = logging.getLogger(__name__)


class SupervisorRefused(UserError):
    """A supervisor cannot be started with these settings."""


def run_supervisor(
    config: SupervisorConfig, reload: Callable[[], SupervisorConfig] | None = None
) -> ExitCode:
    """Run until SIGTERM or SIGINT; workers live on.

    Args:
        config: of this host.
        reload: reads it anew on SIGHUP.

    Raises:
        UserError: the settings or the data folder cannot be used.
    """
    log_to_stderr()
    config = _completed(config)
    connection = HostConnection(config)
    folder = SupervisorFolder(config.data)
    try:
        session = random.SystemRandom().randrange(1, 1 << 64)
        address = config.address or _address(config)
        daemon = SupervisorDaemon(
            config, folder, connection, session=session, address=address, reload=reload
        )
        if config.insecure:
            _log.warning("insecure: no keys, no encryption; whoever reaches us is trusted")
        _log.info(
            "supervisor begins coordinator=%s address=%s data=%s",
            config.coordinator, address, folder.path,
        )  # fmt: skip
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _calls(daemon.request_stop))
        signal.signal(signal.SIGHUP, _calls(daemon.request_reload))
        daemon.run()
        _log.info("supervisor ends; workers live on")
    finally:
        folder.close()
    return ExitCode.OK


def _completed(config: SupervisorConfig) -> SupervisorConfig:
    """Return the settings with what they leave out."""
    try:
        host_and_port(config.coordinator)
    except ValueError as error:
        raise SupervisorRefused(str(error)) from error
    data = config.data if config.data.parts else default_data()
    return replace(config, data=data, name=config.name or socket.gethostname())


def _address(config: SupervisorConfig) -> str:
    try:
        return own_address(config.coordinator)
    except OSError as error:
        raise SupervisorRefused(
            f"there is no way to {config.coordinator}: {error.strerror or error}"
        ) from error


def _calls(call: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
    return lambda number, frame: call()
