"""What a supervisor answers when it is asked: logs, facts, a reload, and a reason otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster.host_answers import Answers
from waterspout.supervisor.cluster.host_core import Adopted, HostCore
from waterspout.supervisor.cluster.host_protocol import (
    problem_from_coordinator,
    problem_from_supervisor,
)
from waterspout.supervisor.cluster.supervisor_folder import SupervisorFolder
from waterspout.topology.classes import AllowList

ID = "words-0a1b2c"


class Asked:
    """Answers over a folder with two logs."""

    def __init__(self, folder: SupervisorFolder) -> None:
        self.reloads = 0
        core = HostCore(AllowList())
        core.adopt([Adopted((ID, worker, 7), 1, 1.0, True) for worker in (0, 1)], 0.0)
        core.on_plan((ID, 1, 7), {5: "count"})
        self._answers = Answers(folder, core, self._reload)
        logs = folder.make_topology(ID) / "logs"
        for worker in (0, 1):
            (logs / f"worker-{worker}.log").write_text(f"of {worker}\n")

    def _reload(self) -> None:
        self.reloads += 1

    def __call__(self, what: str, **more: Any) -> dict[str, Any]:
        ask = {"kind": "ask", "id": 9, "what": what, **more}
        assert problem_from_coordinator(ask) is None
        answer = self._answers.answer(ask)
        assert problem_from_supervisor(answer) is None
        assert answer["id"] == 9
        return answer


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    folder = SupervisorFolder(tmp_path / "data")
    yield Asked(folder)
    folder.close()


def test_logs_are_listed_of_all_workers_or_those_of_a_component(asked: Asked) -> None:
    def files(component: str | None) -> list[str]:
        answer = asked("log_files", topology=ID, component=component)
        return [row["file"] for row in answer["files"]]

    assert files(None) == ["worker-0.log", "worker-1.log"]
    assert files("count") == ["worker-1.log"]
    # Its plan may be forgotten, but what it said is still there.
    assert files("gone") == ["worker-0.log", "worker-1.log"]


def test_a_piece_of_a_log_is_read(asked: Asked) -> None:
    answer = asked("log_read", topology=ID, file="worker-1.log", offset=3, bytes=100)
    assert (answer["ok"], answer["data"], answer["bytes"]) == (True, b"1\n", 5)


@pytest.mark.parametrize(
    ("topology", "file", "why"),
    [
        (ID, "worker-9.log", "No such file"),
        (ID, "secret", "not the name of a log"),
        ("../x", "worker-0.log", "not the id of a topology"),
    ],
)
def test_what_cannot_be_read_has_a_reason(asked: Asked, topology: str, file: str, why: str) -> None:
    answer = asked("log_read", topology=topology, file=file, offset=0, bytes=10)
    assert not answer["ok"]
    assert why in answer["error"]


def test_a_reload_is_asked_for_and_facts_are_told(asked: Asked) -> None:
    assert asked("reload")["ok"]
    assert asked.reloads == 1
    assert asked("facts")["facts"]["wall"] > 1e9
