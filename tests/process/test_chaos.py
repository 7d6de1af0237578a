"""Random topologies whose workers are killed; ``python -m tests.process.chaos`` runs very many."""

from __future__ import annotations

from pathlib import Path

from .chaos import run_one


def test_a_random_topology_counts_exactly_although_its_workers_are_killed(tmp_path: Path) -> None:
    kills, problem = run_one(tmp_path, seed=1, kills=3, seconds=5.0)
    assert kills and not problem, problem
