"""The settings file of a cluster: what it sets, and everything that can be wrong with it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster.cluster_keys import (
    COORDINATOR_KEYS,
    LOGS_KEYS,
    REQUIREMENTS_KEYS,
    SUPERVISOR_KEYS,
)
from waterspout.supervisor.cluster.cluster_yaml import (
    ClusterFileRefused,
    coordinator_config,
    load_cluster,
    read_cluster_file,
    supervisor_config,
)
from waterspout.supervisor.cluster.coordinator_config import CoordinatorConfig
from waterspout.supervisor.cluster.supervisor_config import SupervisorConfig

from ...each_case import each_case

EXAMPLE = Path(__file__).resolve().parents[3] / "configs" / "cluster.yaml"

FULL = """\
coordinator:
  bind: tcp://0.0.0.0:7000
  data: /data/c
  lease: 20s
  beat: 500ms
  code_max: 1MiB
  part_max: 2GiB
  readonly_logs: true
  keep_ended: 2h
  keys: /keys/c
supervisor:
  coordinator: tcp://a:7000
  data: /data/s
  name: host-1
  address: 10.0.0.7
  ports: 7500-7599
  slots: 8
  labels: {zone: eu, gpu: ""}
  allow: [mine, my.company]
  requirements: {allow: true, index: "https://example.com/simple", hashes: false}
  worker_memory_max: 1GiB
  cgroup: /sys/fs/cgroup/w
  logs: {bytes_max: 1MiB, files: 5}
  drain_on_stop: true
  orphan_timeout: 2h
  secrets: /secrets
  keys: /keys/s
"""


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in load_cluster(text, "c.yaml").problems]


def test_every_key_arrives_in_the_settings() -> None:
    found = load_cluster(FULL, "c.yaml")
    assert problems_of(FULL) == []
    assert CoordinatorConfig(**found.coordinator) == CoordinatorConfig(
        bind="tcp://0.0.0.0:7000", data=Path("/data/c"), lease_s=20.0, beat_s=0.5,
        code_bytes_max=1 << 20, part_bytes_max=2 << 30, readonly_logs=True, keys=Path("/keys/c"),
        keep_ended_s=7200.0,
    )  # fmt: skip
    assert SupervisorConfig(**found.supervisor) == SupervisorConfig(
        coordinator="tcp://a:7000", data=Path("/data/s"), name="host-1", address="10.0.0.7",
        ports=(7500, 7599), slots=8, labels={"zone": "eu", "gpu": ""}, allow=("mine", "my.company"),
        requirements_allow=True, requirements_index="https://example.com/simple",
        requirements_hashes=False, worker_memory_max=1 << 30,
        cgroup=Path("/sys/fs/cgroup/w"), logs_bytes_max=1 << 20, logs_files=5,
        drain_on_stop=True, orphan_timeout_s=7200.0, secrets=Path("/secrets"), keys=Path("/keys/s"),
    )  # fmt: skip
    # Nothing was left out of this test.
    named = {each.name for each in fields(SupervisorConfig)} - {"insecure"}
    assert found.supervisor.keys() == named


def test_the_example_sets_the_defaults_and_names_every_key() -> None:
    found = read_cluster_file(EXAMPLE)
    assert CoordinatorConfig(**found.coordinator) == CoordinatorConfig()
    assert SupervisorConfig(**found.supervisor) == SupervisorConfig()
    text = EXAMPLE.read_text()
    tables = (COORDINATOR_KEYS, SUPERVISOR_KEYS, REQUIREMENTS_KEYS, LOGS_KEYS)
    missing = [name for table in tables for name in table if f"{name}:" not in text]
    assert missing == ["name"], "only of use without keys"


def test_a_short_lease_has_short_beats_and_one_that_cannot_be_is_refused(tmp_path: Path) -> None:
    assert coordinator_config(None, {}, insecure=True).beat_s == 1.0
    assert coordinator_config(None, {"lease_s": 2.0}, insecure=True).beat_s == 0.4
    with pytest.raises(ClusterFileRefused, match="a lease is 1 s to 600 s"):
        coordinator_config(None, {"lease_s": 0.5}, insecure=True)
    (tmp_path / "c.yaml").write_text("coordinator: {beat: 2s}")
    with pytest.raises(ClusterFileRefused, match="lease 5 s is under 5 x beat 2 s"):
        coordinator_config(tmp_path / "c.yaml", {"lease_s": 5.0}, insecure=True)


def test_an_empty_file_sets_nothing() -> None:
    assert load_cluster("", "c.yaml").supervisor == {}


@each_case(
    "text, expected",
    [
        ("- a", "c.yaml:1:1: E_TYPE a mapping expected at top level"),
        ("coordnator: {}", "c.yaml:1:1: E_UNKNOWN_KEY unknown key 'coordnator', allowed: "
         "coordinator, supervisor, did you mean 'coordinator'?"),
        ("coordinator: {bnd: x}", "c.yaml:1:15: E_UNKNOWN_KEY coordinator: unknown key 'bnd'"),
        ("supervisor: {logs: {file: 2}}", "did you mean 'files'?"),
        ("coordinator: {bind: 1}\n", "E_TYPE coordinator.bind: an endpoint such as"),
        ("coordinator: {bind: 'tcp://x'}", "E_RANGE coordinator.bind: 'tcp://x' is not an endp"),
        ("coordinator: {bind: 'tcp://x:70000'}", "E_RANGE coordinator.bind"),
        ("coordinator: {data: here}", "E_RANGE coordinator.data: 'here' is not an absolute path"),
        ("coordinator: {lease: 10}", "E_DURATION coordinator.lease: a duration such as"),
        ("coordinator: {lease: 0s}", "E_DURATION coordinator.lease: a duration of 1s..10m"),
        ("coordinator: {lease: 4s, beat: 1s}", "c.yaml:1:32: E_CONFLICT coordinator.beat: "
         "lease 4s is under 5 x beat 1s"),
        ("coordinator: {beat: 20s}", "c.yaml:1:21: E_CONFLICT coordinator.beat: lease 10s is "
         "under 5 x beat 20s"),
        ("coordinator: {lease: 5s, lease: 6s}", "E_DUPKEY"),
        ("coordinator: {readonly_logs: 1}", "E_TYPE coordinator.readonly_logs: true or false"),
        ("supervisor: {ports: 80}", "E_TYPE supervisor.ports: LOW-HIGH"),
        ("supervisor: {ports: 90-80}", "E_RANGE supervisor.ports: LOW-HIGH"),
        ("supervisor: {slots: 0}", "E_RANGE supervisor.slots: integer 1..256 expected, got 0"),
        ("supervisor: {labels: [a]}", "E_TYPE supervisor.labels: a mapping expected"),
        ("supervisor: {labels: {zone: 'a b'}}", "E_NAME supervisor.labels.zone"),
        ("supervisor: {labels: {gpu: true}}", "E_TYPE supervisor.labels.gpu: a text expected"),
        ("supervisor: {allow: mine}", "E_TYPE supervisor.allow: a list of packages"),
        ("supervisor: {allow: [a/b]}", "E_NAME supervisor.allow[0]: 'a/b' is no name of a package"),
        ("supervisor: {address: 'a b'}", "E_NAME supervisor.address: 'a b' is no name of a host"),
        ("supervisor: {requirements: 1}", "E_TYPE supervisor.requirements: a mapping expected"),
        ("supervisor: {logs: {files: 0}}", "E_RANGE supervisor.logs.files: integer 1..100"),
        ("supervisor: &a {}", "E_ALIAS"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text: str, expected: str) -> None:
    found = problems_of(text)
    assert expected in found[0], found
    assert len(found) == 1, found


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("coordinator: {lease: 1, bnd: x}\nsupervisor: {slots: 0}\n")
    with pytest.raises(ClusterFileRefused) as found:
        read_cluster_file(path)
    assert [line.split(": ", 1)[0] for line in str(found.value).splitlines()] == [
        f"{path}:1:22", f"{path}:1:25", f"{path}:2:21",
    ]  # fmt: skip
    with pytest.raises(ClusterFileRefused, match="No such file"):
        read_cluster_file(tmp_path / "none.yaml")


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(FULL)
    assert coordinator_config(path, {"lease_s": 30.0}, insecure=True) == CoordinatorConfig(
        **{**load_cluster(FULL, "").coordinator, "lease_s": 30.0, "insecure": True}
    )
    assert supervisor_config(path, {"slots": 2}, insecure=False).slots == 2
    assert supervisor_config(None, {}, insecure=True) == SupervisorConfig(insecure=True)


@given(st.text(alphabet="coordinatrsupevlgb{}[]:,-'\" \n0123456789&*!", max_size=120))
def test_any_text_is_settings_or_problems(text: str) -> None:
    load_cluster(text, "c.yaml")
