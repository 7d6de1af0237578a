"""Requests with many answers, and what workers are told for a while: logs, taps, levels."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cluster_rig import FakeHost, Rig
from .test_requests import refused


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster of two hosts with two slots each."""
    return Rig(tmp_path, FakeHost("a", slots=2), FakeHost("b", slots=2)).run()


def test_logs_come_line_by_line_with_their_host(rig: Rig):
    rig.submit()
    rig.run(0.5)
    rig.hosts["a"].log = b"one\ntwo\nthree\n"
    rig.ask("logs", name="numbers", tail_lines=2)
    rig.run(1.0)
    lines = [line for answer in rig.streamed for line in answer["lines"]]
    assert lines == [["a", "worker-0.log", "two"], ["a", "worker-0.log", "three"]]
    assert [answer["more"] for answer in rig.streamed][-1] is False
    assert rig.streamed[0]["id"] == 9


def test_logs_that_are_followed_end_when_nobody_asks_for_more(rig: Rig):
    rig.submit()
    rig.run(0.5)
    rig.ask("logs", name="numbers", tail_lines=0, follow=True)
    for number in range(30):
        rig.hosts["a"].log += f"line {number}\n".encode()
        rig.run(1.0)
        if number < 15:
            rig.ask("more", "readonly")
    lines = [line[2] for answer in rig.streamed for line in answer["lines"]]
    assert lines == [f"line {number}" for number in range(1, len(lines) + 1)]
    assert 20 <= len(lines) <= 26


def test_each_more_is_answered_and_one_of_a_coordinator_before_this_with_a_refusal(rig: Rig):
    rig.submit()
    rig.run(0.5)
    rig.ask("logs", name="numbers", follow=True)
    alive = {"id": 9, "ok": True, "more": True, "alive": True, "said": 0}
    assert rig.ask("more", "readonly") == alive
    rig.restart()
    answer = rig.ask("more", "readonly")
    assert refused(answer) == "E_STREAM"
    assert "started again" in answer["error"]


def test_logs_go_on_from_marks_over_a_restart(rig: Rig):
    rig.submit()
    rig.run(0.5)
    rig.hosts["a"].log = b"one\ntwo\n"
    rig.ask("logs", name="numbers", follow=True)
    rig.run(1.0)
    marks = [mark for answer in rig.streamed for mark in answer.get("marks", ())]
    rig.restart()
    rig.hosts["a"].log += b"three\n"
    rig.run(1.0)
    rig.streamed.clear()
    rig.ask("logs", name="numbers", follow=True, marks=marks)
    rig.run(1.0)
    lines = [line[2] for answer in rig.streamed for line in answer["lines"]]
    assert lines == ["three"]


def test_readers_see_logs_only_where_it_is_allowed(tmp_path: Path):
    rig = Rig(tmp_path, FakeHost("a"), readonly_logs=True).run()
    rig.submit()
    assert "code" not in rig.ask("logs", "readonly", name="numbers")
    assert refused(rig.ask("tap", "readonly", name="numbers")) == "E_ROLE"


def test_a_tap_samples_while_somebody_looks_and_no_longer(rig: Rig):
    rig.submit()
    rig.run(0.5)
    (worker,) = rig.hosts["a"].workers.values()
    rig.ask("tap", name="numbers", component="count", limit=3, rate=5.0)
    rig.run(0.3)
    (order,) = [each for each in worker.messages if each["kind"] == "tap"]
    assert (order["component"], order["rate"], order["for_s"] > 0) == ("count", 5.0, True)
    row = {"component": "count", "index": 0, "stream": "default", "values": {"n": 1}}
    for _ in range(2):
        worker.unnumbered.append({"kind": "taps", "id": order["id"], "rows": [row, row]})
        rig.run(0.3)
    assert sum(len(answer["rows"]) for answer in rig.streamed) == 3
    assert rig.streamed[-1]["more"] is False
    assert [each for each in worker.messages if each["kind"] == "tap"][-1]["for_s"] == 0.0
    assert rig.cluster.named("numbers").taps == {}


def test_a_level_of_a_logger_is_told_to_all_workers(rig: Rig):
    rig.submit()
    rig.run(0.5)
    (worker,) = rig.hosts["a"].workers.values()
    answer = rig.ask("log_level", name="numbers", logger="app", level="DEBUG", for_s=60.0)
    assert answer["workers"] == 1
    rig.run(0.3)
    (order,) = [each for each in worker.messages if each["kind"] == "log_level"]
    assert (order["logger"], order["level"], order["for_s"]) == ("app", "DEBUG", 60.0)


def test_components_that_do_not_exist_are_refused(rig: Rig):
    rig.submit()
    for kind in ("logs", "tap"):
        assert refused(rig.ask(kind, name="numbers", component="nobody")) == "E_UNKNOWN"


def test_a_filter_for_a_field_that_no_tuple_has_is_refused_by_name(rig: Rig):
    rig.submit()
    for component in (None, "count"):
        answer = rig.ask("tap", name="numbers", component=component, where="nb > 3")
        assert refused(answer) == "E_REQUEST"
        assert "no field 'nb'" in answer["error"]
    assert "code" not in rig.ask("tap", name="numbers", where="n > 3")


def test_a_filter_that_cannot_be_read_is_refused_with_its_place(rig: Rig):
    rig.submit()
    answer = rig.ask("tap", name="numbers", where="n >")
    assert refused(answer) == "E_REQUEST"
    assert "the filter at 4" in answer["error"]


def test_no_more_streams_are_open_than_the_limit(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("waterspout.supervisor.cluster.streams.STREAMS_MAX", 0)
    rig.submit()
    assert refused(rig.ask("logs", name="numbers")) == "E_DENIED"
