"""What components counted goes over to the next coordinator, and to versions with other tasks."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.totals import go_on, totals_of
from waterspout.supervisor.control_wire import pack, unpack
from waterspout.supervisor.coordinator import Coordinator
from waterspout.supervisor.store_memory import MemoryStore

from ..plans import NUMBERS, plan_of

RENAMED = NUMBERS.replace("count: {class", "sums: {class")


def coordinator(folder: Path, text: str = NUMBERS, workers: int = 1) -> Coordinator:
    plan = plan_of(text, folder, workers=workers)
    made = Coordinator(plan, plan.settings, MemoryStore(), random.Random(1))
    made.start(10.0)
    return made


def counted(made: Coordinator, component: str, name: str) -> int:
    return sum(tally.total(name) for tally in made.progress.of_component(component))


def worked(made: Coordinator) -> Coordinator:
    """Have each task of a coordinator's topology count up to 100."""
    for tally in made.progress.tallies.values():
        counts = dict.fromkeys(("emitted", "acked", "executed"), 100)
        tally.update({**counts, "latency": {3: 100}, "queue": 7}, 1, 10.0)
        tally.made_durable(100, 0)
    return made


def handed_over(
    old: Coordinator, new: Coordinator, *, others: Any = (), generations: tuple[int, int] = (1, 2)
) -> list[Any]:
    """Have ``new`` go on from ``old``, over bytes as in the store."""
    kept = unpack(pack({**totals_of(old, generations[0]), "others": list(others)}))
    known = {each.number: each.incarnation for each in old.handover.workers}
    return list(go_on(new, kept, generations[1], known, 20.0))


def test_tasks_of_the_same_version_go_on_one_by_one_without_gauges(tmp_path: Path):
    old, new = worked(coordinator(tmp_path)), coordinator(tmp_path)
    handed_over(old, new, generations=(1, 1))
    (tally,) = new.progress.of_component("count")
    assert (tally.total("executed"), tally.gauge("queue")) == (100, 0)


def test_another_number_of_tasks_has_the_sum(tmp_path: Path):
    text = NUMBERS.replace("class: Count,", "class: Count, parallelism: 3,")
    old, new = worked(coordinator(tmp_path, text)), coordinator(tmp_path)
    handed_over(old, new)
    assert (counted(new, "count", "executed"), counted(old, "count", "executed")) == (300, 300)
    (spout,) = new.progress.spouts()
    assert spout.latency() == {3: 100}


def test_a_version_that_is_rolled_back_gives_back_what_it_had_no_component_for(tmp_path: Path):
    first, failed, again = (coordinator(tmp_path, text) for text in (NUMBERS, RENAMED, NUMBERS))
    others = handed_over(worked(first), failed)
    assert [each["component"] for each in others] == ["count"]
    left = handed_over(failed, again, others=others, generations=(2, 3))
    assert counted(again, "count", "executed") == 100
    assert [each["component"] for each in left] == ["sums"]


def test_what_an_incarnation_that_has_ended_had_not_made_durable_is_taken_back(tmp_path: Path):
    old, new = worked(coordinator(tmp_path)), coordinator(tmp_path)
    (spout,) = old.progress.spouts()
    spout.durable = 60
    kept = totals_of(old, 1)
    go_on(new, kept, 1, {}, 20.0)
    assert [tally.total("acked") for tally in new.progress.spouts()] == [60]


def test_totals_of_another_form_are_left_alone(tmp_path: Path):
    new = coordinator(tmp_path)
    kept = {**totals_of(worked(coordinator(tmp_path)), 1), "format": 2}
    assert go_on(new, kept, 1, {}, 20.0) == []
    assert counted(new, "count", "executed") == 0


def test_totals_that_lack_something_are_refused(tmp_path: Path):
    kept = totals_of(worked(coordinator(tmp_path)), 1)
    del kept["tasks"][1]["before"]
    with pytest.raises(KeyError):
        go_on(coordinator(tmp_path), kept, 1, {}, 20.0)
