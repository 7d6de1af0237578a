"""The figures of the cluster: how soon it recovers, what it costs, and how it grows.

python benchmarks/cluster.py [--only NAME...] [--kills 10] [--down 60] [--json out.json]

Real daemons on loopback with keys, unless a row says otherwise. Docs: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
from waterspout.supervisor.cluster.slots import HostFacts, WorkerNeed, place
from waterspout.supervisor.restarts import STABLE_MIN_S

from benchmarks.corpus import prepare
from benchmarks.daemons import Daemons
from benchmarks.engine import RunFailed
from benchmarks.machine import about, headline
from benchmarks.report import percentile

#: Rate of the stream that is looked at while something is killed.
RATE_PER_S = 1000
_STREAM = "kill.yaml"

Figures = dict[str, float]


def kills(options: argparse.Namespace) -> Figures:
    """From ``kill -9`` of a worker until a message that it was to get is acked."""
    found = []
    with Daemons(("a", "b"), slots=1) as daemons:
        daemons.submit(_STREAM)
        for _ in range(options.kills):
            found.append(_recovery_s(daemons, _kill_worker))
            # One that dies again soon waits longer each time: that is not looked at here.
            time.sleep(STABLE_MIN_S + 1.0)
    return {"p50_s": percentile(found, 50), "p99_s": percentile(found, 99), "kills": len(found)}


def host_lost(options: argparse.Namespace) -> Figures:
    """The same, when the whole host is gone: the lease has to end first."""
    with Daemons(("a", "b"), slots=2) as daemons:
        daemons.submit(_STREAM)
        return {"seconds": _recovery_s(daemons, _kill_host), "lease_s": 10.0}


def _recovery_s(daemons: Daemons, kill: Callable[[Daemons, int], None]) -> float:
    """Kill what has the bolt; return the seconds until a message from before it came back acks."""
    before = daemons.wait(lambda: _hops(daemons), "the bolt")
    acked = len(daemons.marks("acked"))
    daemons.wait(lambda: len(daemons.marks("acked")) > acked + RATE_PER_S // 5, "acks")
    killed_s = time.monotonic()
    kill(daemons, before[-1]["pid"])
    again_s = daemons.wait(
        lambda: len(_hops(daemons)) > len(before) and _hops(daemons)[-1]["at_s"], "the bolt again"
    )

    def replayed() -> float | None:
        found = (m for m in daemons.marks("acked") if m["at_s"] > again_s > m["emitted_s"])
        return next((mark["at_s"] for mark in found), None)

    return float(daemons.wait(replayed, "a replayed message")) - killed_s


def _hops(daemons: Daemons) -> list[dict[str, Any]]:
    return [mark for mark in daemons.marks("placed") if mark["component"] == "hop"]


def _kill_worker(daemons: Daemons, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _kill_host(daemons: Daemons, pid: int) -> None:
    host = next(h for h in daemons.hosts if any(w.pid == pid for w in daemons.workers(h)))
    daemons.processes[host].kill()
    os.kill(pid, signal.SIGKILL)


def coordinator_down(options: argparse.Namespace) -> Figures:
    """Acks per second while the coordinator is away, against before; and the longest gap."""
    with Daemons(("a", "b"), slots=1) as daemons:
        daemons.submit(_STREAM)
        daemons.wait(lambda: len(daemons.marks("acked")) > RATE_PER_S, "acks")
        before_s = time.monotonic()
        time.sleep(min(options.down, 10.0))
        down_s = time.monotonic()
        daemons.processes["coordinator"].kill()
        daemons.processes["coordinator"].wait()
        time.sleep(options.down)
        up_s = time.monotonic()
        daemons.start_coordinator()
        daemons.wait(lambda: len(daemons.hosts_up()) == 2, "the hosts")
        times = [mark["at_s"] for mark in daemons.marks("acked")]
    away = [at for at in times if down_s <= at < up_s]
    known = [at for at in times if before_s <= at < down_s]
    gaps = [b - a for a, b in pairwise(away)]
    return {
        "ratio": (len(away) / (up_s - down_s)) / (len(known) / (down_s - before_s)),
        "longest_gap_s": max(gaps, default=up_s - down_s),
        "down_s": up_s - down_s,
    }


def status(options: argparse.Namespace) -> Figures:
    """A round trip of ``status`` over three hosts while all cores are busy."""
    spin = "while True: pass"
    with Daemons() as daemons:
        daemons.submit(_STREAM)
        busy = [psutil.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count() or 1)]
        try:
            with daemons.client() as client:
                found = []
                for _ in range(200):
                    began_s = time.perf_counter()
                    client.ask({"kind": "status", "name": None})
                    found.append((time.perf_counter() - began_s) * 1000)
        finally:
            for process in busy:
                process.kill()
                process.wait()
    return {"p50_ms": percentile(found, 50), "p99_ms": percentile(found, 99)}


def first_ack(options: argparse.Namespace) -> Figures:
    """From the start of ``submit`` to the first ack, over three hosts."""
    found = []
    for _ in range(3):
        with Daemons() as daemons:
            began_s = time.monotonic()
            daemons.submit("start.yaml")
            (mark,) = daemons.wait(lambda d=daemons: d.marks("acked")[:1], "the first ack")
            found.append(mark["at_s"] - began_s)
    return {"seconds": median(found)}


def control(options: argparse.Namespace) -> Figures:
    """CPU of the coordinator with three hosts and 200 tasks, in % of a core."""
    tasks = ("spouts.silent.parallelism=50", "bolts.first.parallelism=50",
             "bolts.second.parallelism=50", "bolts.sink.parallelism=50", "workers=3")  # fmt: skip
    with Daemons(slots=1) as daemons:
        daemons.submit("idle.yaml", *tasks)
        time.sleep(3.0)
        process = psutil.Process(daemons.processes["coordinator"].pid)
        before = sum(process.cpu_times()[:2])
        time.sleep(15.0)
        used = sum(process.cpu_times()[:2]) - before
    return {"percent": 100 * used / 15.0, "tasks": 200}


def curve(options: argparse.Namespace) -> Figures:
    """Messages between two hosts with keys, against without: numbers, and lines of text.

    Per second of the clock, and per second of CPU time of both workers, with the threads that
    encrypt in it: the second is the ratio where all cores are busy, whatever else runs. Rounds
    alternate.
    """
    found: Figures = {}
    with tempfile.TemporaryDirectory(prefix="waterspout-bench-") as folder:
        corpus = prepare(Path(folder), 500_000)
        kinds = {
            "numbers": ("crossing.yaml", 2_000_000, "spouts.numbers.args.count=2000000"),
            "text": ("crossing_text.yaml", corpus.lines, f"spouts.lines.args.folder={corpus.path}"),
        }
        for name, kind in kinds.items():
            rates: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
            for _ in range(3):
                for secure in (True, False):
                    rates[secure].append(_crossing(secure, *kind))
            for number, what in enumerate(("per_s", "per_cpu_s")):
                keys = median(rate[number] for rate in rates[True])
                found[f"{name}_with_keys_{what}"] = keys
                found[f"{name}_ratio_{what}"] = keys / median(rate[number] for rate in rates[False])
    return found


def _crossing(secure: bool, topology: str, count: int, setting: str) -> tuple[float, float]:
    """Return messages per second, and per second of CPU time of both workers."""
    with Daemons(("a", "b"), slots=1, secure=secure) as daemons:
        daemons.submit(topology, setting)
        (end,) = daemons.wait(lambda: daemons.marks("finished")[:1], "the end", 120.0)
        begin, sink = daemons.marks("reading")[0], daemons.marks("sink ready")[0]
        read = daemons.marks("read out")[-1]
    cpu_s = read["cpu_s"] - begin["cpu_s"] + end["cpu_s"] - sink["cpu_s"]
    return count / (end["at_s"] - begin["at_s"]), count / cpu_s


def scheduler(options: argparse.Namespace) -> Figures:
    """Seconds to place workers on hosts of 20 slots each, and how that grows."""
    found: Figures = {}
    for workers, hosts in ((1_000, 50), (10_000, 500), (100_000, 5_000)):
        facts = [HostFacts(f"h{n}", slots=20) for n in range(hosts)]
        wanted = [WorkerNeed(worker) for worker in range(workers)]
        began_s = time.perf_counter()
        placed = place(facts, wanted, {})
        found[f"{workers}_on_{hosts}_s"] = time.perf_counter() - began_s
        if len(placed) != workers:
            raise RunFailed("not all were placed")
    return found


BLOCKS: dict[str, tuple[Callable[[argparse.Namespace], Figures], str]] = {
    "kill": (kills, "worker killed: first replayed message acked, p50 <= 1.5 s, p99 <= 3 s"),
    "host": (host_lost, "host lost: the same, <= lease + 3 s"),
    "down": (coordinator_down, "coordinator down: throughput within 5 %, nothing delayed"),
    "status": (status, "status round trip, 3 hosts, all cores busy: p99 <= 250 ms"),
    "curve": (curve, "keys on: >= 0.75 x throughput without"),
    "control": (control, "coordinator with 3 hosts and 200 tasks: < 2 % of a core"),
    "scheduler": (scheduler, "10,000 on 500 hosts: <= 1 s"),
    "submit": (first_ack, "submit to first ack on 3 hosts: <= 4 s"),
}


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(BLOCKS), default=list(BLOCKS))
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--down", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    machine = about()
    print(headline(machine))
    figures: dict[str, Any] = {}
    for name in options.only:
        measure, goal = BLOCKS[name]
        try:
            figures[name] = measure(options)
        except RunFailed as problem:
            figures[name] = {"failed": str(problem)}
        shown = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, (int, float)) else f"{key} {value}"
            for key, value in figures[name].items()
        )
        print(f"{name:10} {goal}\n{'':10} {shown}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"about": machine, "figures": figures}, indent=2))
    return int(any("failed" in each for each in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
