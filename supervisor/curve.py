"""Keys on sockets: encryption and authentication by CURVE, and who is let in.

Every process that listens has one ``CurveServer``: it answers libzmq's questions about all its
sockets, on the thread that turns it. A socket belongs to a domain, and a domain has a rule.

Source: https://rfc.zeromq.org/spec/26/ (CurveZMQ), zmq_curve(7).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import zmq
from zmq.utils import z85

from .arrived import arrived
from .zap import Gate, Rule

if TYPE_CHECKING:
    from .sockets import Context, Socket

#: Where libzmq asks.
ZAP_ENDPOINT = "inproc://zeromq.zap.01"
#: Requests taken in one turn.
RECEIVED_MAX = 256
#: Refusals are logged at most so often, however many try, in seconds.
LOG_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key and its secret, 40 characters of Z85 each."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> KeyPair:
        """Return a pair that nobody has had before."""
        return cls(*zmq.curve_keypair())


@dataclass(frozen=True, slots=True)
class Curve:
    """How a socket is secured.

    Attributes:
        keys: of this process.
        server_key: public key of the only peer that a DEALER speaks with.
        domain: of a ROUTER; whose rule of the CurveServer decides.
    """

    keys: KeyPair
    server_key: bytes | None = None
    domain: str = ""

    def secure_router(self, socket: Socket) -> None:
        """Let a socket in only whom the CurveServer knows. Called before it is bound."""
        assert self.domain, "without a domain everybody would be let in"
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.keys.secret)
        socket.setsockopt_string(zmq.ZAP_DOMAIN, self.domain)
        # Without a CurveServer nobody is let in, instead of everybody.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def secure_dealer(self, socket: Socket) -> None:
        """Speak with the owner of ``server_key`` only. Called before it is connected."""
        assert self.server_key, "whom it speaks with must be known"
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.keys.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.keys.secret)
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.server_key)


class CurveServer:
    """Decides who may connect to the sockets of a context.

    Args:
        context: whose sockets; there is one server for each, made before they are bound.
        rules: domain -> what tells the name of a public key (Z85): "" refuses it, anything else
            is the ``User-Id`` of all that comes from its owner.
        hold_s: how long a key that is not known may wait for becoming known.
    """

    def __init__(
        self, context: Context, rules: Mapping[str, Callable[[bytes], str]], hold_s: float = 0.0
    ) -> None:
        self._gate = Gate({name: _by_text(rule) for name, rule in rules.items()}, hold_s)
        self._log_at = float("-inf")
        #: What the log has said.
        self._faults = self._refusals = 0
        self.socket: Socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(ZAP_ENDPOINT)

    @property
    def refused(self) -> int:
        """How often somebody was not let in."""
        return self._gate.refusals

    @property
    def holding(self) -> int:
        """Who waits for being let in; while somebody does, ``turn`` is called now and then."""
        return self._gate.holding

    def turn(self, now: float) -> None:
        """Answer what was asked. Called when the socket is readable, or a rule has changed."""
        with suppress(zmq.Again):
            for _ in range(RECEIVED_MAX):
                if not arrived(self.socket):
                    break
                self._gate.take(self.socket.recv_multipart(zmq.NOBLOCK), now)
        self._gate.look(now)
        while self._gate.outbox:
            with suppress(zmq.Again):
                self.socket.send_multipart(self._gate.outbox.popleft(), zmq.NOBLOCK)
        if now >= self._log_at and (self._gate.refused or self._gate.faults > self._faults):
            self._log_at = now + LOG_S
            self._log()

    def _log(self) -> None:
        """Say who was refused: the last one, and how many there were since the last line."""
        faults, self._faults = self._gate.faults - self._faults, self._gate.faults
        if faults:
            _log.warning("authentication failed for a fault count=%d", faults)
        if self._gate.refused:
            request, count = self._gate.refused[-1], self._gate.refusals - self._refusals
            self._gate.refused.clear()
            _log.warning(
                "connection refused domain=%s address=%s key=%s count=%d",
                request.domain, request.address, z85.encode(request.key).decode(), count,
            )  # fmt: skip
        self._refusals = self._gate.refusals

    def close(self) -> None:
        """Close the socket. From now on nobody is let in."""
        self.socket.close()


def _by_text(rule: Callable[[bytes], str]) -> Rule:
    return lambda key: rule(z85.encode(key))
