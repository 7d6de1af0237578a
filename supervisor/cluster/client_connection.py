"""Where the coordinator is and with which key it is asked: options first, then the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from waterspout.topology.errors import UserError

from ..curve import Curve
from ..sockets import Context, Socket, dealer
from .authorized import KeyFileError
from .blob_client import BlobClient
from .client import Client, Dial
from .coordinator_config import blob_endpoint
from .keys import SECRET, default_keys, load_client
from .supervisor_config import COORDINATOR, host_and_port

COORDINATOR_VARIABLE = "WATERSPOUT_COORDINATOR"


class NoConnection(UserError):
    """The options do not say whom to ask, or with which key."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What a command line said about the coordinator.

    Attributes:
        coordinator: HOST:PORT or tcp://HOST:PORT; None: of the environment, else this machine.
        keys: folder with the client's key; None: of the environment, else the user's.
        insecure: the coordinator runs without keys, too.
    """

    coordinator: str | None = None
    keys: Path | None = None
    insecure: bool = False

    @property
    def given(self) -> bool:
        """Whether anything says that a cluster is meant."""
        named = self.coordinator or os.environ.get(COORDINATOR_VARIABLE)
        return bool(named or self.keys or self.insecure)


def endpoint_of(options: ClientOptions, environ: Mapping[str, str] | None = None) -> str:
    """Return the endpoint of the coordinator.

    Raises:
        NoConnection: what was given is none.
    """
    env = os.environ if environ is None else environ
    given = options.coordinator or env.get(COORDINATOR_VARIABLE) or COORDINATOR
    endpoint = given if "://" in given else f"tcp://{given}"
    try:
        host_and_port(endpoint)
    except ValueError as error:
        raise NoConnection(str(error)) from error
    return endpoint


def connect(options: ClientOptions) -> Client:
    """Return a client; nothing was asked yet.

    Raises:
        NoConnection: no key can be used, or no endpoint.
    """
    endpoint, curve = endpoint_of(options), curve_of(options)
    if curve is None:
        return Client(endpoint)
    return Client(endpoint, dial=_dialler(curve), mechanism="CURVE")


def connect_blobs(options: ClientOptions) -> BlobClient:
    """Return a client for blobs, which are at the next port.

    Raises:
        NoConnection: as ``connect``.
    """
    endpoint, curve = endpoint_of(options), curve_of(options)
    dial = _dialler(curve) if curve is not None else None
    return BlobClient(blob_endpoint(endpoint), dial=dial)


def curve_of(options: ClientOptions, environ: Mapping[str, str] | None = None) -> Curve | None:
    """Return the keys of this client; None: it goes without.

    Raises:
        NoConnection: there are none that can be used.
    """
    if options.insecure:
        return None
    env = os.environ if environ is None else environ
    folder = options.keys or default_keys(env)
    try:
        return load_client(folder)
    except KeyFileError as error:
        hint = (
            "; this command asks the coordinator of a cluster: --keys names another folder, "
            "waterspout keygen makes one, --insecure needs none"
        )
        raise NoConnection(f"{error}{hint if not (folder / SECRET).exists() else ''}") from error


def _dialler(curve: Curve) -> Dial:
    def dial(context: Context, endpoint: str, bytes_max: int, monitored: int = 0, /) -> Socket:
        return dealer(context, endpoint, bytes_max, monitored, curve)

    return dial
