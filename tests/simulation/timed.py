"""Runs with event time: the usual topologies and faults, whose spouts send watermarks.

The time of a message is a function of its number, out of order by less than the lag, so that none
is ever late by itself. What must hold then, whatever is killed, and on every channel:

    rows        10   12      15        20 <- violation: behind a watermark that it belongs before
    watermarks           9         20

And what was promised once is kept over failures: no message comes again, in any epoch, that a
watermark of its spout task had passed. So no window that has fired gets a part of itself again:
bolts with keyed state keep windows here, and each time that one fires it is complete.

Windows with an even number are fired by timers, others by ``on_watermark``. Some of these calls
raise once or twice, and some always: in the end each window has fired, or its dead letter is there.

Rows that a bolt keeps, and emits from a tick, may be late; so may those of a dead letter that is
tried again, and without tracking those that a bolt holds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.timers import Timer
from waterspout.spouts.spout_time import SpoutTime
from waterspout.spouts.timed_spout import TimedSpout
from waterspout.supervisor import worker_checkpoints
from waterspout.supervisor.dead_letter_box import DeadLetterBox
from waterspout.topology.marks import IDLE, MAX_WATERMARK, MIN_WATERMARK, Mark
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.spec import EventTimeSpec

from . import cluster as cluster_module
from .cluster import Cluster
from .components import Step, TimerStep
from .oracle import Violation
from .runs import run_seed, run_shape
from .shapes import KEYS, BoltShape, InputShape, Shape, SpoutShape, chance
from .topologies import plan_of, random_shape

Patch = Callable[[Any, str, Any], None]
#: Milliseconds between two messages of a lane, and how far they may be out of order.
STEP_MS, DISORDER_MS = 10, 30
#: 2013-01-31, in milliseconds.
BEGIN_MS = 1_359_590_400_000
#: Length of the windows that bolts with keyed state keep.
WINDOW_MS = 70
#: A lane falls idle after so many seconds without a message, where it is the only one.
IDLE_S = 0.005
#: So often a call raises that always does.
ALWAYS = 10**6
#: Styles of bolts that hold tuples; untracked, nobody waits for these.
HOLDING = ("hand", "join")


def time_of(mid: str) -> int:
    """Return the event time of a message in milliseconds."""
    return BEGIN_MS + int(mid.rpartition("/")[2]) * STEP_MS - chance(mid) % DISORDER_MS


def when(row: Any) -> int:
    """Return the event time of a row: the ``function`` of its spout."""
    return time_of(row[0])


def timed_plan(shape: Shape) -> Plan:
    """Return the plan of a shape with event time in all of its spouts."""
    plan = plan_of(shape)
    # One lane alone goes on where it fell idle. Of several one would be passed by.
    idle_s = IDLE_S if [spout.lanes for spout in shape.spouts] == [1] else None
    time = EventTimeSpec(
        function=f"{__name__}:when", unit="ms", lag_s=DISORDER_MS / 1000, idle_s=idle_s
    )
    spouts = {
        id_: replace(each, options=replace(each.options, event_time=time))
        for id_, each in plan.spec.spouts.items()
    }
    interval_s = random.Random(str(shape)).choice((0.001, 0.02, 0.2))
    settings = replace(plan.spec.settings, watermark_interval_s=interval_s)
    spec = replace(plan.spec, spouts=spouts, settings=settings)
    return make_plan(spec, plan.facts, plan.workers)


def timed_shape(seed: int) -> Shape:
    """Return the shape of a seed; in two of three every bolt that can has windows by key."""
    shape = random_shape(random.Random(f"shape {seed}"))
    if seed % 3 == 0:
        return shape
    bolts = [
        bolt if bolt.role == "join" or any(each.grouping == "direct" for each in bolt.inputs)
        else replace(
            bolt, stateful=not bolt.sink,
            inputs=tuple(replace(i, grouping="fields", fields=("key",)) for i in bolt.inputs),
        )
        for bolt in shape.bolts
    ]  # fmt: skip
    return replace(shape, bolts=tuple(bolts))


def pausing_shape() -> Shape:
    """Return a spout that falls idle between its messages, over stages of several tasks.

    Its watermarks wait for nothing, so that the tasks of a stage hear of them far apart.
    """
    inputs = [(InputShape(each, "default", "fields", ("key",)),) for each in ("s0", "b0", "b1")]
    roles = ("pass", "fan", "end")
    bolts = tuple(
        BoltShape(f"b{n}", role, "emit", inputs[n], parallelism=3, stateful=role == "end")
        for n, role in enumerate(roles)
    )
    spouts = (SpoutShape("s0", "source", 80, pause_s=0.012),)
    return Shape(spouts, bolts, 3, "at-most-once", {"batch_max": 4})


class Checker:
    """Looks at every channel and every bolt of one run."""

    def __init__(self, shape: Shape) -> None:
        holding = HOLDING if shape.guarantee == "at-most-once" else ()
        self._delaying = [b.id for b in shape.bolts if b.role == "tick" or b.style in holding]
        #: (executor, its epoch) -> channel -> the last watermark.
        self._came: dict[Any, Counter[Any]] = {}
        #: Of what a restored executor had in a log: the last watermark of (executor, channel).
        self._logged: dict[Any, int] = {}
        self._restoring = False
        #: (message, what is wrong) of rows that came behind their watermark.
        self._late: list[tuple[str, str]] = []
        self._buried: set[str] = set()
        # Where nothing is kept there are no windows, either, and durable is not yet stored.
        self._held = shape.guarantee == "at-least-once" and shape.kept
        self._windowed = self._held or shape.guarantee == "exactly-once"
        self._partial = bool(shape.settings.get("fail_to_dead_letter"))
        #: Of each spout task: the largest watermark that it has sent, ever.
        self._promised: dict[int, int] = {}
        self._spouts: dict[SpoutTime, Any] = {}
        self._cluster: Cluster | None = None
        self._keyed = {b.id for b in shape.bolts if b.keyed and b.stateful and b.role != "join"}
        #: (bolt, key, end of a window) -> what it held each time that it fired.
        self._fired: dict[tuple[str, Any, int], list[set[str]]] = {}
        #: How often the firing of a window, and on_watermark of a task, have raised.
        self._raised: Counter[Any] = Counter()
        #: Watermarks that say something, and rows that came behind one; windows and those that
        #: were given up.
        self.watermarks = self.rows_behind = self.windows = self.given_up = 0

    def observe(self, patch: Patch) -> None:
        """Look at frames and marks where they come to a bolt, and at tuples where it works."""
        enqueue, enqueue_mark = BoltExecutor.enqueue, BoltExecutor.enqueue_mark
        new_epoch, work, bury_of = BoltExecutor.new_epoch, Step.work, DeadLetterBox.bury_of

        def on_frame(executor: BoltExecutor, frame: Any) -> None:
            for row in copy(frame.source):
                self._row(executor, frame.channel, row)
            enqueue(executor, frame)

        def on_mark(executor: BoltExecutor, channel: Any, mark: Mark) -> None:
            self._mark(executor, channel, mark)
            enqueue_mark(executor, channel, mark)

        def on_epoch(executor: BoltExecutor, now: float) -> None:
            self._came.pop(executor, None)
            new_epoch(executor, now)

        def on_work(step: Any, component: str, stream: str, values: Any, **more: Any) -> Any:
            self._work(step, values)
            return work(step, component, stream, values, **more)

        def on_bury(box: Any, executor: Any) -> Any:
            bury = bury_of(box, executor)

            def note(group: Any, failure: Any) -> None:
                self._buried.add((executor.values_of(group) or [""])[0])
                bury(group, failure)

            return note

        put_back = worker_checkpoints.put_back

        def on_log(*log: Any) -> None:
            self._restoring = True
            put_back(*log)
            self._restoring = False

        use_time, put, note_time = TimedSpout.use_time, SpoutTime._put, TimedSpout.note_time
        run = Cluster.run

        def on_use(spout: Any, time: SpoutTime, *, held: bool) -> None:
            self._spouts[time] = spout
            use_time(spout, time, held=held)

        def on_put(time: SpoutTime, mark: Mark) -> None:
            spout = self._spouts[time]
            if not self._is_past(spout):
                before = self._promised.get(spout.task, MIN_WATERMARK)
                self._promised[spout.task] = max(before, mark.value)
            put(time, mark)

        def on_out(spout: Any, partition: str, rows: Any, *stream: str) -> Any:
            if not self._is_past(spout):
                self._out(spout.task, rows)
            return note_time(spout, partition, rows, *stream)

        def on_run(cluster: Cluster, end_s: float) -> Any:
            self._cluster = cluster
            return run(cluster, end_s)

        def on_note(step: Any, name: str, values: Any) -> None:
            note(step, name, values)
            end, watermark = time_of(values[0]) // WINDOW_MS + 1, step.context.watermark
            late = watermark is not None and end * WINDOW_MS <= watermark
            # What a tick emits later than the watermark may be late, also in a new epoch.
            late = late or self._is_delayed(values)
            if self._windowed and step.shape.id in self._keyed and not late:
                windows = step.context.state.keyed("windows").setdefault(values[2], {})
                windows.setdefault(end, []).append(name)
                if end % 2 == 0:
                    step.context.state.key = values[2]
                    step.context.timers.event(end * WINDOW_MS, "window")

        def on_watermark(step: Any, watermark: int) -> None:
            if self._windowed and step.shape.id in self._keyed:
                for key, windows in step.context.state.keyed("windows").items():
                    for end in [n for n in windows if n * WINDOW_MS <= watermark and n % 2]:
                        self._fire(step, key, end)

        def on_timer(step: Any, timer: Timer) -> Any:
            if timer.name != "window":
                return call_timer(step, timer)
            self._fire(step, timer.key, timer.at // WINDOW_MS)
            return None

        note, call_timer = Step.note, TimerStep.on_timer
        patch(worker_checkpoints, "put_back", on_log)
        patch(Step, "note", on_note)
        patch(Step, "on_watermark", on_watermark)
        patch(Step, "on_timer", on_timer)
        patch(TimerStep, "on_timer", on_timer)
        patch(Cluster, "run", on_run)
        patch(TimedSpout, "use_time", on_use)
        patch(TimedSpout, "note_time", on_out)
        patch(SpoutTime, "_put", on_put)
        patch(BoltExecutor, "enqueue", on_frame)
        patch(BoltExecutor, "enqueue_mark", on_mark)
        patch(BoltExecutor, "new_epoch", on_epoch)
        patch(Step, "work", on_work)
        patch(DeadLetterBox, "bury_of", on_bury)

    def _is_delayed(self, row: Any) -> bool:
        return any(f">{id_}" in row[1] for id_ in self._delaying)

    def _fire(self, step: Any, key: Any, end: int) -> None:
        """Fire a window, unless its call raises; what it held is gone from the state then."""
        window = step.shape.id, key, end
        # Under exactly-once each time has everything go back.
        mood = chance(f"fire {window}") % (20 if self._held else 60)
        times = {0: 1, 1: 2, 2: ALWAYS if end % 2 == 0 else 1}.get(mood, 0)
        if end % 2 and self._raised[step.shape.id, step.index] > 2:
            # One call of on_watermark is for all that is due: it would be given up.
            times = 0
        if not self._partial and self._raised[window] < times:
            self._raised[window] += 1
            self._raised[step.shape.id, step.index] += end % 2
            raise ValueError(f"the window {window} does not fire")
        windows = step.context.state.keyed("windows")[key]
        self._fired.setdefault(window, []).append(set(windows.pop(end, ())))

    def _is_past(self, spout: Any) -> bool:
        """Say whether a spout is of an epoch that is over: nobody listens to it any more."""
        assert self._cluster is not None
        return not any(
            process.core.tasks.spouts.get(spout.task) is spout
            and process.core.epoch == self._cluster.coordinator.handover.epoch
            for process in self._cluster.living()
        )

    def _out(self, task: int, rows: Any) -> None:
        """What a spout task has sent once, it keeps: a window that fired gets nothing more."""
        promised = self._promised.get(task, MIN_WATERMARK) if self._held else MIN_WATERMARK
        for row in rows:
            if time_of(row[0]) <= promised:
                self._late.append((row[0], f"{row[0]} comes again, and {promised} was sent once"))

    def _mark(self, executor: BoltExecutor, channel: Any, mark: Mark) -> None:
        if mark.kind > IDLE:
            return
        came = self._came.setdefault(executor, Counter())
        last = came.get(channel, MIN_WATERMARK)
        # Behind a log its spouts begin anew: they may not have come as far again.
        if mark.value < last and last > self._logged.get((executor, channel), MIN_WATERMARK):
            raise Violation(f"{channel}: watermark {mark.value} after {last}")
        came[channel] = max(mark.value, last)
        if self._restoring:
            self._logged[executor, channel] = came[channel]
        self.watermarks += MIN_WATERMARK < mark.value < MAX_WATERMARK

    def _row(self, executor: BoltExecutor, channel: Any, row: Any) -> None:
        came = self._came.get(executor, {}).get(channel, MIN_WATERMARK)
        self.rows_behind += came > MIN_WATERMARK
        if time_of(row[0]) <= came:
            self._note(row, f"{channel}: {row} of {time_of(row[0])} after watermark {came}")

    def _work(self, step: Any, values: Any) -> None:
        watermark = step.context.watermark
        if watermark is not None and time_of(values[0]) <= watermark:
            what = f"{step.shape.id}: {values} is late, {watermark} was passed"
            self._note(values, what, step.shape.id if step.shape.style in HOLDING else "")

    def _note(self, row: Any, text: str, at: str = "") -> None:
        if at not in self._delaying and not self._is_delayed(row):
            self._late.append((row[0], text))

    def _check_windows(self) -> None:
        """Each window fired or was given up, and was complete however often it fired."""
        assert self._cluster is not None
        given_up = {
            (record["component"], record["values"][0], record["values"][1] // WINDOW_MS)
            for record in self._cluster.oracle.calls_given_up()
            if record["stream"] == "on_timer"
        }
        meaning = self._cluster.oracle.meaning
        mids = [mid for spout in self._cluster.shape.spouts for mid in spout.mids()]
        for mid in mids:
            end = time_of(mid) // WINDOW_MS + 1
            if mid in self._buried or mid in self._cluster.world.mended:
                continue
            for effect in meaning.effects(mid):
                window = effect.component, chance(effect.ident) % KEYS, end
                fired_so = () if effect.late else self._fired.get(window, ())
                if not self._held and fired_so:
                    # Under exactly-once one of them counts; the others were taken back, or fired
                    # for what had come too late before a restore: time begins anew then.
                    fired_so = [set().union(*fired_so)]
                for fired in fired_so:
                    self.windows += 1
                    if effect.ident not in fired:
                        raise Violation(f"the window {window} fired without {effect.ident}")
                if self._windowed and effect.component in self._keyed and not effect.late:
                    self._check_fired(window, given_up)

    def _check_fired(self, window: Any, given_up: set[Any]) -> None:
        """A window fired, or its timer is a dead letter, and not without need."""
        always = self._raised[window] > 2
        if window in given_up and not always:
            raise Violation(f"the window {window} was given up without need")
        if window not in given_up and window not in self._fired:
            raise Violation(f"the window {window} never fired")
        self.given_up += window in given_up

    def at_end(self) -> None:
        """Fail for rows that were late without need, and windows with a part of theirs."""
        self._check_windows()
        for mid, text in self._late:
            if mid not in self._buried:
                raise Violation(text)


def run_timed(
    seed: int, patch: Patch, *, exact: bool = False, shape: Shape | None = None
) -> Checker:
    """Run one seed with event time.

    Args:
        shape: the topology; None: the seed's.

    Raises:
        Failed: something that must hold without event time does not.
        Violation: a row came behind its watermark, or a watermark went back.
    """
    checkers: list[Checker] = []

    def plan(shape: Shape) -> Plan:
        if not checkers:  # else it is rescaled
            checkers.append(Checker(shape))
            checkers[-1].observe(patch)
        return timed_plan(shape)

    patch(cluster_module, "plan_of", plan)
    if shape is not None:
        run_shape(seed, shape)
    elif exact:
        run_seed(seed, exact=True)
    else:
        run_shape(seed, timed_shape(seed))
    (checker,) = checkers
    checker.at_end()
    return checker
