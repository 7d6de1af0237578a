"""Who may do what at the coordinator: by the key of the connection that a message came by.

Looked up with every message, not only when a connection is made: a key that was taken out of
the list is refused with its next word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..curve import Curve, KeyPair
from .authorized import Authorized
from .client_protocol import Role
from .keys import AUTHORIZED, load_server, read_authorized

#: Domains of the coordinator's sockets.
CONTROL, BLOBS = "control", "blobs"


class Access:
    """The list of keys and what they may do. Changed on the main thread; read on others, too.

    Args:
        folder: with the coordinator's keys; None: there are none, and everybody is admin.

    Raises:
        KeyFileError: a file cannot be used.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._keys: KeyPair | None = None
        self._authorized = Authorized({})
        if folder is not None:
            self._keys, self._authorized = load_server(folder)
        #: Gives the hosts that have workers of a topology; called on the blob thread.
        self.hosts_of: Callable[[str], Iterable[str]] = lambda topology: ()

    @property
    def secure(self) -> bool:
        """Whether there are keys."""
        return self._keys is not None

    def curve(self, domain: str) -> Curve | None:
        """Return how a listening socket of ``domain`` is secured."""
        return Curve(self._keys, domain=domain) if self._keys is not None else None

    def rules(self) -> dict[str, Callable[[bytes], str]]:
        """Return who may connect to which domain, for CurveServer."""
        return {CONTROL: lambda key: self._user(key), BLOBS: lambda key: self._blob_user(key)}

    def _user(self, key: bytes) -> str:
        public = key.decode()
        return public if self._authorized.role(public) is not None else ""

    def _blob_user(self, key: bytes) -> str:
        return "" if self.role(key.decode()) == Role.READONLY else self._user(key)

    def reload(self) -> None:
        """Read the list of keys anew.

        Raises:
            KeyFileError: it cannot be used; the old one stays.
        """
        if self._folder is not None:
            self._authorized = read_authorized(self._folder / AUTHORIZED)

    def role(self, user: str) -> str:
        """Return the role of whoever sent a message; "": none (any more).

        Args:
            user: ``User-Id`` of the message: the public key of its connection.
        """
        if not self.secure:
            return Role.ADMIN
        who = self._authorized.role(user)
        return who.role if who is not None else ""

    def host(self, user: str, said: str) -> str | None:
        """Return the name of the host that sent a message; None: it is not from a host's key.

        Args:
            user: as in ``role``.
            said: what it calls itself, or is known as; counts without keys only.
        """
        if not self.secure:
            return said
        who = self._authorized.role(user)
        return who.name if who is not None and who.role is Role.SUPERVISOR else None

    def may_blob(self, user: str, request: Mapping[str, Any]) -> bool:
        """Say whether somebody may put or get a blob. Called on the blob thread.

        Whoever may submit may do all. A host gets code, and has to do with the snapshots of
        those topologies only that it runs workers of.
        """
        role = self.role(user)
        if role != Role.SUPERVISOR:
            return role == Role.ADMIN
        if request.get("sort") != "part":
            return request.get("kind") == "get"
        name = self.host(user, "")
        return name is not None and name in self.hosts_of(str(request.get("topology")))
