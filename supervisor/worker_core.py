"""Everything a worker does between its sockets and its clock: one object, fed and drained.

The shell (``worker_data`` with sockets, ``in_process`` without, the simulation with a network
of its own) hands in control messages and frames and calls ``turn``; it sends what is in the
outboxes. A turn lets spouts draw messages, runs the bolts downstream of them, tells ackers
what was worked through, and leaves no row behind that could go out.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from waterspout.bolts.acker import Acker
from waterspout.bolts.executor import BoltExecutor
from waterspout.bolts.frame_work import FrameWork
from waterspout.spouts.executor import SourceExecutor
from waterspout.spouts.reservations import Reservations
from waterspout.topology.control_frames import FailFrame, Failure, ToggleFrame, VouchFrame
from waterspout.topology.frames import DataFrame, EndFrame
from waterspout.topology.plan import Plan, TaskPlan
from waterspout.topology.task_env import TaskEnv, reason_of, root_task, user_traceback

from .crash_slot import CrashSlot, slot_bytes
from .dead_letter_box import DeadLetterBox
from .end_marks import EndMarks
from .link import LinkSender
from .link_events import BadData, Broken, Closed, Opened, Rejected
from .link_receiver import LinkReceiver
from .link_states import DEAF
from .task_build import Load, TaskBuilder, Tasks, load_component
from .worker_report import Reporter
from .worker_rounds import WorkerRounds

#: What a turn should take, and the messages that spouts may draw in it.
TURN_S = 0.004
TURN_MESSAGES_MAX = 512
#: How often links look at the clock, and how often queued roots are vouched for at most.
LINK_TICK_S = 0.05
VOUCH_S_MAX = 5.0
#: How long a worker that was told to stop waits for its links: a peer may have been killed.
CLOSE_S_MAX = 1.0


class SnapshotJob(NamedTuple):
    """A copy of a task's state that the shell encodes and writes, outside of the data thread."""

    epoch: int
    round: int
    task: int
    copy: Any


class WorkerCore:
    """The worker of one process and incarnation.

    Args:
        worker: number in the plan.
        incarnation: random 64-bit number of this process.
        clock: monotonic seconds.
        rng: of this process alone; seeded from the operating system in production.
        load: makes a component; tests hand in their own.
        read_part: reads a snapshot part by file name.
        make_slot: gives a buffer of so many bytes that outlives the process (crash_slot).
    """

    def __init__(
        self, worker: int, incarnation: int, *, clock: Callable[[], float], rng: random.Random,
        load: Load = load_component, read_part: Callable[[str], Any] | None = None,
        make_slot: Callable[[int], Any] | None = None,
    ) -> None:  # fmt: skip
        self.worker, self.incarnation = worker, incarnation
        self.clock, self.rng = clock, rng
        self._load, self._read_part, self._make_slot = load, read_part, make_slot
        self.control_outbox: deque[dict[str, Any]] = deque()
        self.snapshot_jobs: deque[SnapshotJob] = deque()
        self.links: dict[int, LinkSender] = {}
        self.peers: dict[int, dict[str, Any]] = {}
        self.receiver: LinkReceiver | None = None
        self.plan: Plan | None = None
        self.tasks = Tasks()
        self.epoch = 0
        self.stopped = False
        self.turned_at = clock()
        self._stopping = False
        self._end_at = 0.0
        self._ready_said = False
        self._going = False
        self._messages = 64
        self._next_link_tick = 0.0
        self._next_vouch = 0.0
        self._finishing: int | None = None
        self._reserve_id = 0
        #: id of a reservation -> (spout, its number there)
        self._reserving: dict[int, tuple[SourceExecutor, int]] = {}
        self._order: list[Any] = []
        self._reporter = Reporter(self)
        self.letters = DeadLetterBox(self)
        self._rounds = WorkerRounds(self)

    # What arrives.

    def on_control(self, message: Mapping[str, Any], now: float) -> None:
        """Take a message of the coordinator."""
        kind = message["kind"]
        if kind not in ("assign", "epoch") and message.get("epoch", self.epoch) != self.epoch:
            return
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(message, now)

    def on_data(self, routing_id: bytes, data: bytes, now: float) -> None:
        """Take a message of the ROUTER: a frame of a peer."""
        if self.receiver is not None:
            for event in self.receiver.on_message(routing_id, data, now):
                self._on_arrival(event, now)

    def on_peer(self, peer: int, data: bytes, now: float) -> None:
        """Take a message of the DEALER to ``peer``: an answer on the own link."""
        link = self.links.get(peer)
        if link is not None:
            for event in link.on_message(data, now):
                self._on_link_event(peer, event)

    # Assign, epochs.

    def _on_assign(self, message: Mapping[str, Any], now: float) -> None:
        self.plan = plan = Plan.from_wire(message["plan"])
        self.epoch = message["epoch"]
        settings = plan.settings
        acker = self.acker = Acker(self._completed, self._failed, settings.message_timeout_s)
        self.env = TaskEnv(
            settings, tracked=plan.guarantee != "at-most-once", clock=self.clock,
            draw=self.rng.getrandbits, acker=acker, credit=self._credit,
        )  # fmt: skip
        self._home = plan.worker_of()
        builder = TaskBuilder(
            plan, self.worker, self.env, self.links, self.rng, self._load, self.letters.bury_of
        )
        self.builder, self.dispatch, self.tasks = builder, builder.dispatch, builder.tasks
        for task in reversed(plan.tasks_on(self.worker)):
            if not self._build(task, message):
                return
        self._order = [
            self.tasks.bolts[task.task]
            for task in plan.tasks_on(self.worker)
            if task.task in self.tasks.bolts
        ]
        self._use_slot(plan)
        self.ends = EndMarks(plan, self.worker, self.links)
        if not self.env.tracked:
            self._use_reservations()
        for spout in self.tasks.spouts.values():
            spout.draining = bool(message.get("draining"))
        self.letters.take_replays(message.get("replays") or {})
        self._connect(message["peers"])
        for bolt in self._order:
            bolt.own.again_all(now)
        self.control_outbox.append({"kind": "built", "epoch": self.epoch})

    def _build(self, task: TaskPlan, message: Mapping[str, Any]) -> bool:
        """Build one task; a component that cannot be built ends the run with its traceback."""
        try:
            file = (message.get("parts") or {}).get(task.task)
            part = self._read_part(file) if file and self._read_part is not None else None
            self.builder.build(
                task, part,
                (message.get("positions") or {}).get(task.task),
                (message.get("suspects") or {}).get(task.task),
            )  # fmt: skip
        except (Exception, SystemExit) as error:
            self.control_outbox.append({
                "kind": "boot_failed", "component": task.component,
                "text": reason_of(error), "traceback": user_traceback(error, 3),
            })  # fmt: skip
            return False
        return True

    def _use_reservations(self) -> None:
        assert self.plan is not None
        for spout in self.tasks.spouts.values():
            seeks = self.plan.facts[spout.component].replay == "seek"
            if seeks and isinstance(spout, SourceExecutor):
                spout.reservations = Reservations(partial(self._ask_reserve, spout))

    def _ask_reserve(self, spout: SourceExecutor, number: int, ends: dict[str, Any]) -> None:
        self._reserve_id += 1
        self._reserving[self._reserve_id] = (spout, number)
        self.control_outbox.append({
            "kind": "reserve", "epoch": self.epoch, "id": self._reserve_id, "task": spout.task,
            "positions": ends,
        })  # fmt: skip

    def _on_reserved(self, message: Mapping[str, Any], now: float) -> None:
        spout, number = self._reserving.pop(message["id"], (None, 0))
        if spout is not None and spout.reservations is not None:
            spout.reservations.granted(number)

    def _use_slot(self, plan: Plan) -> None:
        if self._make_slot is None:
            return
        slot = CrashSlot(plan, self.worker, self._make_slot(slot_bytes(plan, self.worker)))
        for task, bolt in self.tasks.bolts.items():
            bolt.at_work = slot.at_work(task)
        for task, spout in self.tasks.spouts.items():
            spout.in_flight = slot.in_flight(task)

    def _connect(self, peers: Mapping[int, Any]) -> None:
        assert self.plan is not None
        settings = self.plan.settings
        self.peers = {int(w): dict(peer) for w, peer in peers.items() if int(w) != self.worker}
        incarnations = {w: peer["incarnation"] for w, peer in self.peers.items()}
        own_tasks = {task.task for task in self.plan.tasks_on(self.worker)}
        if self.receiver is None:
            self.receiver = LinkReceiver(
                self.plan.name, self.worker, incarnation=self.incarnation, epoch=self.epoch,
                frame_bytes_max=settings.frame_bytes_max, pool_frames=settings.link_pool_frames,
                peers=incarnations, tasks=own_tasks,
            )  # fmt: skip
        elif self.receiver.epoch < self.epoch:
            self.receiver.adopt(self.epoch, incarnations, own_tasks)
        for gone in set(self.links) - set(self.peers):
            del self.links[gone]
        for worker, incarnation in incarnations.items():
            link = self.links.get(worker)
            if link is not None:
                link.new_epoch(self.epoch, incarnation)
            else:
                self.links[worker] = LinkSender(
                    self.plan.name, self.worker, incarnation=self.incarnation, peer=worker,
                    epoch=self.epoch, frame_bytes_max=settings.frame_bytes_max,
                    pool_frames=settings.link_pool_frames, peer_incarnation=incarnation,
                )  # fmt: skip
        self._ready_said = False
        self._next_link_tick = 0.0

    def _on_epoch(self, message: Mapping[str, Any], now: float) -> None:
        if self.plan is None or message["epoch"] <= self.epoch:
            return
        self.epoch = message["epoch"]
        self._going = False
        self._finishing = None
        self.acker.forget_all()
        self.env.toggles.clear()
        self.env.fails.clear()
        for executor in (*self.tasks.spouts.values(), *self._order):
            for frame in executor.emitter.frames:
                frame.drop()
        self.letters.new_epoch()
        self.ends.new_epoch()
        roots = message.get("roots") or ()
        for task, spout in self.tasks.spouts.items():
            own = [root for root in roots if root_task(root) == task]
            spout.new_epoch(message.get("durable_round"), own, now)
        # After the ledgers have seen which round is durable.
        self._rounds.abort()
        self._connect(message["peers"])
        for bolt in self._order:
            bolt.new_epoch(now)

    def _on_go(self, message: Mapping[str, Any], now: float) -> None:
        self._going = True
        for spout in self.tasks.spouts.values():
            spout.going = True

    # Rounds, dead letters, the end: each has an object of its own.

    def _on_freeze(self, message: Mapping[str, Any], now: float) -> None:
        self._rounds.freeze(message["round"])

    def _on_snapshot(self, message: Mapping[str, Any], now: float) -> None:
        self._rounds.snapshot(message["round"])

    def _on_durable(self, message: Mapping[str, Any], now: float) -> None:
        self._rounds.durable(message["round"])

    def _on_abort(self, message: Mapping[str, Any], now: float) -> None:
        self._rounds.abort()

    def submit_snapshots(self, round_: int, copies: list[tuple[int, Any]]) -> None:
        """Queue copies of state for the shell to write."""
        for task, copy in copies:
            self.snapshot_jobs.append(SnapshotJob(self.epoch, round_, task, copy))

    def on_part_written(self, job: SnapshotJob, part: Any, now: float) -> None:
        """A part is on disk. Called on the data thread, for each SnapshotJob."""
        self._rounds.part_written(job, part)

    def on_part_failed(self, job: SnapshotJob, text: str, now: float) -> None:
        """A part could not be written: the round fails, nothing is lost."""
        self._rounds.part_failed(job, text)

    def _on_dead_letters_stored(self, message: Mapping[str, Any], now: float) -> None:
        self.letters.stored(message["id"])

    def _on_replay(self, message: Mapping[str, Any], now: float) -> None:
        self.letters.take_replays(message["replays"])

    def _on_drain(self, message: Mapping[str, Any], now: float) -> None:
        for spout in self.tasks.spouts.values():
            spout.draining = True

    def _on_finish(self, message: Mapping[str, Any], now: float) -> None:
        self._finishing = message["level"]

    def _on_summarise(self, message: Mapping[str, Any], now: float) -> None:
        summaries = {}
        for task, executor in self.tasks.bolts.items():
            try:
                summaries[task] = executor.bolt.summary()
            except Exception as error:
                self.env.note_error(executor.component, task, f"summary: {reason_of(error)}")
        self.control_outbox.append(
            {"kind": "summaries", "epoch": self.epoch, "tasks": summaries}
        )

    def _on_stop(self, message: Mapping[str, Any], now: float) -> None:
        self._stopping = True
        self._going = False
        self._next_link_tick = 0.0
        if self.plan is not None:
            self._end_at = now + min(CLOSE_S_MAX, self.plan.settings.stop_timeout_s / 2)
        for spout in self.tasks.spouts.values():
            spout.going = False
        for link in self.links.values():
            link.close()

    # Links.

    def _on_arrival(self, event: Any, now: float) -> None:
        if isinstance(event, DataFrame):
            self._on_frame(event)
        elif isinstance(event, ToggleFrame):
            self.acker.toggle(event.pairs, now)
        elif isinstance(event, FailFrame):
            self.acker.fail(event.failures, now)
        elif isinstance(event, VouchFrame):
            self.acker.vouch(event.roots, now)
        elif isinstance(event, BadData):
            component, task = "", event.channel[0]
            self.env.fail_roots(event.roots, component, task, f"{event.code}: {event.text}")
            self.env.note_error(component, task, f"{event.code}: {event.text}")
        elif isinstance(event, EndFrame):
            self.ends.arrived(event.channel)

    def _on_frame(self, frame: DataFrame) -> None:
        from_task, stream, target = frame.channel
        cls = self.builder.classes[from_task, stream]
        executor = self.tasks.bolts[target]
        if frame.width != len(cls.fields):
            roots = tuple({root for _, roots in frame.runs for root in roots})
            text = f"E_SCHEMA: {frame.width} values for the fields {list(cls.fields)}"
            self.env.fail_roots(roots, cls.component, from_task, text)
            self._credit(frame.channel)
            return
        executor.enqueue(
            FrameWork(frame.channel, cls, frame.edge, frame.runs, frame.rows, remote=True)
        )

    def _credit(self, channel: tuple[int, int, int]) -> None:
        assert self.receiver is not None
        self.receiver.credit(channel, epoch=self.epoch)

    def _on_link_event(self, peer: int, event: Any) -> None:
        if isinstance(event, (Broken, Rejected)) and event.code != "stale_epoch":
            self.env.note_error("", 0, f"link to worker {peer}: {event.code}: {event.text}")
        elif isinstance(event, (Opened, Closed)):
            self._next_link_tick = 0.0

    def _tick_links(self, now: float) -> None:
        self._next_link_tick = now + LINK_TICK_S
        for peer, link in self.links.items():
            for event in link.on_tick(now):
                self._on_link_event(peer, event)
            silent = link.down_since(now)
            if silent > self.env.settings.link_timeout_s:
                self.control_outbox.append({
                    "kind": "link_down", "epoch": self.epoch, "peer": peer, "silent_s": silent,
                })  # fmt: skip
        if not self._ready_said and all(link.open for link in self.links.values()):
            self._ready_said = True
            self.control_outbox.append({"kind": "ready", "epoch": self.epoch})

    # The turn.

    def turn(self, now: float) -> bool:
        """Work for some milliseconds; True: there is more to do at once."""
        self.turned_at = now
        if self.plan is None or self.receiver is None:
            # Nothing was built, or not all of it: there are no links to close.
            self.stopped = self._stopping
            return False
        more = self._draw(now) > 0 if self._going else False
        for bolt in self._order:
            bolt.tick(now)
            more |= self._run_bolt(bolt)
        if not self.env.tracked:
            self._end_spouts()
        if self._finishing is not None:
            more |= self._finish_level(now)
        self._flush(now)
        if now >= self._next_link_tick:
            self._tick_links(now)
        if now >= self._next_vouch:
            self._vouch(now)
        for link in self.links.values():
            link.flush()
        self.receiver.flush()
        self._adapt(self.clock() - now)
        if self._stopping:
            self._end(now)
        return more

    def _draw(self, now: float) -> int:
        drawn = self.letters.replay(now)
        for spout in self.tasks.spouts.values():
            drawn += spout.turn(now, self._messages)
            self.dispatch.flush(spout.emitter)
        return drawn

    def _run_bolt(self, bolt: Any) -> bool:
        """Run slices of a bolt until its queue is empty or its outbox full or time is up."""
        ran = False
        until = self.clock() + TURN_S
        while (bolt.queue or bolt.paused) and not bolt.blocked():
            if not bolt.run():
                break
            ran = True
            self.dispatch.flush(bolt.emitter)
            if self.clock() >= until:
                break
        self.dispatch.flush(bolt.emitter)
        return ran

    def _adapt(self, took: float) -> None:
        if took > 2 * TURN_S:
            self._messages = max(self._messages // 2, 1)
        elif took < TURN_S:
            self._messages = min(self._messages * 2, TURN_MESSAGES_MAX)

    def _flush(self, now: float) -> None:
        """Tell the ackers what happened in this turn, before the frames of the turn leave."""
        env = self.env
        while env.toggles or env.fails:
            toggles, fails = dict(env.toggles), list(env.fails)
            env.toggles.clear()
            env.fails.clear()
            if self.links:
                toggles, fails = self._send_away(toggles, fails)
            self.acker.fail(fails, now)
            self.acker.toggle(toggles, now)

    def _send_away(
        self, toggles: dict[int, int], fails: list[Failure]
    ) -> tuple[dict[int, int], list[Failure]]:
        """Send what belongs to ackers of other workers; return the rest."""
        home, me = self._home, self.worker
        away: dict[int, dict[int, int]] = {}
        here: dict[int, int] = {}
        for root, xor in toggles.items():
            worker = home.get(root >> 48, me)
            if worker == me:
                here[root] = xor
            else:
                away.setdefault(worker, {})[root] = xor
        for worker, pairs in away.items():
            self.links[worker].send_toggles(pairs)
        kept = []
        for failure in fails:
            worker = home.get(root_task(failure.root), me)
            if worker == me:
                kept.append(failure)
            else:
                self.links[worker].send_fails([failure])
        return here, kept

    def _vouch(self, now: float) -> None:
        """Vouch for what is queued or held here, so that waiting is never taken for loss."""
        settings = self.env.settings
        self._next_vouch = now + min(settings.message_timeout_s / 3, VOUCH_S_MAX)
        by_worker: dict[int, set[int]] = {}
        for executor in (*self._order, *self.tasks.spouts.values()):
            roots = executor.vouched(now) if hasattr(executor, "vouched") else set()
            for frame in executor.emitter.frames:
                runs = [*frame.runs, *(run for _, runs, _ in frame.ready for run in runs)]
                roots |= {root for _, each in runs for root in each}
            for root in roots:
                by_worker.setdefault(self._home.get(root_task(root), self.worker), set()).add(root)
        self.acker.vouch(by_worker.pop(self.worker, ()), now)
        for worker, roots in by_worker.items():
            self.links[worker].send_vouch(roots)
        if self._going:
            self.acker.expire(now)

    # What becomes of roots.

    def _completed(self, root: int, now: float) -> None:
        task = root_task(root)
        spout = self.tasks.spouts.get(task)
        if spout is not None:
            if not self.letters.completed(root):
                spout.completed(root, now)
            return
        self.tasks.bolts[task].own.completed(root)

    def _failed(self, failure: Failure, now: float) -> None:
        task = root_task(failure.root)
        spout = self.tasks.spouts.get(task)
        if spout is not None:
            if not self.letters.failed(failure):
                spout.failed(failure, now)
            return
        self.tasks.bolts[task].own.failed(failure.root, now)

    # The end.

    def _finish_level(self, now: float) -> bool:
        """Run ``finish`` of the bolts of a level; say so when all they emitted is through."""
        assert self.plan is not None and self._finishing is not None
        level = set(self.plan.levels[self._finishing])
        waiting = [
            bolt for bolt in self._order
            if bolt.component in level and not self._finish_bolt(bolt, now)
        ]  # fmt: skip
        for bolt in waiting:
            self.dispatch.flush(bolt.emitter)
        if waiting:
            return any(not bolt.finish_done for bolt in waiting)
        self.control_outbox.append(
            {"kind": "finished", "epoch": self.epoch, "level": self._finishing}
        )
        self._finishing = None
        return False

    def _finish_bolt(self, bolt: BoltExecutor, now: float) -> bool:
        if self.env.tracked:
            return bolt.finish_step(now)
        if not self.ends.complete(bolt.task) or bolt.queue:
            return False
        return bolt.finish_step(now) and self.ends.say(bolt.task, bolt.emitter)

    def _end_spouts(self) -> None:
        for spout in self.tasks.spouts.values():
            if spout.exhausted and spout.drained():
                self.ends.say(spout.task, spout.emitter)

    def _end(self, now: float) -> None:
        """Clean up once all links are closed in both directions, or it takes too long."""
        assert self.receiver is not None
        closed = self.receiver.all_closed and all(
            link.state in DEAF for link in self.links.values()
        )
        if self.stopped or not (closed or now >= self._end_at):
            return
        self.stopped = True
        for spout in self.tasks.spouts.values():
            self._quietly(spout.close, spout.component)
        for bolt in self._order:
            self._quietly(bolt.bolt.cleanup, bolt.component)

    def _quietly(self, call: Callable[[], Any], component: str) -> None:
        try:
            call()
        except (Exception, SystemExit) as error:
            self.env.note_error(component, 0, f"cleanup: {reason_of(error)}", user_traceback(error))

    # What the shell asks.

    def wakeup(self, now: float) -> float:
        """Return the seconds until there may be something to do without a message."""
        if self.plan is None:
            return 0.5
        wait = min(self._next_link_tick - now, 0.5) if self.links else 0.5
        if not self._ready_said:
            wait = min(wait, max(self._next_link_tick - now, 0.0))
        for spout in self.tasks.spouts.values():
            if not spout.blocked():
                wait = min(wait, spout.wakeup(now))
        for bolt in self._order:
            wait = min(wait, bolt.next_tick(now))
        return max(wait, 0.0)

    def report(self, now: float) -> dict[str, Any]:
        """Return the ``report`` message. Called by the control thread; only reads."""
        return self._reporter.report(now)
