"""Who may connect: requests that libzmq makes for each CURVE handshake, and their answers.

    request  [route] [] ["1.0"] [id] [domain] [address] [identity] ["CURVE"] [key, 32 bytes]
    answer   [route] [] ["1.0"] [id] ["200" | "400"] [text] [user] []

Source: https://rfc.zeromq.org/spec/27/ (ZAP). A client that was refused never tries again by
itself (libzmq 4.3), whatever its options say; so a key that may become known in a moment is
answered late. Pure: fed with requests and time, drained of answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: Requests that wait for their key to become known; beyond, the oldest is refused.
HELD_MAX = 64

#: Given a public key (32 bytes), says by what name its owner is known; "": it may not connect.
Rule = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class ZapRequest:
    """A client that wants to connect. ``key`` is its public key."""

    route: bytes
    id: bytes
    domain: str
    address: str
    key: bytes


def zap_request(parts: Sequence[bytes]) -> ZapRequest:
    """Return a request as a ROUTER received it.

    Raises:
        ValueError: it is none, or not one for CURVE.
    """
    if len(parts) != 9 or parts[1] != b"" or parts[2] != b"1.0":
        raise ValueError("not a request of ZAP 1.0 with one credential")
    route, _, _, id, domain, address, _, mechanism, key = parts
    if mechanism != b"CURVE" or len(key) != 32:
        raise ValueError(f"mechanism {mechanism!r:.20} with a credential of {len(key)} bytes")
    return ZapRequest(route, id, domain.decode("utf-8"), address.decode("utf-8", "replace"), key)


def zap_answer(request: ZapRequest, user: str) -> list[bytes]:
    """Return the answer; ``user``: what messages of this client are marked with; "": refused."""
    status = [b"200", b"OK"] if user else [b"400", b"no such key"]
    return [request.route, b"", b"1.0", request.id, *status, user.encode(), b""]


class Gate:
    """Answers requests by the rules of their domains.

    Args:
        rules: domain -> rule. A domain without a rule lets nobody in.
        hold_s: how long a request with a key that is not known waits for it to become known.
    """

    def __init__(self, rules: Mapping[str, Rule], hold_s: float = 0.0) -> None:
        self._rules, self._hold_s = dict(rules), hold_s
        #: What is to be sent.
        self.outbox: deque[list[bytes]] = deque()
        #: Those that were refused since the shell last looked, for its log; at most HELD_MAX.
        self.refused: deque[ZapRequest] = deque(maxlen=HELD_MAX)
        #: Requests that were refused, and those that made no sense or broke a rule.
        self.refusals = self.faults = 0
        #: (request, until when it waits), oldest first.
        self._held: deque[tuple[ZapRequest, float]] = deque()

    @property
    def holding(self) -> int:
        """Requests that wait."""
        return len(self._held)

    def take(self, parts: Sequence[bytes], now: float) -> None:
        """Take a request from the socket."""
        try:
            request = zap_request(parts)
        except ValueError:
            self.faults += 1
            if len(parts) > 3:
                # Without a key there is nobody to name.
                self.refusals += 1
                self.outbox.append(zap_answer(ZapRequest(parts[0], parts[3], "", "", b""), ""))
            return
        user = self._user(request)
        if user or self._hold_s <= 0:
            self._answer(request, user)
            return
        if len(self._held) >= HELD_MAX:
            self._answer(self._held.popleft()[0], "")
        self._held.append((request, now + self._hold_s))

    def look(self, now: float) -> None:
        """Answer what waits and became known, or waited too long. Called when rules changed."""
        waiting, self._held = self._held, deque()
        for request, until in waiting:
            user = self._user(request)
            if user or now >= until:
                self._answer(request, user)
            else:
                self._held.append((request, until))

    def _user(self, request: ZapRequest) -> str:
        rule = self._rules.get(request.domain)
        try:
            return rule(request.key) if rule is not None else ""
        except Exception:
            # Whatever breaks here must not let anybody in.
            self.faults += 1
            return ""

    def _answer(self, request: ZapRequest, user: str) -> None:
        if not user:
            self.refusals += 1
            self.refused.append(request)
        self.outbox.append(zap_answer(request, user))
