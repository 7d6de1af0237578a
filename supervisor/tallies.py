"""What one task did in this run, over all incarnations of its worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Counters in the report of a task of each kind: cumulative, from 0 in each incarnation.
COUNTERS = {
    "spout": ("emitted", "acked", "failed", "replayed", "dead"),
    "bolt": ("executed", "acked", "failed", "emitted"),
}
#: Name of the counter of tuples that came too late; of a bolt's own, it alone is a total.
LATE = "late"
#: What of a report another coordinator can go on from; the rest is of its moment.
_KEPT_OF_REPORT = ("latency", "first_unacked", "reserved", "busy_s")
_KEPT = ("before_twice", "durable", "durable_dead", "reserved", "before_skipped")


@dataclass(slots=True)
class Tally:
    """One task: totals of earlier incarnations, and the newest report of this one."""

    task: int
    component: str
    kind: str
    #: Of a spout: what it emitted and did not make durable is drawn again by a successor.
    seeks: bool = False
    before: Counter[str] = field(default_factory=Counter)
    before_latency: Counter[int] = field(default_factory=Counter)
    #: Messages that earlier incarnations may have passed on twice, or left to be.
    before_twice: int = 0
    #: Newest report entry, {} before the first; when it came; and in which epoch.
    report: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0
    epoch: int = 0
    #: Share of the last report window that was spent in user code.
    capacity: float = 0.0
    #: Messages of this incarnation that are acked, and dead, by committed rounds.
    durable: int = 0
    durable_dead: int = 0
    #: At-most-once: messages of this incarnation whose positions were to be durable before they
    #: are sent; and those of earlier incarnations that never were sent.
    reserved: int = 0
    before_skipped: int = 0
    #: What the end of the incarnation before was counted with, until it is known exactly:
    #: emissions in the totals, replays that were told, what was durable, and what came of that.
    _guess: tuple[int, int, int, int, int] | None = None
    #: Newest epoch that ended, or will, with a loss: what is not durable of it does not count.
    lost_epoch: int = -1
    #: First unacked message of what ended, when it was told, and emissions of the successor by
    #: then: it is still the first one until the successor has emitted something.
    before_first: tuple[Sequence[Any], float, int] | None = None

    def update(self, report: Mapping[str, Any], epoch: int, now: float) -> None:
        """Take a new report entry."""
        window_s = now - self.at
        if "busy_s" in self.report and window_s > 0:
            busy_s = report.get("busy_s", 0.0) - self.report.get("busy_s", 0.0)
            self.capacity = min(1.0, max(0.0, busy_s / window_s))
        emitted = report.get("emitted") or 0
        if epoch > self.epoch and not report.get("first_unacked"):
            self._keep_first(emitted)
        elif self.before_first and emitted > self.before_first[2]:
            self.before_first = None
        self.report, self.at, self.epoch = report, now, epoch
        if self.gauge("reserved"):
            self.reserved = max(self.reserved, self.gauge("emitted") + self.gauge("reserved"))

    def _keep_first(self, emitted: int) -> None:
        if first := self.report.get("first_unacked"):
            self.before_first = first[:3], self.at, emitted

    def first_unacked(self) -> tuple[Sequence[Any], float] | None:
        """Return what was told of the first unacked message, and when; None: there is none."""
        if first := self.report.get("first_unacked"):
            return first, self.at
        if self.before_first is None or self.report.get("exhausted"):
            return None
        return self.before_first[:2]

    @property
    def taken_back(self) -> bool:
        """What its newest report says is of an epoch that a loss has ended."""
        return bool(self.report) and self.epoch <= self.lost_epoch

    def made_durable(self, acked: int, dead: int) -> None:
        """A round was committed: so many messages of this incarnation are settled for good."""
        self.durable = max(self.durable, acked)
        self.durable_dead = max(self.durable_dead, dead)

    def total(self, name: str) -> int:
        """Return a counter over all incarnations."""
        now = int(self.report.get(name) or 0) + self._correction(name)
        if name == "acked" and self.kind == "spout":
            now = max(now, self.durable)
        if name == "emitted" and self.kind == "spout":
            # A round may know of messages that no report has told yet.
            now = max(now, self.durable + self.durable_dead)
        return int(self.before[name]) + now

    def _correction(self, name: str) -> int:
        """Return what the new epoch will add to a counter, when a loss has ended the one that the
        report is of: as the ledger counts then (spouts/ledger.py)."""
        if self.kind != "spout" or not self.taken_back:
            return 0
        undone = self._undone()
        dead = min(undone, max(self.gauge("dead") - self.durable_dead, 0))
        again = undone + self.gauge("pending") if self.seeks else 0
        return {"acked": dead - undone, "dead": -dead, "replayed": again}.get(name, 0)

    def undone(self) -> int:
        """Return how many of the messages that ``total`` counts as acked or dead are not durable.
        """
        return 0 if self.taken_back else self._undone()

    def _undone(self) -> int:
        settled = self.gauge("acked") + self.gauge("dead")
        return min(self.gauge("worked_through"), max(settled - self.durable - self.durable_dead, 0))

    def late(self) -> int:
        """Return how many tuples came too late, over all incarnations."""
        metrics = self.report.get("metrics") or {}
        return int(self.before[LATE] + (metrics.get(LATE) or 0))

    def gauge(self, name: str) -> int:
        """Return a figure of now; 0 when nothing is known."""
        return int(self.report.get(name) or 0)

    def shown(self, name: str) -> int:
        """Return a counter of a spout as its newest report has it.

        ``total`` may know more: a round counts what is durable before the next report says that
        it is acked. What is shown beside each other is of one moment.
        """
        if self.taken_back:
            return self.total(name)
        return int(self.before[name]) + self.gauge(name)

    def pending(self) -> int:
        """Return the messages in flight; none are once a loss has ended their epoch."""
        return 0 if self.taken_back else self.gauge("pending")

    def latency(self) -> Counter[int]:
        """Return the latency histogram over all incarnations."""
        return self.before_latency + Counter(self.report.get("latency") or {})

    def twice(self) -> int:
        """Return at most how many messages of this task were, or will be, passed on twice."""
        return self.before_twice + self.gauge("replayed")

    def skipped(self) -> int:
        """Return at most how many messages are durable and were not sent: nobody will."""
        return self.before_skipped + self.gauge("reserved")

    def end_incarnation(self, drawn: int | None, drawn_since_max: int) -> None:
        """Its worker is gone: add up, and start from 0.

        What it emitted and did not make durable is drawn again by its successor.

        Args:
            drawn: emissions of this incarnation until its death, when that is known exactly.
            drawn_since_max: else, what it may have emitted since its last report.
        """
        self._keep_first(0)
        self.lost_epoch = -1
        latency = self.latency()
        totals = {name: self.total(name) for name in COUNTERS[self.kind]}
        totals[LATE] = self.late()
        if self.reserved:
            # At most once: what was sent was sent, and what was not does not come again.
            sent = self.gauge("emitted") if drawn is None else drawn
            self.before_skipped += max(self.reserved - sent, 0)
            totals["emitted"] = self.before["emitted"] + sent
            totals["acked"] = self.before["acked"] + sent
        elif self.kind == "spout":
            known = self.gauge("emitted") + (drawn_since_max if self.report else 0)
            emitted = known if drawn is None else drawn
            # What was acked or buried after the last committed round is read again by the
            # successor, and acked or buried by it.
            totals["acked"] = self.before["acked"] + self.durable
            totals["dead"] = self.before["dead"] + self.durable_dead
            settled, replayed = self.durable + self.durable_dead, self.gauge("replayed")
            twice = max(replayed, emitted - settled)
            self.before_twice += twice
            if self.seeks:
                emitted = self.gauge("emitted") if drawn is None else drawn
                totals["emitted"] = self.before["emitted"] + emitted
                again = max(replayed, emitted - settled)
                totals["replayed"] = self.before["replayed"] + again
                # One that never drew anything leaves the one before it open.
                if drawn is not None:
                    self._guess = None
                elif self.report or self._guess is None:
                    self._guess = emitted, replayed, settled, twice, again
        self.before, self.before_latency = Counter(totals), latency
        self.report, self.capacity = {}, 0.0
        self.durable = self.durable_dead = self.reserved = self.epoch = 0

    def drew(self, drawn: int) -> None:
        """The incarnation that ended last has emitted so many: its task was taken down in order."""
        if self._guess is None:
            return
        emitted, replayed, settled, twice, again = self._guess
        exact = max(replayed, drawn - settled)
        self.before_twice += exact - twice
        self.before["emitted"] += drawn - emitted
        self.before["replayed"] += exact - again
        self._guess = None

    def kept(self) -> dict[str, Any]:
        """Return, as plain values, what the next coordinator goes on from."""
        names = COUNTERS[self.kind] + _KEPT_OF_REPORT
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "component": self.component,
            "kind": self.kind,
            "before": dict(self.before),
            "before_latency": dict(self.before_latency),
            "report": {name: self.report[name] for name in names if name in self.report},
        }

    def take(self, kept: Mapping[str, Any], now: float) -> None:
        """Go on from what ``kept`` returned, in another process; a report replaces its part.

        Raises:
            KeyError, TypeError, ValueError: ``kept`` did not return that.
        """
        for name in _KEPT:
            setattr(self, name, int(kept[name]))
        self.before = Counter(kept["before"])
        self.before_latency = Counter(kept["before_latency"])
        self.report, self.at = dict(kept["report"]), now

    def add_before(self, other: Tally) -> None:
        """Take over what a task did that is no more; its incarnation has ended."""
        self.before += other.before
        self.before_latency += other.before_latency
        self.before_twice += other.before_twice
        self.before_skipped += other.before_skipped
