"""Secrets that never leave the host: ``secret://NAME`` in a component's args is a file there.

A topology that is submitted names a secret, and each host has it in a folder of its own
(``supervisor.secrets``). The worker reads it when it builds the component; what it says to others
about errors does not show it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from waterspout.topology.errors import UserError
from waterspout.topology.secret_values import SECRET_REFERENCE

from .private_files import PrivateFileError, read_private

#: Size of a secret.
BYTES_MAX = 64 << 10
#: Shorter ones are not masked: they are in many words.
MASKED_MIN = 4
#: Fields of messages to the coordinator that quote what user code said.
_QUOTES = ("text", "traceback", "reason")


class SecretUnreadable(UserError):
    """A secret that a component's args name cannot be had on this host."""


class SecretFiles:
    """Puts secrets into args, and takes them out of what is said.

    Args:
        folder: of this host; None: it has none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        #: Secrets that were read, longest first.
        self._known: list[str] = []

    def resolved(self, value: Any) -> Any:
        """Return ``value`` with the secrets in place of their names.

        Raises:
            SecretUnreadable: one of them cannot be had.
        """
        if isinstance(value, Mapping):
            return {key: self.resolved(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.resolved(each) for each in value]
        if isinstance(value, str) and SECRET_REFERENCE.fullmatch(value):
            return self._read(value)
        return value

    def _read(self, reference: str) -> str:
        if self._folder is None:
            what = "this host has no folder of secrets (supervisor.secrets); `run` takes ${NAME}"
            raise SecretUnreadable(f"{reference}: {what}")
        try:
            text = read_private(self._folder / reference.removeprefix("secret://"), BYTES_MAX)
        except PrivateFileError as error:
            raise SecretUnreadable(f"{reference}: {error}") from None
        # Editors end a file with a new line, which is no part of a password.
        secret = re.sub(r"\r?\n\Z", "", text)
        if len(secret) >= MASKED_MIN and secret not in self._known:
            self._known = sorted([*self._known, secret], key=len, reverse=True)
        return secret

    def masked(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a message to the coordinator with ``***`` for every secret in quoted texts.

        Called on the control thread, for every message.
        """
        if not self._known:
            return message
        found = dict(message)
        for name in _QUOTES:
            if isinstance(found.get(name), str):
                found[name] = self._mask(found[name])
        for name in ("errors", "records"):
            if found.get(name):
                found[name] = [self.masked(each) for each in found[name]]
        return found

    def _mask(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, "***")
        return text
