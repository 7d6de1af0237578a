"""The log of a task's late channels: what they brought between its cut and their barriers.

A task that is cut at the first barrier (gate.py) has not worked on what its other channels bring
before theirs, and their senders will not bring it again: their positions and states are behind
it. So the checkpoint keeps it, as the frames that would bring it over a link, encoded when it is
logged: whatever a bolt does to values later is not in it. A restored task works through it first.

The log is a part of its own (snapshots.py), so that it has a length and a sha256, with two maps::

    origins   {(source task, stream): [component, index, its tasks, stream name, fields]}
    frames    {0: DATA or MARK, 1: ..}

A row counts as tracked (root 1 in its run) or not (no root); a restored task draws roots anew.
IDLE becomes the watermark that it carries: who said so is not idle after a restore, and would not
say that it is active.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from waterspout.topology.channels import Rows, draw_edge
from waterspout.topology.errors import StateError
from waterspout.topology.frame_header import DATA, MARK, Header, decode_header
from waterspout.topology.frame_split import pack_parts, split_runs
from waterspout.topology.frames import (
    BodyPacker,
    Channel,
    DataFrame,
    Run,
    data_frame,
    decode_data,
    decode_mark,
    mark_frame,
)
from waterspout.topology.marks import WATERMARK, Mark
from waterspout.topology.plan import Plan, TaskPlan
from waterspout.topology.tuples import Tuple

from .chains import AnyPart
from .frame_work import FrameWork
from .queued_mark import QueuedMark
from .snapshots import MapCopy, StateCopy

if TYPE_CHECKING:
    from .executor import BoltExecutor

#: Rows and bytes of one frame of a log.
ROWS_MAX = 8192
BYTES_MAX = 4 * 1024 * 1024
#: Stands for the roots of a tracked row, and for an edge.
_TRACKED = (1,)
_DATA, _MARK = Header(DATA, 0, 0, 0), Header(MARK, 0, 0, 0)

#: What a channel brought, in its order.
Logged = tuple[Channel, DataFrame | Mark]


class LogPacker:
    """Packs what is logged."""

    def __init__(self) -> None:
        self._packer = BodyPacker()

    def pack(self, work: FrameWork | QueuedMark) -> Iterator[bytes]:
        """Yield what is left of ``work`` as frames.

        Raises:
            NotPackable: a value has no wire form.
            FrameTooLarge: a row takes more than ``BYTES_MAX``.
        """
        if isinstance(work, QueuedMark):
            yield mark_frame(_MARK, work.channel, Mark(WATERMARK, work.mark.value))
            return
        runs, rows = work.remaining()
        runs = list(_without_roots(runs))
        while rows:
            head, runs = split_runs(runs, ROWS_MAX)
            for part in pack_parts(self._packer, head, rows[:ROWS_MAX], BYTES_MAX):
                edge = int(any(roots for _, roots in part.runs))
                width = len(part.rows[0])
                yield data_frame(_DATA, work.channel, edge, width, len(part.rows), part.body)
            rows = rows[ROWS_MAX:]


def _without_roots(runs: list[Run]) -> Iterator[Run]:
    for tracked, some in groupby(runs, key=lambda run: bool(run[1])):
        yield sum(count for count, _ in some), _TRACKED if tracked else ()


# To a part, and back.


def log_copy(plan: Plan, task: TaskPlan, log: Sequence[tuple[Channel, bytes]]) -> StateCopy:
    """Return the log of a task as what ``encode_part`` takes."""
    origins = {channel[:2]: _origin(plan, channel) for channel in dict(log)}
    frames = {number: frame for number, (_, frame) in enumerate(log)}
    return StateCopy(
        task.component, task.index,
        (MapCopy("task", "origins", origins), MapCopy("task", "frames", frames)),
        parallelism=len(plan.tasks_of(task.component)), log=True,
    )  # fmt: skip


def _origin(plan: Plan, channel: Channel) -> list[Any]:
    source = next(task for task in plan.tasks if task.task == channel[0])
    stream = plan.streams_of(source.component)[channel[1]]
    fields = plan.facts[source.component].outputs[stream].fields
    tasks = len(plan.tasks_of(source.component))
    return [source.component, source.index, tasks, stream, list(fields)]


def read_log(plan: Plan, task: TaskPlan, part: AnyPart) -> list[Logged]:
    """Return what was on its way to a task.

    Raises:
        StateError: the plan has no place for it: it is not the one that it was logged under.
    """
    maps = part.part().task
    parallelism = len(plan.tasks_of(task.component))
    if (part.component, part.index, part.parallelism) != (task.component, task.index, parallelism):
        raise _no_place(task, f"{part.component} with {part.parallelism} tasks")
    for (source, stream), origin in maps["origins"].items():
        if not _is_input(plan, task, (source, stream, task.task), origin):
            raise _no_place(task, f"an input {origin[0]}.{origin[3]} {origin[4]}")
    return [_logged(task, maps["frames"][number]) for number in sorted(maps["frames"])]


def _is_input(plan: Plan, task: TaskPlan, channel: Channel, origin: list[Any]) -> bool:
    source, stream = channel[:2]
    inputs = {(each.source, each.stream) for each in plan.spec.bolts[task.component].inputs}
    known = any(each.task == source for each in plan.tasks) and (origin[0], origin[3]) in inputs
    return known and stream < len(plan.streams_of(origin[0])) and _origin(plan, channel) == origin


def _no_place(task: TaskPlan, what: str) -> StateError:
    return StateError(
        f"{task.component}: the checkpoint holds messages that were on their way to it "
        f"(checkpoint_alignment_timeout), of {what}: go on with the topology that wrote it, and "
        "stop that before you change it"
    )


def _logged(task: TaskPlan, frame: bytes) -> Logged:
    if decode_header(frame).kind == MARK:
        mark = decode_mark(frame)
        return (*mark.channel[:2], task.task), mark.mark
    data = decode_data(frame)
    return (*data.channel[:2], task.task), data


# Before what comes anew.


def put_back(
    executor: BoltExecutor, log: Sequence[Logged], classes: Callable[[Channel], type[Tuple]],
    now: float,
) -> None:  # fmt: skip
    """Have a restored task work through a log before anything that its channels bring.

    Called when its worker is built, before anything can come. Rows get roots of the task itself.
    """
    for channel, item in log:
        if isinstance(item, Mark):
            executor.enqueue_mark(channel, item)
        else:
            _put_rows(executor, channel, item, classes(channel), now)


def _put_rows(
    executor: BoltExecutor, channel: Channel, frame: DataFrame, cls: type[Tuple], now: float
) -> None:
    env, edge = executor.env, draw_edge(executor.env.draw)
    guards: list[tuple[int, int]] = []
    runs: list[Run] = []
    start = 0
    for count, roots in frame.runs:
        rows = frame.rows[start : start + count]
        start += count
        if not roots:
            runs.append((count, ()))
            continue
        for root, guard, some in _begun(executor, channel, cls, rows, now):
            guards.append((root, guard))
            runs.append((some, (root,)))
            env.toggles[root] = env.toggles.get(root, 0) ^ edge
    executor.enqueue(FrameWork(channel, cls, edge, runs, frame.rows, remote=False))
    for root, guard in guards:
        env.drop_guard(root, guard)


def _begun(
    executor: BoltExecutor, channel: Channel, cls: type[Tuple], rows: Rows, now: float
) -> Iterator[tuple[int, int, int]]:
    """Begin a message of all rows, or one of each; yield root, guard edge and number of rows."""
    own: Any = executor.own
    name = f"{cls.component}.{cls.stream}"
    kept = [[name, channel[2], list(row)] for row in rows]
    size = 1 if own.one_by_one(now) else len(kept)
    for start in range(0, len(kept), size):
        some = kept[start : start + size]
        yield (*own.take_in(some, now), len(some))
