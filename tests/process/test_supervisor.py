"""A supervisor as a process, with real workers, against a coordinator that follows a script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from waterspout.supervisor.cluster.host_link import SILENT_S
from waterspout.supervisor.cluster.host_protocol import WishWorker, problem_from_supervisor
from waterspout.supervisor.control_wire import pack, unpack

ID = "words-0a1b2c"
WAIT_S = 30.0
#: Far less than anything that waits for a limit, also on a busy machine.
AT_ONCE_S = 15.0
_MAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path
from waterspout.supervisor.cluster.supervisor_command import run_supervisor
from waterspout.supervisor.cluster.supervisor_config import SupervisorConfig
config = SupervisorConfig(
    coordinator=sys.argv[1], data=Path(sys.argv[2]), name="a", insecure=True, slots=2,
    **json.loads(sys.argv[3]),
)
try:
    sys.exit(run_supervisor(config, lambda: replace(config, **json.loads(sys.argv[4]))))
except Exception as error:
    sys.exit(str(error))
"""

Rows = list[dict[str, Any]]


class Host:
    """A supervisor process and the coordinator that it sees."""

    def __init__(self, folder: Path) -> None:
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self._endpoint = f"tcp://127.0.0.1:{port}"
        self.data, self._log = folder / "data", folder / "supervisor.log"
        self._route, self._beat, self._wished_at = b"", 0, 0.0
        #: A connection that nothing is said on any more.
        self._forgotten = b""
        self.term, self.token = 5, (1 << 63) - 1
        self.hello: dict[str, Any] = {}
        self._version, self._wish = 0, [WishWorker(ID, 0, 0)][:0]
        self.hellos, self.leaving, self.labels = 0, False, {}
        self.relayed: list[tuple[tuple[str, int, int], dict[str, Any]]] = []
        self.process = self.start()

    def command(self, **settings: Any) -> list[str]:
        """Return the command of a supervisor; ``reloaded`` are settings after a SIGHUP."""
        after = settings.pop("reloaded", {})
        texts = map(json.dumps, (settings, after))
        return [sys.executable, "-c", _MAIN, self._endpoint, str(self.data), *texts]

    def start(self, **settings: Any) -> subprocess.Popen[bytes]:
        """Start a supervisor."""
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(self.command(**settings), stderr=log)
        return self.process

    def restart(self, **settings: Any) -> None:
        """Kill it and start another."""
        self.process.kill()
        self.process.wait()
        self.start(**settings)

    def wish(self, *workers: WishWorker) -> None:
        """Wish for these workers from now on."""
        self._wish, self._version, self._wished_at = list(workers), self._version + 1, 0.0

    def until(self, seen: Callable[[Rows], bool], *, version: bool = True) -> Rows:
        """Serve until a beat shows what is waited for; return its rows."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            rows = self.serve(version=version)
            if rows is not None and seen(rows):
                return rows
        raise AssertionError(f"not seen in {WAIT_S} s; {self._log.read_text()[-2000:]}")

    def serve(self, *, version: bool = True) -> Rows | None:
        """Take a message and say what there is to say; return the rows of a beat."""
        rows = None
        if self._router.poll(20):
            rows = self._take(*self._router.recv_multipart(), version)
        self._say_wish()
        return rows

    def _take(self, route: bytes, data: bytes, version: bool) -> Rows | None:
        message = unpack(data)
        assert problem_from_supervisor(message) is None, problem_from_supervisor(message)
        match message["kind"]:
            case "hello" if route != self._forgotten:
                self._route, self._wished_at = route, 0.0
                self.hellos += 1
                self.hello = message
                self.labels = message["labels"]
                self._send({
                    "kind": "welcome", "term": self.term, "token": self.token, "lease_s": 10.0,
                    "beat_s": 0.2, "blob_endpoint": "tcp://127.0.0.1:1", "wall": 1.0,
                })  # fmt: skip
            case "relay":
                for id, worker, incarnation, envelope in message["items"]:
                    self.relayed.append(((id, worker, incarnation), unpack(envelope)))
            case "beat" if not version or message["version"] == self._version:
                self.leaving = message["leaving"]
                rows: Rows = message["workers"]
                return rows
        return None

    def _say_wish(self) -> None:
        if self._route and self._version and time.monotonic() > self._wished_at + 0.2:
            self._beat += 1
            rows = [worker.to_wire() for worker in self._wish]
            wish = {"kind": "wish", "term": self.term, "version": self._version, "beat": self._beat}
            self._send({**wish, "workers": rows})
            self._wished_at = time.monotonic()

    def _send(self, message: dict[str, Any]) -> None:
        self._router.send_multipart([self._route, pack(message)])

    def say_wish_once(self) -> None:
        """Say the wish, and do not wait for an answer."""
        self._wished_at = 0.0
        self._say_wish()

    def said(self) -> str:
        """What the supervisor has logged."""
        return self._log.read_text()

    def forget_route(self) -> float:
        """Say nothing more on this connection; return when the last word was said."""
        self._route, self._forgotten = b"", self._route
        return self._wished_at

    def dialled_anew(self) -> bool:
        """Whether the supervisor said hello on another connection than the forgotten one."""
        return self._route not in {b"", self._forgotten}

    def close(self) -> None:
        """End everything."""
        self.process.kill()
        self.process.wait()
        for process in psutil.process_iter():
            try:
                if any(str(self.data) in word for word in process.cmdline()):
                    process.kill()
            except psutil.Error:
                continue
        self._router.close(linger=0)
        self._context.term()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.close()


def worker(incarnation: int, **more: Any) -> WishWorker:
    return WishWorker(ID, 0, incarnation, name="words", bytes_max=1 << 20, **more)


def runs(rows: Rows) -> bool:
    return any(row["state"] == "running" for row in rows)


def exited(rows: Rows) -> bool:
    return any(row["state"] == "exited" for row in rows)


def test_a_supervisor_that_is_killed_finds_its_workers_again(host: Host) -> None:
    """F04: they go on, and the next supervisor carries what they say."""
    host.wish(worker(7))
    (row,) = host.until(runs)
    assert host.relayed[0][1]["kind"] == "register"
    assert host.relayed[0][1]["endpoint"].startswith("tcp://127.0.0.1:")
    pid = row["pid"]
    host.process.kill()
    host.process.wait()
    assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    host.relayed.clear()
    host.start()
    (again,) = host.until(runs)
    assert (again["pid"], again["created"]) == (pid, row["created"])
    assert host.hellos == 2
    host.until(lambda rows: any(message["kind"] == "report" for _, message in host.relayed))
    # It ends although this supervisor did not start it, and a new one takes its place.
    os.kill(pid, signal.SIGKILL)
    (gone,) = host.until(exited)
    assert "earlier supervisor" in gone["exit"]["reason"]
    host.wish(worker(8))
    (row,) = host.until(runs)
    assert (row["incarnation"], row["pid"] != pid) == (8, True)


def test_an_exit_is_told_and_what_is_not_wished_is_gone(host: Host) -> None:
    """F03."""
    host.wish(worker(7))
    (row,) = host.until(runs)
    began = time.monotonic()
    os.kill(row["pid"], signal.SIGKILL)
    (row,) = host.until(exited)
    assert time.monotonic() - began < AT_ONCE_S
    assert row["exit"]["reason"] == "killed by signal 9 (SIGKILL)"
    host.wish(worker(8))
    (row,) = host.until(runs)
    host.wish()
    assert host.until(lambda rows: not rows) == []
    assert not psutil.pid_exists(row["pid"])
    assert sorted(os.listdir(host.data / "topologies" / ID / "slots")) == []


def test_a_worker_that_ended_while_nobody_looked_is_told_of(host: Host) -> None:
    """F04."""
    host.wish(worker(7))
    (row,) = host.until(runs)
    host.process.kill()
    host.process.wait()
    os.kill(row["pid"], signal.SIGKILL)
    host.start()
    (gone,) = host.until(exited)
    assert gone["exit"]["reason"] == "ended while its supervisor was away"


def test_a_coordinator_that_falls_silent_is_dialled_anew_and_workers_go_on(host: Host) -> None:
    """F08."""
    host.wish(worker(7))
    (row,) = host.until(runs)
    said_at = host.forget_route()
    (again,) = host.until(lambda rows: host.dialled_anew() and runs(rows))
    assert time.monotonic() - said_at > SILENT_S
    assert again["pid"] == row["pid"]


def test_a_second_supervisor_on_one_folder_is_refused(host: Host) -> None:
    """F16."""
    host.wish(worker(7))
    host.until(runs)
    second = subprocess.run(
        host.command(),
        capture_output=True, text=True, check=False, timeout=WAIT_S,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"another supervisor (pid {host.process.pid})" in second.stderr.splitlines()[-1]


def test_a_worker_over_the_hosts_memory_limit_is_killed(host: Host) -> None:
    """F14."""
    host.restart(worker_memory_max=1 << 20)
    host.wish(worker(7))
    (row,) = host.until(exited)
    assert "over its limit of 1 MiB" in row["exit"]["reason"]


def test_a_worker_ends_in_order_at_a_sigterm(host: Host) -> None:
    host.wish(worker(7))
    (row,) = host.until(runs)
    began = time.monotonic()
    os.kill(row["pid"], signal.SIGTERM)
    (row,) = host.until(exited)
    assert time.monotonic() - began < AT_ONCE_S
    assert row["exit"]["reason"] == "ended by a SIGTERM"


def test_workers_of_a_supervisor_that_never_comes_back_end_by_themselves(host: Host) -> None:
    """F04, F05: while it is away for less than orphan_timeout they go on."""
    host.restart(orphan_timeout_s=6.0)
    host.wish(worker(7))
    (row,) = host.until(runs)
    process = psutil.Process(row["pid"])
    host.restart(orphan_timeout_s=6.0)
    host.until(runs)
    gone_at = time.monotonic()
    host.process.kill()
    host.process.wait()
    process.wait(WAIT_S)
    # It counts from the last report that the supervisor took, some time before that.
    assert time.monotonic() - gone_at > 3.0
    (log,) = (host.data / "topologies" / ID / "logs").glob("*.log")
    assert "worker ends: its supervisor was gone for too long" in log.read_text()
    host.start()
    (gone,) = host.until(exited)
    assert gone["exit"]["reason"] == "ended while its supervisor was away"


def test_sigterm_ends_the_supervisor_at_once_and_leaves_its_workers(host: Host) -> None:
    host.wish(worker(7))
    (row,) = host.until(runs)
    began = time.monotonic()
    host.process.terminate()
    assert host.process.wait(WAIT_S) == 0
    assert time.monotonic() - began < AT_ONCE_S
    assert psutil.Process(row["pid"]).status() != psutil.STATUS_ZOMBIE


def test_a_supervisor_that_is_to_drain_ends_when_its_workers_have_moved_away(host: Host) -> None:
    host.restart(drain_on_stop=True)
    host.wish(worker(7))
    host.until(runs)
    host.process.terminate()
    host.until(lambda rows: host.leaving and runs(rows))
    assert host.process.poll() is None
    host.wish()
    host.say_wish_once()
    assert host.process.wait(WAIT_S) == 0


def test_sighup_takes_new_settings_and_tells_the_coordinator(host: Host) -> None:
    host.restart(reloaded={"labels": {"disk": "ssd"}, "worker_memory_max": 1 << 20, "slots": 9})
    host.wish(worker(7))
    host.until(runs)
    assert host.labels == {}
    host.process.send_signal(signal.SIGHUP)
    (row,) = host.until(exited)
    assert "over its limit" in row["exit"]["reason"]
    assert host.labels == {"disk": "ssd"}
    assert "setting slots changed: needs a restart" in host.said()


def test_a_worker_whose_classes_are_not_allowed_is_never_started(host: Host) -> None:
    host.wish(worker(7, classes=("os:system",)))
    (row,) = host.until(lambda rows: any(row["state"] == "fatal" for row in rows))
    assert "standard library" in row["why"]
    assert row["pid"] is None


def test_an_older_copy_of_the_coordinator_is_refused_while_workers_run(host: Host) -> None:
    """And taken when there are none: nothing is there that it could confuse."""
    host.wish(worker(7))
    host.until(runs)
    host.restart()
    (row,) = host.until(runs)
    assert (host.hello["term"], host.hello["token"]) == (host.term, host.token), "kept on disk"
    host.term = 2
    host.forget_route()
    end = time.monotonic() + WAIT_S
    while "its data is an older copy" not in host.said():
        host.serve()
        assert time.monotonic() < end, host.said()
    assert psutil.pid_exists(row["pid"])
    os.kill(row["pid"], signal.SIGTERM)
    host.wish(worker(8))
    (row,) = host.until(runs)
    assert row["incarnation"] == 8
