"""Asks the coordinator of a cluster; what ``submit``, ``status`` and the other verbs are made of.

Blocks while it waits, for a named time. When nothing answers it finds out why, because "no
answer" alone helps nobody: see ``diagnose``.
"""

from __future__ import annotations

import socket as sockets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

import zmq
from waterspout.topology.errors import UserError, WaterspoutError

from ..control_wire import pack, unpack
from ..sockets import Context, Socket, dealer
from .client_protocol import CLIENT_PROTO, FOLLOW_S, ClientError
from .greeting import GREETING_BYTES, OPENING, mechanism_of
from .handshakes import WATCHED, Handshakes
from .host_protocol import HOST_BYTES_MAX
from .supervisor_config import host_and_port

#: How long a connection and an answer may take, in seconds, and how long ``diagnose`` may look.
#: Where nobody listens, a coordinator may be on its way: it is waited for as long. A connection
#: that is refused is not.
CONNECT_S = 5.0
ANSWER_S = 10.0
DIAGNOSE_S = 2.0
#: How often it is looked whether a connection was refused, in seconds; and after how many that
#: were hung up on it is looked who does.
LOOK_S = 0.05
HUNG_UP_MAX = 3
#: A stream on which nothing came for so long, not even that it lives, is lost.
SILENCE_S = FOLLOW_S
#: How often it is said that a stream is wanted, so that it is heard whether it lives.
MORE_S = FOLLOW_S / 4


class Unreachable(WaterspoutError):
    """The coordinator did not answer. The text says what was found instead of it."""


class StreamLost(Unreachable):
    """The coordinator answers, and knows nothing of a stream: it was started again meanwhile."""


class RequestRefused(UserError):
    """The coordinator answered that it does not do this.

    Attributes:
        code: of ``ClientError``.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Asker(Protocol):
    """What commands need of a client."""

    def ask(self, request: Mapping[str, Any], timeout_s: float = ANSWER_S) -> dict[str, Any]:
        """Return the answer to a request."""

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the answers to a request that has many."""


class Dial(Protocol):
    """Makes a connection; see ``sockets.dealer``."""

    def __call__(
        self, context: Context, endpoint: str, bytes_max: int, monitored: int = 0, /
    ) -> Socket:
        """Return a DEALER that connects."""


class Client:
    """Speaks with one coordinator. Not thread-safe.

    Args:
        endpoint: tcp://HOST:PORT.
        dial: makes the connection; with keys, or without.
        mechanism: that ``dial`` uses, CURVE or NULL; named when the other side uses another.
    """

    def __init__(self, endpoint: str, *, dial: Dial = dealer, mechanism: str = "NULL") -> None:
        self.endpoint, self._mechanism = endpoint, mechanism
        host_and_port(endpoint)
        self._context: Context = zmq.Context()
        self._socket = dial(self._context, endpoint, HOST_BYTES_MAX, WATCHED)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._handshakes = Handshakes(self._socket)
        self._number = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._handshakes.close()
        self._socket.close()
        self._context.term()

    def ask(self, request: Mapping[str, Any], timeout_s: float = ANSWER_S) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            RequestRefused: the coordinator does not do it.
            Unreachable: no answer came in time, or the connection is refused.
        """
        self._send(request, timeout_s)
        return self._answer(timeout_s)

    def stream(
        self, request: Mapping[str, Any], silence_s: float = SILENCE_S
    ) -> Iterator[dict[str, Any]]:
        """Yield the answers to a request that has many, until the last one.

        Args:
            request: what is asked.
            silence_s: without any sign of life for so long, the coordinator is unreachable.

        Raises:
            StreamLost: it was started again, or answers were lost with a connection; the request
                may be made anew.
            RequestRefused, Unreachable: as ``ask``.
        """
        self._send(request, ANSWER_S)
        number = self._number
        asked_at = heard_at = time.monotonic()
        taken = 0
        while True:
            found = self._receive(min(1.0, silence_s / 4))
            now = time.monotonic()
            if now - asked_at >= min(MORE_S, silence_s / 4):
                with suppress(zmq.Again):
                    message = {"v": CLIENT_PROTO, "id": number, "kind": "more"}
                    self._socket.send(pack(message), zmq.NOBLOCK)
                asked_at = now
            if found is None or found.get("id") != number:
                if now - heard_at > silence_s:
                    raise Unreachable(self._why(silence_s))
                continue
            heard_at = now
            if found.get("code") == ClientError.STREAM:
                raise StreamLost(f"{ClientError.STREAM}: {found.get('error')}")
            answer = self._checked(found)
            taken += not answer.get("alive")
            if answer.get("said", taken) != taken:
                raise StreamLost(f"{ClientError.STREAM}: the connection broke, answers were lost")
            if answer.get("alive"):
                continue
            yield answer
            # Whoever takes the answers may have taken long over one.
            heard_at = time.monotonic()
            if not answer.get("more"):
                return

    def _send(self, request: Mapping[str, Any], timeout_s: float) -> None:
        self._number += 1
        wait_s = min(timeout_s, CONNECT_S)
        end = time.monotonic() + wait_s
        message = pack({**request, "v": CLIENT_PROTO, "id": self._number})
        self._handshakes.hung_up = 0
        while (left_s := end - time.monotonic()) > 0:
            # A DEALER that is not connected takes nothing, and its connection may end meanwhile.
            if self._socket.poll(max(int(min(left_s, LOOK_S) * 1000), 1), zmq.POLLOUT):
                with suppress(zmq.Again):
                    self._socket.send(message, zmq.NOBLOCK)
                    self._handshakes.close()
                    return
            elif refused := self._refused():
                raise Unreachable(refused)
        raise Unreachable(self._why(wait_s))

    def _refused(self) -> str:
        """Return why the connection will never be made; "": it may be."""
        seen = self._handshakes
        seen.look()
        if seen.key_refused:
            return (
                f"{ClientError.CONNECT}: {self.endpoint}: it listens and does not let us in:"
                " our key is not in its list of authorized keys"
            )
        if seen.over or (seen.hung_up >= HUNG_UP_MAX and self._keeps_us_out()):
            return diagnose(self.endpoint, self._mechanism)
        return ""

    def _keeps_us_out(self) -> bool:
        """Say whether who hangs up is a coordinator with keys; a proxy, say, may have one soon."""
        self._handshakes.hung_up = 0
        with suppress(OSError):
            return self._mechanism == "CURVE" == _theirs(self.endpoint, DIAGNOSE_S)
        return False

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        end = time.monotonic() + timeout_s
        while (left_s := end - time.monotonic()) > 0:
            found = self._receive(left_s)
            if found is not None and found.get("id") == self._number:
                return self._checked(found)
        raise Unreachable(self._why(timeout_s))

    def _receive(self, wait_s: float) -> dict[str, Any] | None:
        if not self._socket.poll(max(int(wait_s * 1000), 1)):
            return None
        try:
            return unpack(self._socket.recv_multipart()[-1])
        except ValueError as error:
            raise Unreachable(f"{ClientError.CONNECT}: {self.endpoint}: {error}") from error

    def _checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        if not answer.get("ok"):
            raise RequestRefused(str(answer.get("code")), str(answer.get("error")))
        return answer

    def _why(self, waited_s: float) -> str:
        found = diagnose(self.endpoint, self._mechanism)
        return f"{found} (tried for {waited_s:g} s)"


def diagnose(endpoint: str, mechanism: str, timeout_s: float = DIAGNOSE_S) -> str:
    """Return in one line why the coordinator at ``endpoint`` does not answer.

    Connects there once and reads a greeting. Called when a request got no answer, and by
    ``doctor``.

    Args:
        endpoint: tcp://HOST:PORT.
        mechanism: that we use, CURVE or NULL.
        timeout_s: for connecting, and again for the greeting.
    """
    connect = f"{ClientError.CONNECT}: {endpoint}"
    try:
        theirs = _theirs(endpoint, timeout_s)
    except sockets.gaierror:
        return f"{connect}: the name {host_and_port(endpoint)[0]!r:.80} is not known here"
    except ConnectionRefusedError:
        return f"{connect}: nobody listens there; is the coordinator started, on this port?"
    except TimeoutError:
        return f"{connect}: no connection within {timeout_s:g} s; is the host up, the port open?"
    except OSError as error:
        return f"{connect}: {error.strerror or error}"
    if theirs is None:
        return f"{connect}: what listens there does not speak ZeroMQ; is the port right?"
    if theirs != mechanism:
        return _other_mechanism(endpoint, theirs)
    if mechanism == "CURVE":
        return (
            f"{connect}: it listens and does not let us in: its public key is not the one in"
            " coordinator.public, or our key is not in its list of authorized keys"
        )
    return f"{connect}: it listens and does not answer; is it stopped, or another program?"


def _theirs(endpoint: str, timeout_s: float) -> str | None:
    """Return the mechanism of who listens; None: it does not speak ZeroMQ.

    Raises:
        OSError: nobody listens there, or it is not known how to get there.
    """
    with sockets.create_connection(host_and_port(endpoint), timeout_s) as connection:
        return mechanism_of(_greet(connection))


def _greet(connection: sockets.socket) -> bytes:
    data = b""
    with suppress(OSError):
        connection.sendall(OPENING)
        while len(data) < GREETING_BYTES and (more := connection.recv(GREETING_BYTES)):
            data += more
    return data


def _other_mechanism(endpoint: str, theirs: str) -> str:
    if theirs == "CURVE":
        text = "the coordinator wants keys; give --keys FOLDER, or leave --insecure out"
    elif theirs == "NULL":
        text = "the coordinator runs without keys; if that is meant, give --insecure"
    else:
        text = f"it speaks {theirs}, which is not of ours"
    return f"{ClientError.INSECURE}: {endpoint}: {text}"
