"""The links of one worker: made and renewed with each epoch, looked after in each turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from waterspout.topology.frames import Channel
from waterspout.topology.plan import Plan

from .end_marks import channels_into
from .link import LinkSender
from .link_events import Broken, Closed, Opened, Rejected
from .link_receiver import LinkReceiver

if TYPE_CHECKING:
    from .worker_core import WorkerCore

#: How often links look at the clock.
TICK_S = 0.05


class WorkerLinks:
    """Senders to every peer, and the receiver of them all."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self.links: dict[int, LinkSender] = {}
        self.peers: dict[int, dict[str, Any]] = {}
        self.receiver: LinkReceiver | None = None
        self._channels: dict[Channel, int] = {}
        #: peer -> silence in seconds at which its link is reported again.
        self._report_at_s: dict[int, float] = {}
        #: All links of this epoch are open, and the coordinator was told.
        self.ready_said = False
        #: Whether the message at hand has the key of that worker; set by a shell with keys.
        self.is_peer: Callable[[int, int], bool] = lambda worker, incarnation: True
        self._closing = False
        self._next_tick = 0.0

    def connect(self, peers: Mapping[int, Any]) -> None:
        """Take the peers of an epoch: adopt it as receiver, then greet as sender."""
        core = self._core
        assert core.plan is not None
        self.peers = {int(w): dict(peer) for w, peer in peers.items() if int(w) != core.worker}
        incarnations = {worker: peer["incarnation"] for worker, peer in self.peers.items()}
        self._adopt(incarnations)
        for gone in set(self.links) - set(self.peers):
            del self.links[gone]
        for worker, incarnation in incarnations.items():
            link = self.links.get(worker)
            if link is not None:
                link.new_epoch(core.epoch, incarnation)
            else:
                self.links[worker] = self._sender(worker, incarnation)
        self.ready_said = False
        self._next_tick = 0.0

    def _adopt(self, incarnations: dict[int, int]) -> None:
        core = self._core
        assert core.plan is not None
        settings = core.plan.settings
        if self.receiver is None:
            self._channels = self._channels_here(core.plan)
            self.receiver = LinkReceiver(
                core.plan.name, core.worker, incarnation=core.incarnation, epoch=core.epoch,
                frame_bytes_max=settings.frame_bytes_max, pool_frames=settings.link_pool_frames,
                peers=incarnations, channels=self._channels,
                is_peer=lambda worker, incarnation: self.is_peer(worker, incarnation),
            )  # fmt: skip
        elif self.receiver.epoch < core.epoch:
            self.receiver.adopt(core.epoch, incarnations, self._channels)

    def _channels_here(self, plan: Plan) -> dict[Channel, int]:
        """Return every channel into this worker, and the worker that it comes from."""
        return {
            channel: self._core.home[channel[0]]
            for task in plan.tasks_on(self._core.worker)
            for channel in channels_into(plan, task.component, task.task)
        }

    def _sender(self, worker: int, incarnation: int) -> LinkSender:
        core = self._core
        assert core.plan is not None
        settings = core.plan.settings
        return LinkSender(
            core.plan.name, core.worker, incarnation=core.incarnation, peer=worker,
            epoch=core.epoch, frame_bytes_max=settings.frame_bytes_max,
            pool_frames=settings.link_pool_frames, peer_incarnation=incarnation,
        )  # fmt: skip

    def on_peer(self, peer: int, data: bytes, now: float) -> None:
        """Take an answer on the own link to ``peer``."""
        link = self.links.get(peer)
        if link is not None:
            for event in link.on_message(data, now):
                self._on_event(peer, event)

    def turn(self, now: float) -> None:
        """Look at the clock now and then; send what is merged. Called at the end of a turn."""
        if now >= self._next_tick:
            self._tick(now)
        for link in self.links.values():
            link.flush()
        if self.receiver is not None:
            self.receiver.flush()

    def _tick(self, now: float) -> None:
        core = self._core
        self._next_tick = now + TICK_S
        for peer, link in self.links.items():
            for event in link.on_tick(now):
                self._on_event(peer, event)
            self._report_down(peer, link.down_since(now))
        if not self.ready_said and all(link.open for link in self.links.values()):
            self.ready_said = True
            core.control_outbox.append({"kind": "ready", "epoch": core.epoch})

    def _report_down(self, peer: int, silent_s: float) -> None:
        """Report a silent link once, and again after each further link_timeout: at first the
        coordinator may have waited for a peer that was busy."""
        core = self._core
        timeout_s = core.env.settings.link_timeout_s
        if silent_s <= timeout_s:
            self._report_at_s.pop(peer, None)
        elif silent_s >= self._report_at_s.get(peer, timeout_s):
            self._report_at_s[peer] = silent_s + timeout_s
            core.control_outbox.append(
                {"kind": "link_down", "epoch": core.epoch, "peer": peer, "silent_s": silent_s}
            )

    def _on_event(self, peer: int, event: Any) -> None:
        if isinstance(event, (Broken, Rejected)) and event.code != "stale_epoch":
            text = f"link to worker {peer}: {event.code}: {event.text}"
            self._core.env.note_error("", 0, text)
        elif isinstance(event, (Opened, Closed)):
            self._next_tick = 0.0

    def close(self) -> None:
        """Say BYE on every link as soon as it is drained. Called when the worker is to stop."""
        self._closing, self._next_tick = True, 0.0
        for link in self.links.values():
            link.close()

    def wakeup(self, now: float) -> float:
        """Return the seconds until a link has to look at the clock."""
        busy = not self.ready_said or self._closing
        busy = busy or any(not link.drained for link in self.links.values())
        return max(self._next_tick - now, 0.0) if busy else 0.5
