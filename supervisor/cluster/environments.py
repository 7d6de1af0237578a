"""Environments for the requirements of topologies: one per content of the file, made once.

    env/SHA/          a virtual environment that sees our own packages, too
    env/SHA.log       what pip said; its last lines are the reason when it failed

Installing runs code of the packages, as this user. So it is off unless the host's configuration
allows it, and by default each requirement needs its hash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

#: How long pip may take.
INSTALL_LIMIT_S = 900.0
#: Lines of the log that are told.
LINES_TOLD = 8

Run = Callable[[Sequence[str], Path], None]


class NoEnvironment(Exception):
    """Requirements cannot be installed here; the text is for the user."""


class Environments:
    """The environments of a host. Made on a job thread.

    Args:
        folder: of the environments.
        allow: requirements may be installed at all.
        index: package index; "": what pip is configured for.
        hashes: each requirement needs its hash.
        run: runs a command with its output to a file; replaced in tests.
    """

    #: The interpreter of workers without requirements.
    own = sys.executable

    def __init__(
        self,
        folder: Path,
        *,
        allow: bool = False,
        index: str = "",
        hashes: bool = True,
        run: Run | None = None,
    ) -> None:
        self._folder = folder
        self._allow, self._index, self._hashes = allow, index, hashes
        self._run = run or run_logged

    def python(self, sha256: str) -> Path | None:
        """Return the interpreter of an environment that is there; None: it is not.

        Raises:
            NoEnvironment: ``sha256`` is none.
        """
        path = self._path(sha256) / "bin" / "python"
        return path if path.exists() else None

    def make(self, sha256: str, text: bytes) -> None:
        """Make the environment of a requirements file.

        Args:
            sha256: of ``text``.
            text: the file.

        Raises:
            NoEnvironment: it is not allowed, or pip failed.
            OSError: the disk is full.
        """
        if not self._allow:
            raise NoEnvironment(
                "this host installs no requirements (supervisor.requirements.allow is false)"
            )
        if hashlib.sha256(text).hexdigest() != sha256:
            raise NoEnvironment(f"the requirements are not those of sha256 {sha256:.16}")
        path = self._path(sha256)
        building = path.with_name(path.name + ".tmp")
        shutil.rmtree(building, ignore_errors=True)
        log = path.with_name(path.name + ".log")
        log.unlink(missing_ok=True)
        file = path.with_name(path.name + ".txt")
        file.write_bytes(text)
        try:
            self._build(building, file, log)
            os.replace(building, path)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _build(self, path: Path, file: Path, log: Path) -> None:
        # By the name it will have: scripts and pyvenv.cfg hold paths, but nothing we run does.
        self._step([sys.executable, "-m", "venv", "--without-pip", str(path)], log)
        self._see_own_packages(path)
        command = [
            sys.executable, "-m", "pip", f"--python={path / 'bin' / 'python'}", "install",
            "--no-input", "--disable-pip-version-check", "--no-warn-script-location",
            "--ignore-installed", "-r", str(file),
        ]  # fmt: skip
        if self._hashes:
            command.append("--require-hashes")
        if self._index:
            command.append(f"--index-url={self._index}")
        self._step(command, log)

    def _see_own_packages(self, path: Path) -> None:
        """Let the environment see our packages behind its own, editable installs as well."""
        site = next(path.glob("lib/python*/site-packages"), None)
        if site is None:
            raise NoEnvironment(f"venv made no site-packages in {path}")
        own = sysconfig.get_path("purelib")
        (site / "waterspout-host.pth").write_text(
            f"import site; site.addsitedir({own!r})\n", "utf-8"
        )

    def _step(self, command: Sequence[str], log: Path) -> None:
        try:
            self._run(command, log)
        except subprocess.CalledProcessError as error:
            how = f"exit code {error.returncode}"
        except subprocess.TimeoutExpired:
            how = f"not done after {INSTALL_LIMIT_S:g} s"
        else:
            return
        raise NoEnvironment(
            f"requirements cannot be installed ({how}, see {log}):\n{_last_lines(log)}"
        )

    def _path(self, sha256: str) -> Path:
        if not (len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")):
            raise NoEnvironment(f"{sha256!r:.80} is not a sha256")
        return self._folder / sha256


def run_logged(command: Sequence[str], log: Path) -> None:
    """Run a command with its output added to ``log``.

    Raises:
        CalledProcessError: it failed.
        TimeoutExpired: it took too long, and was killed.
    """
    with open(log, "ab") as output:
        subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_LIMIT_S,
            check=True,
        )


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LINES_TOLD:])
