"""One run of one contestant of the blocks on state, windows and exactly-once.

As in contestants.py: a wrong result is no figure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from . import engine
from .contestants import Setup, engine_sample, expect, throughput
from .engine import ROOT, EngineRun, RunFailed, Running
from .marks import named
from .report import Sample, percentile
from .trees import TreeWatch

#: Names the Python that has ``apache-flink`` (it needs Java 11 or 17, and a machine to itself).
FLINK_VARIABLE = "WATERSPOUT_BENCH_FLINK_PYTHON"
FLINK_SCRIPT = Path(__file__).parent / "flink_count.py"
#: Runs of many keys take minutes in PyFlink's process mode, and on a machine that is loaded.
LONG_RUN_MAX_S = 600.0
#: Messages of a keyed count.
KEYED_MESSAGES = 3_000_000
EXACTLY_ONCE: dict[str, Any] = {
    "guarantee": "exactly-once", "settings.checkpoint_interval": "1s"
}  # fmt: skip


def whole(number: float, keys: int) -> int:
    """Return ``number`` rounded so that each of the keys has its turn equally often."""
    return max(round(number / keys), 2) * keys


def keyed(
    setup: Setup, *, keys: int, messages: int = KEYED_MESSAGES, bolt: str = "CountKeys",
    sets: dict[str, Any] | None = None,
) -> Sample:  # fmt: skip
    """Count ``keys`` keys that take turns; one worker."""
    messages = whole(messages * setup.scale, keys)
    given: dict[str, Any] = {
        "spouts.keys.args.count": messages, "spouts.keys.args.keys": keys,
        "bolts.count.class": f"benchmarks.keyed:{bolt}", **(sets or {}),
    }  # fmt: skip
    with (
        Running("keyed.yaml", workers=1, sets=given) as running,
        TreeWatch(running.process.pid) as watch,
    ):
        run = running.finish(limit_s=LONG_RUN_MAX_S)
    check_counts(run, messages, keys)
    sample = engine_sample(run, messages)
    sample["checkpoints"] = float((run.summary.get("checkpoints") or {}).get("complete", 0))
    sample["per_cpu_s"] = 1e6 / sample["cpu_us"]
    # Behind that the bolt gathers all counts for the check, which takes more than the backend does.
    sample["peak_mb"] = watch.peak_mb(last_s=run.first("finished")["at_s"])
    return sample


def check_counts(run: EngineRun, messages: int, keys: int) -> None:
    """Every key must have been counted as often as it came, whatever was snapshotted meanwhile."""
    found = run.first("counted")
    expect("replayed", run.summary.get("replayed", 0), 0)
    expect("keys", found["keys"], keys)
    expect("least", found["least"], messages // keys)
    expect("most", found["most"], messages // keys)


def flink_missing() -> str:
    """Say why PyFlink does not run here; "" where it does."""
    python = os.environ.get(FLINK_VARIABLE, "")
    if not python:
        return f"{FLINK_VARIABLE} names no Python that has apache-flink"
    if not os.access(python, os.X_OK):
        return f"{FLINK_VARIABLE}: {python} cannot be run"
    return ""


def flink(
    setup: Setup, *, mode: str, keys: int, messages: int, checkpoints: bool = False
) -> Sample:
    """Count the same keys in PyFlink; CPU time is that of all its processes."""
    messages = whole(messages * setup.scale, keys)
    command = [os.environ[FLINK_VARIABLE], str(FLINK_SCRIPT), mode, "--messages", str(messages)]
    command += ["--keys", str(keys), *(["--checkpoints"] if checkpoints else [])]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        with TreeWatch(process.pid) as watch:
            output, complaint = process.communicate(timeout=LONG_RUN_MAX_S)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"PyFlink did not end within {LONG_RUN_MAX_S:.0f} s") from None
    finally:
        end_session(process)
    if process.returncode:
        raise RunFailed(f"PyFlink: exit code {process.returncode}: {complaint[-1000:]}")
    found = json.loads(output.splitlines()[-1])
    expect("keys counted right", found["right"], keys)
    first_s, last_s = found["first_s"], found["last_s"]
    sample = throughput(found["messages"], last_s - first_s, watch.cpu_s(first_s, last_s))
    sample["peak_mb"] = watch.peak_mb()
    return sample


def end_session(process: subprocess.Popen[Any]) -> None:
    """Kill what is left of a session of ours: Flink starts a JVM, which starts Python workers."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def held_sets(setup: Setup, changing: int, **more: Any) -> dict[str, Any]:
    """Return the settings of a run with 100 MB of state, of which ``changing`` keys change."""
    seconds = max(31.0 * min(setup.scale, 1.0), 17.0)
    return {"spouts.keys.args.keys": changing, "spouts.keys.args.seconds": seconds, **more}


def pauses(setup: Setup, *, changing: int, sets: dict[str, Any] | None = None) -> Sample:
    """Checkpoints of 100 MB while tuples come steadily: the longest times without a call."""
    given = held_sets(setup, changing, **(sets or {}))
    with Running("held.yaml", workers=1, sets=given) as running:
        run = running.finish()
    expect("checkpoints that failed", (run.summary["checkpoints"] or {}).get("failures"), 0)
    return pause_sample(run.marks)


def pause_sample(marks: list[dict[str, Any]]) -> Sample:
    """Return the longest gaps of a run: in the first checkpoint, which is whole, and behind it.

    A gap counts for the first checkpoint when it ended before that was durable. ``between_ms``
    is the longest one while no checkpoint was under way: what the machine alone makes of it.
    """
    (finished,) = named(marks, "finished")
    cut_s = {mark["number"]: mark["at_s"] for mark in named(marks, "cut")}
    spans = [(cut_s[mark["number"]], mark["at_s"]) for mark in named(marks, "durable")]
    if len(spans) < 2:
        raise RunFailed("fewer than two checkpoints: give it more time")
    within: list[list[float]] = [[0.0] for _ in spans]
    between = [0.0]
    for end_s, gap_s in finished["gaps"]:
        hits = [n for n, (a, b) in enumerate(spans) if end_s - gap_s <= b and end_s >= a]
        for number in hits:
            within[number].append(gap_s * 1000)
        if not hits:
            between.append(gap_s * 1000)
    later = [gap for gaps in within[1:] for gap in gaps]
    return {
        "pause_ms": max(later), "first_ms": max(within[0]), "between_ms": max(between),
        "checkpoints": float(len(spans)), "tuples": float(finished["calls"]),
        "write_ms": max((b - a) * 1000 for a, b in spans[1:]),
        "p50_ms": percentile([max(gaps) for gaps in within[1:]], 50),
    }  # fmt: skip


def recovery(setup: Setup, *, sets: dict[str, Any] | None = None) -> Sample:
    """Kill -9 a worker with 100 MB of state; until the next one works on a tuple with it."""
    given = held_sets(setup, 10_000, **{"settings.checkpoint_interval": "2s", **(sets or {})})
    given["spouts.keys.args.seconds"] = 120.0
    with Running("held.yaml", workers=1, sets=given) as running:
        running.wait_for("durable", 3)
        time.sleep(0.5)
        (began,) = running.marks("first tuple")
        killed_s = time.monotonic()
        os.kill(began["pid"], signal.SIGKILL)
        prepared = running.wait_for("prepared", 2)[-1]
        again = running.wait_for("first tuple", 2)[-1]
        expect("restored from a checkpoint", (again["restored"] or 0) >= 3, True)
        running.stop()
        running.finish(may_fail=True)
    return {
        "seconds": again["at_s"] - killed_s, "prepared_s": prepared["at_s"] - killed_s,
        "cpu_s": again["cpu_s"],
    }  # fmt: skip


def sliding(setup: Setup, *, size: str, keys: int = 10, messages: int = 1_500_000) -> Sample:
    """Sums per key in sliding windows; figures are of the part in which all are open.

    With 1,000 keys each has a message a second: every message makes a window fire.
    """
    messages = whole(messages * max(setup.scale, 0.7), 10)
    sets = {
        "spouts.keys.args.count": messages, "spouts.keys.args.keys": keys,
        "bolts.sums.args.sliding.size": size,
    }  # fmt: skip
    run = engine.run("sliding.yaml", sets=sets)
    warm, end = run.first("warm"), named(run.marks, "read out")[-1]
    done = messages - warm["position"]
    sample = throughput(done, end["at_s"] - warm["at_s"], end["cpu_s"] - warm["cpu_s"])
    sample["rows"] = float(run.first("finished")["rows"])
    return sample


#: The sources of each query.
NEXMARK = {
    "q0": ("bids",), "q1": ("bids",), "q2": ("bids",), "q5": ("bids",), "q7": ("bids",),
    "q8": ("persons", "auctions"), "q11": ("bids",),
}  # fmt: skip
#: Events of all kinds: of 50 are 46 bids, 3 auctions and 1 person. A query is given so many that
#: its own sources have about as many rows as those of others.
NEXMARK_EVENTS, NEXMARK_EVENTS_Q8 = 300_000, 3_000_000


def nexmark(setup: Setup, *, query: str, made: bool) -> Sample:
    """Run a query of configs/nexmark as it is, but for its sink, which keeps nothing.

    Args:
        made: rows are made before the clock starts; else they are drawn while they are read.
    """
    events = int((NEXMARK_EVENTS_Q8 if query == "q8" else NEXMARK_EVENTS) * setup.scale)
    sets: dict[str, Any] = {"bolts.results.class": "benchmarks.keyed:BlackHole"}
    for source in NEXMARK[query]:
        kind = ("Made" if made else "Drawn") + source.capitalize()
        sets[f"spouts.{source}.class"] = f"benchmarks.auctions:{kind}"
        sets[f"spouts.{source}.args.events"] = events
    path = ROOT / "configs" / "nexmark" / f"{query}.yaml"
    run = engine.run(str(path), sets=sets)
    expect("rows that came out", run.first("finished")["rows"] > 0, True)
    expect("replayed", run.summary.get("replayed", 0), 0)
    sample = engine_sample(run, int(run.summary["messages"]))
    sample["per_core_s"] = 1e6 / sample["cpu_us"]
    sample["rows_out"] = float(run.first("finished")["rows"])
    return sample
