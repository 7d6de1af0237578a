"""Which coordinator is meant."""

from __future__ import annotations

import pytest
from waterspout.supervisor.cluster.client_connection import (
    COORDINATOR_VARIABLE,
    ClientOptions,
    NoConnection,
    endpoint_of,
)


def test_options_win_over_the_environment_and_that_over_this_machine() -> None:
    env = {COORDINATOR_VARIABLE: "b:1"}
    assert endpoint_of(ClientOptions("a:1"), env) == "tcp://a:1"
    assert endpoint_of(ClientOptions("tcp://a:1"), env) == "tcp://a:1"
    assert endpoint_of(ClientOptions(), env) == "tcp://b:1"
    assert endpoint_of(ClientOptions(), {}) == "tcp://127.0.0.1:7461"


@pytest.mark.parametrize("given", ["a", "a:70000", "a:0", "udp://a:1", "a b"])
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
