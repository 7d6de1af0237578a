"""Which values of a topology file are secrets: they are never written down and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .problems import quote

#: What is shown in place of a secret.
MASK = "'***'"

#: Keys whose value is a secret, by their last word.
_SECRET_KEY = re.compile(
    r"(.*[^a-z])?(password|passwd|passphrase|pwd|secret|token|credentials?"
    r"|(api|access|private|secret)[_-]?key)",
    re.IGNORECASE,
)
#: ``scheme://user:password@host`` with a literal password; bounded, so that it stays linear.
_SECRET_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/\s:@]{0,100}:(?!\$\{)[^/\s@]{1,200}@")

#: A secret that lies in a file on the host where the component is built.
SECRET_REFERENCE = re.compile(r"secret://[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def is_secret_key(key: str) -> bool:
    """Say whether a key's value is a secret, judging by its name."""
    return len(key) <= 100 and _SECRET_KEY.fullmatch(key) is not None


def has_password(text: str) -> bool:
    """Say whether ``text`` holds an address with a literal password in it."""
    return _SECRET_URL.search(text) is not None


def secrets_in(args: Any, key: str = "") -> Iterator[str]:
    """Yield the texts that stand under secret keys, so that they can be masked elsewhere.

    The name of a secret is none itself.
    """
    if isinstance(args, dict):
        for name, value in args.items():
            yield from secrets_in(value, name)
    elif isinstance(args, list):
        for value in args:
            yield from secrets_in(value, key)
    elif is_secret_key(key) and len(str(args)) > 3 and not SECRET_REFERENCE.fullmatch(str(args)):
        yield str(args)


def masked(text: str, args: Any) -> str:
    """Return ``text`` without any of the secrets in ``args``."""
    for secret in secrets_in(args):
        text = text.replace(secret, "***")
    return text


def last_key(path: str) -> str:
    """Return the last key of ``a.b[0].c``."""
    return path.rpartition(".")[2].partition("[")[0]


def shown(path: str, raw: str) -> str:
    """Return a value quoted for a message; a secret one is masked.

    ``raw`` is the text as written, before ``${}`` is put in: what comes from the environment
    is never shown.
    """
    if is_secret_key(last_key(path)) or has_password(raw):
        return MASK
    return quote(raw)
