"""The verbs of a cluster with real daemons: figures and streams over restarts, moves, letters."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .loopback_cluster import LoopbackCluster
from .test_cluster import PACE, Case
from .word_count import WATERSPOUT, wait_for


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.cluster.close()


def test_figures_go_on_over_a_killed_worker_and_coordinator_and_a_rebalance(case: Case) -> None:
    """F05: no later status shows less than an earlier one."""
    cluster = case.cluster.up("a", "b")
    case.submit(*PACE)
    case.middle()
    cluster.workers("b")[0].kill()
    wait_for(lambda: restarts(cluster) == 1 and going(cluster), "the worker again")
    # What was acked and not durable is taken back at a loss: with the next reports of survivors,
    # which have come when a second round of the new epoch is complete.
    lost_at = rounds(cluster)
    wait_for(lambda: rounds(cluster) > lost_at + 1, "two rounds")
    shown = [figures(cluster)]
    cluster.kill("coordinator")
    cluster.coordinator()
    wait_for(lambda: grown(cluster, shown) and going(cluster), "the coordinator again")
    assert restarts(cluster) == 1
    cluster.call("rebalance", "wordcount", "--workers", "1")
    wait_for(lambda: grown(cluster, shown) and going(cluster), "one worker")
    row = case.whole()
    shown.append(tuple(sum(spout[name] for spout in row["spouts"]) for name in FIGURES))
    assert shown == sorted(shown)
    cluster.kill("coordinator")
    cluster.coordinator()
    wait_for(lambda: cluster.topology("wordcount"), "the coordinator once more")
    assert figures(cluster) == shown[-1]


FIGURES = ("acked", "failed", "replayed")


def figures(cluster: LoopbackCluster) -> tuple[int, ...]:
    """Return what the spouts counted."""
    rows = cluster.topology("wordcount")["spouts"]
    return tuple(sum(row[name] for row in rows) for name in FIGURES)


def grown(cluster: LoopbackCluster, shown: list[tuple[int, ...]]) -> bool:
    """Note what is shown now; none of it may have fallen."""
    if not cluster.topology("wordcount"):
        return False
    shown.append(figures(cluster))
    assert all(now >= then for now, then in zip(shown[-1], shown[-2], strict=True)), shown
    return True


def going(cluster: LoopbackCluster) -> bool:
    """Whether the topology runs, with all of its workers, or has ended."""
    row = cluster.topology("wordcount")
    running = row.get("state") == "running" and row.get("life") == "active"
    return row.get("life") == "ended" or (running and row["health"] == "healthy")


def rounds(cluster: LoopbackCluster) -> int:
    """Return the number of the newest round."""
    number: int = cluster.topology("wordcount")["round"]["last"]
    return number


def restarts(cluster: LoopbackCluster) -> int:
    """Return how often workers were lost."""
    return sum(row["restarts"] for row in cluster.topology("wordcount")["workers"])


def test_logs_that_are_followed_go_on_over_a_killed_coordinator(case: Case) -> None:
    """F05: no line is lost or repeated."""
    cluster = case.cluster.up("a")
    case.submit(*PACE)
    case.middle()
    shown = cluster.folder / "shown.txt"
    words = [*WATERSPOUT, "logs", "wordcount", "--follow", "--lines", "100000", "--insecure"]
    (log,) = (cluster.folder / "host-a").glob("topologies/*/logs/worker-0.log")
    with open(shown, "w") as out, open(cluster.folder / "said.txt", "w") as err:
        following = subprocess.Popen(words, env=cluster.environ, stdout=out, stderr=err)
    try:
        # What is written before comes first, as far as it is in the last 64 KB of the file.
        wait_for(lambda: shown.read_text(), "the last lines")
        for number in range(3):
            with open(log, "a") as file:
                file.write(f"2026-11-23T13:39:00.000Z INFO split.1 - mark {number}\n")
            wait_for(lambda n=number: f"mark {n}\n" in shown.read_text(), "the line")  # type: ignore[misc]
            if number < 2:
                cluster.kill("coordinator")
                time.sleep(0.5)
                cluster.coordinator()
                wait_for(lambda: cluster.hosts_up() == {"a"}, "the coordinator")
        found = [line.split(maxsplit=2) for line in shown.read_text().splitlines()]
        lines = [line for _, file, line in found if file == "worker-0.log"]
        assert between_marks(lines) == between_marks(log.read_text().splitlines())
        assert following.poll() is None, (cluster.folder / "said.txt").read_text()
    finally:
        following.kill()
        following.wait()


def between_marks(lines: list[str]) -> list[str]:
    """Return the lines from the first mark to the last."""
    first, *_, last = [at for at, line in enumerate(lines) if " - mark " in line]
    return lines[first : last + 1]


def test_a_swap_returns_when_the_new_version_runs_or_the_old_one_again(case: Case) -> None:
    cluster = case.cluster.up("a")
    # Slow enough that the input does not end meanwhile.
    slow = ("--set", "bolts.split.args.pause_s=0.005")
    case.submit(*slow, "--set", "settings.max_pending=200")
    case.middle()
    swap = ("swap", "wordcount", "topology.yaml", "--yes")
    done = cluster.call(*swap, *slow, "--set", "settings.max_pending=300")
    assert "quiescing: wordcount" in done.stderr and "done: wordcount runs" in done.stderr
    row = cluster.topology("wordcount")
    assert (row["life"], row["state"]) == ("active", "running")
    text = (cluster.folder / "topology.yaml").read_text()
    broken = text.replace("components:Split", "components:NoDatabase")
    (cluster.folder / "topology.yaml").write_text(broken)
    done = cluster.call(*swap, code=6)
    assert "rolled back, it runs as before" in done.stderr
    assert "no database at db:5432" in done.stderr
    case.whole()


def test_dead_letters_are_shown_tried_again_and_dropped_from_afar(case: Case) -> None:
    cluster = case.cluster.up("a")
    case.submit("--set", "bolts.split.args.pause_s=often", "--set", "settings.attempts_max=1",
                lines=50)  # fmt: skip
    row = cluster.ended("wordcount")
    assert row["dead_letters"] > 1
    listed = cluster.call("dead-letters", "list").stdout.splitlines()
    assert listed[1].split()[0] == "1" and "TypeError" in listed[1]
    assert "Traceback" in cluster.call("dead-letters", "show", "1").stdout
    assert "1 dead letter to be" in cluster.call("dead-letters", "replay", "1").stdout
    cluster.call("dead-letters", "drop", "--all", "--topology", "wordcount")
    assert "no dead letters" in cluster.call("dead-letters", "list").stderr


def test_without_a_coordinator_submit_and_swap_say_so_with_its_exit_code(case: Case) -> None:
    case.project.write_texts(lines=100)
    for words in (("submit",), ("swap", "wordcount")):
        done = case.cluster.call(*words, "topology.yaml", code=3)
        assert "E_CONNECT" in done.stderr and "nobody listens there" in done.stderr
