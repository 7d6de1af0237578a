"""A cluster of real daemons on this machine: a coordinator, and supervisors in own folders."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import psutil
from waterspout.supervisor.cluster.client import RequestRefused, Unreachable
from waterspout.supervisor.cluster.client_connection import ClientOptions, connect

from .word_count import LIMIT_S, WATERSPOUT, wait_for


def free_ports() -> int:
    """Return a port of loopback that is free, as is the next one."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port: int = one.getsockname()[1]
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except (OSError, OverflowError):
                continue


class LoopbackCluster:
    """Starts and kills daemons, and asks them with the command line.

    Args:
        folder: for all of their files.
        secure: with keys of ``keygen``; False: ``--insecure``.
        lease: of hosts; by default longer than anything takes on a busy machine.
    """

    def __init__(self, folder: Path, *, secure: bool = False, lease: str = "15s") -> None:
        self.folder, self.secure, self.lease = folder, secure, lease
        #: Text of the supervisors' settings.
        self.settings = ""
        self.endpoint = f"tcp://127.0.0.1:{free_ports()}"
        self.environ = {
            **os.environ,
            "XDG_STATE_HOME": str(folder / "state-home"),
            "XDG_CONFIG_HOME": str(folder / "config-home"),
            "WATERSPOUT_COORDINATOR": self.endpoint,
        }
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        if secure:
            self.call("keygen", str(folder / "keys"), "--hosts", "a,b,c", asks=False)

    def keys(self, name: str) -> list[str]:
        """Return the options that say which key is used."""
        return ["--keys", str(self.folder / "keys" / name)] if self.secure else ["--insecure"]

    def coordinator(self) -> subprocess.Popen[bytes]:
        """Start the coordinator; returns at once."""
        return self._start(
            "coordinator", "--bind", self.endpoint, "--lease", self.lease,
            "--data", str(self.folder / "coordinator"), *self.keys("coordinator"),
        )  # fmt: skip

    def supervisor(self, name: str, slots: int = 2) -> subprocess.Popen[bytes]:
        """Start the supervisor of host ``name``; returns at once."""
        named = [] if self.secure else ["--name", name]
        if self.settings:
            (self.folder / "cluster.yaml").write_text(self.settings)
            named += ["--config", str(self.folder / "cluster.yaml")]
        return self._start(
            "supervisor", "--coordinator", self.endpoint, "--slots", str(slots), *named,
            "--data", str(self.folder / f"host-{name}"), *self.keys(name), daemon=name,
        )  # fmt: skip

    def _start(self, *words: str, daemon: str = "coordinator") -> subprocess.Popen[bytes]:
        with open(self.folder / f"{daemon}.log", "ab") as log:
            self.daemons[daemon] = subprocess.Popen(
                [*WATERSPOUT, *words], cwd=self.folder, env=self.environ, stderr=log, stdout=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return self.daemons[daemon]

    def up(self, *hosts: str, slots: int = 2) -> LoopbackCluster:
        """Start everything, and wait until the hosts are there."""
        self.coordinator()
        for host in hosts:
            self.supervisor(host, slots)
        wait_for(lambda: self._hosts_or_dead(set(hosts)), f"hosts {hosts}")
        return self

    def _hosts_or_dead(self, hosts: set[str]) -> bool:
        for name, daemon in self.daemons.items():
            log = (self.folder / f"{name}.log").read_text()
            assert daemon.poll() is None, f"{name} has ended:\n{log}"
        return self.hosts_up() == hosts

    def kill(self, daemon: str) -> None:
        """Kill a daemon, as a crash does."""
        self.daemons[daemon].kill()
        self.daemons[daemon].wait()

    def call(
        self, *words: str, asks: bool = True, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line; ``code`` is the exit code it must have, None: any."""
        options = self.keys("admin") if asks else []
        done = subprocess.run(
            [*WATERSPOUT, *words, *options], cwd=self.folder, env=self.environ,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3 * LIMIT_S,
        )  # fmt: skip
        if code is not None:
            said = f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
            assert done.returncode == code, said
        return done

    def status(self, name: str | None = None) -> dict[str, Any]:
        """Return the status, {} while nobody answers or the topology is not known."""
        keys = self.folder / "keys" / "admin" if self.secure else None
        with connect(ClientOptions(self.endpoint, keys, insecure=not self.secure)) as client:
            try:
                found = client.ask({"kind": "status", "name": name}, timeout_s=5.0)["status"]
            except (Unreachable, RequestRefused):
                return {}
        return dict(found)

    def hosts_up(self) -> set[str]:
        """Return the hosts that are up."""
        return {row["host"] for row in self.status().get("hosts", ()) if row["state"] == "up"}

    def topology(self, name: str) -> dict[str, Any]:
        """Return the row of a topology, {} when nobody answers."""
        rows = self.status(name).get("topologies", ())
        return dict(rows[0]) if rows else {}

    def acked(self, name: str) -> int:
        """Return how many messages of a topology are acked."""
        return sum(row["acked"] for row in self.topology(name).get("spouts", ()))

    def ended(self, name: str, limit_s: float = 2 * LIMIT_S) -> dict[str, Any]:
        """Wait until a topology has ended; return its row."""
        return wait_for(
            lambda: (row := self.topology(name)).get("life") == "ended" and row, "the end", limit_s
        )

    def workers(self, host: str | None = None) -> list[psutil.Process]:
        """Return the worker processes of a host, or of all."""
        where = str(self.folder / f"host-{host}" if host else self.folder)
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if any("--worker=" in part for part in line) and any(where in part for part in line):
                found.append(process)
        return found

    def close(self) -> None:
        """End everything that runs in the folder."""
        for daemon in self.daemons.values():
            daemon.send_signal(signal.SIGCONT)
            daemon.kill()
            daemon.wait()
        for process in self.workers():
            process.kill()
