"""End-of-stream marks: how at-most-once finds the end of its input without tracking.

A spout task that is exhausted says END on each of its channels, behind its last rows; a bolt
task has all its input once every channel into it has ended and its queue is empty, and says
END in turn when it has finished.
"""

from __future__ import annotations

from typing import Any

from waterspout.topology.emitter import Emitter
from waterspout.topology.frames import Channel
from waterspout.topology.plan import Plan

from .link import LinkSender


class EndMarks:
    """The marks that tasks of one worker await and send in one epoch."""

    def __init__(self, plan: Plan, worker: int, links: dict[int, LinkSender]) -> None:
        self._links = links
        self._here = {task.task for task in plan.tasks_on(worker)}
        self._expected = {
            task.task: channels_into(plan, task.component, task.task)
            for task in plan.tasks_on(worker)
        }
        self._arrived: dict[int, set[Channel]] = {}
        self._said: set[int] = set()

    def new_epoch(self) -> None:
        """Start over: channels of the new epoch end anew."""
        self._arrived.clear()
        self._said.clear()

    def arrived(self, channel: Channel) -> None:
        """A channel into a task of this worker has ended."""
        self._arrived.setdefault(channel[2], set()).add(channel)

    def complete(self, task: int) -> bool:
        """Say whether every channel into ``task`` has ended."""
        return self._arrived.get(task, set()) >= self._expected[task]

    def say(self, task: int, emitter: Emitter) -> bool:
        """Send END behind the last rows of ``task``; False while rows are still waiting."""
        if task in self._said:
            return True
        if any(frame.count or frame.ready for frame in emitter.frames):
            return False
        self._said.add(task)
        for frame in emitter.frames:
            if frame.key[2] in self._here:
                self.arrived(frame.key)
            else:
                self._links[frame.target_worker].send_end(frame.key)
        return True


def channels_into(plan: Plan, component: str, task: int) -> set[Channel]:
    """Return every channel into a task."""
    spec = plan.spec.component(component)
    inputs: Any = getattr(spec, "inputs", ())
    return {
        (source.task, plan.streams_of(each.source).index(each.stream), task)
        for each in inputs
        for source in plan.tasks_of(each.source)
    }
