"""``python -m tests.process.chaos``: kills workers of exactly-once topologies of random shape.

Each topology runs for some seconds on real processes, and its workers are killed (SIGKILL) at
random moments. At the end its counts are compared with a pure fold over
the input. It goes on until so many workers were killed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from waterspout.supervisor.status_client import NoAnswer, ask, find_runs

from .chaos_topologies import Chaos
from .word_count import WATERSPOUT, workers_of

#: A run that takes longer hangs.
LIMIT_S = 300.0
#: Kills of one topology at most.
KILLS_MAX = 10


def main() -> int:
    """Run what the command line says; 1 when a count was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.process.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kill so many workers")
    parser.add_argument("--seed", type=int, default=0, help="of the first topology")
    parser.add_argument("--keep", action="store_true", help="keep folders of those that failed")
    options = parser.parse_args()
    began, killed, seed, wrong = time.monotonic(), 0, options.seed, []
    while killed < options.kills:
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
        kills, problem = run_one(folder, seed, min(KILLS_MAX, options.kills - killed))
        killed += kills
        print(f"seed {seed}: {kills} kills, {problem or 'exact'}", flush=True)
        if problem:
            wrong.append(seed)
        if not (problem and options.keep):
            shutil.rmtree(folder, ignore_errors=True)
        seed += 1
    took_s = time.monotonic() - began
    runs = seed - options.seed
    print(f"{runs} topologies, {killed} kills, {len(wrong)} wrong {wrong}, {took_s:.0f} s")
    return 1 if wrong else 0


def run_one(folder: Path, seed: int, kills: int, seconds: float = 8.0) -> tuple[int, str]:
    """Run one topology to its end; return how many workers were killed, and what was wrong."""
    rng = random.Random(f"chaos {seed}")
    chaos = Chaos(folder, rng, seconds)
    environ = {**os.environ, "XDG_STATE_HOME": str(folder / "home")}
    run = subprocess.Popen(
        [*WATERSPOUT, "run", "topology.yaml", "--json", "--state-dir", str(folder / "state")],
        cwd=folder, env=environ, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=(folder / "stderr").open("w"),
    )  # fmt: skip
    killed = _kill_some(run, rng, kills)
    try:
        out, _ = run.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        run.kill()
        return killed, f"did not end within {LIMIT_S:g} s"
    if run.returncode:
        return killed, f"exit code {run.returncode}: {(folder / 'stderr').read_text()[-1000:]}"
    return killed, _problem(chaos, json.loads(out))


def _kill_some(run: subprocess.Popen[str], rng: random.Random, kills: int) -> int:
    """Kill workers at random moments until the run ends or enough were killed."""
    killed = 0
    while killed < kills and run.poll() is None:
        # Often the next one dies while all others are on their way back to the checkpoint.
        time.sleep(rng.uniform(0.0, 0.2) if rng.random() < 0.4 else rng.uniform(0.2, 1.5))
        victims = _running(run)
        if victims:
            with suppress(psutil.NoSuchProcess):
                rng.choice(victims).kill()
                killed += 1
    return killed


def _running(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the workers that run; one that is killed thrice while it boots ends its run."""
    with suppress(NoAnswer, psutil.NoSuchProcess, KeyError, StopIteration):
        here = next(each for each in find_runs() if each.pid == run.pid)
        status = ask(here, {"kind": "status"})["status"]
        there = workers_of(run.pid)
        rows = [row for row in status["workers"] if row["state"] == "running"]
        return [there[row["worker"]] for row in rows]
    return []


def _problem(chaos: Chaos, summary: dict[str, Any]) -> str:
    wanted, counted = chaos.wanted(), chaos.counted()
    for name, counts in wanted.items():
        wrong = {k: (counted[name][k], n) for k, n in counts.items() if counted[name][k] != n}
        surplus = sum(got - n for got, n in wrong.values() if got > n)
        lost = sum(n - got for got, n in wrong.values() if got < n)
        if wrong or set(counted[name]) - set(counts):
            return f"{name}: {surplus} too many, {lost} too few, e.g. {list(wrong.items())[:3]}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
