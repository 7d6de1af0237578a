"""What goes wrong in a simulated run: drawn from the seed, over by a known time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from waterspout.supervisor.snapshot_store import is_log_name

from .exact_topologies import rescaled

if TYPE_CHECKING:
    from .cluster import Cluster

#: Faults come in the first seconds of a run; then everything must come right.
FAULTS_END_S = 3.0
#: But what goes back to a checkpoint with a log: until the others are over few are complete.
LOG_FAULTS_END_S = 9.0
#: Where a coordinator may die in the middle of something; see Cluster.crash_at.
POINTS = (
    "store epoch", "store round", "store letters", "store reserve", "freeze", "frozen", "snapshot",
    "snapshotted", "durable", "dead_letters", "finish", "finished", "summaries", "stop", "here",
)  # fmt: skip
#: Under exactly-once, too.
EXACT_POINTS = ("checkpoint", "durable_done", "restore", "abort", "assign", "built")


class Faults:
    """Lays the faults of one seed into a cluster's future."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rng = random.Random(f"faults {cluster.seed}")
        #: Kills because of what a checkpoint holds.
        self._at_logs = 0

    def plan(self) -> None:
        """Draw what happens; one seed in six is calm."""
        rng, cluster = self.rng, self.cluster
        if rng.random() < 1 / 6:
            return
        world = cluster.world
        self._poison()
        self._letters()
        if rng.random() < 0.5:
            world.fail_share = rng.choice((0.01, 0.05, 0.2))
        world.fail_share = cluster.shape.fail_share or world.fail_share
        if rng.random() < 0.4:
            cluster.snapshot_fail_share = rng.choice((0.05, 0.3))
        cluster.clock.at(FAULTS_END_S, self._over)
        for _ in range(rng.choice((0, 1, 2, 4, 8))):
            do = rng.choice((self._kill, self._kill, self._cut, self._cut, self._cut, self._stall,
                             self._hang, self._pause, self._zombie))  # fmt: skip
            cluster.clock.at(0.1 + rng.random() * (FAULTS_END_S - 0.2), do)
        self._plan_control()
        self._plan_redials()
        if cluster.shape.guarantee == "exactly-once":
            self._plan_aborts()
        if any(bolt.once for bolt in cluster.shape.bolts):
            self._plan_rescaling()

    def _plan_aborts(self) -> None:
        """Give checkpoints up while their barriers are on their way, and slow the lines down."""
        cluster, rng = self.cluster, random.Random(f"aborts {self.cluster.seed}")
        cluster.abort_share = rng.choice((0.0, 0.0, 0.3, 0.6))
        cluster.delays.worst_share = rng.choice((0.03, 0.2, 0.2))
        for _ in range(rng.choice((0, 1, 1, 3))):
            at, seed = 0.3 + 1.5 * rng.random(), rng.random()
            cluster.clock.at(at, lambda seed=seed: self._rescale(random.Random(seed)))
        if cluster.settings.checkpoint_alignment_timeout_s:
            cluster.delays.worst_share = rng.choice((0.2, 0.4))
            cluster.oracle.on_logged = self._kill_at_log

    def _kill_at_log(self) -> None:
        """A checkpoint holds what was on its way: have somebody go back to it, now and then."""
        rng = random.Random(f"log {self.cluster.seed} {self.cluster.oracle.commits}")
        if self._at_logs < 3 and self.cluster.clock.now < LOG_FAULTS_END_S and rng.random() < 0.7:
            self._at_logs += 1
            if rng.random() < 0.75:
                # All of it was worked through once: it is after the restore that they fail.
                self.cluster.world.once.add(rng.choice(sorted(self.cluster.oracle.logged())))
            self.cluster.clock.after(rng.choice((0.001, 0.01, 0.05)) * rng.random(), self._kill)

    def _plan_rescaling(self) -> None:
        """Have bolts that count each tuple once go on with other numbers of tasks."""
        rng = random.Random(f"rescaling {self.cluster.seed}")
        # What a bolt emits by itself goes to a task, which may be no more.
        if all(bolt.role != "tick" for bolt in self.cluster.shape.bolts):
            for _ in range(rng.choice((0, 1, 1, 2))):
                at, seed = 0.2 + rng.random(), rng.random()
                self.cluster.clock.at(at, lambda seed=seed: self._rescale(random.Random(seed)))

    def _rescale(self, rng: random.Random) -> None:
        """Have the topology go on with another number of tasks, as a rebalance does."""
        cluster, parts = self.cluster, self.cluster.store.parts()
        if not parts or any(is_log_name(part.file) for part in parts):
            # There is no state to deal out; or that is refused: a real one drains first, which ends
            # with an aligned checkpoint.
            cluster.clock.after(0.005, lambda: self._rescale(rng))
        elif cluster.rescales and not cluster.down and cluster.coordinator.phases.rounds_wanted:
            cluster.faults += 1
            cluster.rescale(rescaled(rng, cluster.shape))

    def _plan_control(self) -> None:
        """Faults between coordinator and workers, beside all others."""
        rng = random.Random(f"control faults {self.cluster.seed}")
        if rng.random() < 0.2:
            self.cluster.slow_disk_s = rng.choice((0.3, 0.8))
        if rng.random() < 0.2:
            self.cluster.crash_at(rng.choice(("assign", "built", "ready", "go")), rng.randint(1, 4))
        if rng.random() < 0.6:
            for _ in range(rng.choice((1, 2, 4))):
                do = rng.choice((self._lose_control, self._restart, self._restart_at_raise,
                                 self._restart_within, self._restart_within))  # fmt: skip
                # Most of a short run is its beginning.
                self.cluster.clock.at(rng.random() ** 2 * (FAULTS_END_S - 0.2), do)

    def _lose_control(self) -> None:
        """A worker's connection to the coordinator breaks, once or for a while."""
        process = self._any()
        if process is not None:
            self.cluster.trace(process, "loses", {"kind": "control"})
            for n in range(self.rng.choice((1, 1, 50))):
                self.cluster.clock.after(n * 0.01, process.lose_control)

    def _restart(self) -> None:
        """The coordinator dies between two things that it does."""
        self.cluster.crash(self.rng.choice((0.0, 0.05, 0.5, 2.0)))

    def _restart_within(self) -> None:
        """The coordinator dies in the middle of something: at a write, or with a word half said."""
        exact = self.cluster.shape.guarantee == "exactly-once"
        what = self.rng.choice(("", *POINTS, *(EXACT_POINTS if exact else ())))
        self.cluster.crash_at(what, self.rng.choice((1, 2, 3, 5)))

    def _restart_at_raise(self) -> None:
        """The coordinator dies while it tells the workers of a new epoch."""
        self._kill()
        what = self.rng.choice(("store epoch", "epoch", "assign", "ready", "go"))
        self.cluster.crash_at(what, self.rng.randint(1, 1 + self.cluster.plan.workers))

    def _over(self) -> None:
        self.cluster.dies_at = None
        self.cluster.slow_disk_s = 0.0
        self.cluster.world.fail_share = 0.0
        self.cluster.world.once.clear()
        self.cluster.snapshot_fail_share = self.cluster.abort_share = 0.0

    def _poison(self) -> None:
        shape, rng = self.cluster.shape, self.rng
        if rng.random() < 0.3:
            mids = [mid for s in shape.spouts for mid in s.mids()]
            bolt = rng.choice(shape.bolts)
            self.cluster.world.poison[bolt.id] = set(rng.sample(mids, min(len(mids), 2)))

    def _letters(self) -> None:
        """Have the user try dead letters again soon, some before what failed them was mended."""
        cluster, rng = self.cluster, random.Random(f"letters {self.cluster.seed}")
        if cluster.settings.fail_to_dead_letter:
            return  # what one did already would be done twice
        tries = rng.choice((0, 1, 3, 3))

        def stored() -> None:
            nonlocal tries
            if tries:
                tries -= 1
                mended = rng.random() < 0.7
                cluster.clock.after(rng.random() * 0.05, lambda: self._try_letters(mended))

        cluster.store.on_letters = stored

    def _try_letters(self, mended: bool) -> None:
        cluster = self.cluster
        if cluster.done is None:
            if mended:
                cluster.world.mend()
            count = cluster.store.mark_replay()
            # The coordinator asks once a second; runs here do not last much longer.
            cluster.coordinator.letters._ask_at = 0.0
            cluster.trace(None, "user", {"kind": f"{count} letters again, {mended=}"})

    def _any(self):  # type: ignore[no-untyped-def]
        living = self.cluster.living()
        if living:
            self.cluster.faults += 1
        return self.rng.choice(living) if living else None

    def _kill(self) -> None:
        process = self._any()
        if process is not None:
            self.cluster.kill(process, "killed by signal 9")

    def _cut(self) -> None:
        self._break(lose=True)

    def _stall(self) -> None:
        self._break(lose=False)

    def _break(self, lose: bool) -> None:
        process = self._any()
        if process is not None and process.wires():
            wire = self.rng.choice(process.wires())
            seconds = self.rng.choice((0.005, 0.1, 0.1, 0.5, 1.5))
            self.cluster.trace(process, "cut", {"kind": f"{seconds} s, lose={lose}"})
            process.cut(wire, seconds, lose)

    def _plan_redials(self) -> None:
        """Have lines stand still until their owner dials anew; what they held comes late."""
        rng = random.Random(f"redials {self.cluster.seed}")
        for _ in range(rng.choice((0, 0, 1, 3))):
            at, seed = 0.1 + rng.random() ** 2 * (FAULTS_END_S - 0.5), rng.random()
            self.cluster.clock.at(at, lambda seed=seed: self._redial(random.Random(seed)))

    def _redial(self, rng: random.Random) -> None:
        processes = [process for process in self.cluster.living() if process.wires()]
        if processes:
            self.cluster.faults += 1
            process = rng.choice(processes)
            wire, silent_s = rng.choice(process.wires()), rng.choice((0.01, 0.3, 1.2))
            self.cluster.trace(process, "redials", {"kind": f"after {silent_s} s"})
            wire.slow(silent_s + rng.choice((0.05, 0.5, 2.0)))
            self.cluster.clock.after(silent_s, lambda: process.redial(wire))

    def _hang(self) -> None:
        process = self._any()
        if process is not None and process.core.tasks.bolts:
            task = self.rng.choice(sorted(process.core.tasks.bolts))
            seconds = self.rng.choice((0.2, 1.0, 8.0))
            self.cluster.trace(process, "hangs", {"kind": f"task {task}, {seconds} s"})
            process.hang(task, seconds)

    def _pause(self) -> None:
        process = self._any()
        if process is not None:
            seconds = self.rng.random() * 1.5
            self.cluster.trace(process, "pauses", {"kind": f"{seconds:.2f} s"})
            process.freeze(seconds)

    def _zombie(self) -> None:
        """It sleeps, is given up on, and comes back beside its replacement."""
        process = self._any()
        if process is not None:
            seconds = 0.05 + self.rng.random() * 2
            self.cluster.trace(process, "zombie", {"kind": f"{seconds:.2f} s"})
            process.freeze(seconds)
            self.cluster.clock.after(
                self.rng.random() * 0.3, lambda: self.cluster.give_up_on(process)
            )
