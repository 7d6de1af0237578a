"""Jobs beside the loop: told once, tried again when that may help, forgotten on request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from waterspout.supervisor.cluster import host_jobs
from waterspout.supervisor.cluster.host_jobs import JobDone, JobFailed, JobThread

WAIT_S = 10.0


class Jobs:
    """A job thread, and a way to wait for it."""

    def __init__(self) -> None:
        self._woken = threading.Semaphore(0)
        self.thread = JobThread("jobs", self._woken.release)

    def ended(self, now: float = 0.0) -> list[JobDone]:
        """Wait until a job has ended; return what is told."""
        assert self._woken.acquire(timeout=WAIT_S)
        return self.thread.turn(now)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.thread.close()


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_a_job_is_done_on_the_thread_and_told_once(jobs: Jobs) -> None:
    names: list[str] = []
    assert jobs.thread.submit(("a",), lambda: names.append(threading.current_thread().name))
    assert jobs.ended() == [JobDone(("a",))]
    assert names == ["jobs"]
    assert jobs.thread.turn(99.0) == []


def test_a_job_under_way_is_not_begun_twice(jobs: Jobs) -> None:
    go, count = threading.Event(), []

    def work() -> None:
        count.append(1)
        go.wait(WAIT_S)

    assert jobs.thread.submit(("a",), work)
    assert jobs.thread.submit(("a",), work)
    go.set()
    assert jobs.ended() == [JobDone(("a",))]
    assert jobs.thread.submit(("b",), lambda: None)
    assert jobs.ended() == [JobDone(("b",))]
    assert count == [1]


def test_what_may_help_is_tried_again_with_growing_waits(jobs: Jobs) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise JobFailed("no answer", final=False)

    jobs.thread.submit(("a",), work)
    assert jobs.ended(0.0) == [JobDone(("a",), "no answer", False)]
    assert jobs.thread.turn(0.19) == []
    assert jobs.thread.turn(0.2) == []
    assert jobs.ended(0.3) == [JobDone(("a",), "no answer", False, 0.3)]
    assert jobs.thread.turn(0.69) == []
    assert jobs.thread.turn(0.7) == []
    assert jobs.ended(0.8) == [JobDone(("a",), failing_s=0.8)]
    assert len(tries) == 3


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (JobFailed("gone", final=True), True),
        (OSError(28, "No space left on device"), False),
        (KeyError("x"), True),
    ],
)
def test_every_failure_is_told_and_only_what_may_pass_is_tried_again(
    jobs: Jobs, error: BaseException, final: bool
) -> None:
    jobs.thread.submit(("a",), raising(error))
    ((name, text, was_final),) = [(d.name, d.text, d.final) for d in jobs.ended()]
    assert (name, was_final) == (("a",), final)
    assert text


def test_a_forgotten_job_is_neither_told_nor_tried_again(jobs: Jobs) -> None:
    jobs.thread.submit(("a",), raising(JobFailed("x", final=False)))
    jobs.thread.forget(("a",))
    jobs.thread.submit(("b",), lambda: None)
    found = jobs.ended()
    if found == []:
        found = jobs.ended()
    assert found == [JobDone(("b",))]
    assert jobs.thread.turn(99.0) == []


def test_a_job_that_is_forgotten_while_it_waits_is_not_begun_when_its_name_comes_again(
    jobs: Jobs,
) -> None:
    old: list[int] = []

    def failing() -> None:
        old.append(1)
        raise JobFailed("x", final=False)

    jobs.thread.submit(("a",), failing)
    jobs.ended(0.0)
    jobs.thread.forget(("a",))
    jobs.thread.submit(("a",), lambda: None)
    assert jobs.ended(9.0) == [JobDone(("a",))]
    assert jobs.thread.turn(99.0) == []
    assert old == [1]


def test_there_is_a_limit(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_jobs, "JOBS_MAX", 1)
    go = threading.Event()
    assert jobs.thread.submit(("a",), lambda: (go.wait(WAIT_S), None)[1])
    assert not jobs.thread.submit(("b",), lambda: None)
    go.set()
    assert jobs.ended() == [JobDone(("a",))]
    assert jobs.thread.submit(("b",), lambda: None)
