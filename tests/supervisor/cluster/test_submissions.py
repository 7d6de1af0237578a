"""What clients submit: it is placed, refused in one line, or goes on with what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.store_sqlite import SqliteStore

from .cluster_rig import FakeHost, Rig, refused


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a cluster of two hosts with two slots each."""
    return Rig(tmp_path, FakeHost("a", slots=2), FakeHost("b", slots=2)).run()


def test_a_submitted_topology_is_placed_as_the_dry_run_said(rig: Rig):
    wire = {**rig.wire(), "workers": 2}
    planned = rig.ask("plan", wire=wire)
    answer = rig.ask("submit", wire=wire)
    assert answer["ok"]
    assert answer["placement"] == planned["placement"]
    assert answer["placement"][0] == [1, "numbers", 0, 0, "a"]
    assert answer["topology"].startswith("numbers-")
    assert len(rig.cluster.topologies) == 1


def test_a_dry_run_keeps_nothing(rig: Rig):
    rig.ask("plan", wire=rig.wire())
    assert rig.cluster.topologies == {}
    assert rig.store.topologies() == []


def test_a_name_that_runs_is_taken_until_it_has_ended(rig: Rig):
    rig.submit()
    assert refused(rig.submit()) == "E_NAME_TAKEN"
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    assert rig.life("numbers") == "ended"
    assert rig.submit()["ok"]


def test_a_topology_submitted_again_keeps_its_id_and_its_state(rig: Rig):
    first = rig.submit()["topology"]
    rig.run(1.0)
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    again = rig.submit()
    assert again["topology"] == first
    rig.run(1.0)
    assert rig.ask("status", name="numbers")["status"]["topologies"][0]["epoch"] == 2


#: A bolt with state whose keys are dealt out, and one without.
TEXT = """\
name: numbers
workers: 2
spouts:
  numbers: {class: Sequence, args: {partitions: 4}, parallelism: 2}
bolts:
  count:
    class: Count
    args: {field: n}
    parallelism: COUNT
    inputs: [{from: numbers, grouping: fields, fields: [n]}]
  print: {class: Log, inputs: [numbers]}
settings: {round_interval: 50ms, report_interval: 20ms, boot_timeout: 5s}
"""


def text(count: int = 3, old: str = "", new: str = "") -> str:
    """Return a topology whose ``count`` has so many tasks; ``old`` reads as ``new``."""
    return TEXT.replace("COUNT", str(count)).replace(old, new)


def ended(rig: Rig, given: str) -> Rig:
    """Have a topology run, make rounds, and be killed."""
    assert rig.submit(given)["ok"]
    rig.run(0.5)
    for host in rig.hosts.values():
        for worker in host.workers.values():
            worker.report(acked=7, emitted=7)
    rig.run(0.5)
    rig.ask("kill", name="numbers", now=True)
    rig.run(0.5)
    assert rig.life("numbers") == "ended"
    return rig


def kept(rig: Rig) -> SqliteStore:
    """Return the store of the topology."""
    run = rig.cluster.named("numbers")
    assert run is not None
    return SqliteStore(rig.cluster.folder(run.id) / "store.sqlite")


def test_the_first_version_is_taken_again_after_a_rebalance_and_its_state_dealt_out(rig: Rig):
    rig.submit(text(3))
    rig.run(0.5)
    assert rig.ask("rebalance", name="numbers", parallelism={"count": 5})["ok"]
    rig.run(1.5)
    assert rig.life("numbers") == "active"
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    files = {part.file for part in kept(rig).parts()}
    assert len(files) == 5
    answer = rig.submit(text(3))
    assert answer["ok"], answer
    assert "~ bolt count: its state is dealt out anew, by key" in answer["diff"]
    assert "~ bolt count: parallelism: 5 -> 3" in answer["diff"]
    run = rig.cluster.named("numbers")
    assert run is not None
    parts = kept(rig).parts()
    assert {part.task for part in parts} == {task.task for task in run.plan.tasks_of("count")}
    assert {part.file for part in parts} == files
    rig.run(1.0)
    assert rig.life("numbers") == "active"
    assert run.row.previous == b"", "it runs: what was before is not needed any more"


def test_a_coordinator_that_dies_before_it_runs_goes_on_with_it(rig: Rig):
    ended(rig, text(3))
    files = {part.file for part in kept(rig).parts()}
    for host in rig.hosts.values():
        host.cut = True
    assert rig.submit(text(2))["ok"]
    rig.restart()
    for host in rig.hosts.values():
        host.cut = False
    rig.run(3.0)
    assert rig.life("numbers") == "active"
    assigned = [
        message["parts"]
        for host in rig.hosts.values()
        for worker in host.workers.values()
        for message in worker.messages
        if message["kind"] == "assign"
    ]
    told = {file for parts in assigned for of_task in parts.values() for file, _ in of_task}
    assert told == files, "no file of the three tasks is left out"


def test_a_dry_run_over_kept_state_says_what_changes_and_changes_nothing(rig: Rig):
    ended(rig, text(3))
    before = kept(rig).parts()
    answer = rig.submit(text(2), dry_run=True)
    assert "~ bolt count: parallelism: 3 -> 2" in answer["diff"]
    assert kept(rig).parts() == before
    assert rig.life("numbers") == "ended"
    assert rig.submit(text(3), dry_run=True)["diff"] == []


def test_state_that_has_no_place_any_more_is_refused_by_name_and_may_be_dropped(rig: Rig):
    ended(rig, text(3))
    other = text(3, "count:", "counts:")
    for dry_run in (True, False):
        answer = rig.submit(other, dry_run=dry_run)
        assert refused(answer) == "E_DENIED"
        assert "the kept state of numbers has state of 'count'" in answer["error"]
        assert "--allow-dropped-state" in answer["error"]
    assert rig.life("numbers") == "ended"
    assert rig.workers() == {"a": [], "b": []}
    assert rig.submit(other, allow_dropped=True)["ok"]
    assert kept(rig).parts() == []


def test_state_that_holds_the_end_of_the_input_is_for_the_same_version_only(rig: Rig):
    ended(rig, text(3))
    run = rig.cluster.named("numbers")
    assert run is not None
    store = SqliteStore(rig.cluster.folder(run.id) / "store.sqlite")
    store.commit_round(store.last_round() + 1, store.epoch(), {}, store.parts(), (), True)
    store.close()
    answer = rig.submit(text(2))
    assert refused(answer) == "E_DENIED"
    assert "numbers: the end of its input is in its state" in answer["error"]
    assert rig.submit(text(3))["ok"]


def test_what_is_kept_is_forgotten_when_it_is_asked_for(rig: Rig):
    ended(rig, text(3))
    answer = rig.submit(text(3, "count:", "counts:"), fresh=True)
    assert (answer["ok"], answer["diff"]) == (True, [])
    assert kept(rig).positions() == {}


def test_state_that_cannot_be_dealt_out_is_refused_by_name(rig: Rig):
    by_chance = "grouping: fields, fields: [n]", "grouping: shuffle"
    ended(rig, text(3, *by_chance))
    answer = rig.submit(text(2, *by_chance))
    assert refused(answer) == "E_DENIED"
    assert "count: it keeps state, which 2 tasks cannot take over from 3" in answer["error"]


def test_state_of_a_version_that_is_not_known_is_refused(rig: Rig):
    ended(rig, text(3))
    run = rig.cluster.named("numbers")
    assert run is not None
    store = SqliteStore(rig.cluster.folder(run.id) / "store.sqlite")
    store.replace_plan("another", {}, [], lambda task, partition: None)
    store.close()
    answer = rig.submit(text(2))
    assert refused(answer) == "E_DENIED"
    assert "of a version that is not known here any more" in answer["error"]
    assert [(row.state, row.outcome) for row in rig.store.topologies()] == [("ended", "stopped")]


def test_a_dry_submit_says_whether_it_would_be_taken_and_changes_nothing(rig: Rig):
    answer = rig.submit(dry_run=True, code="0" * 64)
    assert answer["ok"] and answer["placement"]
    assert rig.cluster.topologies == {} and rig.store.topologies() == []
    assert refused(rig.ask("submit", "readonly", wire=rig.wire(), dry_run=True)) == "E_ROLE"
    rig.submit()
    assert refused(rig.submit(dry_run=True)) == "E_NAME_TAKEN"


def test_more_workers_than_slots_are_refused_with_both_numbers(rig: Rig):
    answer = rig.ask("submit", wire={**rig.wire(), "workers": 5})
    assert refused(answer) == "E_NO_SLOTS"
    assert rig.cluster.topologies == {}


def test_no_more_names_are_known_than_the_limit(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("waterspout.supervisor.cluster.submissions.TOPOLOGIES_MAX", 1)
    rig.submit()
    rig.ask("kill", name="numbers", now=True)
    rig.run(1.0)
    wire = rig.wire()
    wire["spec"]["name"] = "letters"
    assert refused(rig.ask("submit", wire=wire)) == "E_DENIED"
    assert rig.submit()["ok"]


def test_code_has_to_be_put_before(rig: Rig):
    assert refused(rig.submit(code="a" * 64)) == "E_REQUEST"
    folder = rig.config.data / "code"
    folder.mkdir(parents=True)
    (folder / ("a" * 64 + ".zip")).write_bytes(b"x")
    assert rig.submit(code="a" * 64, sub="src")["ok"]
    rig.run(0.5)
    (wish,) = [
        rig.cluster.named("numbers").wished(each) for each in rig.cluster.places.wish_of("a")[1]
    ]
    assert (wish.name, wish.code, wish.sub) == ("numbers", "a" * 64, "src")
    assert wish.hang_s.keys() == {"numbers", "count"}
    assert "waterspout.bolts.count:Count" in wish.classes


@pytest.mark.parametrize("fields", [{"code": "../../x"}, {"sub": "../x"}, {"requirements": "y"}])
def test_names_that_lead_elsewhere_are_refused(rig: Rig, fields: dict[str, str]):
    assert refused(rig.submit(**fields)) == "E_DENIED"
