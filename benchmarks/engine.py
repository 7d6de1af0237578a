"""Runs ``waterspout run`` as a user would, in processes of its own, and collects what it left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bytecode import environment
from .marks import FOLDER_VARIABLE, named, read_marks

ROOT = Path(__file__).resolve().parent.parent
TOPOLOGIES = ROOT / "benchmarks" / "topologies"
#: The command line of the interpreter that runs the benchmarks, installed or not on the PATH.
PROGRAM = "import sys; from waterspout.supervisor.cli import main; sys.exit(main())"
#: The default of ``max_pending``; the benchmarks' topologies have one spout task.
IN_FLIGHT_MAX = 10_000
#: Seconds after which a run counts as hung and is killed.
RUN_MAX_S = 180.0


class RunFailed(Exception):
    """A contestant did not end as it should; the text says what it said."""


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A finished ``waterspout run``: its summary, its components' marks and counts."""

    summary: dict[str, Any]
    marks: list[dict[str, Any]]
    counts: dict[str, int]
    started_s: float

    def active_s(self, messages: int) -> float:
        """Return the seconds from the first read until all messages were worked through.

        Taken from what components saw, and on the safe side: when a spout hears that its input
        has ended, all messages but those in flight were worked through, which are at most
        IN_FLIGHT_MAX; the rest is reckoned at the same speed. Bolts are told to finish later:
        that takes a report and a round, which a short run should not be charged with.
        """
        reading_s = self._since_reading(named(self.marks, "read out")[-1:])
        finishing_s = self._since_reading(named(self.marks, "finished")[:1])
        sure = max(messages - IN_FLIGHT_MAX, 1)
        return min(reading_s * messages / sure, finishing_s)

    def _since_reading(self, ends: list[dict[str, Any]]) -> float:
        if not ends:
            raise RunFailed("no component noted the end of the run")
        return float(ends[0]["at_s"] - self.first("reading")["at_s"])

    def first(self, name: str) -> dict[str, Any]:
        """Return the first mark called ``name``."""
        found = named(self.marks, name)
        if not found:
            raise RunFailed(f"no component left a mark {name!r}")
        return found[0]


class Running:
    """A ``waterspout run`` under way; a context manager that leaves no process behind."""

    def __init__(self, topology: str, *, workers: int, sets: dict[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="waterspout-bench-")
        self.folder = Path(self._folder.name)
        self.marks_folder = self.folder / "marks"
        self.marks_folder.mkdir()
        command = [sys.executable, "-c", PROGRAM, "run", str(TOPOLOGIES / topology), "--json"]
        command += ["--workers", str(workers), "--state-dir", str(self.folder / "state")]
        for name, value in sets.items():
            command += ["--set", f"{name}={value}"]
        self._errors = (self.folder / "stderr").open("wb")
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=self._environment(),
            cwd=self.folder,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return {
            **environment(),
            FOLDER_VARIABLE: str(self.marks_folder),
            "WATERSPOUT_ALLOW": "benchmarks",
            "PYTHONPATH": path,
        }

    def marks(self, name: str) -> list[dict[str, Any]]:
        """Return the marks called ``name`` that are there by now."""
        return named(read_marks(self.marks_folder), name)

    def wait_for(self, name: str, number: int = 1, limit_s: float = 60.0) -> list[dict[str, Any]]:
        """Return the marks called ``name`` once there are ``number`` of them.

        Raises:
            RunFailed: the run ended before, or ``limit_s`` passed.
        """
        end_s = time.monotonic() + limit_s
        while len(found := self.marks(name)) < number:
            if self.process.poll() is not None or time.monotonic() > end_s:
                raise RunFailed(f"waiting for {number} marks {name!r}: {self.complaint()}")
            time.sleep(0.02)
        return found

    def stop(self) -> None:
        """Ask for a drain, as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def finish(self, *, limit_s: float = RUN_MAX_S, may_fail: bool = False) -> EngineRun:
        """Wait for the end; return what the run left.

        Raises:
            RunFailed: it did not end in time, or ended badly.
        """
        try:
            output, _ = self.process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"did not end within {limit_s:.0f} s: {self.complaint()}") from None
        if self.process.returncode and not may_fail:
            raise RunFailed(f"exit code {self.process.returncode}: {self.complaint()}")
        summary = json.loads(output) if output.strip() else {}
        return EngineRun(summary, read_marks(self.marks_folder), self._counts(), self.started_s)

    def _counts(self) -> dict[str, int]:
        merged: dict[str, int] = {}
        for path in self.marks_folder.glob("counts-*.json"):
            for word, times in json.loads(path.read_text()).items():
                merged[word] = merged.get(word, 0) + times
        return merged

    def complaint(self) -> str:
        """Return the end of what the run wrote to its standard error."""
        return (self.folder / "stderr").read_text(errors="replace")[-1500:].strip()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc: object) -> None:
        # The session is ours: whatever is left of this run, and nothing else, ends here.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._errors.close()
        self._folder.cleanup()


def run(topology: str, *, workers: int = 1, sets: dict[str, Any] | None = None) -> EngineRun:
    """Run a bounded topology to its end.

    Raises:
        RunFailed: it did not end well.
    """
    with Running(topology, workers=workers, sets=sets or {}) as running:
        return running.finish()
