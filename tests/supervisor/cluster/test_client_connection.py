"""Which coordinator is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from waterspout.supervisor.cluster.client_connection import (
    COORDINATOR_VARIABLE,
    ClientOptions,
    NoConnection,
    curve_of,
    endpoint_of,
)
from waterspout.supervisor.cluster.keys import KEYS_VARIABLE, load_client, write_key_set

from ...each_case import each_case


def test_options_win_over_the_environment_and_that_over_this_machine() -> None:
    env = {COORDINATOR_VARIABLE: "b:1"}
    assert endpoint_of(ClientOptions("a:1"), env) == "tcp://a:1"
    assert endpoint_of(ClientOptions("tcp://a:1"), env) == "tcp://a:1"
    assert endpoint_of(ClientOptions(), env) == "tcp://b:1"
    assert endpoint_of(ClientOptions(), {}) == "tcp://127.0.0.1:7461"


@each_case("given", ["a", "a:70000", "a:0", "udp://a:1", "a b"])
def test_what_is_no_endpoint_is_refused(given: str) -> None:
    with pytest.raises(NoConnection, match="is not an endpoint such as tcp://HOST:7461"):
        endpoint_of(ClientOptions(given), {})


def test_a_cluster_is_meant_when_anything_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COORDINATOR_VARIABLE, raising=False)
    assert not ClientOptions().given
    assert ClientOptions(insecure=True).given
    assert ClientOptions("a:1").given
    monkeypatch.setenv(COORDINATOR_VARIABLE, "a:1")
    assert ClientOptions().given


def test_the_keys_of_options_win_over_those_of_the_environment_and_of_the_user(
    tmp_path: Path,
) -> None:
    for name in ("options", "environment", "user"):
        write_key_set(tmp_path / name, [])
    folders = {name: tmp_path / name / "admin" for name in ("options", "environment", "user")}
    home = tmp_path / "config" / "waterspout" / "keys"
    home.parent.mkdir(parents=True)
    folders["user"].rename(home)
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    user = curve_of(ClientOptions(), env)
    assert user == load_client(home)
    env[KEYS_VARIABLE] = str(folders["environment"])
    assert curve_of(ClientOptions(), env) == load_client(folders["environment"])
    options = ClientOptions(keys=folders["options"])
    assert curve_of(options, env) == load_client(folders["options"])
    assert curve_of(ClientOptions(keys=folders["options"], insecure=True), env) is None


def test_without_keys_the_line_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(NoConnection, match="waterspout keygen makes one") as caught:
        curve_of(ClientOptions(), {"XDG_CONFIG_HOME": str(tmp_path)})
    assert str(tmp_path / "waterspout" / "keys" / "secret") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_that_others_can_read_are_named_and_nothing_else_is_advised(tmp_path: Path) -> None:
    write_key_set(tmp_path / "keys", [])
    folder = tmp_path / "keys" / "admin"
    (folder / "secret").chmod(0o644)
    with pytest.raises(NoConnection, match="others may use it") as caught:
        curve_of(ClientOptions(keys=folder), {})
    assert "keygen" not in str(caught.value)
