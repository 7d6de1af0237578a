"""Where a tree stands: what tasks report of it, and what is made of that."""

from __future__ import annotations

import struct
from typing import Any

from waterspout.supervisor.protocol import problem
from waterspout.supervisor.root_places import PLACES_MAX, ROOTS_MAX, oldest_roots, places
from waterspout.supervisor.tallies import Tally

from ..each_case import each_case
from .core_rig import CLASSES, Cores, Double, plan_of


def packed(*roots: int) -> bytes:
    return struct.pack(f"<{len(roots)}Q", *roots)


def tallies(*reported: Any) -> dict[int, Tally]:
    found = {}
    for task, roots in enumerate(reported, 1):
        found[task] = Tally(task, "count", "bolt")
        found[task].update({} if roots is None else {"roots": roots}, 1, 1.0)
    return found


NAMES = {task: f"count[{task - 1}]" for task in range(1, 20)}


def test_a_root_is_where_a_task_reported_it() -> None:
    found = tallies(packed(5, 2**63), packed(), None, packed(7, 5))
    assert places(found, NAMES, 5) == ["count[0]", "count[3]"]
    assert places(found, NAMES, 2**63) == ["count[0]"]
    assert places(found, NAMES, 9) == places(found, NAMES, None) == []


def test_a_group_that_is_everywhere_is_named_at_some_places() -> None:
    assert len(places(tallies(*[packed(5)] * 12), NAMES, 5)) == PLACES_MAX


@each_case("roots", ["text", 5, b"1234567", [5], packed(*[5] * (ROOTS_MAX + 1))])
def test_what_is_no_list_of_roots_says_nothing(roots: Any) -> None:
    assert places(tallies(roots), NAMES, 5) == []


def test_a_message_that_is_at_work_is_found_at_its_bolt() -> None:
    seen: list[tuple[int | None, list[str]]] = []

    class Slow(Double):
        def process(self, tup: Any) -> None:
            if tup[0] == 0:
                report = cores.cores[0].report(cores.now)
                assert problem(report) is None
                by_task = {each["task"]: each for each in report["tasks"]}
                at = tallies(*(by_task[task]["roots"] for task in sorted(by_task)))
                names = {t.task: f"{t.component}[{t.index}]" for t in cores.plan.tasks}
                for entry in report["tasks"]:
                    if entry.get("first_unacked"):
                        root = entry["first_unacked"][4]
                        seen.append((root, places(at, names, root)))

    cores = Cores(plan_of(), {**CLASSES, "double": Slow})
    cores.start()
    cores.run(20)
    ((root, where),) = seen
    assert root
    assert where == ["double[0]"]
    bolts = list(cores.cores[0].tasks.bolts.values())
    assert all(oldest_roots(bolt) == b"" for bolt in bolts), "nothing waits any more"
