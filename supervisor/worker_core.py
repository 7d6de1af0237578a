"""Everything a worker does between its sockets and its clock: one object, fed and drained.

The shell (``worker_data`` with sockets, ``in_process`` without, the simulation with a network
of its own) hands in control messages and frames and calls ``turn``; it sends what is in the
outboxes. A turn lets spouts draw messages, runs the bolts downstream of them, tells ackers
what was worked through, and leaves no row behind that could go out.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.offload import Call
from waterspout.topology.classes import AllowList, ImportDenied, ImportFailed
from waterspout.topology.errors import CorruptSnapshot, UserError
from waterspout.topology.plan import Plan, TaskPlan
from waterspout.topology.task_env import TaskEnv, reason_of, root_task
from waterspout.topology.tracebacks import user_frames, user_traceback

from .arrivals import Arrivals
from .dead_letter_box import DeadLetterBox
from .host_args import HostArgs
from .link import LinkSender
from .link_receiver import LinkReceiver
from .log_lines import RUNNING
from .task_build import Load, TaskBuilder, Tasks
from .task_states import StateHost, TaskStates
from .worker_checkpoints import WorkerCheckpoints
from .worker_finish import WorkerFinish
from .worker_links import WorkerLinks
from .worker_report import Reporter
from .worker_restore import WorkerRestore, close_tasks
from .worker_rounds import SnapshotJob, WorkerRounds
from .worker_taps import WorkerTaps
from .worker_tracking import WorkerTracking
from .worker_verbs import WorkerVerbs

#: What a turn should take, and the messages that spouts may draw in it.
TURN_S = 0.004
TURN_MESSAGES_MAX = 4096
#: Messages that count in whatever epoch they come: those that begin one, and answers, which a
#: coordinator that was started again gives before it has told anybody of its epoch.
ANY_EPOCH = ("assign", "epoch", "dead_letters_stored", "reserved")
#: How long a worker that was told to stop waits for its links: a peer may have been killed.
CLOSE_S_MAX = 1.0


class WorkerCore:
    """The worker of one process and incarnation.

    Args:
        worker: number in the plan.
        incarnation: random 64-bit number of this process.
        clock: monotonic seconds.
        rng: of this process alone; seeded from the operating system in production.
        args: what this host puts into args; None: it has no secrets, and the plan's own folder.
        load: makes a component; tests hand in their own.
        allow: what may be imported, whatever a plan names; None: whoever made the plan has asked.
        read_part: reads a snapshot part by file name and sha256.
        make_slot: gives a buffer of so many bytes that outlives the process (crash_slot).
    """

    def __init__(
        self, worker: int, incarnation: int, *, clock: Callable[[], float], rng: random.Random,
        args: HostArgs | None = None, load: Load | None = None,
        read_part: Callable[[str, str], Any] | None = None,
        make_slot: Callable[[int], Any] | None = None, allow: AllowList | None = None,
    ) -> None:  # fmt: skip
        self.worker, self.incarnation = worker, incarnation
        self.clock, self.rng = clock, rng
        self._args = args or HostArgs()
        self._load, self._read_part = load or self._args.component, read_part
        self._make_slot, self._allow = make_slot, allow
        self.control_outbox: deque[dict[str, Any]] = deque()
        self.snapshot_jobs: deque[SnapshotJob] = deque()
        self.plan: Plan | None = None
        self.tasks = Tasks()
        self.epoch = 0
        self.stopped = False
        #: Set by the shell; here wall clock and files of a test.
        self.state_host = StateHost(lambda: int(clock() * 1000))
        #: Called when an epoch is adopted: the shell cancels calls under way.
        self.on_new_epoch: Callable[[], None] = lambda: None
        self.turned_at = clock()
        self._stopping = False
        self._end_at = 0.0
        self.going = False
        self._messages = 64
        #: Bolt executors, upstream first.
        self.order: list[BoltExecutor] = []
        self.net = WorkerLinks(self)
        self._arrivals = Arrivals(self)
        self._tracking = WorkerTracking(self)
        self.finish = WorkerFinish(self)
        self._reporter = Reporter(self)
        self.letters = DeadLetterBox(self)
        self.rounds: WorkerRounds | WorkerCheckpoints = WorkerRounds(self)
        self.restore = WorkerRestore(self)
        self.taps = WorkerTaps(self)
        self.verbs = WorkerVerbs(self)

    # What arrives.

    def on_control(self, message: Mapping[str, Any], now: float) -> None:
        """Take a message of the coordinator."""
        kind = message["kind"]
        epoch = message.get("epoch", self.epoch)
        # A coordinator that was started again may end the run before it told of its epoch.
        early_stop = kind == "stop" and epoch > self.epoch
        if epoch != self.epoch and not (early_stop or kind in ANY_EPOCH):
            return
        if kind in self.verbs.handlers:
            self.verbs.handlers[kind](message)
            return
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(message, now)

    def on_parts(self, parts: Sequence[bytes], now: float) -> None:
        """Take a message of the ROUTER: the id of a peer, and its frames."""
        receiver = self.net.receiver
        if receiver is not None and receiver.has_frames(parts):
            for data in parts[1:]:
                self.on_data(parts[0], data, now)

    def on_data(self, routing_id: bytes, data: bytes, now: float) -> None:
        """Take one frame of a peer."""
        receiver = self.net.receiver
        if receiver is not None:
            for event in receiver.on_message(routing_id, data, now):
                self._arrivals.take(event, now)

    def on_peer(self, peer: int, data: bytes, now: float) -> None:
        """Take a message of the DEALER to ``peer``: an answer on the own link."""
        self.net.on_peer(peer, data, now)

    @property
    def links(self) -> dict[int, LinkSender]:
        """Own links by peer; changed only by control messages."""
        return self.net.links

    @property
    def peers(self) -> dict[int, dict[str, Any]]:
        """Endpoint and incarnation of every peer."""
        return self.net.peers

    @property
    def receiver(self) -> LinkReceiver | None:
        """The receiving end of all peers' links; None before ``assign``."""
        return self.net.receiver

    @property
    def calls(self) -> deque[Call]:
        """Calls of blocking and async bolts that the shell is to run."""
        return self.builder.calls if self.plan is not None else deque()

    def on_call_done(self, call: Call, now: float) -> None:
        """A call has ended. Called on the data thread, for each of ``calls``."""
        call.executor.call_done(call)

    # Assign, epochs.

    def _on_assign(self, message: Mapping[str, Any], now: float) -> None:
        plan = Plan.from_wire(message["plan"])
        if self.plan is not None:
            if message["epoch"] <= self.epoch:
                return
            message = self.restore.tear_down(message)
        self.epoch = message["epoch"]
        exact = plan.guarantee == "exactly-once"
        if exact:
            self.letters = self.restore.letters()
        settings = plan.settings
        acker = self.acker = self._tracking.acker(settings.message_timeout_s)
        self.env = TaskEnv(
            settings, tracked=plan.guarantee != "at-most-once", clock=self.clock,
            draw=self.rng.getrandbits, acker=acker, credit=self._arrivals.credit, exact=exact,
            errors=self.restore.errors, wall_ms=self.state_host.wall_ms,
        )  # fmt: skip
        # Last: the control thread may report at any moment, and takes this for a sign that the
        # rest is there.
        self.plan = plan
        self.home = plan.worker_of()
        builder = TaskBuilder(
            plan, self.worker, self.env, self.links, self.rng, self._load, self.letters.bury_of
        )
        self.builder, self.dispatch, self.tasks = builder, builder.dispatch, builder.tasks
        builder.fresh, builder.allow = bool(message.get("fresh")), self._allow
        builder.own_failures = self.restore.own_failures
        builder.restored, builder.flush = message.get("restore_round"), self.flush
        builder.load_grouping = self._args.grouping
        builder.states = TaskStates(plan, self.state_host)
        for task in reversed(plan.tasks_on(self.worker)):
            if not self._build(task, message):
                return
        self.order = [
            self.tasks.bolts[task.task]
            for task in plan.tasks_on(self.worker)
            if task.task in self.tasks.bolts
        ]
        if exact:
            self.rounds = WorkerCheckpoints(self, self.rounds.told)
        self.restore.use_slot(plan, self._make_slot)
        self.finish.begin(plan)
        self.verbs.assigned(message)
        self.letters.take_replays(message.get("replays") or {})
        self.net.connect(message["peers"])
        for bolt in self.order:
            bolt.own.durable_at_once = not builder.has_rounds
            self.letters.serve(bolt)
            bolt.own.again_all(now)
        self.control_outbox.append(self.restore.built())

    def _build(self, task: TaskPlan, message: Mapping[str, Any]) -> bool:
        """Build one task; a component that cannot be built ends the run with its traceback."""
        RUNNING.set(task)
        try:
            files = (message.get("parts") or {}).get(task.task, ())
            assert self._read_part is not None or not files
            parts = [(self._read_part(*file), file[1]) for file in files]  # type: ignore[misc]
            self.builder.build(
                task, parts,
                (message.get("positions") or {}).get(task.task),
                (message.get("suspects") or {}).get(task.task),
            )  # fmt: skip
        except (Exception, SystemExit) as error:
            # Of what was not imported, or is refused by us, no frames say more than the text.
            refused = isinstance(error, UserError) and not user_frames(error)
            said = refused or isinstance(error, (ImportDenied, ImportFailed))
            details = "" if said else user_traceback(error)
            self.control_outbox.append({
                "kind": "boot_failed", "component": task.component, "text": reason_of(error),
                "traceback": details, "corrupt": isinstance(error, CorruptSnapshot),
            })  # fmt: skip
            return False
        return True

    def _on_epoch(self, message: Mapping[str, Any], now: float) -> None:
        if self.plan is None or message["epoch"] <= self.epoch:
            return
        self.epoch = message["epoch"]
        self.going = False
        self.acker.forget_all()
        self.env.toggles.clear()
        self.env.fails.clear()
        for executor in (*self.tasks.spouts.values(), *self.order):
            for frame in executor.emitter.frames:
                frame.drop()
        self.letters.new_epoch(message.get("durable_round"))
        self.finish.new_epoch()
        self.verbs.new_epoch(message)
        self.builder.calls.clear()
        self.on_new_epoch()
        roots = message.get("roots") or ()
        for task, spout in self.tasks.spouts.items():
            own = [root for root in roots if root_task(root) == task]
            spout.new_epoch(message.get("durable_round"), own, now)
        for bolt in self.order:
            bolt.own.durable(message.get("durable_round") or -1)
        # After ledgers and bolts have seen which round is durable.
        self.rounds.abort(0)
        self.net.connect(message["peers"])
        for bolt in self.order:
            bolt.new_epoch(now)

    # Snapshots, for the shell; the other control messages are in worker_verbs.

    def on_part_written(self, job: SnapshotJob, part: Any, now: float) -> None:
        """A part is on disk. Called on the data thread, for each SnapshotJob."""
        self.rounds.part_written(job, part)

    def on_part_failed(self, job: SnapshotJob, text: str, now: float) -> None:
        """A part could not be written: the round fails, nothing is lost."""
        self.rounds.part_failed(job, text)

    def _on_stop(self, message: Mapping[str, Any], now: float) -> None:
        if self._stopping:
            return  # a zombie is told again with every word it says; its end must not move
        self._stopping = True
        self.going = False
        if self.plan is not None:
            self._end_at = now + min(CLOSE_S_MAX, self.plan.settings.stop_timeout_s / 2)
        for spout in self.tasks.spouts.values():
            spout.going = False
        self.net.close()

    # The turn.

    def turn(self, now: float) -> bool:
        """Work for some milliseconds; True: there is more to do at once."""
        self.turned_at = now
        if self.plan is None or self.receiver is None:
            # Nothing was built, or not all of it: there are no links to close.
            self.stopped = self._stopping
            return False
        more = self._draw(now) > 0 if self.going else False
        for bolt in self.order:
            RUNNING.set(bolt)
            bolt.own_calls.tick(now)
            more |= self._run_bolt(bolt)
        RUNNING.set(None)
        more |= self.finish.turn(now)
        self._tracking.turn(now)
        self.rounds.turn(now)
        self.net.turn(now)
        if self.taps.active:
            self.taps.turn(now)
        self._adapt(self.clock() - now)
        if self._stopping:
            self._end(now)
        return more

    def _draw(self, now: float) -> int:
        drawn = self.letters.replay(now)
        for spout in self.tasks.spouts.values():
            RUNNING.set(spout)
            drawn += spout.turn(now, self._messages)
            self.flush(spout)
        return drawn

    def _run_bolt(self, bolt: Any) -> bool:
        """Run slices of a bolt until its queue is empty or its outbox full or time is up."""
        ran = False
        until = self.clock() + TURN_S
        while (bolt.queue or bolt.paused) and not bolt.blocked():
            if not bolt.run():
                break
            ran = True
            self.flush(bolt)
            if self.clock() >= until:
                break
        self.flush(bolt)
        return ran

    def flush(self, executor: Any) -> None:
        """Take what a task has emitted; a tap looks at it before it is gone."""
        if self.taps.active:
            self.taps.look(executor)
        self.dispatch.flush(executor.emitter)

    def _adapt(self, took: float) -> None:
        if took > 2 * TURN_S:
            self._messages = max(self._messages // 2, 1)
        elif took < TURN_S / 2:
            # Not beyond what a turn should take: rows that wait longer fall out of the caches.
            self._messages = min(self._messages * 2, TURN_MESSAGES_MAX)

    # The end.

    def _end(self, now: float) -> None:
        """Clean up once all links are closed in both directions, or it takes too long."""
        assert self.receiver is not None
        closed = self.receiver.all_closed and all(k.deaf for k in self.links.values())
        if closed or now >= self._end_at:
            self.end()

    def end(self) -> None:
        """End without a word to peers: a death, but nothing was at work. For the shell, too."""
        if self.stopped:
            return
        self.stopped = True
        close_tasks(self)

    # What the shell asks.

    def wakeup(self, now: float) -> float:
        """Return the seconds until there may be something to do without a message."""
        if self.plan is None:
            return 0.5
        wait = min(self.net.wakeup(now), self.rounds.wakeup(now))
        for spout in self.tasks.spouts.values():
            if not spout.blocked():
                wait = min(wait, spout.wakeup(now))
        for bolt in self.order:
            wait = min(wait, bolt.own_calls.next_tick(now))
        return max(wait, 0.0)

    def report(self, now: float) -> dict[str, Any]:
        """Return the ``report`` message. Called by the control thread; only reads."""
        return self._reporter.report(now)
