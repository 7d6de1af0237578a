"""What components find on the hosts of a cluster: their input, and the memory they may take."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_cluster import Case
from .test_docs_run import save


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.cluster.close()


def test_the_readme_counts_words_on_other_hosts_without_its_folder(case: Case) -> None:
    cluster = case.cluster.up("a", "b", slots=1)
    folder = cluster.folder / "mine"
    folder.mkdir()
    save("README.md", folder)
    cluster.call("submit", "mine/shout.yaml", "--wait", "0s")
    shutil.rmtree(folder)
    row = cluster.ended("shout")
    assert (row["outcome"], row["spouts"][0]["acked"]) == ("finished", 2), row["reason"]


def test_input_that_a_host_does_not_have_is_one_line_that_names_the_folder(case: Case) -> None:
    cluster = case.cluster.up("a")
    text = (cluster.folder / "topology.yaml").read_text()
    text = text.replace(f"{cluster.folder}/texts/*.txt", "texts/*.txt")
    (cluster.folder / "topology.yaml").write_text(text)
    case.project.write_texts(lines=10)
    done = cluster.call("submit", "topology.yaml", code=6)
    where = rf"texts/\*\.txt in {cluster.folder}/host-a/topologies/wordcount-\w+/work \("
    assert re.search(rf"no file matches {where}", done.stderr), done.stderr
    assert "Traceback" not in done.stderr


EATER = """
import time
from waterspout.bolts import Bolt


class Eat(Bolt):
    def process(self, tup):
        if tup[0] == 7:
            eaten = bytearray(400 << 20)
            eaten[::4096] = b"x" * len(eaten[::4096])
            time.sleep(30)
"""
EATING = """
name: eating
guarantee: at-least-once
spouts:
  numbers: {class: Sequence, args: {count: 20}}
bolts:
  eat: {class: "eater:Eat", inputs: [numbers]}
settings: {attempts_max: 2, batch_max: 1, max_pending: 1}
"""


def test_a_message_that_takes_more_memory_than_a_worker_may_ends_as_a_dead_letter(
    case: Case,
) -> None:
    """F14: each time only that worker ends, and it is said why."""
    cluster = case.cluster
    cluster.settings = "supervisor: {worker_memory_max: 300MiB}\n"
    cluster.up("a")
    (cluster.folder / "eater.py").write_text(EATER)
    (cluster.folder / "eating.yaml").write_text(EATING)
    cluster.call("submit", "eating.yaml")
    row = cluster.ended("eating")
    assert row["outcome"] == "finished", row["reason"]
    (spout,) = row["spouts"]
    assert (spout["acked"], spout["dead"]) == (19, 1)
    lost = [line for line in cluster.call("events", "eating").stdout.splitlines() if "MiB" in line]
    assert len(lost) == 2
    assert all("is over its limit of 300 MiB" in line for line in lost)
