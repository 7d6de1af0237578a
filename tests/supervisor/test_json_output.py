"""docs/json-output.md names every field that a real status and a real summary have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .scripted import Run
from .shown import status, summary


def test_every_field_of_status_and_summary_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "json-output.md").read_text("utf-8")

    def names(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield name
                yield from names(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from names(inner)

    known = {*names(status()), *names({**summary(), "top": {}, "values": {}})}
    assert [name for name in sorted(known) if f"`{name}`" not in page] == []


def test_the_examples_here_have_the_fields_of_a_real_run() -> None:
    run = Run()
    real = run.coordinator.status(1.0, 1)
    assert set(real) == set(status())
    for rows in ("spouts", "bolts", "workers"):
        assert set(real[rows][0]) == set(status()[rows][0])
    assert set(run.coordinator.summary(1.0)) == set(summary())
