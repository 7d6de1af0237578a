"""A word count over files, run by the command line on real worker processes."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
from waterspout.supervisor.status_client import NoAnswer, ask, find_runs

T = TypeVar("T")

WATERSPOUT = [sys.executable, "-m", "waterspout.supervisor"]
#: Nothing here takes nearly so long, unless it hangs; on a machine with five times the work that
#: it has cores for, some of it takes 25 s.
LIMIT_S = 60.0

COMPONENTS = '''\
"""User code next to the topology."""

import sys
import time

from waterspout.bolts import Bolt


class Split(Bolt):
    outputs = ["word"]

    def __init__(self, pause_s=0.0):
        self.pause_s = pause_s

    def process(self, tup):
        print("splitting", repr(tup["line"]), "\\ud800")
        if self.pause_s:
            time.sleep(self.pause_s)
        for word in tup["line"].split():
            self.emit([word])


class NoDatabase(Split):
    def prepare(self, context):
        raise ConnectionError("no database at db:5432")
'''

TOPOLOGY = """\
name: wordcount
workers: 2
spouts:
  lines:
    class: Files
    args: {paths: "texts/*.txt"}
    parallelism: 2
bolts:
  split:
    class: components:Split
    args: {pause_s: 0}
    inputs: [lines]
    parallelism: 2
  count:
    class: Count
    args: {field: word, emit: final}
    inputs: [{from: split, grouping: fields, fields: [word]}]
    parallelism: 2
  write:
    class: WriteCsv
    args: {path: counts.csv, header: false}
    inputs: [count]
settings: {round_interval: 200ms}
"""


class Project:
    """A folder with texts, components and a topology, and ways to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {**os.environ, "XDG_STATE_HOME": str(folder / "state-home")}
        (folder / "components.py").write_text(COMPONENTS)
        (folder / "topology.yaml").write_text(TOPOLOGY)

    def write_texts(self, lines: int, seed: int = 7) -> Counter[str]:
        """Write files of ``lines`` lines in all; return the true counts."""
        rng = random.Random(seed)
        words = [f"word{n}" for n in range(200)]
        counts: Counter[str] = Counter()
        (self.folder / "texts").mkdir(exist_ok=True)
        for number in range(10):
            with open(self.folder / "texts" / f"{number}.txt", "w") as file:
                for _ in range(lines // 10):
                    line = rng.choices(words, k=8)
                    counts.update(line)
                    file.write(" ".join(line) + "\n")
        return counts

    def command(self, *more: str) -> list[str]:
        state = str(self.folder / "state")
        return [*WATERSPOUT, "run", "topology.yaml", "--json", "--state-dir", state, *more]

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            self.command(*more), cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT_S,
        )  # fmt: skip

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Begin to run, in a group of its own as a terminal has it."""
        return subprocess.Popen(
            self.command(*more), cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def counted(self) -> Counter[str]:
        """Return what the topology wrote."""
        with open(self.folder / "counts.csv", newline="") as file:
            return Counter({word: int(count) for word, count in csv.reader(file)})

    def status(self, pid: int) -> dict[str, Any]:
        """Return what the run answers to ``waterspout status``, {} when it is not there."""
        with suppress(NoAnswer):
            for run in find_runs():
                if run.pid == pid:
                    return dict(ask(run, {"kind": "status"})["status"])
        return {}


def workers_of(pid: int) -> dict[int, psutil.Process]:
    """Return the worker processes of a run by number."""
    found = {}
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # killed just now
            for option in child.cmdline():
                if option.startswith("--worker="):
                    found[int(option.removeprefix("--worker="))] = child
    return found


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes whose command line names a folder."""
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if any(str(folder) in each for each in p.info["cmdline"] or [])]


def kill_all(folder: Path) -> None:
    """End whatever a test, one that failed above all, has left running in a folder."""
    for process in processes_in(folder):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def wait_for(look: Callable[[], T], what: str, limit_s: float = LIMIT_S) -> T:
    """Return what ``look`` finds as soon as it is true."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def interrupt(run: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: the whole group gets it."""
    os.killpg(run.pid, signal.SIGINT)
