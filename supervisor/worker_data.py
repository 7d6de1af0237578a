"""The data thread of a worker: turns the core, and carries between it and the sockets.

It owns the data sockets: one ROUTER that all peers send to, and one DEALER per peer. Other
threads reach it only through ``post``.
"""

from __future__ import annotations

import gc
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import zmq
from waterspout.topology.wire_limits import FRAMES_MAX

from .curve import Curve, CurveServer, KeyPair
from .sockets import Context, Socket, bound_endpoint, dealer, router
from .wakeup import Wakeup
from .worker_core import WorkerCore

#: Messages taken from one socket before the core gets its turn.
RECEIVED_MAX = 256
#: Once the components are built, the collector looks at new objects only, and seldom: rows are
#: made and dropped by the million, and hardly ever in cycles.
GC_THRESHOLDS = (200_000, 20, 100)

#: A link that is silent for so long gets a new connection: after a long cut TCP itself may try
#: again only minutes later, and who was refused for its key never does.
REDIAL_S = 2.0
#: How long a peer's key that is not known yet is held back: the coordinator may have told it
#: earlier of this worker than this worker of it.
UNKNOWN_KEY_S = 5.0
#: Whose rule decides who may send frames here.
DOMAIN = "links"

#: What a DEALER is good for: (endpoint, incarnation, public key).
PeerKey = tuple[str, int, str]


class DataLoop:
    """Runs a worker core until it has stopped.

    Args:
        core: of this worker.
        context: made in this process.
        endpoint: where peers send to; see ``sockets.router``.
        bytes_max: of a message on a link.
        on_output: called on this thread when the core has something for the other threads.
        keys: of this process; with them links are encrypted, and only peers are let in. None:
            anybody who reaches the endpoint is heard.
    """

    def __init__(
        self,
        core: WorkerCore,
        context: Context,
        endpoint: str,
        bytes_max: int,
        on_output: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        keys: KeyPair | None = None,
    ) -> None:
        #: When the loop last turned; read by the control thread.
        self.turned_at = clock()
        self._core, self._context, self._bytes_max = core, context, bytes_max
        self._on_output, self._clock = on_output, clock
        self._wakeup = Wakeup()
        #: Bounded by what the coordinator may have under way to one worker.
        self._inbox: deque[Callable[[float], object]] = deque()
        self._keys = keys
        self._door: CurveServer | None = None
        curve = None
        if keys is not None:
            self._door = CurveServer(context, {DOMAIN: self._user_of_key}, UNKNOWN_KEY_S)
            curve = Curve(keys, domain=DOMAIN)
            core.net.is_peer = self._is_peer
        #: Who sent the message at hand, by the key of its connection.
        self._user = ""
        self._router = router(context, endpoint, bytes_max, curve)
        #: Where peers reach this worker.
        self.endpoint = bound_endpoint(self._router)
        #: Public key of the own socket; "": none is needed.
        self.key = keys.public.decode() if keys is not None else ""
        #: peer -> (what it is good for, the socket, when it was made)
        self._dealers: dict[int, tuple[PeerKey, Socket, float]] = {}
        self._redial_at = 0.0
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._wakeup.fileno(), zmq.POLLIN)
        if self._door is not None:
            self._poller.register(self._door.socket, zmq.POLLIN)

    def post(self, call: Callable[[float], object]) -> None:
        """Have ``call(now)`` called on the data thread; may be called from any thread."""
        self._inbox.append(call)
        self._wakeup.set()

    def wake(self) -> None:
        """Have the core turn; may be called from any thread."""
        self._wakeup.set()

    def on_control(self, message: Mapping[str, Any], now: float) -> None:
        """Take a message of the coordinator; given to ``post`` by the control thread."""
        self._core.on_control(message, now)
        self._connect(now)
        if self._door is not None:
            self._door.turn(now)
        if message.get("kind") == "assign":
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GC_THRESHOLDS)

    def run(self) -> None:
        """Turn until the core has stopped."""
        busy = True
        while not self._core.stopped:
            self._receive(0.0 if busy else self._core.wakeup(self._clock()))
            now = self.turned_at = self._clock()
            while self._inbox:
                self._inbox.popleft()(now)
            if self._core.stopped:
                return
            busy = self._core.turn(now)
            if now >= self._redial_at:
                self._redial(now)
            self._send()
            self._on_output()

    def close(self) -> None:
        """Close the sockets. The core has said BYE to all peers, or the worker crashes anyway."""
        self._router.close()
        for _, socket, _ in self._dealers.values():
            socket.close()
        if self._door is not None:
            self._door.close()
        self._wakeup.close()

    # In.

    def _receive(self, wait_s: float) -> None:
        """Wait for messages, and hand them to the core."""
        ready = dict(self._poller.poll(math.ceil(wait_s * 1000)))
        if self._wakeup.fileno() in ready:
            self._wakeup.clear()
        now = self._clock()
        if self._door is not None and (self._door.holding or self._door.socket in ready):
            self._door.turn(now)
        if ready.get(self._router, 0) & zmq.POLLIN:
            if self._door is None:
                for parts in _received(self._router):
                    self._core.on_parts(parts, now)
            else:
                self._receive_with_users(now)
        for peer, (_, socket, _) in self._dealers.items():
            if ready.get(socket, 0) & zmq.POLLIN:
                for frames in _received(socket):
                    for data in frames:
                        self._core.on_peer(peer, data, now)

    def _receive_with_users(self, now: float) -> None:
        """Hand messages over one by one, with the owner of the connection they came by."""
        try:
            for _ in range(RECEIVED_MAX):
                # What libzmq knows of the connection is on the id, too, which is small.
                id = self._router.recv(zmq.NOBLOCK, copy=False)
                parts = self._router.recv_multipart(zmq.NOBLOCK)
                self._user = str(id.get("User-Id"))
                self._core.on_parts([id.bytes, *parts], now)
        except zmq.Again:
            pass

    def _is_peer(self, worker: int, incarnation: int) -> bool:
        known = self._core.peers.get(worker)
        return (
            known is not None
            and known["incarnation"] == incarnation
            and bool(self._user)
            and known.get("key") == self._user
        )

    def _user_of_key(self, key: bytes) -> str:
        """Let the peers of this epoch in, each by its key."""
        text = key.decode()
        return text if any(p.get("key") == text for p in self._core.peers.values()) else ""

    # Out.

    def _send(self) -> None:
        for peer, link in self._core.links.items():
            if link.outbox and peer in self._dealers:
                self._drain(self._dealers[peer][1], link.outbox)
        if self._core.receiver is not None:
            self._answer(self._core.receiver.outbox)

    def _drain(self, socket: Socket, outbox: deque[bytes]) -> None:
        """Send as much as the socket takes; be woken when it takes more."""
        try:
            while outbox:
                frames = list(islice(outbox, FRAMES_MAX))
                socket.send_multipart(frames, zmq.NOBLOCK)
                for _ in frames:
                    outbox.popleft()
        except zmq.Again:
            self._poller.register(socket, zmq.POLLIN | zmq.POLLOUT)
        else:
            self._poller.register(socket, zmq.POLLIN)

    def _answer(self, outbox: deque[tuple[bytes, bytes]]) -> None:
        while outbox:
            parts = [*outbox.popleft()]
            while outbox and outbox[0][0] == parts[0] and len(parts) <= FRAMES_MAX:
                parts.append(outbox.popleft()[1])
            try:
                self._router.send_multipart(parts, zmq.NOBLOCK)
            except zmq.ZMQError as error:
                # The peer is gone or does not read. Links repeat what was not answered.
                if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                    raise

    # Connections.

    def _connect(self, now: float) -> None:
        """Have one DEALER to each incarnation of a peer, and none to those that are gone.

        Links change with control messages only.
        """
        wanted = {peer: self._key(peer) for peer in self._core.links if peer in self._core.peers}
        for peer, (key, _, _) in list(self._dealers.items()):
            if wanted.get(peer) != key:
                # Whatever is left in it belongs to an epoch that is over.
                self._hang_up(peer)
        for peer, key in wanted.items():
            if peer not in self._dealers:
                self._dial(peer, key, now)

    def _dial(self, peer: int, key: PeerKey, now: float) -> None:
        curve = None
        if self._keys is not None:
            curve = Curve(self._keys, server_key=key[2].encode())
        socket = dealer(self._context, key[0], self._bytes_max, curve=curve)
        self._poller.register(socket, zmq.POLLIN)
        self._dealers[peer] = key, socket, now

    def _hang_up(self, peer: int) -> None:
        _, socket, _ = self._dealers.pop(peer)
        self._poller.unregister(socket)
        socket.close(linger=0)

    def _redial(self, now: float) -> None:
        """Give links over tcp that are silent a new connection; they ask what was lost."""
        self._redial_at = now + REDIAL_S / 2
        for peer, (key, _, since) in list(self._dealers.items()):
            link = self._core.links.get(peer)
            if link is None or link.deaf or not key[0].startswith("tcp:"):
                continue
            if now - since >= REDIAL_S and link.down_since(now) >= REDIAL_S:
                self._hang_up(peer)
                self._dial(peer, key, now)
                link.reconnected(now)

    def _key(self, peer: int) -> PeerKey:
        known = self._core.peers[peer]
        return known["endpoint"], known["incarnation"], known.get("key", "")


def _received(socket: Socket) -> list[list[bytes]]:
    """Return what has arrived, up to RECEIVED_MAX messages."""
    found: list[list[bytes]] = []
    try:
        while len(found) < RECEIVED_MAX:
            found.append(socket.recv_multipart(zmq.NOBLOCK))
    except zmq.Again:
        pass
    return found
