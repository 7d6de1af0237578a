"""One worker of a host: what is told of it, and what its reports say of user calls."""

from __future__ import annotations

from waterspout.supervisor.cluster.field_checks import TEXT_MAX
from waterspout.supervisor.cluster.host_protocol import WishWorker, problem_from_supervisor
from waterspout.supervisor.cluster.host_states import HostState
from waterspout.supervisor.cluster.host_worker import ExitRecord, HostWorker, is_topology_id

from ...each_case import each_case
from .host_messages import beat

KEY = ("words-0a1b2c", 0, (1 << 64) - 1)


@each_case("state", list(HostState))
def test_its_row_passes_the_table_of_the_protocol_in_every_state(state: HostState) -> None:
    worker = HostWorker(KEY, state, why="x" * 9999)
    worker.exit = ExitRecord("y" * 9999, (1, 2), {3: [["a", 0, 1, 2, True]]}, {3: 4})
    row = worker.to_wire()
    assert problem_from_supervisor(beat(workers=[row])) is None
    assert len(row["why"]) == len(row["exit"]["reason"]) == TEXT_MAX


def test_a_partition_with_an_endless_name_does_not_silence_the_host() -> None:
    worker = HostWorker(KEY, HostState.EXITED)
    worker.exit = ExitRecord("x", (), {3: [["a" * 4096, 0, 1, 0, False], ["b", 2, 3, 1, True]]}, {})
    row = worker.to_wire()
    assert row["exit"]["positions"] == {3: [["b", 2, 3, 1, True]]}
    assert problem_from_supervisor(beat(workers=[row])) is None


def test_a_row_without_a_process_passes_too() -> None:
    assert problem_from_supervisor(beat(workers=[HostWorker(KEY).to_wire()])) is None


@each_case(
    "tasks",
    [None, 7 * [None], [{"task": "x", "call_since_s": 1}], [{"task": 1, "call_since_s": "y"}]],
)
def test_a_report_that_makes_no_sense_says_nothing(tasks: object) -> None:
    worker = HostWorker(KEY, wish=WishWorker(*KEY, hang_s={"": 1.0}))
    worker.take_report({"tasks": tasks}, 0.0)
    assert worker.calls == {}
    assert worker.hung(1e9) == ""


@each_case("id", ["", ".", "..", "../x", "a/b", "a\n", ".hidden", "x" * 101])
def test_the_id_of_a_topology_is_the_name_of_a_folder(id: str) -> None:
    assert not is_topology_id(id)
    assert is_topology_id("words-0a1b2c")
