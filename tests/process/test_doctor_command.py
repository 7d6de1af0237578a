"""``doctor`` on this machine: each cause has its own words and exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from waterspout.supervisor.cluster import client, doctor_command
from waterspout.supervisor.cluster.client_connection import ClientOptions
from waterspout.supervisor.cluster.doctor_command import doctor
from waterspout.supervisor.exit_codes import ExitCode

from .test_client import coordinator, free_port

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_S", 0.05)


def test_nobody_listens(capsys: Capture) -> None:
    options = ClientOptions(f"127.0.0.1:{free_port()}", insecure=True)
    assert doctor(options, as_json=False) == ExitCode.UNREACHABLE
    out = capsys.readouterr().out
    assert "warning  keys: none are used" in out
    assert "ok       name: tcp://127.0.0.1" in out
    assert "ERROR    coordinator: E_CONNECT" in out and "nobody listens" in out


def test_without_a_key_nobody_is_asked(tmp_path: Path, capsys: Capture) -> None:
    options = ClientOptions("127.0.0.1:9", keys=tmp_path)
    assert doctor(options, as_json=True) == ExitCode.UNREACHABLE
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["grade"], row["what"]) for row in rows] == [
        ("error", "keys"), ("ok", "name"), ("error", "coordinator"),
    ]  # fmt: skip
    assert str(tmp_path) in rows[0]["text"]


def test_a_lost_host_makes_it_degraded(capsys: Capture) -> None:
    host = {"host": "b", "version": "1", "python": "3", "clock_offset_s": 0, "address": "h",
            "up": False}  # fmt: skip
    answer = {"wall": 0.0, "versions": {"waterspout": "x"}, "hosts": [host], "refusals": {}}
    with coordinator(lambda r: [{"id": r["id"], "ok": True, **answer}]) as endpoint:
        assert doctor(ClientOptions(endpoint, insecure=True), as_json=False) == ExitCode.DEGRADED
    out = capsys.readouterr().out
    assert "ERROR    host b: is lost" in out
    assert "warning  coordinator: has version x" in out
    assert doctor_command.version("waterspout") in out
