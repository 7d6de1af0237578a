"""What is shown of a cluster, as a whole; single rows are tested with cluster_status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from waterspout.supervisor.cluster import cluster_view
from waterspout.supervisor.cluster.cluster_view import dead_letter_rows
from waterspout.supervisor.store_memory import MemoryStore

from .cluster_rig import FakeHost, Rig


def test_status_can_be_printed_as_json_and_has_the_promised_parts(tmp_path: Path):
    rig = Rig(tmp_path, FakeHost("b"), FakeHost("a")).run()
    rig.submit()
    rig.run(1.0)
    status = json.loads(json.dumps(rig.ask("status")["status"]))
    assert set(status) == {"cluster", "hosts", "topologies"}
    assert [row["host"] for row in status["hosts"]] == ["a", "b"]
    assert set(status["topologies"][0]) >= {"id", "life", "health", "spouts", "bolts", "workers"}


def test_every_field_of_status_and_list_is_documented(tmp_path: Path):
    rig = Rig(tmp_path, FakeHost("a")).run()
    rig.submit()
    rig.run(1.0)
    page = (Path(__file__).resolve().parents[3] / "docs" / "json-output.md").read_text("utf-8")
    status, rows = rig.ask("status")["status"], rig.ask("list")["topologies"]
    known = {*status, *status["cluster"], *status["hosts"][0], *status["topologies"][0], *rows[0]}
    known |= set(status["topologies"][0]["workers"][0])
    assert [name for name in sorted(known) if f"`{name}`" not in page] == []


def test_status_of_one_topology_leaves_out_the_others(tmp_path: Path):
    rig = Rig(tmp_path, FakeHost("a")).run()
    rig.submit()
    rig.submit(rig_text("letters"))
    assert len(rig.ask("status")["status"]["topologies"]) == 2
    (row,) = rig.ask("status", name="letters")["status"]["topologies"]
    assert row["topology"] == "letters"


def rig_text(name: str) -> str:
    """Return the text of a small topology."""
    bolt = "b: {class: Log, inputs: [s]}"
    return f"name: {name}\nspouts:\n  s: {{class: Sequence}}\nbolts:\n  {bolt}\n"


def test_large_dead_letters_come_in_several_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_view, "LETTERS_BYTES_MAX", 2500)
    store = MemoryStore()
    letter = {"task": 1, "partition": None, "start": None, "values": ["x" * 1000]}
    store.add_dead_letters([letter] * 5)
    first = dead_letter_rows(store, 0, 100)
    assert ([row["id"] for row in first["letters"]], first["count"]) == ([1, 2], 5)
    after = first["letters"][-1]["id"]
    assert [row["id"] for row in dead_letter_rows(store, after, 100)["letters"]] == [3, 4]
    monkeypatch.setattr(cluster_view, "LETTERS_BYTES_MAX", 1)
    assert len(dead_letter_rows(store, 0, 100)["letters"]) == 1


def test_a_host_that_is_lost_is_shown_as_lost(tmp_path: Path):
    rig = Rig(tmp_path, FakeHost("a"), FakeHost("b")).run()
    rig.hosts["b"].cut = True
    rig.run(13.0)
    status = rig.ask("status")["status"]
    assert [row["state"] for row in status["hosts"]] == ["up", "lost"]
    assert status["cluster"]["health"] == "degraded"
    assert status["hosts"][1]["lease_left_s"] is None
