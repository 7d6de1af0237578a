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
from typing import Any

import zmq

from .sockets import Context, Socket, bound_endpoint, dealer, router
from .wakeup import Wakeup
from .worker_core import WorkerCore

#: Messages taken from one socket before the core gets its turn.
RECEIVED_MAX = 256
#: Once the components are built, the collector looks at new objects only, and seldom: rows are
#: made and dropped by the million, and hardly ever in cycles.
GC_THRESHOLDS = (200_000, 20, 100)

#: What a DEALER is good for: (endpoint, incarnation).
PeerKey = tuple[str, int]


class DataLoop:
    """Runs a worker core until it has stopped.

    Args:
        core: of this worker.
        context: made in this process.
        endpoint: where peers send to; see ``sockets.router``.
        bytes_max: of a message on a link.
        on_output: called on this thread when the core has something for the other threads.
    """

    def __init__(
        self,
        core: WorkerCore,
        context: Context,
        endpoint: str,
        bytes_max: int,
        on_output: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        #: When the loop last turned; read by the control thread.
        self.turned_at = clock()
        self._core, self._context, self._bytes_max = core, context, bytes_max
        self._on_output, self._clock = on_output, clock
        self._wakeup = Wakeup()
        #: Bounded by what the coordinator may have under way to one worker.
        self._inbox: deque[Callable[[float], object]] = deque()
        self._router = router(context, endpoint, bytes_max)
        #: Where peers reach this worker.
        self.endpoint = bound_endpoint(self._router)
        #: Public key of the own socket; "": none is needed.
        self.key = ""
        self._dealers: dict[int, tuple[PeerKey, Socket]] = {}
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._wakeup.fileno(), zmq.POLLIN)

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
        self._connect()
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
            busy = self._core.turn(now)
            self._send()
            self._on_output()

    def close(self) -> None:
        """Close the sockets. The core has said BYE to all peers, or the worker crashes anyway."""
        self._router.close()
        for _, socket in self._dealers.values():
            socket.close()
        self._wakeup.close()

    # In.

    def _receive(self, wait_s: float) -> None:
        """Wait for messages, and hand them to the core."""
        ready = dict(self._poller.poll(math.ceil(wait_s * 1000)))
        if self._wakeup.fileno() in ready:
            self._wakeup.clear()
        now = self._clock()
        if ready.get(self._router, 0) & zmq.POLLIN:
            for parts in _received(self._router):
                self._on_parts(parts, now)
        for peer, (_, socket) in self._dealers.items():
            if ready.get(socket, 0) & zmq.POLLIN:
                for parts in _received(socket):
                    self._core.on_peer(peer, parts[-1], now)

    def _on_parts(self, parts: list[bytes], now: float) -> None:
        # Links send one part; anything else is no peer of ours, and its id is not answered.
        if len(parts) == 2:
            self._core.on_data(parts[0], parts[1], now)

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
                socket.send(outbox[0], zmq.NOBLOCK)
                outbox.popleft()
        except zmq.Again:
            self._poller.register(socket, zmq.POLLIN | zmq.POLLOUT)
        else:
            self._poller.register(socket, zmq.POLLIN)

    def _answer(self, outbox: deque[tuple[bytes, bytes]]) -> None:
        while outbox:
            try:
                self._router.send_multipart(outbox.popleft(), zmq.NOBLOCK)
            except zmq.ZMQError as error:
                # The peer is gone or does not read. Links repeat what was not answered.
                if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                    raise

    # Connections.

    def _connect(self) -> None:
        """Have one DEALER to each incarnation of a peer, and none to those that are gone.

        Links change with control messages only.
        """
        wanted = {peer: self._key(peer) for peer in self._core.links if peer in self._core.peers}
        for peer, (key, socket) in list(self._dealers.items()):
            if wanted.get(peer) != key:
                self._poller.unregister(socket)
                # Whatever is left in it belongs to an epoch that is over.
                socket.close(linger=0)
                del self._dealers[peer]
        for peer, key in wanted.items():
            if peer not in self._dealers:
                socket = dealer(self._context, key[0], self._bytes_max)
                self._poller.register(socket, zmq.POLLIN)
                self._dealers[peer] = key, socket

    def _key(self, peer: int) -> PeerKey:
        known = self._core.peers[peer]
        return known["endpoint"], known["incarnation"]


def _received(socket: Socket) -> list[list[bytes]]:
    """Return what has arrived, up to RECEIVED_MAX messages."""
    found: list[list[bytes]] = []
    try:
        while len(found) < RECEIVED_MAX:
            found.append(socket.recv_multipart(zmq.NOBLOCK))
    except zmq.Again:
        pass
    return found
