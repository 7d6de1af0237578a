"""Dead letters of a cluster are shown and changed as those of a run are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor import dead_letter_commands as commands
from waterspout.supervisor.cluster import cluster_letters
from waterspout.supervisor.cluster.cluster_letters import ClusterLetters
from waterspout.supervisor.store_sqlite import SqliteStore
from waterspout.topology.errors import UserError

from ...each_case import each_case
from .cluster_rig import FakeHost, Rig
from .scripted import Scripted, topology_row

RECORD = {
    "task": 1, "component": "numbers", "partition": "p", "start": 7, "end": 8, "attempts": 5,
    "values": ["x"], "reason": "ValueError: bad", "traceback": "Traceback\n  line 1",
}  # fmt: skip


class Door:
    """Asks the requests of a rig."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def ask(self, request: Mapping[str, Any], timeout_s: float = 10.0) -> dict[str, Any]:
        fields = dict(request)
        answer = self._rig.ask(fields.pop("kind"), **fields)
        assert answer["ok"], answer
        return answer

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        raise AssertionError(request)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster with a topology that gave up on three messages."""
    rig = Rig(tmp_path, FakeHost("a")).run()
    rig.submit()
    rig.run(1.0)
    store_of(rig).add_dead_letters({**RECORD, "start": start} for start in range(3))
    return rig


def store_of(rig: Rig) -> SqliteStore:
    run = rig.cluster.named("numbers")
    assert run is not None
    return SqliteStore(rig.config.data / "topologies" / run.id / "store.sqlite")


def test_they_look_as_those_of_a_store_do(rig: Rig, capsys: pytest.CaptureFixture[str]):
    shown = []
    for letters in (store_of(rig), ClusterLetters(Door(rig), "numbers")):
        for as_json in (False, True):
            commands.list_letters(letters, 0, 2, as_json)
            commands.show_letter(letters, 2, as_json)
        shown.append(capsys.readouterr())
    assert shown[0] == shown[1]
    assert "ValueError: bad" in shown[0].out and "--after 2 goes on" in shown[0].err


def test_more_than_an_answer_holds_are_asked_for_page_by_page(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_letters, "PAGE_MAX", 2)
    letters = ClusterLetters(Door(rig), "numbers")
    assert [each.id for each in letters.dead_letters(limit=100_000)] == [1, 2, 3]
    assert [each.id for each in letters.dead_letters(after=1, limit=1)] == [2]


def test_they_are_marked_and_dropped_and_a_slip_changes_nothing(rig: Rig):
    letters = ClusterLetters(Door(rig), "numbers")
    with pytest.raises(UserError, match="there is no dead letter 9; nothing was done"):
        commands.drop_letters(letters, [1, 9])
    with pytest.raises(UserError, match="there is no dead letter 0"):
        commands.show_letter(letters, 0, as_json=False)
    commands.replay_letters(letters, [2])
    assert [each.status for each in letters.dead_letters()] == ["kept", "replay", "kept"]
    commands.drop_letters(letters, None)
    assert letters.dead_letter_count() == 0 == store_of(rig).dead_letter_count()


@each_case(
    "rows, found",
    [
        ([("a", 0)], "a"),
        ([("a", 0), ("b", 2)], "b"),
        ([], "no topology was submitted yet"),
        ([("a", 1), ("b", 2), ("c", 0)], r"several topologies have dead letters.*\(a, b\)"),
        ([("a", 0), ("b", 0)], r"no dead letters of any topology \(a, b\)"),
    ],
)
def test_without_a_name_the_only_one_is_meant(rows: list[tuple[str, int]], found: str):
    topologies = [topology_row(topology=name, dead_letters=count) for name, count in rows]
    asker = Scripted(
        status={"status": {"topologies": topologies}}, dead_letters={"letters": [], "count": 0}
    )
    if len(found) > 1:
        with pytest.raises(UserError, match=found):
            ClusterLetters(asker, None)
    else:
        ClusterLetters(asker, None).dead_letter_count()
        assert asker.asked[-1]["name"] == found
