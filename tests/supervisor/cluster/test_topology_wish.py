"""What a topology asks of its hosts."""

from __future__ import annotations

from pathlib import Path

from waterspout.supervisor.cluster.cluster_rows import TopologyRow
from waterspout.supervisor.cluster.host_protocol import WishWorker
from waterspout.supervisor.cluster.topology_wish import needs_of, wished

from ..plans import plan_of

TEXT = """\
name: numbers
workers: 2
spouts:
  numbers: {class: Sequence, hang_timeout: 7s, cpu: 0.5, memory: 100MB, hosts: [disk]}
bolts:
  count: {class: Count, parallelism: 2, cpu: 1, hosts: [gpu],
          inputs: [{from: numbers, grouping: fields, fields: [n]}]}
"""


def test_a_worker_needs_what_its_tasks_ask_for_together(tmp_path: Path):
    needs = needs_of(plan_of(TEXT, tmp_path, workers=2))
    assert (needs[0].cpu, needs[0].labels) == (1.5, ("disk", "gpu"))
    assert needs[0].memory >= 100_000_000
    assert (needs[1].cpu, needs[1].memory, needs[1].labels) == (1.0, 0, ("gpu",))


def test_a_host_is_told_code_classes_and_limits_of_the_worker_s_own_components(tmp_path: Path):
    plan = plan_of(TEXT, tmp_path, workers=2)
    row = TopologyRow("numbers-1", "numbers", "active", code="c" * 64, sub="src")
    wish = wished(WishWorker("numbers-1", 1, 77, kill="moved"), row, plan)
    assert (wish.incarnation, wish.kill, wish.name) == (77, "moved", "numbers")
    assert (wish.code, wish.sub, wish.requirements) == ("c" * 64, "src", "")
    assert set(wish.hang_s) == {"count"}
    assert len(wish.classes) == 2
    assert wish.bytes_max >= plan.settings.frame_bytes_max
    first = wished(WishWorker("numbers-1", 0, 77), row, plan)
    assert first.hang_s["numbers"] == 7.0
