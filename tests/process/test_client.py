"""The client against a scripted coordinator, and against what is none, on loopback."""

from __future__ import annotations

import socket as sockets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import zmq
from waterspout.supervisor.cluster import client as client_module
from waterspout.supervisor.cluster.client import (
    HUNG_UP_MAX,
    Client,
    RequestRefused,
    StreamLost,
    Unreachable,
    diagnose,
)
from waterspout.supervisor.control_wire import pack, unpack
from waterspout.supervisor.curve import Curve, CurveServer, KeyPair
from waterspout.supervisor.sockets import Context, dealer

SERVER, CLIENT, STRANGER = KeyPair.new(), KeyPair.new(), KeyPair.new()
Script = Callable[[dict[str, Any]], list[dict[str, Any]]]


@contextmanager
def coordinator(script: Script, curve: bool = False) -> Iterator[str]:
    """Answer each request with what ``script`` returns; yield the endpoint.

    Args:
        curve: SERVER is its key, and CLIENT the only one that it lets in.
    """
    context: Context = zmq.Context()
    door = CurveServer(context, {"clients": lambda key: "me" if key == CLIENT.public else ""})
    router = context.socket(zmq.ROUTER)
    router.linger = 0
    if curve:
        Curve(SERVER, domain="clients").secure_router(router)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            door.turn(0.0)
            if router.poll(10):
                route, data = router.recv_multipart()
                for answer in script(unpack(data)):
                    router.send_multipart([route, pack(answer)])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        ending.set()
        thread.join()
        router.close()
        door.close()
        context.term()


def client_with(keys: KeyPair, server: KeyPair, endpoint: str) -> Client:
    """Return a client that has these keys and thinks that the coordinator has those."""
    curve = Curve(keys, server.public)
    return Client(endpoint, dial=lambda *place: dealer(*place, curve), mechanism="CURVE")


@contextmanager
def listener(say: bytes) -> Iterator[str]:
    """Something that accepts one connection and says ``say``."""
    with sockets.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(say)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def free_port() -> int:
    with sockets.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_the_answer_to_a_request_is_returned_and_others_are_not() -> None:
    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        stale = {"id": 99, "ok": True, "n": 1}
        return [stale, {"id": request["id"], "ok": True, "seen": request}]

    with coordinator(script) as endpoint, Client(endpoint) as client:
        seen = client.ask({"kind": "list"})["seen"]
        assert seen == {"kind": "list", "v": 1, "id": 1}
        assert client.ask({"kind": "list"})["seen"]["id"] == 2


def test_a_refusal_is_an_error_with_its_code() -> None:
    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": request["id"], "ok": False, "code": "E_NO_SLOTS", "error": "2 are free"}]

    with coordinator(script) as endpoint, Client(endpoint) as client:
        with pytest.raises(RequestRefused, match=r"^E_NO_SLOTS: 2 are free$") as found:
            client.ask({"kind": "submit"})
        assert found.value.code == "E_NO_SLOTS"


def test_a_stream_ends_with_its_last_answer() -> None:
    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": request["id"], "ok": True, "n": n, "more": n < 3} for n in range(4)]

    with coordinator(script) as endpoint, Client(endpoint) as client:
        assert [each["n"] for each in client.stream({"kind": "tap"})] == [0, 1, 2, 3]


# Streams, in simulated time.


class ScriptedDealer:
    """Stands in for a connection: answers come at once, and waiting for none takes no time."""

    def __init__(self, script: Script) -> None:
        self.script, self.now = script, 1000.0
        self.answers: deque[bytes] = deque()
        #: How often it takes no message although it said that it would.
        self.refuses = 0

    def monotonic(self) -> float:
        return self.now

    def poll(self, timeout_ms: int, event: int = zmq.POLLIN) -> int:
        if event == zmq.POLLIN and not self.answers:
            self.now += timeout_ms / 1000
            return 0
        return event

    def send(self, data: bytes, flags: int) -> None:
        if self.refuses:
            self.refuses -= 1
            raise zmq.Again
        self.answers += map(pack, self.script(unpack(data)))

    def recv_multipart(self) -> list[bytes]:
        return [self.answers.popleft()]

    def setsockopt(self, option: int, value: int) -> None:
        pass

    def get_monitor_socket(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    """Make clients of a coordinator that is a script."""
    made: list[Client] = []

    def client_of(script: Script, refuses: int = 0) -> Client:
        dealer: Any = ScriptedDealer(script)
        dealer.refuses = refuses
        monkeypatch.setattr(client_module, "time", dealer)
        monkeypatch.setattr(client_module, "diagnose", lambda *asked: f"asked {asked}")
        made.append(Client("tcp://there:1", dial=lambda *place: dealer))
        return made[-1]

    yield client_of
    for client in made:
        client.close()


def test_a_stream_lives_as_long_as_it_is_said_to_and_no_longer(
    scripted: Callable[..., Client],
) -> None:
    """
    seconds  0    2     4     6 ..  13
    client   tap  more  more  more  unreachable
    answers  1    -     alive
    """
    said: list[str] = []

    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        said.append(request["kind"])
        answer = {"id": request["id"], "ok": True, "more": True}
        return {1: [answer], 3: [{**answer, "alive": True}]}.get(len(said), [])

    client = scripted(script)
    stream = client.stream({"kind": "tap"}, silence_s=8)
    assert next(stream)["more"]
    with pytest.raises(Unreachable, match=r"asked \('tcp://there:1', 'NULL'\).*for 8 s"):
        next(stream)
    assert said == ["tap", *["more"] * 6]
    assert client._socket.now == 1000 + 13  # type: ignore[attr-defined]


def test_that_it_lives_is_no_answer(scripted: Callable[..., Client]) -> None:
    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        answer = {"id": request["id"], "ok": True, "more": True}
        return [{**answer, "alive": True, "said": 0}, {**answer, "said": 1, "more": False}]

    assert [each["said"] for each in scripted(script).stream({"kind": "tap"})] == [1]


def test_a_stream_that_the_coordinator_does_not_know_is_lost(
    scripted: Callable[..., Client],
) -> None:
    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        if request["kind"] == "tap":
            return []
        return [{"id": request["id"], "ok": False, "code": "E_STREAM", "error": "not known"}]

    with pytest.raises(StreamLost, match="E_STREAM: not known"):
        next(scripted(script).stream({"kind": "tap"}))


@pytest.mark.parametrize("then", [{"said": 3}, {"said": 2, "alive": True}])
def test_a_stream_of_which_an_answer_was_lost_is_lost(
    then: dict[str, Any], scripted: Callable[..., Client]
) -> None:
    """Its connection broke and was made anew; the second answer was on the way."""

    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        answer = {"id": request["id"], "ok": True, "more": True}
        first = [{**answer, "said": 1}, {**answer, "said": 1, "alive": True}]
        return first if request["kind"] == "tap" else [{**answer, **then}]

    stream = scripted(script).stream({"kind": "tap"})
    assert next(stream)["said"] == 1
    with pytest.raises(StreamLost, match="answers were lost"):
        next(stream)


def test_a_connection_that_ends_before_a_request_is_waited_for(
    scripted: Callable[..., Client],
) -> None:
    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": request["id"], "ok": True}]

    assert scripted(script, refuses=2).ask({"kind": "list"})["ok"]


# Why nobody answers.


def test_nobody_listens() -> None:
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    words = r"E_CONNECT: tcp.*: nobody listens there.*for 0.05 s"
    with Client(endpoint) as client, pytest.raises(Unreachable, match=words):
        client.ask({"kind": "list"}, timeout_s=0.05)


def test_something_else_listens() -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as endpoint:
        assert "does not speak ZeroMQ" in diagnose(endpoint, "NULL")


def test_a_name_that_is_not_known() -> None:
    assert "'no-such-host.invalid' is not known" in diagnose("tcp://no-such-host.invalid:1", "NULL")


def test_one_side_has_keys_and_the_other_not() -> None:
    with coordinator(lambda request: []) as endpoint:
        found = diagnose(endpoint, "CURVE")
        assert found.startswith("E_INSECURE") and "give --insecure" in found
        assert "listens and does not answer" in diagnose(endpoint, "NULL")
    with coordinator(lambda request: [], curve=True) as endpoint:
        found = diagnose(endpoint, "NULL")
        assert found.startswith("E_INSECURE") and "give --keys" in found
        assert "does not let us in" in diagnose(endpoint, "CURVE")


def test_a_connection_that_is_refused_is_not_waited_for() -> None:
    """Had it been waited for, the text would say for how long."""

    def asked(client: Client) -> str:
        with client, pytest.raises(Unreachable) as found:
            client.ask({"kind": "list"}, timeout_s=60)
        return str(found.value)

    with coordinator(lambda request: [], curve=True) as endpoint:
        found = asked(client_with(STRANGER, SERVER, endpoint))
        assert found.endswith("our key is not in its list of authorized keys")
        found = asked(client_with(CLIENT, STRANGER, endpoint))
        assert "its public key is not the one in coordinator.public" in found
        assert found.endswith("authorized keys")
        assert asked(Client(endpoint)).endswith("leave --insecure out")
    with coordinator(lambda request: []) as endpoint:
        assert asked(client_with(CLIENT, SERVER, endpoint)).endswith("give --insecure")


def test_who_is_let_in_is_answered() -> None:
    def script(request: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": request["id"], "ok": True}]

    with (
        coordinator(script, curve=True) as endpoint,
        client_with(CLIENT, SERVER, endpoint) as client,
    ):
        assert client.ask({"kind": "list"})["ok"]
        assert client.ask({"kind": "list"})["ok"]


def test_a_proxy_without_a_coordinator_behind_it_is_waited_for() -> None:
    """It accepts each connection and hangs up; the coordinator may be on its way."""
    with sockets.create_server(("127.0.0.1", 0)) as server:
        accepted = threading.Semaphore(0)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    server.accept()[0].close()
                    accepted.release()

        thread = threading.Thread(target=serve)
        thread.start()
        endpoint = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        words = "does not speak ZeroMQ.*tried for 0.3 s"
        client = client_with(CLIENT, SERVER, endpoint)
        with client, pytest.raises(Unreachable, match=words):
            client.ask({"kind": "list"}, timeout_s=0.3)
        server.shutdown(sockets.SHUT_RDWR)
        thread.join()
    assert all(accepted.acquire(blocking=False) for _ in range(HUNG_UP_MAX + 1))


def test_it_listens_and_says_nothing() -> None:
    words = "does not answer; is it stopped"
    with (
        coordinator(lambda request: []) as endpoint,
        Client(endpoint) as client,
        pytest.raises(Unreachable, match=words),
    ):
        client.ask({"kind": "list"}, timeout_s=0.02)
