"""Answers what clients ask: one table, kind -> handler. Answers come from what is known already.

Called by the coordinator's loop with requests in any shape; refusals are answers, never
exceptions. Nothing here asks a worker and waits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from waterspout.topology.errors import UserError

from ..savepoint_answers import answer_savepoint
from ..store import StaleEpoch, StoreError
from ..store_sqlite import SqliteStore
from .client_protocol import (
    CLIENT_PROTO,
    VERBS,
    ClientError,
    Refused,
    Role,
    allowed,
    problem,
    refusal,
    with_defaults,
)
from .cluster import Cluster
from .cluster_view import ClusterView, dead_letter_rows
from .lifecycle import LifeEvent, LifeState, WrongState
from .log_follow import LogFollow
from .log_stream import LogStream
from .slots import NoSlots
from .streams import Stream, Streams
from .submissions import Submissions
from .tap_filter import TapFilterError, check_fields, shown_fields
from .tap_stream import TapStream
from .topology_run import TopologyRun

_Answer = dict[str, Any]


class Requests:
    """Answers the requests of clients.

    Args:
        cluster: what is asked about.
        rng: draws ids of topologies.
        version: of this software.
    """

    def __init__(self, cluster: Cluster, rng: random.Random, version: str, now: float) -> None:
        self._cluster, self._submissions = cluster, Submissions(cluster, rng)
        self._view = ClusterView(cluster, version, now)
        self._handlers: dict[str, Callable[[Mapping[str, Any], float], _Answer]] = {
            "status": self._status,
            "list": lambda request, now: self._view.list(now),
            "plan": self._submissions.plan,
            "savepoint": self._savepoint,
            "submit": self._submissions.submit,
            "kill": self._kill,
            "pause": self._pause,
            "resume": self._resume,
            "rebalance": self._rebalance,
            "swap": self._swap,
            "drain_host": self._drain_host,
            "events": self._events,
            "log_level": self._log_level,
            "dead_letters": self._dead_letters,
            "doctor": lambda request, now: self._view.doctor(),
        }
        self._streaming: dict[str, Callable[[Mapping[str, Any], float], Stream]] = {
            "logs": self._logs,
            "tap": self._tap,
        }
        self._streams = Streams()
        self._taps = 0

    def answer(
        self, role: str, request: Mapping[str, Any], size: int, now: float, route: bytes = b""
    ) -> _Answer | None:
        """Return the answer to a request; None: there is none, or ``turn`` has the answers.

        Args:
            role: of the key that it came with.
            request: as it came.
            size: bytes that it had.
            now: monotonic seconds.
            route: of the connection, for requests with many answers.
        """
        id, kind = request.get("id"), request.get("kind")
        try:
            self._check(role, request, size)
            assert isinstance(kind, str)
            assert isinstance(id, int)
            if kind == "more":
                return self._more(route, id, now)
            if kind in self._streaming:
                self._open(kind, route, id, with_defaults(request), now)
                return None
            return {"id": id, "ok": True, **self._handlers[kind](with_defaults(request), now)}
        except Refused as refused:
            return refusal(id, refused.code, str(refused))
        except WrongState as wrong:
            return refusal(id, ClientError.STATE, str(wrong))
        except NoSlots as none:
            return refusal(id, ClientError.NO_SLOTS, str(none))
        except UserError as error:
            return refusal(id, ClientError.DENIED, str(error))
        except StaleEpoch:
            raise
        except StoreError as error:
            return refusal(id, ClientError.STORE, str(error))

    def _check(self, role: str, request: Mapping[str, Any], size: int) -> None:
        kind = request.get("kind")
        if request.get("v") != CLIENT_PROTO:
            theirs = f"{request.get('v')!r:.20}"
            text = f"the client speaks version {theirs}, the coordinator {CLIENT_PROTO}"
            raise Refused(ClientError.VERSION, text)
        wrong = problem(with_defaults(request))
        if wrong is not None:
            raise Refused(ClientError.REQUEST, wrong)
        assert isinstance(kind, str)
        open_logs = kind == "logs" and self._cluster.config.readonly_logs and role == Role.READONLY
        if not (allowed(role, kind) or open_logs):
            needed = "admin" if VERBS[kind].role is Role.ADMIN else "admin or readonly"
            text = f"{kind!r} takes a key of the role {needed}, this one's is {role or 'none'}"
            raise Refused(ClientError.ROLE, text)
        if size > VERBS[kind].bytes_max:
            text = f"{kind}: {size} bytes, {VERBS[kind].bytes_max} are taken"
            raise Refused(ClientError.REQUEST, text)

    # What has many answers.

    def turn(self, now: float) -> list[tuple[bytes, Mapping[str, Any]]]:
        """Return (connection, answer) of streams; called in every turn of the loop."""
        return self._streams.turn(now)

    def _more(self, route: bytes, id: int, now: float) -> _Answer:
        said = self._streams.more(route, id, now)
        if said is None:
            text = "nothing is followed under this number: the coordinator was started again"
            raise Refused(ClientError.STREAM, text)
        return {"id": id, "ok": True, "more": True, "alive": True, "said": said}

    def _open(
        self, kind: str, route: bytes, id: int, request: Mapping[str, Any], now: float
    ) -> None:
        if self._streams.full:
            raise Refused(ClientError.DENIED, "too many logs and taps are followed already")
        self._streams.open(route, id, self._streaming[kind](request, now), now)

    def _logs(self, request: Mapping[str, Any], now: float) -> Stream:
        run, component = self._named(request["name"]), request.get("component")
        self._check_component(run, component)
        # Of one that has ended it is not known any more where it was.
        hosts = set(run.hosts().values()) or {host.name for host in self._cluster.hosts.up()}
        tail_lines, follow = request["tail_lines"], request["follow"]
        lines = LogFollow(
            run.id, sorted(hosts), component,
            follow=follow, tail_lines=tail_lines, marks=request["marks"],
        )  # fmt: skip
        return LogStream(lines, self._cluster.talk.ask, lambda: run.hosts().values())

    def _tap(self, request: Mapping[str, Any], now: float) -> Stream:
        run, component = self._living(request["name"]), request.get("component")
        self._check_component(run, component)
        try:
            check_fields(request["where"], shown_fields(run.plan, component))
        except TapFilterError as error:
            raise Refused(ClientError.REQUEST, str(error)) from error
        self._taps += 1
        # Workers may still have taps of an earlier coordinator.
        id = self._cluster.term << 20 | self._taps
        stream = TapStream(
            id,
            {"component": component, "where": request["where"], "rate": request["rate"]},
            limit=request["limit"],
            order=lambda fields, now: run.order("tap", fields, now),
            closed=lambda: run.taps.pop(id, None) and None,
        )  # fmt: skip
        run.taps[id] = stream.on_rows
        return stream

    def _check_component(self, run: TopologyRun, component: str | None) -> None:
        if component is not None and component not in run.plan.facts:
            text = f"{run.row.name} has no component {component!r:.100}"
            raise Refused(ClientError.UNKNOWN, text)

    def _log_level(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        fields = {name: request[name] for name in ("logger", "level", "for_s")}
        run.order("log_level", fields, now)
        return {"workers": run.plan.workers}

    # What is shown.

    def _status(self, request: Mapping[str, Any], now: float) -> _Answer:
        name = request.get("name")
        return self._view.status(None if name is None else self._named(name), now)

    def _events(self, request: Mapping[str, Any], now: float) -> _Answer:
        name = request.get("name")
        topology = None if name is None else self._named(name).id
        return self._view.events(topology, request["after"], request["limit"])

    def _dead_letters(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._named(request["name"])
        with closing(SqliteStore(self._cluster.folder(run.id) / "store.sqlite")) as store:
            match request["action"]:
                case "replay":
                    return {"count": store.mark_replay(request.get("ids"))}
                case "drop":
                    return {"count": store.drop_dead_letters(request.get("ids"))}
            return dead_letter_rows(store, request["after"], request["limit"])

    def _savepoint(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        if run.driver is None:
            raise Refused(ClientError.STATE, f"{run.row.name} does not run now")
        savepoints, wall = run.driver.coordinator.durability.savepoints, self._cluster.wall()
        try:
            found = answer_savepoint(savepoints, run.plan, request, now, wall)
            return {"topology": run.id, **found}
        except ValueError as error:
            raise Refused(ClientError.STATE, str(error)) from error

    # Topologies.

    def _named(self, name: str) -> TopologyRun:
        run = self._cluster.named(name)
        if run is None:
            raise Refused(ClientError.UNKNOWN, f"no topology {name!r:.100}")
        return run

    def _living(self, name: str) -> TopologyRun:
        run = self._named(name)
        if run.state is LifeState.ENDED:
            raise Refused(ClientError.STATE, f"{name} has ended: {run.row.outcome}")
        return run

    def _kill(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._named(request["name"])
        if run.state is LifeState.ENDED:
            return {"topology": run.id, "state": str(run.state)}
        if request["now"]:
            run.apply(LifeEvent.KILL_NOW, now)
        elif run.state is not LifeState.KILLING:
            run.apply(LifeEvent.KILL, now)
        if request.get("wait_s") is not None:
            run.kill_at = now + request["wait_s"]
        return {"topology": run.id, "state": str(run.state)}

    def _pause(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        if run.state is not LifeState.PAUSED:
            run.apply(LifeEvent.PAUSE, now)
        return {"state": str(run.state)}

    def _resume(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        if run.state is not LifeState.ACTIVE:
            run.apply(LifeEvent.RESUME, now)
        return {"state": str(run.state)}

    def _rebalance(self, request: Mapping[str, Any], now: float) -> _Answer:
        run = self._living(request["name"])
        for component in request["parallelism"]:
            self._check_component(run, component)
        return self._submissions.rebalance(run, request, now)

    def _swap(self, request: Mapping[str, Any], now: float) -> _Answer:
        return self._submissions.swap(self._living(request["name"]), request, now)

    def _drain_host(self, request: Mapping[str, Any], now: float) -> _Answer:
        host = request["host"]
        if host not in self._cluster.hosts:
            raise Refused(ClientError.UNKNOWN, f"no host {host!r:.100}")
        on = not request["undo"]
        up = self._cluster.hosts[host].up
        crowding = self._cluster.places.crowding(host) if on and up else ""
        if crowding and not request["force"]:
            text = f"the workers of {host} would not all find a free slot elsewhere: {crowding}"
            raise Refused(ClientError.NO_SLOTS, f"{text}; --force has them share slots, or wait")
        moves = self._cluster.drain_host(host, on, now)
        return {"moves": [list(each) for each in moves], "crowding": crowding}
