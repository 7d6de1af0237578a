"""Where ready-made sinks wrote is told: files, folders with something in them, tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.linting import short_names
from waterspout.supervisor.written_places import written_files, written_places
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.loader import load
from waterspout.topology.plan import Plan, make_plan

TEXT = """\
name: places
spouts:
  n: {class: Sequence, args: {count: 5}}
bolts:
  lines: {class: WriteLines, args: {path: "out-{index}.txt"}, inputs: [n], parallelism: 2}
  parts: {class: CommitJsonl, args: {folder: "${TOPOLOGY_DIR}/parts"}, inputs: [n]}
  rows: {class: SqliteTable, args: {path: rows.db, table: counts}, inputs: [n]}
  far: {class: PostgresTable, args: {dsn: "host=db password=x", table: totals}, inputs: [n]}
  log: {class: Log, inputs: [n]}
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    variables = {"TOPOLOGY_DIR": "${TOPOLOGY_DIR}"}
    loaded = load(
        TEXT, "t.yaml", folder=str(tmp_path), variables=variables, short_names=short_names()
    )
    assert loaded.spec is not None, list(loaded.problems)
    return make_plan(loaded.spec, {each.id: _facts(each.kind) for each in loaded.spec.components()})


def _facts(kind: str) -> ComponentFacts:
    return ComponentFacts(kind, replay="seek" if kind == "spout" else None)  # type: ignore[arg-type]


def test_only_what_is_there_is_told_but_a_database_elsewhere(plan: Plan) -> None:
    assert written_files(plan) == []
    assert written_places(plan) == [{"component": "far", "path": "", "table": "totals"}]


def test_files_by_task_folders_with_committed_files_and_tables(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "out-1.txt").touch()
    (tmp_path / "rows.db").touch()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / ".part-0000-1.tmp").touch()
    lines = {"component": "lines", "path": "out-1.txt"}
    assert written_files(plan) == [lines]
    assert "parts" not in [row["component"] for row in written_places(plan)]
    (tmp_path / "parts" / "part-1.jsonl").touch()
    assert written_places(plan) == [
        lines,
        {"component": "parts", "path": f"{tmp_path}/parts/"},
        {"component": "rows", "path": "rows.db", "table": "counts"},
        {"component": "far", "path": "", "table": "totals"},
    ]
