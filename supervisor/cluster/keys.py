"""Key files of a cluster: made by ``waterspout keygen``, one folder for each who needs keys.

    KEYS/coordinator/{secret, authorized}          stays on the coordinator's machine
    KEYS/HOST/{secret, coordinator.public}         to that host
    KEYS/admin/{..}, KEYS/readonly/{..}            to whoever may submit, or only look

``secret`` has two lines, the public key and the secret one. A file that others can read, or
change, is refused: whoever has the key of a host or an admin can run code on every host.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import zmq
from waterspout.bolts.disk import fsync_folder

from ..curve import Curve, KeyPair
from ..private_files import PrivateFileError, read_private
from .authorized import Authorized, KeyFileError, Who, key_problem
from .client_protocol import Role
from .field_checks import name as is_name

#: Names the folder of keys, for the coordinator, hosts and clients.
KEYS_VARIABLE = "WATERSPOUT_KEYS"
#: Names of the files.
SECRET, PUBLIC, AUTHORIZED = "secret", "coordinator.public", "authorized"
#: Folders of a key set that are no hosts.
COORDINATOR, ADMIN, READONLY = "coordinator", "admin", "readonly"
_RESERVED = (COORDINATOR, ADMIN, READONLY)
#: Larger files are no key files.
FILE_BYTES_MAX = 1 << 20


def default_keys(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of keys where none was named; it need not be there."""
    env = os.environ if environ is None else environ
    if env.get(KEYS_VARIABLE):
        return Path(env[KEYS_VARIABLE])
    base = Path(env.get("XDG_CONFIG_HOME", ""))
    # The specification says that a relative path is to be ignored.
    if not base.is_absolute():
        base = Path(env.get("HOME") or "~").expanduser() / ".config"
    return base / "waterspout" / "keys"


# Reading.


def read_secret(path: Path) -> KeyPair:
    """Return a pair of keys.

    Raises:
        KeyFileError: others can read it, or it holds no pair of keys.
    """
    words = _read(path).split()
    if len(words) != 2:
        raise KeyFileError(f"{path}: {len(words)} words; it holds a public key and its secret")
    for word in words:
        # The secret must not be shown.
        if key_problem(word) is not None:
            raise KeyFileError(f"{path}: no pair of keys, or one that everybody knows")
    pair = KeyPair(*(word.encode() for word in words))
    if zmq.curve_public(pair.secret) != pair.public:
        raise KeyFileError(f"{path}: the two keys do not belong together")
    return pair


def read_authorized(path: Path) -> Authorized:
    """Return the keys that are let in.

    Raises:
        KeyFileError: others can change it, or a line is wrong.
    """
    return Authorized.parse(_read(path), str(path))


def load_server(folder: Path) -> tuple[KeyPair, Authorized]:
    """Return the coordinator's own keys, and the keys that it lets in.

    Raises:
        KeyFileError: a file cannot be used.
    """
    return read_secret(folder / SECRET), read_authorized(folder / AUTHORIZED)


def load_client(folder: Path) -> Curve:
    """Return how a host or a client secures its connections to the coordinator.

    Raises:
        KeyFileError: a file cannot be used.
    """
    keys = read_secret(folder / SECRET)
    path = folder / PUBLIC
    words = _read(path).split()
    if len(words) != 1:
        raise KeyFileError(f"{path}: {len(words)} words; it holds the coordinator's public key")
    problem = key_problem(words[0])
    if problem is not None:
        raise KeyFileError(f"{path}: {problem}")
    return Curve(keys, server_key=words[0].encode())


def _read(path: Path) -> str:
    try:
        return read_private(path, FILE_BYTES_MAX)
    except PrivateFileError as error:
        raise KeyFileError(str(error)) from error


# Writing.


def write_key_set(
    folder: Path, hosts: Sequence[str], new: Callable[[], KeyPair] = KeyPair.new
) -> None:
    """Make the keys of a new cluster: all of them, or none.

    Args:
        folder: made here; it must not be there yet.
        hosts: names of the hosts; each gets a folder.
        new: makes a pair of keys.

    Raises:
        KeyFileError: the folder is there, cannot be made, or a name cannot be one.
    """
    _check_names(hosts)
    if os.path.lexists(folder):
        raise KeyFileError(f"{folder}: is there already, and keys are not overwritten")
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _write_all(making, hosts, new)
        os.rename(making, folder)
    except OSError as error:
        raise KeyFileError(f"{folder}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(making)


def add_host(folder: Path, host: str, new: Callable[[], KeyPair] = KeyPair.new) -> None:
    """Make the keys of one more host, and add it to the list of the coordinator.

    Raises:
        KeyFileError: there is no key set, it has the host already, or a file cannot be used.
    """
    _check_names([host])
    server, known = load_server(folder / COORDINATOR)
    if Who(Role.SUPERVISOR, host) in known.owners.values() or (folder / host).exists():
        raise KeyFileError(f"{folder}: has keys of {host} already")
    pair = new()
    known.owners[pair.public.decode()] = Who(Role.SUPERVISOR, host)
    try:
        _write_client(folder / host, pair, server)
        path = folder / COORDINATOR / AUTHORIZED
        making = path.with_name(f".{AUTHORIZED}.{os.getpid()}")
        _write(making, known.text())
        os.rename(making, path)
        fsync_folder(path.parent)
    except OSError as error:
        raise KeyFileError(f"{folder}: {error.strerror}") from error


def _check_names(hosts: Sequence[str]) -> None:
    for host in hosts:
        plain = is_name(host) and not set(host) & set("/ \t\\") and not host.startswith(".")
        if not plain or host in _RESERVED:
            raise KeyFileError(f"{host!r:.60} cannot be the name of a host")
    twice = sorted({host for host in hosts if hosts.count(host) > 1})
    if twice:
        raise KeyFileError(f"a host has one name, and {', '.join(twice)} is there twice")


def _write_all(folder: Path, hosts: Sequence[str], new: Callable[[], KeyPair]) -> None:
    folder.mkdir(mode=0o700)
    server = new()
    owners: dict[str, Who] = {}
    clients = [(ADMIN, Role.ADMIN), (READONLY, Role.READONLY)]
    for name, role in [*((host, Role.SUPERVISOR) for host in hosts), *clients]:
        pair = new()
        owners[pair.public.decode()] = Who(role, name)
        _write_client(folder / name, pair, server)
    (folder / COORDINATOR).mkdir(mode=0o700)
    _write_pair(folder / COORDINATOR / SECRET, server)
    _write(folder / COORDINATOR / AUTHORIZED, Authorized(owners).text())
    fsync_folder(folder)


def _write_client(folder: Path, pair: KeyPair, server: KeyPair) -> None:
    folder.mkdir(mode=0o700)
    _write_pair(folder / SECRET, pair)
    _write(folder / PUBLIC, server.public.decode() + "\n")


def _write_pair(path: Path, pair: KeyPair) -> None:
    _write(path, f"{pair.public.decode()}\n{pair.secret.decode()}\n")


def _write(path: Path, text: str) -> None:
    """Write a new file that only the own user can read, and have it on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
