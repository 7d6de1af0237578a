"""What links bring to a worker: frames for its tasks, and news for its acker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from waterspout.bolts.frame_work import FrameWork
from waterspout.topology.control_frames import FailFrame, ToggleFrame, VouchFrame
from waterspout.topology.frames import DataFrame, EndFrame, MarkFrame

from .link_events import BadData

if TYPE_CHECKING:
    from .worker_core import WorkerCore


class Arrivals:
    """Takes what the receiver of a worker delivers, exactly once and in order."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core

    def take(self, event: Any, now: float) -> None:
        """Take one event of the receiver."""
        if isinstance(event, DataFrame):
            self._on_frame(event)
        elif isinstance(event, ToggleFrame):
            self._core.acker.toggle(event.pairs, now)
        elif isinstance(event, FailFrame):
            self._core.acker.fail(event.failures, now)
        elif isinstance(event, VouchFrame):
            self._core.acker.vouch(event.roots, now)
        elif isinstance(event, BadData):
            component, task = "", event.channel[0]
            self._core.env.fail_roots(event.roots, component, task, f"{event.code}: {event.text}")
            self._core.env.note_error(component, task, f"{event.code}: {event.text}")
        elif isinstance(event, EndFrame):
            self._core.finish.marks.arrived(event.channel)
        elif isinstance(event, MarkFrame):
            self._core.tasks.bolts[event.channel[2]].enqueue_mark(event.channel, event.mark)

    def _on_frame(self, frame: DataFrame) -> None:
        from_task, stream, target = frame.channel
        cls = self._core.builder.classes[from_task, stream]
        executor = self._core.tasks.bolts[target]
        if frame.width != len(cls.fields) + executor.hidden:
            roots = tuple({root for _, roots in frame.runs for root in roots})
            text = f"E_SCHEMA: {frame.width} values for the fields {list(cls.fields)}"
            self._core.env.fail_roots(roots, cls.component, from_task, text)
            self.credit(frame.channel)
            return
        work = FrameWork(
            frame.channel, cls, frame.edge, frame.runs, frame.rows, frame.trails, remote=True
        )
        executor.enqueue(work)

    def credit(self, channel: tuple[int, int, int]) -> None:
        """Give back the credit of a frame that was worked through."""
        assert self._core.receiver is not None
        self._core.receiver.credit(channel, epoch=self._core.epoch)
