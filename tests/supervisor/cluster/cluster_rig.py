"""A coordinator's cluster without sockets and processes: hosts and workers follow a script."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from waterspout.supervisor.cluster.cluster import Cluster
from waterspout.supervisor.cluster.cluster_store import SqliteClusterStore
from waterspout.supervisor.cluster.coordinator_config import CoordinatorConfig
from waterspout.supervisor.cluster.host_protocol import (
    problem_from_coordinator,
    problem_from_supervisor,
)
from waterspout.supervisor.cluster.requests import Requests
from waterspout.supervisor.control_session import Session
from waterspout.supervisor.control_wire import unpack
from waterspout.topology.plan import Plan

from ..plans import NUMBERS, plan_of
from .host_messages import beat_row, hello

#: How far one turn of the rig goes, in seconds.
STEP_S = 0.1


class FakeWorker:
    """A worker that registers and is ready for whatever it is told."""

    def __init__(self, worker: int, incarnation: int) -> None:
        self.worker, self.incarnation = worker, incarnation
        self.stateful: list[int] = []
        self.spouts: list[int] = []
        self.counts: dict[str, int] = {"emitted": 5, "acked": 5}
        self.session = Session(1)
        self.heard: list[str] = []
        self.messages: list[dict[str, Any]] = []
        #: Messages that may be lost, for the next turn.
        self.unnumbered: list[dict[str, Any]] = []
        self.epoch = 0
        self.going = False
        #: Messages of its own for the next turn.
        self.says: list[dict[str, Any]] = [
            {"kind": "register", "endpoint": "tcp://a:1", "pid": 1, "key": ""}
        ]
        self.answers = True
        self.state, self.exit = "running", None

    def hear(self, data: bytes, now: float) -> None:
        """Take an envelope, and think of an answer."""
        message = self.session.receive(unpack(data), now)
        self.session.handled()
        if message is None or not self.answers:
            return
        kind = message["kind"]
        self.heard.append(kind)
        self.messages.append(message)
        if kind == "assign":
            plan = Plan.from_wire(message["plan"])
            own = plan.tasks_on(self.worker)
            self.stateful = [t.task for t in own if t.task in plan.stateful_tasks()]
            self.spouts = [t.task for t in own if plan.kind(t.component) == "spout"]
        if kind in ("assign", "epoch"):
            self.epoch, self.going = message["epoch"], False
            self.says += [{"kind": each, "epoch": self.epoch} for each in ("built", "ready")]
        elif kind == "go":
            self.going = True
        elif kind == "who":
            here = {"endpoint": "tcp://a:1", "key": "", "pid": 1, "epoch": self.epoch, "round": 0}
            ready = {name: bool(self.epoch) for name in ("built", "ready")}
            self.says.append(
                {"kind": "here", **here, **ready, "going": self.going, "finishing": False}
            )
        elif kind == "drain":
            self.report(drained=True)
        elif kind == "freeze":
            self.answer("frozen", message, positions={})
        elif kind == "snapshot":
            parts = [self.part(task, message["round"]) for task in self.stateful]
            self.answer("snapshotted", message, parts=parts)
        elif kind == "durable":
            self.answer("durable_done", message)
        elif kind == "summarise":
            self.says.append({"kind": "summaries", "epoch": self.epoch, "tasks": {}})
        elif kind == "stop":
            self.end("exit code 0")

    def part(self, task: int, round: int) -> dict[str, Any]:
        """Return the part of a task."""
        file = f"epoch-{self.epoch}.round-{round}.task-{task}.part"
        return {"task": task, "file": file, "bytes": 1, "sha256": "0" * 64}

    def answer(self, kind: str, message: dict[str, Any], **fields: Any) -> None:
        """Answer a message of a round."""
        known = {"epoch": message["epoch"], "round": message["round"]}
        self.says.append({"kind": kind, **known, **fields})

    def report(self, **spout: Any) -> None:
        """Say how its spout tasks stand; counters stay until they are given anew."""
        self.counts |= {name: each for name, each in spout.items() if type(each) is int}
        entry = {"kind": "spout", "pending": 0, **self.counts, **spout}
        tasks = [{"task": task, **entry} for task in self.spouts]
        report = {"kind": "report", "epoch": self.epoch, "tasks": tasks, "errors": []}
        self.says.append(report)

    def end(self, reason: str) -> None:
        """End as a process does."""
        self.state = "exited"
        self.exit = {"reason": reason, "roots": [], "positions": {}, "drawn": {}}

    def talk(self, now: float) -> list[bytes]:
        """Return the envelopes it sends now."""
        said, self.says = self.says, []
        loose, self.unnumbered = self.unnumbered, []
        return [
            *(self.session.send(each, now) for each in said),
            *(self.session.send(each, now, numbered=False) for each in loose),
            *self.session.due(now),
        ]


class FakeHost:
    """A supervisor that does what it is wished at once."""

    def __init__(self, name: str, slots: int = 4, **more: Any) -> None:
        self.name, self.route = name, name.encode()
        self.hello = hello(name, slots=slots, **more)
        self.workers: dict[tuple[str, int, int], FakeWorker] = {}
        self.up, self.cut = False, False
        self.echo = self.version = 0
        self.answers = True
        #: What it says to what it is asked, next.
        self.answered: list[dict[str, Any]] = []
        self.log = b""

    def hear(self, message: Mapping[str, Any], now: float) -> None:
        """Take a message of the coordinator."""
        assert problem_from_coordinator(message) is None, problem_from_coordinator(message)
        match message["kind"]:
            case "welcome":
                self.up, self.echo = True, 0
            case "unknown":
                self.up = False
            case "wish":
                self.echo = message["beat"]
                if message["workers"] is not None:
                    self.version = message["version"]
                    self._wish(message["workers"])
            case "ask":
                self.answered.append({"kind": "answer", "id": message["id"], **self._told(message)})
            case "relay":
                for id, worker, incarnation, data in message["items"]:
                    if (found := self.workers.get((id, worker, incarnation))) is not None:
                        found.hear(data, now)

    def _told(self, ask: Mapping[str, Any]) -> dict[str, Any]:
        row = {"file": "worker-0.log", "inode": 7, "bytes": len(self.log)}
        match ask["what"]:
            case "log_files":
                return {"ok": True, "files": [{**row, "worker": 0, "age": 0}]}
            case "log_read":
                data = self.log[ask["offset"] :][: ask["bytes"]]
                return {"ok": True, **row, "offset": ask["offset"], "data": data}
        return {"ok": False, "error": "nothing is known"}

    def _wish(self, rows: list[dict[str, Any]]) -> None:
        wished = {(row["id"], row["worker"], row["incarnation"]): row for row in rows}
        for key in [key for key in self.workers if key not in wished]:
            del self.workers[key]
        for key, row in wished.items():
            worker = self.workers.setdefault(key, FakeWorker(*key[1:]))
            worker.answers = self.answers
            if row["kill"] and worker.exit is None:
                worker.end(row["kill"])

    def messages(self, now: float) -> list[dict[str, Any]]:
        """Return what it says in this turn."""
        if not self.up:
            return [self.hello]
        rows = [
            beat_row(id=id, worker=worker, incarnation=incarnation, state=each.state,
                     pid=None if each.exit else 1, exit=each.exit)
            for (id, worker, incarnation), each in self.workers.items()
        ]  # fmt: skip
        items = [
            [*key, data]
            for key, each in self.workers.items()
            if each.exit is None
            for data in each.talk(now)
        ]
        beat = {
            "kind": "beat", "session": self.hello["session"], "echo": self.echo,
            "version": self.version, "workers": rows, "load1": 0.0, "free_disk": 1, "log_bytes": 0,
        }  # fmt: skip
        answers, self.answered = self.answered, []
        return [beat, *([{"kind": "relay", "items": items}] if items else []), *answers]


class Rig:
    """A cluster, its hosts, and a clock."""

    def __init__(self, folder: Path, *hosts: FakeHost, **config: Any) -> None:
        self.folder = folder
        self.config = CoordinatorConfig(data=folder / "data", insecure=True, **config)
        self.hosts = {host.name: host for host in hosts}
        self.now = 1000.0
        self.rng = random.Random(5)
        self.said: list[tuple[str, dict[str, Any]]] = []
        #: Answers of streams.
        self.streamed: list[Mapping[str, Any]] = []
        self.open()

    def open(self) -> None:
        """Start the coordinator."""
        self.store = SqliteClusterStore(self.config.data / "cluster.sqlite", owner=True)
        self.cluster = Cluster(
            self.config, self.store, self.store.next_term(7), lambda: 1.7e9 + self.now,
            lambda name, fields: self.said.append((name, dict(fields))),
        )  # fmt: skip
        self.cluster.restore(self.now)
        self.requests = Requests(self.cluster, self.rng, "0.1", self.now)

    def restart(self) -> None:
        """Kill the coordinator, and start it anew; hosts find out by themselves."""
        self.kill()
        self.open()

    def kill(self) -> None:
        """Kill the coordinator."""
        self.cluster.close()
        self.store.close()
        for host in self.hosts.values():
            host.up = False

    def run(self, seconds: float = 1.0) -> Rig:
        """Let time go by."""
        until = self.now + seconds
        while self.now < until:
            self.turn()
        return self

    def turn(self) -> None:
        """Let everybody speak and hear once."""
        self.now += STEP_S
        for host in self.hosts.values():
            for message in [] if host.cut else host.messages(self.now):
                assert problem_from_supervisor(message) is None, problem_from_supervisor(message)
                match message["kind"]:
                    case "hello":
                        self.cluster.on_hello(host.name, host.route, message, self.now)
                    case "beat":
                        self.cluster.on_beat(host.route, message, self.now)
                    case "relay":
                        self.cluster.on_relay(host.route, message["items"], self.now)
                    case "answer":
                        self.cluster.on_answer(host.route, message)
        self.cluster.turn(self.now)
        self.streamed += [answer for _route, answer in self.requests.turn(self.now)]
        by_route = {host.route: host for host in self.hosts.values()}
        while self.cluster.talk.outbox:
            route, message = self.cluster.talk.outbox.popleft()
            if not by_route[route].cut:
                by_route[route].hear(message, self.now)

    def ask(self, kind: str, role: str = "admin", **fields: Any) -> dict[str, Any]:
        """Make a request."""
        request = {"v": 1, "id": 9, "kind": kind, **fields}
        return self.requests.answer(role, request, 100, self.now, b"client") or {"id": 9}

    def submit(self, text: str = NUMBERS, **fields: Any) -> dict[str, Any]:
        """Submit a topology."""
        return self.ask("submit", wire=self.wire(text), **fields)

    def wire(self, text: str = NUMBERS) -> dict[str, Any]:
        """Return the wire form of a topology."""
        return plan_of(text, self.folder).to_wire()

    def life(self, name: str) -> str:
        """Return where a topology stands."""
        run = self.cluster.named(name)
        assert run is not None
        return str(run.state)

    def workers(self) -> dict[str, list[int]]:
        """Return host -> numbers of the workers that live there."""
        return {
            name: sorted(key[1] for key, each in host.workers.items() if each.exit is None)
            for name, host in self.hosts.items()
        }

    def happened(self) -> list[str]:
        """Return the names of the events so far."""
        return [name for name, _ in self.said]


def refused(answer: Mapping[str, Any]) -> str:
    """Return the code of an answer that has to be a refusal, and to say why."""
    assert answer["ok"] is False, answer
    assert answer["error"]
    return str(answer["code"])
