"""The verbs of the cluster against a scripted coordinator: what they ask, print and end with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from waterspout.supervisor.cluster import cluster_commands as commands
from waterspout.supervisor.cluster import following
from waterspout.supervisor.cluster.client import StreamLost, Unreachable
from waterspout.supervisor.exit_codes import ExitCode

from .scripted import Scripted, cluster_status, topology_row

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("health", "code"),
    [("healthy", ExitCode.OK), ("degraded", ExitCode.DEGRADED), ("stalled", ExitCode.STALLED)],
)
def test_status_ends_with_the_health_of_the_cluster(
    health: str, code: ExitCode, capsys: Capture
) -> None:
    answer = cluster_status()
    answer["status"]["cluster"]["health"] = health
    assert commands.status(Scripted(status=answer), None, as_json=False) == code
    shown = capsys.readouterr().out
    assert "coordinator tcp://a:7461" in shown and health in shown
    assert "10.0.0.1" in shown and "2/4" in shown


def test_status_of_one_topology_ends_with_its_own_health(capsys: Capture) -> None:
    row = topology_row(outcome="failed", reason="no disk", health="degraded")
    asker = Scripted(status=cluster_status(topologies=[row]))
    assert commands.status(asker, "wc", as_json=True) == ExitCode.DEGRADED
    assert asker.asked == [{"kind": "status", "name": "wc"}]
    assert json.loads(capsys.readouterr().out)["topologies"][0]["reason"] == "no disk"


def test_watch_waits_for_a_coordinator_that_is_away(capsys: Capture) -> None:
    asker = Scripted(status=[Unreachable("E_CONNECT: away"), cluster_status(), cluster_status()])
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    assert commands.watch(asker, None, as_json=True, sleep=sleep) == ExitCode.OK
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "E_CONNECT: away" in err


def test_kill_returns_when_the_topology_has_ended(capsys: Capture) -> None:
    lives = ["killing", "killing", "ended"]
    rows = [{"topologies": [{"name": "wc", "life": life}]} for life in lives]
    asker = Scripted(kill={"state": "killing"}, list=rows)
    assert commands.kill(asker, "wc", 5.0, now=False, sleep=lambda s: None) == ExitCode.OK
    assert asker.asked[0] == {"kind": "kill", "name": "wc", "now": False, "wait_s": 5.0}
    assert len(asker.asked) == 4
    assert "its state is kept" in capsys.readouterr().out


def test_rebalance_prints_what_changes(capsys: Capture) -> None:
    asker = Scripted(rebalance={"diff": ["split: 2 tasks -> 4"], "state": "quiescing"})
    code = commands.rebalance(asker, "wc", 3, {"split": 4}, lambda: ExitCode.BOOT_FAILED)
    assert code == ExitCode.BOOT_FAILED
    assert asker.asked == [
        {"kind": "rebalance", "name": "wc", "workers": 3, "parallelism": {"split": 4}}
    ]
    assert capsys.readouterr().out == "split: 2 tasks -> 4\n"


def test_drain_names_the_workers_that_move(capsys: Capture) -> None:
    commands.drain_host(Scripted(drain_host={"moves": [["wc-1", 0]]}), "a", undo=False)
    assert capsys.readouterr().out == "wc-1 worker 0 moves away\n"
    commands.drain_host(Scripted(drain_host={"moves": []}), "a", undo=True)
    assert capsys.readouterr().out == "a takes workers again\n"


def test_events_are_lines_with_time_place_and_fields(capsys: Capture) -> None:
    row = [3, 0.0, "wc-1", "a", "worker lost", {"reason": "killed by\nsignal 9"}]
    commands.events(Scripted(events={"events": [row]}), None, 0, 100, as_json=False)
    assert capsys.readouterr().out == (
        "3 1970-01-01T00:00:00Z worker lost topology=wc-1 host=a reason=killed by\\nsignal 9\n"
    )
    commands.events(Scripted(events={"events": [row]}), "wc", 0, 100, as_json=True)
    assert json.loads(capsys.readouterr().out)["fields"]["reason"] == "killed by\nsignal 9"


def test_list_has_a_row_per_topology_and_says_when_there_is_none(capsys: Capture) -> None:
    row = {
        "id": "wc-1", "name": "wc", "life": "active", "health": "healthy", "outcome": "",
        "reason": "", "workers": 2, "waiting": 1, "submitted_at": 0.0, "uptime_s": 3.0,
    }  # fmt: skip
    commands.list_topologies(Scripted(list={"topologies": [row]}), as_json=False)
    cells = capsys.readouterr().out.splitlines()[1].split()
    assert cells[:5] == ["wc-1", "active", "healthy", "2", "1"]
    commands.list_topologies(Scripted(list={"topologies": []}), as_json=False)
    assert "waterspout submit" in capsys.readouterr().err


def test_logs_and_taps_are_printed_as_they_come(capsys: Capture) -> None:
    lines = [{"lines": [["a", "worker-0.log", "hello \x1b[31m"]]}, {"lines": []}]
    commands.logs(Scripted(logs=lines), "wc", None, following=False, tail_lines=5)
    assert capsys.readouterr().out == "a worker-0.log hello \\x1b[31m\n"
    tuples = [{"rows": [{"component": "split", "index": 1, "stream": "default",
                         "values": {"word": "x"}}]}]  # fmt: skip
    commands.tap(Scripted(tap=tuples), "wc", "split", "", 10, 1.0, as_json=False)
    assert capsys.readouterr().out == "split[1] default word='x'\n"


def test_logs_that_are_followed_are_asked_for_anew_from_the_newest_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "RETRY_S", 0.0)
    one, two = ["a", 0, 7, 10, True], ["a", 0, 7, 20, True]
    asker = Scripted(logs=[{"lines": [], "marks": [one]}, {"lines": [], "marks": [two]}])
    whole, lost = asker.stream, iter([True, False])

    def stream(request: Any) -> Any:
        yield from whole(request)
        if next(lost):
            raise StreamLost("E_STREAM")

    asker.stream = stream  # type: ignore[method-assign]
    commands.logs(asker, "wc", None, following=True, tail_lines=5)
    assert [each["marks"] for each in asker.asked] == [None, [two]]


def test_a_batch_of_lines_whose_end_was_lost_is_not_shown_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(following, "RETRY_S", 0.0)
    one, two = {"lines": [["a", "f", "one"]]}, {"lines": [["a", "f", "two"]], "marks": []}
    streams = iter([[one, StreamLost("E_STREAM")], [one, two]])

    def stream(request: Any) -> Any:
        for each in next(streams):
            if isinstance(each, Exception):
                raise each
            yield each

    asker = Scripted()
    asker.stream = stream  # type: ignore[method-assign]
    commands.logs(asker, "wc", None, following=True, tail_lines=5)
    assert capsys.readouterr().out == "a f one\na f two\n"
