"""User code that crashes, hangs, raises or blocks, on real worker processes.

Over 400 lines because the components that misbehave are written out beside what must become of
their messages.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from .word_count import LIMIT_S, WATERSPOUT, Project, kill_all, wait_for, workers_of

COMPONENTS = '''\
"""Bolts that misbehave for one message, and one that notes each message in a file."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from waterspout.bolts import Bolt
from waterspout.spouts import Reader, Source


class Troubled(Bolt):
    outputs = ["n"]

    def __init__(self, how="nothing", at=None, pause_s=0.0):
        self.how, self.at, self.pause_s = how, at, pause_s

    def process(self, tup):
        if self.pause_s:
            time.sleep(self.pause_s)
        self.emit([getattr(self, self.how)(tup["n"]) if tup["n"] == self.at else tup["n"]])

    def segfault(self, n):
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(5)

    def sys_exit(self, n):
        sys.exit(3)

    def broken(self, n):
        return self.deeper(n)

    def deeper(self, n):
        raise LookupError(f"no customer {n}")

    def hang(self, n):
        time.sleep(60)

    def a_set(self, n):
        return {n}

    def large(self, n):
        return "x" * 2000


class TroubledOnce(Troubled):
    """Fails the first time, so that a replay gets through."""

    def broken(self, n):
        seen = Path(f"seen-{n}")
        if seen.exists():
            return n
        seen.touch()
        raise LookupError(f"no customer {n}")


class Waiting(TroubledOnce):
    async def process(self, tup):
        await asyncio.sleep(self.pause_s)
        self.emit([getattr(self, self.how)(tup["n"]) if tup["n"] == self.at else tup["n"]])


class Note(Bolt):
    def prepare(self, context):
        self.file = os.open("noted", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def process(self, tup):
        os.write(self.file, f"{tup['n']}\\n".encode())


class Flaky(Source):
    """Its third read raises, once."""

    outputs = ["n"]

    def partitions(self):
        return ["only"]

    def reader(self, partition, position):
        return FlakyReader(position or 0)


class FlakyReader(Reader):
    reads = 0

    def __init__(self, position):
        self.position = position

    def read(self, limit):
        FlakyReader.reads += 1
        if FlakyReader.reads == 3:
            raise ConnectionResetError("the source hung up")
        if self.position >= 200:
            return None
        end = min(self.position + min(limit, 10), 200)
        rows = [[n] for n in range(self.position, end)]
        self.position = end
        return rows, end
'''

MESSAGES = 200
POISON = 77


class UserCode(Project):
    """A topology of numbers -> work -> note; parts of it differ from test to test."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "components.py").write_text(COMPONENTS)
        self.topology: dict[str, Any] = {
            "name": "usercode",
            "workers": 2,
            "spouts": {
                "numbers": {"class": "Sequence", "args": {"count": MESSAGES, "partitions": 2}}
            },
            "bolts": {
                "work": {"class": "components:Troubled", "inputs": ["numbers"], "parallelism": 2},
                "note": {"class": "components:Note", "inputs": ["work"]},
            },
            "settings": {
                "attempts_max": 2, "backoff_min": "10ms", "restart_backoff_min": "20ms",
                "restart_backoff_max": "100ms",
            },
        }  # fmt: skip

    def trouble(
        self, how: str, cls: str = "Troubled", at: int | None = POISON, **options: Any
    ) -> None:
        """Have the bolt in the middle do ``how`` for one message."""
        work = self.topology["bolts"]["work"]
        pause_s = options.pop("pause_s", 0.0)
        work["class"] = f"components:{cls}"
        work["args"] = {"how": how, "at": at, "pause_s": pause_s}
        work.update(options)

    def command(self, *more: str) -> list[str]:
        (self.folder / "topology.yaml").write_text(yaml.safe_dump(self.topology))
        return super().command(*more)

    def summary(self, *more: str) -> dict[str, Any]:
        """Run to the end and return the summary."""
        done = self.run(*more)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def noted(self) -> Counter[int]:
        """Return how often each number got to the end."""
        path = self.folder / "noted"
        return Counter(map(int, path.read_text().split())) if path.exists() else Counter()

    def dead_letters(self, *words: str) -> str:
        command = [*WATERSPOUT, "dead-letters", *words, "--state-dir", str(self.folder / "state")]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True,
            timeout=LIMIT_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def letter(self) -> dict[str, Any]:
        """Return the only dead letter."""
        (line,) = self.dead_letters("list", "--json").splitlines()
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[UserCode]:
    made = UserCode(tmp_path)
    yield made
    kill_all(tmp_path)


ALL = Counter(range(MESSAGES))
NEIGHBOURS = Counter(n for n in range(MESSAGES) if n != POISON)


def check_one_dead(project: UserCode, summary: dict[str, Any], attempts: int = 2) -> dict[str, Any]:
    """The poisonous message is a dead letter, its neighbours got through; return the letter."""
    assert summary["dead_letters"] == 1
    assert summary["acked"] == MESSAGES - 1
    letter = project.letter()
    assert letter["values"] == [POISON]
    assert letter["attempts"] == attempts
    found = project.noted()
    assert found.keys() == NEIGHBOURS.keys()
    surplus = found.total() - NEIGHBOURS.total()
    assert surplus <= summary["duplicates_possible"] + summary["replayed"]
    return letter


# What kills a worker.


def check_deaths(summary: dict[str, Any], more: int = 0) -> None:
    """A killing message takes as many workers along as it may be tried.

    And ``more``: with its group, before it is known which message it was.
    """
    assert 2 <= summary["restarts"] <= 2 + more


@pytest.mark.parametrize("options", [{}, {"blocking": True}], ids=["plain", "blocking"])
def test_a_message_that_crashes_its_worker_each_time_ends_as_a_dead_letter(
    project: UserCode, options: dict[str, Any]
) -> None:
    project.trouble("segfault", **options)
    project.topology["spouts"]["numbers"]["group_max"] = 1
    summary = project.summary()
    letter = check_one_dead(project, summary)
    check_deaths(summary)
    assert letter["reason"].endswith("worker died while working on it; it was tried 2 times")


def test_an_async_message_that_crashes_its_worker_each_time_ends_as_a_dead_letter(
    project: UserCode,
) -> None:
    project.trouble("segfault", "Waiting")
    project.topology["spouts"]["numbers"]["group_max"] = 1
    summary = project.summary()
    check_one_dead(project, summary)
    check_deaths(summary)


def test_the_neighbours_in_a_group_are_not_blamed_for_a_crash(project: UserCode) -> None:
    project.trouble("segfault")
    summary = project.summary()
    check_one_dead(project, summary)
    check_deaths(summary, more=1)


def test_a_crash_in_a_bolt_far_from_its_spout_is_pinned_on_its_message(project: UserCode) -> None:
    # Only the other worker's ledger knows the message.
    project.topology["bolts"]["note"]["parallelism"] = 2
    project.topology["bolts"]["work"]["parallelism"] = 1
    project.topology["spouts"]["numbers"]["parallelism"] = 2
    project.trouble("segfault")
    check_one_dead(project, project.summary())


def test_a_hang_is_killed_and_its_message_ends_as_a_dead_letter(project: UserCode) -> None:
    project.trouble("hang", hang_timeout="400ms")
    project.topology["spouts"]["numbers"]["group_max"] = 1
    summary = project.summary()
    check_one_dead(project, summary)
    check_deaths(summary)


# What raises.


def test_a_message_that_raises_ends_as_a_dead_letter_with_the_users_traceback_alone(
    project: UserCode,
) -> None:
    project.trouble("broken")
    summary = project.summary()
    letter = check_one_dead(project, summary)
    assert summary["restarts"] == 0
    assert letter["reason"] == f"LookupError: no customer {POISON}"
    shown = project.dead_letters("show", str(letter["id"]))
    assert 'raise LookupError(f"no customer {n}")' in shown
    assert "in deeper" in shown
    assert "in process" in shown
    for ours in ("executor.py", "offload.py", "worker_core.py", "emitter.py"):
        assert ours not in shown


@pytest.mark.parametrize("options", [{}, {"blocking": True}], ids=["plain", "blocking"])
def test_sys_exit_fails_its_message_and_no_worker_ends(
    project: UserCode, options: dict[str, Any]
) -> None:
    project.trouble("sys_exit", **options)
    summary = project.summary()
    letter = check_one_dead(project, summary)
    assert summary["restarts"] == 0
    assert "called sys.exit(3)" in letter["reason"]


def test_a_value_without_wire_form_is_named_with_its_field_and_type(project: UserCode) -> None:
    project.topology["bolts"]["note"]["parallelism"] = 2
    # Only what leaves its worker needs a wire form; with this, all does.
    project.topology["settings"]["check_values"] = True
    project.trouble("a_set")
    letter = check_one_dead(project, project.summary())
    for part in ("work", "'default'", "'n'", "set"):
        assert part in letter["reason"]


def test_a_tuple_over_tuple_bytes_max_is_named_with_its_size(project: UserCode) -> None:
    project.topology["settings"].update(check_values=True, tuple_bytes_max="1KiB")
    project.trouble("large")
    letter = check_one_dead(project, project.summary())
    assert "tuple_bytes_max is 1024" in letter["reason"]
    assert "work" in letter["reason"]


def test_a_spout_whose_read_raises_backs_off_and_goes_on(project: UserCode) -> None:
    project.topology["spouts"]["numbers"] = {"class": "components:Flaky"}
    run = project.start()
    wait_for(lambda: project.status(run.pid).get("errors"), "the error in the status")
    out, err = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 0, err
    assert json.loads(out)["acked"] == MESSAGES
    assert project.noted() == ALL


# Blocking and async bolts.


@pytest.mark.parametrize("cls", ["TroubledOnce", "Waiting"])
def test_calls_outside_of_the_data_thread_count_exactly_and_fail_alone(
    project: UserCode, cls: str
) -> None:
    project.trouble("broken", cls, pause_s=0.001, **blocking(cls))
    summary = project.summary()
    assert summary["acked"] == summary["messages"] == MESSAGES
    assert summary["dead_letters"] == 0
    assert summary["failed"] >= 1
    found = project.noted()
    assert found.keys() == ALL.keys()
    assert found.total() - ALL.total() <= summary["replayed"]


@pytest.mark.parametrize("cls", ["Troubled", "Waiting"])
def test_calls_outside_of_the_data_thread_survive_a_kill(project: UserCode, cls: str) -> None:
    project.trouble("nothing", cls, at=None, pause_s=0.01, **blocking(cls))
    project.topology["spouts"]["numbers"]["args"]["rate"] = 200
    run = project.start()
    wait_for(lambda: project.noted().total() > 20, "the middle of the run")
    workers_of(run.pid)[1].kill()
    out, err = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 0, err
    summary = json.loads(out)
    assert summary["restarts"] == 1
    assert summary["acked"] == MESSAGES
    found = project.noted()
    assert found.keys() == ALL.keys()
    assert found.total() - ALL.total() <= summary["duplicates_possible"]


def blocking(cls: str) -> dict[str, Any]:
    """Return the options of the bolt: async ones need none."""
    return {} if cls == "Waiting" else {"blocking": True}


# At-most-once.


@pytest.fixture
def once(project: UserCode) -> UserCode:
    project.topology["guarantee"] = "at-most-once"
    return project


def test_at_most_once_counts_exactly_when_nothing_disturbs_it(once: UserCode) -> None:
    summary = once.summary()
    assert summary["messages"] == MESSAGES
    assert once.noted() == ALL


def test_at_most_once_waits_for_calls_that_are_under_way(once: UserCode) -> None:
    once.trouble("nothing", "Waiting", at=None, pause_s=0.05)
    once.summary()
    assert once.noted() == ALL


@pytest.mark.parametrize("worker", [0, 1])
def test_at_most_once_emits_nothing_twice_after_a_kill(once: UserCode, worker: int) -> None:
    once.trouble("nothing", at=None, pause_s=0.002)
    once.topology["spouts"]["numbers"].update(parallelism=2)
    once.topology["spouts"]["numbers"]["args"].update(count=1000, rate=1000)
    run = once.start()
    wait_for(lambda: once.noted().total() > 100, "the middle of the run")
    workers_of(run.pid)[worker].kill()
    _, err = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 0, err
    found = once.noted()
    assert found.total() > 100
    assert max(found.values()) == 1
    assert found.keys() <= set(range(1000))


def test_at_most_once_goes_on_behind_what_was_reserved_when_the_run_was_killed(
    once: UserCode,
) -> None:
    once.trouble("nothing", at=None, pause_s=0.002)
    once.topology["spouts"]["numbers"]["args"].update(count=1000, rate=1000)
    run = once.start()
    wait_for(lambda: once.noted().total() > 100, "the middle of the run")
    workers = list(workers_of(run.pid).values())
    run.kill()
    run.communicate()
    psutil.wait_procs(workers, timeout=5)
    before = once.noted()
    once.topology["bolts"]["work"]["args"]["pause_s"] = 0
    assert once.run().returncode == 0
    found = once.noted()
    assert found.total() > before.total()
    assert max(found.values()) == 1
    assert max(found) == 999
