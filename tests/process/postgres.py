"""A PostgreSQL server of the test's own: its data in a folder, reached by a socket in it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Where Debian's package puts servers, newest last.
_DEBIAN = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """Return the folder with ``initdb`` and ``postgres``; None: not installed."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    name = shutil.which("initdb")
    return Path(name).resolve().parent if name else None


class Server:
    """A server that may be stopped and started again."""

    def __init__(self, folder: Path, bin: Path, user: str | None) -> None:
        self._folder, self._bin, self._user = folder, bin, user
        #: What connects to it.
        self.dsn = f"host={folder} dbname=postgres user=waterspout"
        self.runs = False

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [str(self._bin / command[0]), *command[1:]], user=self._user, cwd=self._folder,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}"

    def make(self) -> None:
        """Make its data."""
        self._run(
            "initdb", "-D", "data", "-U", "waterspout", "-A", "trust", "--no-sync", "-E", "UTF8",
            "--locale=C",
        )  # fmt: skip

    def start(self) -> None:
        """Start it; it answers when this returns."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-t", "30", "-l", "log", "-o", options, "start")
        self.runs = True

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.runs = False
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")


@contextmanager
def running(bin: Path) -> Iterator[Server]:
    """Run a server while the context lasts."""
    # Servers refuse to be root: then it is Debian's user, or nobody.
    user = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
    # Not in pytest's folder: that user could not enter it, and the socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="waterspout-pg-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        if user is not None:
            shutil.chown(folder, user)
        server = Server(folder, bin, user)
        server.make()
        server.start()
        try:
            yield server
        finally:
            if server.runs:
                server.kill()
