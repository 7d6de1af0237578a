"""How a host reaches its coordinator: addresses and keys, for the loop and for the job threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial

from ..sockets import Context, Socket, dealer
from .blob_client import BlobClient
from .host_protocol import HOST_BYTES_MAX
from .host_socket import MONITORED
from .keys import default_keys, load_client
from .supervisor_config import SupervisorConfig, host_and_port


class HostConnection:
    """Makes sockets and clients.

    Args:
        config: of this host.

    Raises:
        KeyFileError: the keys of this host cannot be used.
    """

    def __init__(self, config: SupervisorConfig) -> None:
        self._endpoint = config.coordinator
        self._curve = None if config.insecure else load_client(config.keys or default_keys())
        self._blob_endpoint = ""
        self._clients = threading.local()

    def dial(self, context: Context) -> Socket:
        """Return a new connection for control. Called by the loop."""
        return dealer(context, self._endpoint, HOST_BYTES_MAX, MONITORED, self._curve)

    @property
    def worker_options(self) -> Mapping[str, str]:
        """Options of workers that say how they secure their links."""
        return {"secure": "curve"} if self._curve is not None else {}

    def on_welcome(self, blob_endpoint: str) -> None:
        """Learn where blobs are: a coordinator that listens everywhere only knows the port."""
        host, _ = host_and_port(self._endpoint)
        _, port = host_and_port(blob_endpoint)
        self._blob_endpoint = f"tcp://{f'[{host}]' if ':' in host else host}:{port}"

    def blobs(self) -> BlobClient | None:
        """Return this thread's client for blobs; None: where they are is not known yet."""
        if not self._blob_endpoint:
            return None
        known = getattr(self._clients, "known", None)
        if known is None or known[0] != self._blob_endpoint:
            if known is not None:
                known[1].close()
            dial = partial(dealer, curve=self._curve)
            client = BlobClient(self._blob_endpoint, dial=dial)
            known = self._clients.known = self._blob_endpoint, client
        found: BlobClient = known[1]
        return found
