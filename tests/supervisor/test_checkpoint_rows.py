"""What is shown of checkpoints: newest, size, and the task that waited longest for its barriers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from waterspout.supervisor.rendering import summary_view
from waterspout.supervisor.rendering_status import status_view

from ..each_case import each_case
from .shown import drawn, status, summary
from .test_durability import Exact


def checkpointed() -> Exact:
    """Return a run with one complete checkpoint and one that failed."""
    run = Exact()
    run.bring_up()
    run.report(0)
    run.tick(1.0)
    number = run.number
    run.answer(0, number, took={1: [0.0, 0.001, 0, None], 3: [0.25, 0.002, 100, 0]})
    run.answer(1, number, took={4: [0.5, 0.001, 50, 1200]})
    run.durable_done(number)
    run.tick(0.5)
    return run


def test_the_status_says_what_the_newest_checkpoint_took() -> None:
    run = checkpointed()
    row = run.coordinator.status(run.now)["checkpoint"]
    count = next(each for each in row["components"] if each["component"] == "count")
    assert count == {
        "component": "count", "task": 4, "align_ms": 500.0, "copy_ms": 2.0, "bytes": 150,
        "overtook": 2, "logged_rows": 1200,
    }  # fmt: skip
    assert (row["last"], row["complete"], row["bytes"], row["age_s"]) == (run.number, 1, 2, 0.5)
    assert (row["failures"], row["failure"], row["state"]) == (0, "", "idle")


def test_a_failure_is_counted_and_its_reason_shown() -> None:
    run = checkpointed()
    run.report(0)
    run.tick(1.0)
    run.say(1, "snapshot_failed", round=run.number, text="disk full")
    row = run.coordinator.status(run.now)["checkpoint"]
    assert (row["failures"], row["failure"]) == (1, "worker 1: disk full")
    assert run.coordinator.summary(run.now)["checkpoints"] == {
        "complete": 1, "failures": 1, "last": row["last"],
    }  # fmt: skip


def test_it_is_said_how_long_the_next_one_takes_to_come_and_to_be_made() -> None:
    run = checkpointed()
    row = run.coordinator.status(run.now)["round"]
    assert (row["under_way_s"], row["next_s"]) == (None, 0.5)
    run.report(0)
    run.tick(1.0)
    run.tick(3.0)
    row = run.coordinator.status(run.now)["round"]
    assert (row["under_way_s"], row["next_s"]) == (3.0, None)


@each_case(
    "more, expected",
    [
        ({"next_s": 1.9}, ""),
        ({"next_s": 12.0}, ", the next in 12 s"),
        ({"under_way_s": 1.9, "next_s": None}, ""),
        ({"under_way_s": 4.0, "next_s": None}, ", another under way for 4.0 s"),
        (
            {"failures": 3, "failure": "worker 1: disk full"},
            ", 3 failures, since the last one: worker 1: disk full",
        ),
        ({"failures": 3, "failure": ""}, ", 3 failures"),
    ],
)
def test_what_holds_the_next_one_up_is_shown(more: dict[str, Any], expected: str) -> None:
    row = {"last": 3, "age_s": 0.5, "duration_ms": 4.0, "failures": 0, **more}
    shown = drawn(status_view(status(round=row), {})).splitlines()
    assert shown[-1] == f"round 3, 0.5 s ago, took 4.0 ms{expected}, 0 dead letters"


def test_every_field_is_on_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "json-output.md").read_text("utf-8")
    run = checkpointed()
    row = run.coordinator.status(run.now)["checkpoint"]
    names = {*row, *row["components"][0], *run.coordinator.summary(run.now)["checkpoints"]}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_people_see_it_in_one_line() -> None:
    run = checkpointed()
    shown = drawn(status_view(run.coordinator.status(run.now), {}))
    line = next(each for each in shown.splitlines() if each.startswith("checkpoint"))
    assert line.startswith(f"checkpoint {run.number}, ")
    assert "aligned for 500 ms (count task 4), 2 tasks overtook, 1,200 tuples logged" in line
    assert "no round yet" in drawn(
        status_view(status(round={"last": 0, "age_s": None, "duration_ms": 0, "failures": 0}), {})
    )


def test_the_end_of_a_run_says_how_many_there_were() -> None:
    made = {"complete": 12, "failures": 1, "last": 13}
    changes = {"guarantee": "exactly-once", "checkpoints": made, "worked_again": 17}
    shown = drawn(summary_view(summary(**changes)))
    assert "checkpoints" in shown and "1 failure" in shown
    assert "worked again" in shown and "count once" in shown
    assert "worked again" not in drawn(summary_view(summary()))
