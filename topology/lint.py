"""Checks of a topology that need no classes: the graph, its size, settings that conflict.

Everything is reported at the place in the file where it can be mended.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from .loader import Loaded
from .problems import listed, quote
from .settings import Settings
from .spec import ComponentSpec, TopologySpec
from .units import format_duration, format_size
from .yaml_keys import TASKS_MAX

#: Circles that are printed; the rest shows when these are gone.
CYCLES_MAX = 20


def lint_spec(loaded: Loaded) -> None:
    """Add every problem of the draft that shows without its classes."""
    draft = loaded.draft
    if draft is None:
        return
    _check_references(loaded, draft)
    _check_double_inputs(loaded, draft)
    _check_cycles(loaded, draft)
    _check_size(loaded, draft)
    _check_settings(loaded, draft.settings)
    if not loaded.problems.errors:  # what a warning says may be due to an error
        _check_reached(loaded, draft)
        _check_idle(loaded, draft)
        _check_overload(loaded, draft)


def _check_references(loaded: Loaded, draft: TopologySpec) -> None:
    ids = [component.id for component in draft.components()]
    for bolt in draft.bolts.values():
        for path, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
            if item.source not in ids:
                near = loaded.problems.did_you_mean(item.source, ids)
                what = f"component {quote(item.source)} unknown, known: {listed(ids)}{near}"
                loaded.add(path, "E_REF", what)


def _check_double_inputs(loaded: Loaded, draft: TopologySpec) -> None:
    for bolt in draft.bolts.values():
        seen: set[tuple[str, str]] = set()
        for path, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
            stream = (item.source, item.stream)
            if stream in seen:
                what = f"{quote(item.source)} stream {quote(item.stream)} is an input already"
                loaded.add(path, "E_DUPINPUT", what)
            seen.add(stream)


def _check_cycles(loaded: Loaded, draft: TopologySpec) -> None:
    sources = {
        bolt.id: [item.source for item in bolt.inputs if item.source in draft.bolts]
        for bolt in draft.bolts.values()
    }
    for _ in range(CYCLES_MAX):
        cycle = _find_cycle(sources)
        if cycle is None:
            return
        first, last = cycle[0], cycle[-2]
        position = [item.source for item in draft.bolts[first].inputs].index(last)
        what = f"bolts feed each other in a circle: {' -> '.join(cycle)}"
        loaded.add(loaded.input_paths[first][position], "E_CYCLE", what)
        sources[first] = [source for source in sources[first] if source != last]


def _find_cycle(sources: dict[str, list[str]]) -> list[str] | None:
    """Return a circle in flow order, ``[a, b, a]``, that begins with its first in the file."""
    try:
        TopologicalSorter(sources).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1][:-1]
        order = list(sources)
        start = cycle.index(min(cycle, key=order.index))
        return [*cycle[start:], *cycle[: start + 1]]
    return None


def _check_reached(loaded: Loaded, draft: TopologySpec) -> None:
    """Warn of spouts that nobody reads. Every bolt is reached: it has inputs and no circle."""
    read = {item.source for bolt in draft.bolts.values() for item in bolt.inputs}
    for spout in draft.spouts.values():
        if spout.id not in read:
            what = "no bolt reads this spout: its messages are drawn and thrown away"
            loaded.add(f"spouts.{spout.id}", "W_UNREACHABLE", what)


def _tasks(draft: TopologySpec) -> int:
    return sum(component.parallelism for component in draft.components())


def _check_size(loaded: Loaded, draft: TopologySpec) -> None:
    if _tasks(draft) > TASKS_MAX:
        largest = max(draft.components(), key=lambda component: component.parallelism)
        what = f"{_tasks(draft)} tasks in all, at most {TASKS_MAX}; lower 'parallelism'"
        loaded.add(f"{largest.kind}s.{largest.id}.parallelism", "E_RESOURCES", what)


def _check_idle(loaded: Loaded, draft: TopologySpec) -> None:
    idle = draft.workers - _tasks(draft)
    if idle > 0:
        what = f"{draft.workers} workers for {_tasks(draft)} tasks: {idle} will have nothing to do"
        loaded.add("workers", "W_IDLE", what)
    for bolt in draft.bolts.values():
        one = all(item.grouping == "global" for item in bolt.inputs)
        if one and bolt.parallelism > 1:
            what = "with only 'global' inputs, all but the first task have nothing to do"
            loaded.add(f"bolts.{bolt.id}.parallelism", "W_IDLE", what)


def _check_settings(loaded: Loaded, settings: Settings) -> None:
    """Report pairs of settings where the first has to be the smaller, naming both."""
    pairs = (
        ("backoff_min", "backoff_max", settings.backoff_min_s, settings.backoff_max_s),
        (
            "restart_backoff_min",
            "restart_backoff_max",
            settings.restart_backoff_min_s,
            settings.restart_backoff_max_s,
        ),
        ("message_timeout", "hold_max", settings.message_timeout_s, settings.hold_max_s),
        ("round_interval", "round_timeout", settings.round_interval_s, settings.round_timeout_s),
        (
            "checkpoint_alignment_timeout",
            "checkpoint_timeout",
            settings.checkpoint_alignment_timeout_s,
            settings.checkpoint_timeout_s,
        ),
        (
            "report_interval",
            "message_timeout",
            settings.report_interval_s,
            settings.message_timeout_s,
        ),
    )
    for low, high, low_s, high_s in pairs:
        if low_s > high_s:
            values = f"{low} {format_duration(low_s)} is over {high} {format_duration(high_s)}"
            loaded.add(_given(loaded, low, high), "E_CONFLICT", values)
    if settings.checkpoint_alignment_timeout_s and settings.fail_to_dead_letter:
        values = (
            "checkpoint_alignment_timeout and fail_to_dead_letter: a message that failed would "
            "come again after a restore, where it was on its way; leave one of them out"
        )
        names = "checkpoint_alignment_timeout", "fail_to_dead_letter"
        loaded.add(_given(loaded, *names), "E_CONFLICT", values)
    if settings.tuple_bytes_max > settings.frame_bytes_max:
        values = (
            f"tuple_bytes_max {format_size(settings.tuple_bytes_max)} is over frame_bytes_max "
            f"{format_size(settings.frame_bytes_max)}: such a tuple fits into no frame"
        )
        loaded.add(_given(loaded, "tuple_bytes_max", "frame_bytes_max"), "E_CONFLICT", values)
    if settings.frame_rows_max > settings.queue_rows_max:
        values = (
            f"frame_rows_max {settings.frame_rows_max} is over queue_rows_max "
            f"{settings.queue_rows_max}: such a frame fits into no queue"
        )
        loaded.add(_given(loaded, "frame_rows_max", "queue_rows_max"), "E_CONFLICT", values)


def _given(loaded: Loaded, *names: str) -> str:
    """Return the path of the first of these settings that the file sets."""
    paths = [f"settings.{name}" for name in names]
    return next((path for path in paths if path in loaded.marks), "settings")


def _check_overload(loaded: Loaded, draft: TopologySpec) -> None:
    settings = draft.settings
    if settings.batch_max > settings.max_pending:
        what = f"batch_max {settings.batch_max} is over max_pending {settings.max_pending}"
        path = _given(loaded, "batch_max", "max_pending")
        loaded.add(path, "W_OVERLOAD", f"{what}: groups never get that large")
    for spout in draft.spouts.values():
        _check_rate(loaded, spout, settings)


def _check_rate(loaded: Loaded, spout: ComponentSpec, settings: Settings) -> None:
    """Warn when what may be pending is more than half a message timeout of input.

    Queueing causes no replay, but so many messages wait that each one is late.
    """
    rate = spout.options.rate_hint
    pending = settings.max_pending * spout.parallelism
    if rate is None or 2 * pending <= rate * settings.message_timeout_s:
        return
    what = (
        f"up to {pending} messages pending are {format_duration(round(pending / rate, 1))} of "
        f"input at rate_hint {rate:g}/s, more than half of message_timeout "
        f"{format_duration(settings.message_timeout_s)}; lower settings.max_pending"
    )
    loaded.add(f"spouts.{spout.id}.rate_hint", "W_OVERLOAD", what)
