"""Runs that are watched while they live: start, latency, kill, idle, memory."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise
from typing import Any

import psutil

from . import engine
from .contestants import Setup, child, expect
from .engine import RunFailed, Running
from .report import Sample, percentile, slope

#: The first messages of a latency run, which meet cold code, are not counted.
WARM_UP_MESSAGES = 500
#: Seconds a topology is left alone before its idle CPU is taken, and between memory readings.
SETTLE_S = 3.0
MEMORY_STEP_S = 0.25
#: The part of a memory run, from its start, in which pools and caches still fill.
MEMORY_WARM_UP = 0.3
#: Readings that agree to better than this are still only as exact as pages and pools.
NOISE_MIN_MB = 0.1


def empty_hops(setup: Setup) -> Sample:
    """Three empty pyzmq hops between two processes, at the rate of the latency run."""
    count = min(setup.latency_messages, 2000)
    (found,) = child("benchmarks.probes", "hop", "--messages", str(count))
    return _percentiles(found["latencies_ms"])


def latency(setup: Setup) -> Sample:
    """1,000 messages a second through three hops over two processes."""
    sets = {"spouts.paced.args.count": setup.latency_messages}
    run = engine.run("latency.yaml", workers=2, sets=sets)
    late_ms = run.first("finished")["late_ms"]
    expect("messages", len(late_ms), setup.latency_messages)
    places = {mark["component"]: mark["pid"] for mark in run.marks if mark["name"] == "placed"}
    path = [places[name] for name in ("paced", "first", "second", "arrivals")]
    crossings = sum(a != b for a, b in pairwise(path))
    emitted_ms = run.first("emitted")["late_ms"][WARM_UP_MESSAGES:]
    return {
        **_percentiles(late_ms[WARM_UP_MESSAGES:]),
        "emitted_p50_ms": percentile(emitted_ms, 50),
        "emitted_p99_ms": percentile(emitted_ms, 99),
        "crossings": float(crossings),
    }


def _percentiles(latencies_ms: list[float]) -> Sample:
    return {
        "p50_ms": percentile(latencies_ms, 50),
        "p99_ms": percentile(latencies_ms, 99),
        "p99.9_ms": percentile(latencies_ms, 99.9),
    }


def empty_start(setup: Setup) -> Sample:
    """The start of an empty Python process, until its first output."""
    (found,) = child("benchmarks.probes", "start")
    return {"seconds": found["seconds"]}


def first_ack(setup: Setup, *, workers: int) -> Sample:
    """From the start of the command until the spout hears that its message is acked."""
    run = engine.run("start.yaml", workers=workers)
    return {"seconds": run.first("acked")["at_s"] - run.started_s}


def first_replay(setup: Setup) -> Sample:
    """From ``kill -9`` of the bolt's worker until a message it was to get is acked."""
    with Running("kill.yaml", workers=2, sets={}) as running:
        placed = {mark["component"]: mark["pid"] for mark in running.wait_for("placed", 2)}
        if placed["announced"] == placed["hop"]:
            raise RunFailed("spout and bolt are in one worker: nothing would be replayed")
        running.wait_for("acked", 1000)
        killed_s = time.monotonic()
        os.kill(placed["hop"], signal.SIGKILL)
        again = running.wait_for("placed", 3)[-1]
        acked = _await_replay(running, again["at_s"])
        running.stop()
        run = running.finish(may_fail=True)
    closed = run.first("closed")
    expect("messages left unacked", closed["unacked"], 0)
    return {
        "seconds": acked["at_s"] - killed_s,
        "worker_back_s": again["at_s"] - killed_s,
        "replayed": float(run.summary.get("replayed", 0)),
    }


def _await_replay(running: Running, again_s: float) -> dict[str, Any]:
    """Return the first ack, after the worker came back, of a message from while it was away."""
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        for mark in running.marks("acked"):
            if mark["at_s"] > again_s and mark["emitted_s"] < again_s:
                return mark
        time.sleep(0.05)
    raise RunFailed("no message from before the restart was acked within 30 s")


def idle(setup: Setup) -> Sample:
    """CPU of the workers and of the command while no message comes, in % of a core."""
    with Running("idle.yaml", workers=2, sets={}) as running:
        running.wait_for("placed")
        time.sleep(SETTLE_S)
        command = psutil.Process(running.process.pid)
        workers = command.children(recursive=True)
        before = [_cpu_s(process) for process in [command, *workers]]
        time.sleep(setup.idle_s)
        after = [_cpu_s(process) for process in [command, *workers]]
        running.stop()
        running.finish(may_fail=True)
    used = [100 * (b - a) / setup.idle_s for a, b in zip(before, after, strict=True)]
    return {"worker_percent": max(used[1:]), "command_percent": used[0], "workers": len(workers)}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def memory(setup: Setup) -> Sample:
    """How the workers' memory grows while a slow bolt holds everything at its limits."""
    messages = setup.memory_messages
    sets = {"spouts.numbers.args.count": messages, "settings.max_pending": 10_000}
    readings: list[tuple[float, float]] = []
    with Running("memory.yaml", workers=2, sets=sets) as running:
        running.wait_for("placed")
        workers = psutil.Process(running.process.pid).children(recursive=True)
        while running.process.poll() is None and not running.marks("finished"):
            readings.append((time.monotonic(), _resident_mb(workers)))
            time.sleep(MEMORY_STEP_S)
        run = running.finish()
    expect("tuples", run.first("finished")["tuples"], messages)
    return growth(readings, messages)


def _resident_mb(processes: list[psutil.Process]) -> float:
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # ended between two readings
    return total / 2**20


def growth(readings: list[tuple[float, float]], messages: int) -> Sample:
    """Return growth over the settled part of the run, against the noise of its readings.

    ``growth_ratio`` is the growth over that part by the noise: flat is <= 1. A short run cannot
    hide a leak behind a floor: ``mb_per_million`` tells what it would come to.
    """
    duration_s = readings[-1][0] - readings[0][0]
    warm_s = readings[0][0] + MEMORY_WARM_UP * duration_s
    # Memory that is given back when the run drains is no slope either: the end is left out.
    end_s = readings[-1][0] - 1.0
    kept = [(at_s, mb) for at_s, mb in readings if warm_s <= at_s <= end_s and mb]
    if len(kept) < 8:
        raise RunFailed("the run was too short to see a slope: give it more --memory-messages")
    mb_per_s, noise_mb = slope(kept)
    growth_mb = mb_per_s * (kept[-1][0] - kept[0][0])
    return {
        "growth_ratio": growth_mb / max(noise_mb, NOISE_MIN_MB),
        "growth_mb": growth_mb,
        "noise_mb": noise_mb,
        "mb_per_million": mb_per_s * duration_s / messages * 1e6,
        "resident_mb": kept[-1][1],
        "seconds": duration_s,
        "messages": float(messages),
    }
