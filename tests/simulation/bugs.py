"""Bugs that the simulation must find: each breaks one promise of the engine on purpose.

A bug is a function that patches the engine through ``patch`` (pytest's MonkeyPatch.setattr).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.bolts.acker import Acker
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.frame_work import FrameWork
from waterspout.bolts.own_messages import OwnMessages
from waterspout.bolts.state import TaskState
from waterspout.spouts.ledger import Ledger
from waterspout.spouts.positions import Positions
from waterspout.spouts.reservations import Reservations
from waterspout.spouts.suspects import Suspects
from waterspout.supervisor.credits import CreditBook
from waterspout.supervisor.dead_letter_box import DeadLetterBox
from waterspout.supervisor.link import LinkSender
from waterspout.supervisor.link_receiver import LinkReceiver
from waterspout.supervisor.link_window import Window
from waterspout.supervisor.rounds import Rounds
from waterspout.supervisor.worker_core import WorkerCore
from waterspout.supervisor.worker_rounds import WorkerRounds
from waterspout.topology.channels import OpenFrame, draw_edge
from waterspout.topology.task_env import RootSource, TaskEnv

from .retry_bugs import RETRY_BUGS, Bug, Patch


def no_guard_edge(patch: Patch) -> None:
    """A root looks finished when the first frame of its group was worked through."""
    original = TaskEnv.open_root

    def open_root(self: TaskEnv, root: int, now: float) -> int:
        guard = original(self, root, now)
        self.acker._entries[root][0] = 0  # type: ignore[attr-defined]
        return guard

    patch(TaskEnv, "open_root", open_root)
    patch(TaskEnv, "drop_guard", lambda self, root, guard: None)


def toggle_per_run(patch: Patch) -> None:
    """A root is toggled with its frame's edge for each run, not once per frame."""

    def note_run(
        self: OpenFrame, count: int, roots: Any, toggles: dict[int, int], draw: Any
    ) -> None:
        self.mark += count
        self.runs.append((count, roots))
        for root in roots:
            self.roots.add(root)
            self.edge = self.edge or draw_edge(draw)
            toggles[root] = toggles.get(root, 0) ^ self.edge

    patch(OpenFrame, "note_run", note_run)


def settle_with_every_run(patch: Patch) -> None:
    """A frame's edge leaves a root with the first of several runs that carry it."""

    def settle_run(self: FrameWork, toggles: dict[int, int]) -> None:
        for root in self.roots:
            toggles[root] = toggles.get(root, 0) ^ self.edge

    patch(FrameWork, "settle_run", settle_run)


def root_reused_on_replay(patch: Patch) -> None:
    """Roots are drawn again: what is late of an old tree is taken for the new one."""

    def next_root(self: RootSource, again: bool = False, traced: bool = False) -> int:
        number = getattr(self, "drawn_by_bug", -1) + 1
        self.drawn_by_bug = number  # type: ignore[attr-defined]
        return self._base | (number % 3 + 1)

    def open_root(self: Acker, root: int, guard: int, now: float) -> None:
        self._entries[root] = [guard, now]

    patch(RootSource, "next", next_root)
    patch(Acker, "open", open_root)


def highest_acked_persisted(patch: Patch) -> None:
    """Positions hold the highest acked message, whatever is missing below it."""
    patch(Positions, "to_wire", lambda self: [self.end, []])


def freeze_after_snapshot(patch: Patch) -> None:
    """What is worked through between freeze and commit becomes durable with the round."""
    original = Ledger.durable

    def durable(self: Ledger, round_: int) -> None:
        self._frozen, self._worked = self._frozen + self._worked, []
        original(self, round_)

    patch(Ledger, "durable", durable)


def snapshot_before_freeze(patch: Patch) -> None:
    """State is copied when the round before it began, not after all froze."""
    original, kept = WorkerRounds.freeze, "copies_of_bug"

    def freeze(self: WorkerRounds, round_: int) -> None:
        states = self._core.tasks.states
        copies = {task: state.snapshot_begin() for task, state in states.items()}
        old = getattr(self, kept, copies)
        setattr(self, kept, copies)
        for task, state in states.items():
            state.snapshot_begin = lambda task=task: old[task]  # type: ignore[method-assign]
        original(self, round_)
        for state in states.values():
            state.begin_of_bug = state.snapshot_begin  # type: ignore[attr-defined]

    def snapshot_begin(self: TaskState) -> Any:
        return begin(self)

    begin = TaskState.snapshot_begin
    patch(TaskState, "snapshot_begin", snapshot_begin)

    def freeze_with_class_method(self: WorkerRounds, round_: int) -> None:
        for state in self._core.tasks.states.values():
            state.__dict__.pop("snapshot_begin", None)
        freeze(self, round_)

    patch(WorkerRounds, "freeze", freeze_with_class_method)


def old_epoch_accepted(patch: Patch) -> None:
    """Frames of an older epoch, of a zombie or of a restored worker's past, are worked on."""
    original = WorkerCore._on_epoch

    def on_epoch(self: WorkerCore, message: Any, now: float) -> None:
        queues = [(bolt, list(bolt.queue), bolt.queued_rows) for bolt in self.order]
        entries = dict(self.acker._entries)
        groups = {t: dict(s.ledger._groups) for t, s in self.tasks.spouts.items()}
        original(self, message, now)
        for bolt, works, rows in queues:
            bolt.queue.extend(works)
            bolt.queued_rows = rows
        self.acker._entries.update(entries)
        for task, kept in groups.items():
            self.tasks.spouts[task].ledger._groups.update(kept)

    patch(WorkerCore, "_on_epoch", on_epoch)


def credits_per_link(patch: Patch) -> None:
    """Channels have no frame of their own: one that is stuck keeps all others waiting."""
    patch(
        CreditBook, "available",
        lambda self, channel: self.outstanding < self.pool_frames_of_bug,
    )  # fmt: skip
    original = CreditBook.__init__

    def init(self: CreditBook, pool_frames: int) -> None:
        original(self, pool_frames)
        self.pool_frames_of_bug = pool_frames  # type: ignore[attr-defined]

    patch(CreditBook, "__init__", init)


def tick_output_untracked(patch: Patch) -> None:
    """What a tick emits has no root: lost, it never comes back."""

    def emit(self: OwnMessages, call: Callable[[], Any], now: float) -> None:
        self._emitter.close_run(self._emitter.roots)
        self._emitter.roots = ()
        call()
        self._emitter.close_run(())

    patch(OwnMessages, "emit", emit)


def settle_before_process(patch: Patch) -> None:
    """A frame leaves its roots before the bolt has seen it, and a raise is only logged."""
    patch(BoltExecutor, "note", lambda self, error, roots, culprit=(0, 0): None)


def snapshot_not_restored(patch: Patch) -> None:
    """A restarted task begins with empty state."""
    patch(TaskState, "restore", lambda self, parts, owned=None, key_group=None: None)


def aborted_round_is_durable(patch: Patch) -> None:
    """A round that was given up moves positions all the same."""

    def abort(self: Ledger) -> None:
        if self._round:
            self.durable(self._round)

    patch(Ledger, "abort", abort)


def resend_without_dedupe(patch: Patch) -> None:
    """What is sent again begins some frames too early, and the receiver works on them again."""
    history: dict[Window, list[bytes]] = {}
    ack, in_order = Window.ack, LinkReceiver._in_order

    def ack_and_keep(self: Window, seq: int) -> Any:
        before = list(self.frames)
        answer = ack(self, seq)
        gone = before[: len(before) - len(self.frames)]
        history[self] = [*history.get(self, []), *gone][-3:]
        return answer

    def send_window(self: LinkSender) -> None:
        self.outbox.clear()
        self.outbox.extend([*history.get(self._window, []), *self._window.frames])

    def take(self: LinkReceiver, link: Any, seq: int) -> bool:
        if 0 < seq <= link.last_seq:
            link.last_seq = seq - 1
        return in_order(self, link, seq)

    patch(Window, "ack", ack_and_keep)
    patch(LinkSender, "_send_window", send_window)
    patch(LinkReceiver, "_in_order", take)


def no_resend(patch: Patch) -> None:
    """What a break took is never sent again."""
    original = LinkSender._send_window

    def send_window(self: LinkSender) -> None:
        if self._greeter.said < 2:
            original(self)

    patch(LinkSender, "_send_window", send_window)


def late_greeting_is_followed(patch: Patch) -> None:
    """A HELLO that an old connection brings late takes the link back there."""
    original = LinkReceiver._on_hello

    def on_hello(self: LinkReceiver, routing_id: bytes, header: Any, data: bytes) -> Any:
        for link in self._links.values():
            link.hello = 0
        return original(self, routing_id, header, data)

    patch(LinkReceiver, "_on_hello", on_hello)


def dead_letter_acked_before_stored(patch: Patch) -> None:
    """A message that is given up counts as worked through although nobody stored it."""
    def bury_of(self: DeadLetterBox, executor: Any) -> Any:
        return lambda group, failure: executor.ledger.buried(group)

    patch(DeadLetterBox, "bury_of", bury_of)


def state_kept_over_a_restore(patch: Patch) -> None:
    """Survivors forget what was worked through since the last round instead of replaying it."""

    def restart(self: Ledger, now: float) -> None:
        for group in self._worked:
            self._make_durable(group)
        self._worked = []
        original(self, now)

    original = Ledger._restart
    patch(Ledger, "_restart", restart)


def no_row_limit(patch: Patch) -> None:
    """A spout does not stop at max_pending."""
    patch(Ledger, "room", lambda self: 1000)


def retries_without_limit(patch: Patch) -> None:
    """A spout reads on however many messages wait for their next try."""
    patch(Ledger, "room", lambda self: self.retry_room())


def sent_before_it_is_durable(patch: Patch) -> None:
    """Under at-most-once messages go out when their positions are asked for, not when stored."""
    original = Reservations.reserve

    def reserve(self: Reservations, now: float) -> None:
        original(self, now)
        self.granted(self._number)

    patch(Reservations, "reserve", reserve)


def start_reserved_not_end(patch: Patch) -> None:
    """A reservation covers all but the last group that was read."""
    original = Reservations.__init__

    def init(self: Reservations, ask: Any, messages_max: int) -> None:
        def ask_less(number: int, ends: dict[str, Any], messages: int) -> None:
            starts = {group.partition: [group.start, []] for group, _, _ in self._asked}
            ask(number, starts, messages)

        original(self, ask_less, messages_max)

    patch(Reservations, "__init__", init)


def held_without_limit(patch: Patch) -> None:
    """A spout reads and reserves as far ahead as it can."""
    patch(Reservations, "room", property(lambda self: 1000))


def replays_counted_twice(patch: Patch) -> None:
    """What a dead worker left is counted with its loss, and again when its suspects go out."""
    patch(Suspects, "is_replay", lambda self, group: group.attempts > 0)


def dead_letter_dropped_before_durable(patch: Patch) -> None:
    """A dead letter is dropped when its other try was worked through, whatever becomes of that."""
    original = Rounds.on_frozen

    def on_frozen(self: Rounds, worker: int, message: Any, now: float) -> bool:
        self._store.drop_dead_letters(message["letters"])
        return original(self, worker, message, now)

    patch(Rounds, "on_frozen", on_frozen)


#: Every bug by its name.
BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        no_guard_edge, toggle_per_run, settle_with_every_run, root_reused_on_replay,
        highest_acked_persisted, freeze_after_snapshot, snapshot_before_freeze,
        old_epoch_accepted, credits_per_link, tick_output_untracked, settle_before_process,
        snapshot_not_restored, aborted_round_is_durable, resend_without_dedupe, no_resend,
        late_greeting_is_followed, dead_letter_acked_before_stored, state_kept_over_a_restore,
        no_row_limit, retries_without_limit, replays_counted_twice,
        dead_letter_dropped_before_durable,
        sent_before_it_is_durable, start_reserved_not_end, held_without_limit,
    )
} | RETRY_BUGS  # fmt: skip
