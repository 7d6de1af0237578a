"""What a worker does when the coordinator says so, once it has its tasks.

Control messages that build or end things are the core's own (``assign``, ``epoch``, ``stop``);
all others are in ``WorkerVerbs.handlers``, called on the data thread between two turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from waterspout.spouts.exact_ledger import ExactLedger
from waterspout.topology.task_env import reason_of

from .log_lines import RUNNING
from .summaries import FAULT, checked
from .worker_checkpoints import WorkerCheckpoints
from .worker_rounds import WorkerRounds

if TYPE_CHECKING:
    from .worker_core import WorkerCore

Handler = Callable[[Mapping[str, Any]], None]


class WorkerVerbs:
    """Handles control messages of one worker.

    Attributes:
        handlers: kind of a message -> what is called with it.
        place: where this worker is reached (endpoint, key, pid), for a coordinator that asks;
            filled in by the shell.
    """

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self.place: dict[str, Any] = {"endpoint": "", "key": "", "pid": 0}
        self._drain = self._paused = self._finishing = False
        self.handlers: dict[str, Handler] = {
            "who": self._who,
            "go": self._go,
            "drain": lambda m: self._hold_back(True, self._paused),
            "pause": lambda m: self._hold_back(self._drain, bool(m["paused"])),
            "freeze": self._freeze,
            "snapshot": self._snapshot,
            "durable": self._durable,
            "checkpoint": self._checkpoint,
            "abort": lambda m: core.rounds.abort(m["round"]),
            "dead_letters_stored": lambda m: core.letters.stored(m["id"]),
            "replay": lambda m: core.letters.take_replays(m["replays"]),
            "reserved": lambda m: core.finish.granted(m["id"]),
            "finish": self._finish,
            "summarise": self._summarise,
            "tap": lambda m: core.taps.order(m, core.clock()),
        }

    def assigned(self, message: Mapping[str, Any]) -> None:
        """All tasks are built: take over from the ``assign`` what holds spouts back."""
        self._finishing = False
        self._tell_positions(message.get("all_positions"))
        self._hold_back(bool(message.get("draining")), bool(message.get("paused")))
        for spout in self._core.tasks.spouts.values():
            if isinstance(spout.ledger, ExactLedger):
                spout.ledger.draw_max = message.get("draw_max")

    def new_epoch(self, message: Mapping[str, Any]) -> None:
        """Whatever was finishing starts over."""
        self._finishing = False
        self._tell_positions(message.get("all_positions"))

    def _hold_back(self, drain: bool, paused: bool) -> None:
        """Let spouts take new messages, or not: a drain lasts, a pause may end."""
        self._drain, self._paused = drain, paused
        for spout in self._core.tasks.spouts.values():
            spout.draining = drain or paused

    def _freeze(self, message: Mapping[str, Any]) -> None:
        if isinstance(self._core.rounds, WorkerRounds):
            self._core.rounds.freeze(message["round"])

    def _snapshot(self, message: Mapping[str, Any]) -> None:
        if isinstance(self._core.rounds, WorkerRounds):
            self._core.rounds.snapshot(message["round"])

    def _durable(self, message: Mapping[str, Any]) -> None:
        self._core.rounds.durable(message["round"])
        self._tell_positions(message.get("positions"))

    def _tell_positions(self, positions: Any) -> None:
        """Tell bolts that count each tuple once what cannot come again."""
        if positions:
            self._core.builder.origins.durable(self._core.tasks.bolts, positions)

    def _checkpoint(self, message: Mapping[str, Any]) -> None:
        if isinstance(self._core.rounds, WorkerCheckpoints):
            self._core.rounds.checkpoint(message)

    def _who(self, message: Mapping[str, Any]) -> None:
        core = self._core
        core.control_outbox.append({
            "kind": "here", **self.place, "epoch": core.epoch, "round": core.rounds.told,
            "built": core.receiver is not None, "ready": core.net.ready_said,
            "going": core.going, "finishing": self._finishing,
        })  # fmt: skip
        if isinstance(core.rounds, WorkerCheckpoints):
            core.rounds.ask_again()

    def _go(self, message: Mapping[str, Any]) -> None:
        self._core.going = self._core.restore.went = True
        for spout in self._core.tasks.spouts.values():
            spout.going = True
        for bolt in self._core.tasks.bolts.values():
            # A bolt of a user may have put something of its own there.
            for call in tuple(getattr(bolt.bolt.context, "at_go", ())):
                call()

    def _finish(self, message: Mapping[str, Any]) -> None:
        self._finishing = True
        self._core.finish.level = message["level"]

    def _summarise(self, message: Mapping[str, Any]) -> None:
        core = self._core
        self._finishing = True
        summaries = {}
        for task, executor in core.tasks.bolts.items():
            RUNNING.set(executor)
            try:
                summaries[task], faults = checked(executor.bolt.summary())
            except Exception as error:
                faults = [reason_of(error)]
            for fault in faults:
                core.env.note_error(executor.component, task, f"{FAULT}{fault}")
        RUNNING.set(None)
        core.control_outbox.append({"kind": "summaries", "epoch": core.epoch, "tasks": summaries})
