"""A cluster with keys over hosts of ``net``, used with the commands of docs/cluster.md."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..process.word_count import WATERSPOUT, wait_for
from .net import Net

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cluster.md"
#: Nothing here takes nearly so long, unless it hangs.
LIMIT_S = 60.0

COMPONENTS = '''\
import os
import time

from waterspout.bolts import Bolt


class Note(Bolt):
    """Appends each number to a file of its task, at once."""

    def __init__(self, folder, pause_s=0.0):
        self.folder, self.pause_s = folder, pause_s

    def prepare(self, context):
        path = f"{self.folder}/noted-{context.index}"
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def process(self, tup):
        if self.pause_s:
            time.sleep(self.pause_s)
        os.write(self.file, f"{tup['n']}\\n".encode())
'''

TOPOLOGY = """\
name: numbers
workers: 3
spouts:
  numbers: {{class: Sequence, args: {{count: {count}, partitions: 3}}, parallelism: 3}}
bolts:
  pass:
    class: Filter
    args: {{function: "components:every", fields: [n]}}
    inputs: [numbers]
    parallelism: 3
  note:
    class: components:Note
    args: {{folder: {folder}, pause_s: {pause_s}}}
    inputs: [{{from: pass, grouping: fields, fields: [n]}}]
    parallelism: 3
settings: {{message_timeout: 5s, round_interval: 500ms, link_timeout: 4s, max_pending: 500}}
"""


def page_commands() -> list[list[str]]:
    """Return the five commands of the page, as words."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)
    return [shlex.split(line) for block in blocks for line in block.strip().splitlines()]


class HostsCluster:
    """Daemons on hosts a, b, c; a fourth host is the operator's machine.

    Args:
        folder: for all of their files; each host has folders of its own in it.
        lease: of hosts.
    """

    def __init__(self, folder: Path, lease: str = "3s") -> None:
        self.folder, self.lease = folder, lease
        self.hosts = ("a", "b", "c")
        self.net = Net(*self.hosts, "op")
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.endpoint = f"{self.net.address['a']}:7461"
        self.call("keygen", "keys", "--hosts", "a,b,c", options=False)

    def environ(self, host: str) -> dict[str, str]:
        home = self.folder / f"home-{host}"
        home.mkdir(exist_ok=True)
        return {
            **os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
        }  # fmt: skip

    def start(self, daemon: str, host: str, *words: str) -> None:
        """Start a daemon on a host; returns at once."""
        command = self.net.command(host, [*WATERSPOUT, *words])
        with open(self.folder / f"{daemon}.log", "ab") as log:
            self.daemons[daemon] = subprocess.Popen(
                command, cwd=self.folder, env=self.environ(host), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def coordinator(self) -> None:
        self.start(
            "coordinator", "a", "coordinator", "--bind", f"tcp://{self.endpoint}",
            "--keys", "keys/coordinator", "--lease", self.lease,
        )  # fmt: skip

    def supervisor(self, host: str) -> None:
        self.start(
            host, host, "supervisor", "--coordinator", f"tcp://{self.endpoint}",
            "--keys", f"keys/{host}", "--slots", "3",
        )  # fmt: skip

    def up(self) -> HostsCluster:
        """Start everything, and wait until the hosts are there."""
        self.coordinator()
        for host in self.hosts:
            self.supervisor(host)
        wait_for(lambda: self.hosts_up() == set(self.hosts), "the hosts", LIMIT_S)
        return self

    def kill(self, daemon: str) -> None:
        """Kill a daemon, as a crash does."""
        self.daemons[daemon].kill()
        self.daemons[daemon].wait()

    def call(
        self, *words: str, options: bool = True, host: str = "op", code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line on a host; ``code``: that it must end with, None: any."""
        more = ["--coordinator", self.endpoint, "--keys", "keys/admin"] if options else []
        done = subprocess.run(
            self.net.command(host, [*WATERSPOUT, *words, *more]), cwd=self.folder,
            env=self.environ(host), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=2 * LIMIT_S,
        )  # fmt: skip
        if code is not None:
            said = f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
            assert done.returncode == code, said
        return done

    def status(self, name: str | None = None) -> dict[str, Any]:
        """Return the status, {} while nobody answers."""
        done = self.call("status", *([name] if name else []), "--json", code=None)
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return found

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return what happened, to a topology or to all; ``at`` is by the coordinator's clock."""
        done = self.call("events", *([name] if name else []), "--limit", "1000", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def waited_for_cores(self) -> dict[int, float]:
        """Return pid -> seconds for which its thread that waited most was ready, but had no core.

        What a machine that has other things to do adds to whatever is measured here.
        """
        found = {}
        for host in self.hosts:
            for pid in self.net.pids(host):
                delays = [0.0]
                for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                    with suppress(OSError):
                        delays.append(int(path.read_text().split()[1]) / 1e9)
                found[pid] = max(delays)
        return found

    def hosts_up(self) -> set[str]:
        """Return the hosts that are up."""
        return {row["host"] for row in self.status().get("hosts", ()) if row["state"] == "up"}

    def close(self) -> None:
        """End everything."""
        for daemon in self.daemons.values():
            if daemon.poll() is None:
                os.killpg(daemon.pid, signal.SIGCONT)
        self.net.close()
        for daemon in self.daemons.values():
            daemon.wait()


class Numbers:
    """Numbers through the cluster: which came out, and whether first unacked ever goes back."""

    def __init__(self, cluster: HostsCluster, count: int, pause_s: float = 0.001) -> None:
        self.cluster, self.count = cluster, count
        self.folder = cluster.folder / "topology"
        self.folder.mkdir()
        self.write(pause_s)
        self.went_back: list[str] = []
        self._first: dict[str, int] = {}
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def write(self, pause_s: float) -> None:
        """Write the topology and its code."""
        (self.folder / "components.py").write_text(
            COMPONENTS + "\n\ndef every(n):\n    return True\n"
        )
        text = TOPOLOGY.format(count=self.count, folder=self.folder, pause_s=pause_s)
        (self.folder / "numbers.yaml").write_text(text)

    def submit(self) -> None:
        self.cluster.call("submit", str(self.folder / "numbers.yaml"))
        self._watcher.start()

    def _watch(self) -> None:
        while not self._ending.wait(0.2):
            for row in self.row().get("spouts", ()):
                first = row["first_unacked"]
                if first is None:
                    continue
                known = self._first.get(first["partition"], 0)
                if first["position"] < known:
                    self.went_back.append(f"{first['partition']}: {known} {first['position']}")
                self._first[first["partition"]] = max(known, first["position"])

    def row(self) -> dict[str, Any]:
        """Return the topology's row, {} while nobody answers."""
        rows = self.cluster.status("numbers").get("topologies", ())
        return dict(rows[0]) if rows else {}

    def noted(self) -> Counter[int]:
        """Return how often each number came out."""
        found: Counter[int] = Counter()
        for path in self.folder.glob("noted-*"):
            found.update(map(int, path.read_text().split()))
        return found

    def middle(self) -> None:
        """Wait until a part of the numbers came out."""
        wait_for(lambda: len(self.noted()) > self.count // 10, "the middle of the run", LIMIT_S)

    def more(self, numbers: int = 100) -> None:
        """Wait until more numbers come out than do now."""
        now = len(self.noted())
        wait_for(lambda: len(self.noted()) >= min(now + numbers, self.count), "more", LIMIT_S)

    def whole(self) -> None:
        """Wait for the end: every number came out, and first unacked never went back."""
        try:
            wait_for(lambda: self.row().get("life") == "ended", "the end", 2 * LIMIT_S)
        finally:
            self.stop()
        row = self.row()
        assert row["outcome"] == "finished", row["reason"]
        assert self.noted().keys() == set(range(self.count)), "numbers were lost"
        assert self.went_back == []

    def stop(self) -> None:
        """End the watcher."""
        self._ending.set()
        if self._watcher.is_alive():
            self._watcher.join()


