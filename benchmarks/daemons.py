"""A cluster of real daemons on loopback for the figures of the cluster; leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from waterspout.supervisor.cluster.client import Client, RequestRefused, Unreachable
from waterspout.supervisor.cluster.client_connection import ClientOptions, connect

from .bytecode import environment
from .engine import PROGRAM, ROOT, TOPOLOGIES, RunFailed
from .marks import FOLDER_VARIABLE, named, read_marks


class Daemons:
    """A coordinator and supervisors; a context manager.

    Args:
        hosts: names of the supervisors.
        slots: workers of each.
        secure: with keys; False: without.
        lease: of hosts.
    """

    def __init__(
        self, hosts: tuple[str, ...] = ("a", "b", "c"), *, slots: int = 2, secure: bool = True,
        lease: str = "10s",
    ) -> None:  # fmt: skip
        self._folder = tempfile.TemporaryDirectory(prefix="waterspout-bench-")
        self.folder = Path(self._folder.name)
        self.marks_folder = self.folder / "marks"
        self.marks_folder.mkdir()
        self.hosts, self._slots, self._secure, self._lease = hosts, slots, secure, lease
        self.endpoint = f"tcp://127.0.0.1:{_free_ports()}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Daemons:
        if self._secure:
            self.call("keygen", "keys", "--hosts", ",".join(self.hosts), options=False)
        self.start_coordinator()
        for host in self.hosts:
            self.start_supervisor(host)
        self.wait(lambda: len(self.hosts_up()) == len(self.hosts), "the hosts")
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        for worker in self.workers():
            worker.kill()
        self._folder.cleanup()

    def start_coordinator(self) -> None:
        """Start the coordinator; returns at once."""
        self._start(
            "coordinator", "coordinator", "--bind", self.endpoint, "--lease", self._lease,
            "--data", str(self.folder / "coordinator"), *self._keys("coordinator"),
        )  # fmt: skip

    def start_supervisor(self, host: str) -> None:
        """Start a supervisor; returns at once."""
        name = [] if self._secure else ["--name", host]
        self._start(
            host, "supervisor", "--coordinator", self.endpoint, "--slots", str(self._slots), *name,
            "--allow", "benchmarks", "--data", str(self.folder / host), *self._keys(host),
        )  # fmt: skip

    def _keys(self, name: str) -> list[str]:
        return ["--keys", str(self.folder / "keys" / name)] if self._secure else ["--insecure"]

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return {
            **environment(), FOLDER_VARIABLE: str(self.marks_folder), "PYTHONPATH": path,
            "WATERSPOUT_ALLOW": "benchmarks", "XDG_STATE_HOME": str(self.folder / "state"),
        }  # fmt: skip

    def _start(self, daemon: str, *words: str) -> None:
        with open(self.folder / f"{daemon}.log", "ab") as log:
            self.processes[daemon] = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *words], cwd=self.folder, env=self._environment(),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def call(self, *words: str, options: bool = True) -> str:
        """Run the command line; return its output.

        Raises:
            RunFailed: it ended badly.
        """
        more = ["--coordinator", self.endpoint, *self._keys("admin")] if options else []
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words, *more], cwd=self.folder,
            env=self._environment(), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if done.returncode:
            raise RunFailed(f"{words}: {done.stderr[-1000:]}")
        return done.stdout

    def submit(self, topology: str, *sets: str) -> None:
        """Submit one of the benchmarks' topologies; returns when it runs."""
        more = [part for each in sets for part in ("--set", each)]
        self.call("submit", str(TOPOLOGIES / topology), *more)

    def client(self) -> Client:
        """Return a client; the caller closes it."""
        keys = self.folder / "keys" / "admin" if self._secure else None
        return connect(ClientOptions(self.endpoint, keys, insecure=not self._secure))

    def status(self) -> dict[str, Any]:
        """Return the status, {} when nobody answers."""
        with self.client() as client:
            try:
                found: dict[str, Any] = client.ask({"kind": "status", "name": None}, 2.0)["status"]
            except (Unreachable, RequestRefused):
                return {}
        return found

    def hosts_up(self) -> list[str]:
        """Return the hosts that are up."""
        return [row["host"] for row in self.status().get("hosts", ()) if row["state"] == "up"]

    def workers(self, host: str = "") -> list[psutil.Process]:
        """Return the worker processes of a host, or all."""
        where = str(self.folder / host)
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if any("--worker=" in part for part in line) and any(where in part for part in line):
                found.append(process)
        return found

    def marks(self, name: str) -> list[dict[str, Any]]:
        """Return the marks called ``name``, oldest first."""
        return named(read_marks(self.marks_folder), name)

    def wait(self, look: Any, what: str, limit_s: float = 60.0) -> Any:
        """Return what ``look`` finds as soon as it is true."""
        end_s = time.monotonic() + limit_s
        while not (found := look()):
            if time.monotonic() > end_s:
                logs = [path.read_text()[-500:] for path in self.folder.glob("*.log")]
                raise RunFailed(f"waited in vain for {what}: {logs}")
            time.sleep(0.02)
        return found


def _free_ports() -> int:
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port: int = one.getsockname()[1]
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except (OSError, OverflowError):
                continue
