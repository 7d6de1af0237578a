"""Bugs of event time that the simulation must find; see bugs.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.bolts.failed_calls import FailedCalls
from waterspout.bolts.own_messages import OwnMessages
from waterspout.bolts.task_time import TaskTime
from waterspout.bolts.timers import Timers
from waterspout.bolts.valve import Valve
from waterspout.spouts.retries import RetryQueue
from waterspout.spouts.spout_time import SpoutTime
from waterspout.spouts.timed_spout import TimedSpout
from waterspout.supervisor.dispatch import Dispatch

from .timed import Patch


def mark_before_rows(patch: Patch) -> None:
    """A mark overtakes what its task has emitted and not sent."""

    def mark(self: Dispatch, emitter: Any, mark: Any) -> None:
        for frame in emitter.frames:
            target = self._executors.get(frame.key[2])
            if target is not None:
                target.enqueue_mark(frame.key, mark)
                continue
            link = self._links.get(frame.target_worker)
            if link is not None and link.open:
                link.send_mark(frame.key, mark)

    patch(Dispatch, "mark", mark)


def valve_takes_the_largest(patch: Patch) -> None:
    """A task goes by the channel that is furthest ahead."""

    def advance(self: Valve, counting: Any) -> Any:
        return self._put(max(each.watermark for each in self._inputs.values() if each.active))

    patch(Valve, "_advance", advance)


def each_channel_is_left_out_by_itself(patch: Patch) -> None:
    """A task of a bolt that is idle is left out while another one is active."""
    original = Valve.__init__

    def init(self: Valve, above: Any) -> None:
        original(self, {channel: frozenset({at}) for at, channel in enumerate(above)})

    patch(Valve, "__init__", init)


def nothing_is_held(patch: Patch) -> None:
    """Watermarks pass what is in flight and waits to come again."""
    use_time = TimedSpout.use_time
    patch(TimedSpout, "use_time", lambda self, time, held: use_time(self, time, held=False))


def held_until_worked_through(patch: Patch) -> None:
    """Watermarks wait for what is in flight, but not until it is durable."""
    use_time = TimedSpout.use_time

    def use(self: Any, time: SpoutTime, *, held: bool) -> None:
        use_time(self, time, held=held)
        ledger = self.ledger

        def held_back() -> int | None:
            ledger._worked, worked = [], ledger._worked
            ledger._frozen, frozen = [], ledger._frozen
            found = ledger.held_back(self.retries_at_work())
            ledger._worked, ledger._frozen = worked, frozen
            return found  # type: ignore[no-any-return]

        if held:
            time.held_back = held_back

    patch(TimedSpout, "use_time", use)


def retries_are_not_held(patch: Patch) -> None:
    """What waits for its next try holds nothing back."""
    use_time = TimedSpout.use_time

    def use(self: Any, time: SpoutTime, *, held: bool) -> None:
        use_time(self, time, held=held)
        ledger = self.ledger

        def held_back() -> int | None:
            ledger.retries, retries = RetryQueue(), ledger.retries
            found = ledger.held_back()
            ledger.retries = retries
            return found

        if held:
            time.held_back = held_back

    patch(TimedSpout, "use_time", use)


def generator_goes_on_in_a_new_epoch(patch: Patch) -> None:
    """What is read again in a new epoch is measured by what had come before."""
    new_epoch = SpoutTime.new_epoch
    patch(SpoutTime, "new_epoch", lambda self, again=(): new_epoch(self))


def valve_goes_on_in_a_new_epoch(patch: Patch) -> None:
    """A bolt remembers in a new epoch how far channels had come in the old one."""

    def new_epoch(self: TaskTime) -> None:
        self._sent = -(1 << 63)

    patch(TaskTime, "new_epoch", new_epoch)


def partition_that_was_not_read_is_forgotten(patch: Patch) -> None:
    """Only partitions that had rows hold the watermark."""
    patch(TimedSpout, "partition_found", lambda self, name: None)


def failed_timers_are_forgotten(patch: Patch) -> None:
    """A timer whose call raised is not called again."""
    patch(Timers, "put_back", lambda self, timer: None)


def failed_calls_are_done(patch: Patch) -> None:
    """A call that raised counts as made."""
    patch(FailedCalls, "failed", lambda self, call, error, now: None)


def failed_calls_are_given_up_at_once(patch: Patch) -> None:
    """A call that raised becomes a dead letter, without another try."""
    patch(OwnMessages, "gives_up", lambda self, call, attempts, failure, now: 1)


def failed_calls_are_never_given_up(patch: Patch) -> None:
    """A call that always raises is made again for ever."""
    patch(OwnMessages, "gives_up", lambda self, call, attempts, failure, now: 0)


TIME_BUGS: dict[str, Callable[[Patch], None]] = {
    bug.__name__: bug
    for bug in (
        mark_before_rows, valve_takes_the_largest, nothing_is_held, held_until_worked_through,
        retries_are_not_held, generator_goes_on_in_a_new_epoch, valve_goes_on_in_a_new_epoch,
        partition_that_was_not_read_is_forgotten, failed_timers_are_forgotten,
        failed_calls_are_done, failed_calls_are_given_up_at_once, failed_calls_are_never_given_up,
    )
}  # fmt: skip
