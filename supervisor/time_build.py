"""Gives tasks their event time when they are built: watermarks of spouts, timers of bolts.

A task that has to do with neither gets nothing, and pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.bolts.contract import Bolt
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.task_time import TaskTime
from waterspout.bolts.timers import STATE_MAP, NoTimers, Timers
from waterspout.bolts.valve import Valve
from waterspout.spouts.spout_time import SpoutTime
from waterspout.spouts.storm_executor import PARTITION, StormExecutor
from waterspout.spouts.timed_spout import TimedSpout
from waterspout.spouts.watermarks import Watermarks
from waterspout.topology.classes import load_function
from waterspout.topology.component import Context
from waterspout.topology.errors import StateError
from waterspout.topology.event_time import RowTimes, timed_components
from waterspout.topology.frames import Channel
from waterspout.topology.marks import Mark
from waterspout.topology.origin_paths import above
from waterspout.topology.plan import Plan, TaskPlan
from waterspout.topology.task_env import TaskEnv

from .end_marks import channels_into

#: Puts a mark on every channel of a task.
SendMark = Callable[[Mark], None]
_NO_ON_TIMER = "the bolt has no 'def on_timer(self, timer)', which they would call"


class TimeBuilder:
    """Builds what the tasks of one worker need for event time."""

    def __init__(self, plan: Plan, env: TaskEnv) -> None:
        self._plan, self._env = plan, env
        self._timed = timed_components(plan.spec)
        #: Under at-least-once messages come again, and must not be late then because of that.
        self._held = plan.guarantee == "at-least-once"

    def spout(self, component: str, executor: TimedSpout, send: SendMark) -> None:
        """Have a spout send watermarks, when its file says how.

        Raises:
            ImportFailed: there is no such function.
        """
        time = self._plan.spec.component(component).options.event_time
        if time is None:
            return
        times = RowTimes(
            component, self._plan.facts[component].outputs, field=time.field, unit=time.unit,
            function=load_function(time.function) if time.function else None,
        )  # fmt: skip
        watermarks = Watermarks(round(time.lag_s * 1000), time.idle_s)
        spout_time = SpoutTime(times, watermarks, self._env.settings.watermark_interval_s, send)
        executor.use_time(spout_time, held=self._held)
        if isinstance(executor, StormExecutor):
            executor.partition_found(PARTITION)

    def bolt(
        self, task: TaskPlan, bolt: Bolt, executor: BoltExecutor, context: Context, send: SendMark
    ) -> None:
        """Give a bolt its watermarks and ``context.timers``. Called before ``prepare``."""
        timed = task.component in self._timed
        timers = None
        context.timers = NoTimers(f"{task.component}: timers: {_NO_ON_TIMER}")
        if type(bolt).on_timer is not Bolt.on_timer:
            timers = context.timers = self._timers(context.state)
            timers.event_time = timed
            try:
                context.state.want_key("a timer")
            except StateError as error:
                timers.refused = str(error)
        if timed or timers is not None:
            valve = Valve(self._channels(task)) if timed else None
            executor.time = TaskTime(
                executor, valve, timers, send, self._env.wall_ms, held=self._held and timed
            )

    def _timers(self, state: Any) -> Timers:
        return Timers(state.records(STATE_MAP), lambda: state.key, self._env.wall_ms)

    def _channels(self, task: TaskPlan) -> dict[Channel, frozenset[int]]:
        """Return the channels into a task that carry watermarks, and the spout tasks with event
        time above each."""
        of = {each.task: each.component for each in self._plan.tasks}
        into = channels_into(self._plan, task.component, task.task)
        return {
            channel: self._spout_tasks(channel[0], of[channel[0]])
            for channel in sorted(into) if of[channel[0]] in self._timed
        }  # fmt: skip

    def _spout_tasks(self, task: int, component: str) -> frozenset[int]:
        """Return a spout's task itself, or the timed spout tasks above a bolt."""
        spec = self._plan.spec
        if component in spec.spouts:
            return frozenset({task})
        spouts = spec.spouts.keys() & self._timed & above(spec, [component])[1]
        return frozenset(each.task for name in spouts for each in self._plan.tasks_of(name))
