"""Hosts as network namespaces on a bridge that leads nowhere else.

    +-------------------- namespace wsPID-sw: the bridge ---------------------+
    |   10.203.N.1            10.203.N.2            10.203.N.3                |
    +------- | ------------------- | -------------------- | ------------------+
        wsPID-a               wsPID-b                wsPID-c

Nothing is bound to the machine's own network, and there is no route out: what these hosts send
reaches these hosts only. Needs root and iproute2; loss of packets needs iptables' statistic match.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil


class NoHosts(Exception):
    """This machine cannot make hosts; the text says what is missing."""


def _run(*words: str, check: bool = True) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    if check and done.returncode:
        raise NoHosts(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def missing() -> str:
    """Return why hosts cannot be made here, "" when they can."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces: run the tests with sudo"
    if shutil.which("ip") is None:
        return "needs the ip command: apt-get install iproute2"
    name = f"ws{os.getpid()}-try"
    try:
        _run("ip", "netns", "add", name)
        _run("ip", "-n", name, "link", "add", "name", "probe", "type", "bridge")
    except NoHosts as why:
        return f"needs network namespaces ({why}): in a container, run that --privileged"
    finally:
        _run("ip", "netns", "del", name, check=False)
    return ""


def can_lose_packets() -> bool:
    """Say whether iptables is here; its statistic match comes with it."""
    return shutil.which("iptables") is not None


class Net:
    """Hosts that can reach each other, until they are cut.

    Args:
        hosts: their names.
    """

    def __init__(self, *hosts: str) -> None:
        _sweep()
        self._prefix = f"ws{os.getpid()}-"
        self._switch = f"{self._prefix}sw"
        self.address = {name: f"10.203.0.{number}" for number, name in enumerate(hosts, 1)}
        _run("ip", "netns", "add", self._switch)
        self._in_switch("link", "add", "name", "switch", "type", "bridge")
        self._in_switch("link", "set", "switch", "up")
        for name in hosts:
            self._add(name)

    def _add(self, name: str) -> None:
        space = self.space(name)
        _run("ip", "netns", "add", space)
        self._in_switch("link", "add", "name", f"to-{name}", "type", "veth", "peer", "name", "eth0",
                        "netns", space)  # fmt: skip
        self._in_switch("link", "set", f"to-{name}", "master", "switch", "up")
        _run("ip", "-n", space, "address", "add", f"{self.address[name]}/24", "dev", "eth0")
        for link in ("eth0", "lo"):
            _run("ip", "-n", space, "link", "set", link, "up")

    def _in_switch(self, *words: str) -> None:
        _run("ip", "-n", self._switch, *words)

    def space(self, name: str) -> str:
        """Return the namespace of a host."""
        return f"{self._prefix}{name}"

    def command(self, host: str, argv: Sequence[str]) -> list[str]:
        """Return a command that runs on a host."""
        return ["ip", "netns", "exec", self.space(host), *argv]

    # What can go wrong with a network.

    def cut(self, host: str) -> None:
        """Pull its cable."""
        self._in_switch("link", "set", f"to-{host}", "down")

    def mend(self, host: str) -> None:
        """Plug it in again."""
        self._in_switch("link", "set", f"to-{host}", "up")

    def cut_way(self, source: str, target: str) -> None:
        """Lose everything that ``source`` sends to ``target``; the other way goes on."""
        where = f"{self.address[target]}/32"
        _run("ip", "-n", self.space(source), "route", "add", "blackhole", where)

    def mend_way(self, source: str, target: str) -> None:
        """Have it arrive again."""
        where = f"{self.address[target]}/32"
        _run("ip", "-n", self.space(source), "route", "del", "blackhole", where)

    def reset(self, host: str) -> None:
        """Break every connection of a host that crosses the network."""
        _run(*self.command(host, ["ss", "-K", "dst", "10.203.0.0/24"]))

    def lose(self, host: str, share: float) -> None:
        """Lose a share of the packets that come to a host, at random."""
        self._rule(host, "-A", share)

    def lose_no_more(self, host: str, share: float) -> None:
        """End ``lose``."""
        self._rule(host, "-D", share)

    def _rule(self, host: str, what: str, share: float) -> None:
        match = ["-m", "statistic", "--mode", "random", "--probability", f"{share}"]
        _run(*self.command(host, ["iptables", what, "INPUT", "-i", "eth0", *match, "-j", "DROP"]))

    def pids(self, host: str) -> list[int]:
        """Return the processes of a host."""
        return _pids(self.space(host))

    def kill_host(self, host: str) -> None:
        """Have a host gone: its processes, its cable."""
        self.cut(host)
        _kill_all(self.space(host))

    def close(self) -> None:
        """Remove all hosts and what runs on them."""
        for name in [*self.address, "sw"]:
            _kill_all(self.space(name))
            _run("ip", "netns", "del", self.space(name), check=False)


def _pids(space: str) -> list[int]:
    return list(map(int, _run("ip", "netns", "pids", space, check=False).split()))


def _kill_all(space: str) -> None:
    for pid in _pids(space):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _sweep() -> None:
    """Remove what runs that were killed left behind."""
    folder = Path("/run/netns")
    for path in folder.glob("ws*-*") if folder.is_dir() else ():
        owner = path.name[2:].partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            _kill_all(path.name)
            _run("ip", "netns", "del", path.name, check=False)
