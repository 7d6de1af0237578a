"""The ledger against a naive model: sets of positions, whatever the order of events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from waterspout.spouts.groups import Group
from waterspout.spouts.ledger import Ledger
from waterspout.spouts.positions import Positions
from waterspout.spouts.retries import Retry
from waterspout.topology.control_frames import Failure
from waterspout.topology.settings import Settings

SETTINGS = Settings(attempts_max=3, max_pending=12, backoff_min_s=0.1, backoff_max_s=0.4)


class Model(RuleBasedStateMachine):
    """One partition whose message n has the position n; the test is its reader and its store."""

    seeks = True
    at_once = False
    attempts_max = 3
    group_max = 6

    def __init__(self) -> None:
        super().__init__()
        self.settings = replace(SETTINGS, attempts_max=self.attempts_max)
        self.ledger = Ledger(
            self.settings, seeks=self.seeks, durable_at_once=self.at_once,
            group_max=self.group_max
        )
        self.now, self.root, self.round, self.position, self.drawn = 0.0, 0, 0, 0, 0
        #: Positions by stage.
        self.flight: dict[int, set[int]] = {}
        #: Root -> (start, end) of its group.
        self.groups: dict[int, tuple[int, int]] = {}
        self.worked: set[int] = set()
        self.frozen: set[int] | None = None
        self.durable: set[int] = set()
        self.burying: list[Group] = []
        #: What the store holds, and what it was told in the round under way.
        self.stored: Any = [0, []]
        self.told: Any = None
        self.last_first = 0

    # The reader.

    @precondition(lambda self: self.ledger.room() > 0)
    @rule()
    def read(self) -> None:
        start = self.ledger.skip_to("p", self.position) if self.seeks else self.position
        size = 1 if self.ledger.singly("p", start) else self.ledger.sizes.size
        end = start + min(size, self.ledger.room())
        attempts = self.ledger.suspect_attempts("p", start)
        self.position, self.drawn = end, max(self.drawn, end)
        self.send(start, end, attempts)

    @rule()
    def retry(self) -> None:
        retry = self.ledger.retries.due(self.now)
        if retry is None:
            return
        if self.ledger.retry_room() < retry.end - retry.start:
            self.ledger.retries.put(retry, self.now)
            return
        assert retry.count == retry.end - retry.start
        while retry.start < retry.end:
            self.again(retry)

    def again(self, retry: Retry) -> None:
        start, end = retry.start, min(retry.start + retry.part, retry.end)
        if retry.kept is not None:
            kept, end = retry.next_kept(retry.part)
            assert [values for _, _, values in kept] == [[n] for n in range(start, end)]
        retry.sent(end - start, end, None)
        self.send(start, end, retry.attempts)

    def send(self, start: int, end: int, attempts: int) -> None:
        self.root += 1
        kept = None if self.seeks else [(n, "default", [n]) for n in range(start, end)]
        group = Group("p", start, end, end - start, self.now, attempts=attempts, kept=kept)
        self.ledger.sent(self.root, group)
        self.flight[self.root] = set(range(start, end))
        self.groups[self.root] = start, end

    # What becomes of roots.

    @precondition(lambda self: self.flight)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        root = data.draw(st.sampled_from(sorted(self.flight)))
        self.ledger.completed(root, self.now)
        self.work_through(self.flight.pop(root))

    @precondition(lambda self: self.flight)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        root = data.draw(st.sampled_from(sorted(self.flight)))
        left = self.flight.pop(root)
        group = self.ledger.failed_root(Failure(root, "b", 2, "no", ""), self.now)
        if group is not None:
            assert group.count == 1 and group.attempts + 1 >= self.attempts_max
            assert set(range(group.start, group.end)) == left
            self.burying.append(group)

    @precondition(lambda self: self.flight)
    @rule(data=st.data())
    def fail_message(self, data: st.DataObject) -> None:
        root = data.draw(st.sampled_from(sorted(self.flight)))
        start, end = self.groups[root]
        row = data.draw(st.integers(0, end - start - 1))
        failure = Failure(root, "b", 2, "no", "", row, end - start)
        group = self.ledger.group_of(root)
        assert group is not None
        part = group.part_with(row, end - start)
        left = self.flight[root]
        assert group.lacks(row, end - start) is (start + row not in left)
        if start + row not in left:
            assert part is None
            return
        if not self.seeks or len(left) == 1:
            return
        assert part is not None
        assert start + row == part.start + row - part.first < part.end
        assert set(range(part.start, part.end)) <= left
        left.remove(start + row)
        message = self.ledger.failed_message(failure, (start + row, start + row + 1), self.now)
        if message is not None:
            assert (message.start, message.count) == (start + row, 1)
            assert message.attempts + 1 >= self.attempts_max
            self.burying.append(message)

    @precondition(lambda self: self.burying)
    @rule()
    def bury(self) -> None:
        group = self.burying.pop(0)
        self.ledger.buried(group)
        self.work_through(set(range(group.start, group.end)))

    def work_through(self, positions: set[int]) -> None:
        (self.durable if self.at_once else self.worked).update(positions)

    @rule(seconds=st.sampled_from([0.05, 0.3, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    # Rounds.

    @rule()
    def freeze(self) -> None:
        self.thaw()
        self.round += 1
        self.told = self.ledger.freeze(self.round)[0].get("p")
        self.frozen, self.worked = self.worked, set()
        # What is not told has not moved since it was stored.
        told = Positions.from_wire(self.stored if self.told is None else self.told)
        assert inside(told, self.drawn) == self.durable | self.frozen

    @precondition(lambda self: self.frozen is not None)
    @rule()
    def round_is_durable(self) -> None:
        self.commit()
        self.ledger.durable(self.round)

    @rule()
    def abort(self) -> None:
        self.ledger.abort()
        self.thaw()

    def commit(self) -> None:
        assert self.frozen is not None
        self.durable |= self.frozen
        self.frozen = None
        self.stored = self.told if self.told is not None else self.stored

    def thaw(self) -> None:
        self.worked |= self.frozen or set()
        self.frozen = None

    # Deaths.

    @rule(data=st.data(), committed=st.booleans())
    def new_epoch(self, data: st.DataObject, committed: bool) -> None:
        roots = data.draw(st.lists(st.sampled_from(sorted(self.flight)))) if self.flight else []
        committed = committed and self.frozen is not None
        if committed:
            self.commit()
        self.ledger.new_epoch(self.round if committed else None, roots, self.now)
        self.flight.clear()
        self.frozen, self.worked = None, set()
        if self.seeks:
            self.position = self.ledger.positions_of("p").first_unacked

    @precondition(lambda self: self.seeks)
    @rule()
    def restart(self) -> None:
        suspects = self.ledger.suspects_wire()
        self.ledger = Ledger(
            self.settings, seeks=self.seeks, durable_at_once=self.at_once,
            group_max=self.group_max
        )
        self.ledger.restore({"p": self.stored}, suspects)
        self.durable = inside(Positions.from_wire(self.stored), self.drawn)
        self.flight.clear()
        self.burying.clear()
        self.frozen, self.worked = None, set()
        self.last_first = self.position = self.ledger.positions_of("p").first_unacked

    # What always holds.

    @invariant()
    def positions_are_what_is_durable(self) -> None:
        positions = self.ledger.positions_of("p")
        assert inside(positions, self.drawn + 1) == self.durable
        assert positions.first_unacked >= self.last_first
        self.last_first = positions.first_unacked

    @invariant()
    def counts_are_sizes(self) -> None:
        in_flight = sum(map(len, self.flight.values()))
        assert self.ledger.pending == in_flight + len(self.burying)
        assert self.ledger.worked_through == len(self.worked) + len(self.frozen or ())
        assert self.ledger.room() <= SETTINGS.max_pending - self.ledger.pending
        done = len(self.worked) + len(self.frozen or ()) + len(self.durable)
        if self.seeks:
            assert self.ledger.retries.messages >= 0
        else:
            # What was drawn and is nowhere else waits.
            assert self.ledger.retries.messages == self.drawn - self.ledger.pending - done

    def teardown(self) -> None:
        """Whatever happened: when all goes well from here on, nothing is missing."""
        for _ in range(10_000):
            self.now += 100.0
            while self.flight:
                root, positions = self.flight.popitem()
                self.ledger.completed(root, self.now)
                self.work_through(positions)
            while self.burying:
                self.bury()
            self.freeze()
            self.round_is_durable()
            if self.position < self.drawn and self.seeks:
                self.read()
            elif self.ledger.idle:
                break
            self.retry()
        assert self.durable >= set(range(self.drawn))
        assert self.ledger.positions_of("p").first_unacked >= self.drawn


def inside(positions: Positions, limit: int) -> set[int]:
    """Return the acked positions as a set."""
    return {n for n in range(limit) if positions.contains(n)}


class SeekAtOnce(Model):
    """Nothing below keeps state."""

    at_once = True


class Kept(Model):
    """The source cannot be read again."""

    seeks = False


class KeptAtOnce(Model):
    """Neither."""

    seeks, at_once = False, True


class SeekOneTry(Model):
    """A message that failed alone is given up, and its neighbour may be the next."""

    attempts_max = 1
    group_max = 2


for machine in (Model, SeekAtOnce, SeekOneTry, Kept, KeptAtOnce):
    machine.TestCase.settings = settings(stateful_step_count=40)
TestSeekWithRounds = Model.TestCase
TestSeekAtOnce = SeekAtOnce.TestCase
TestSeekOneTry = SeekOneTry.TestCase
TestKeptWithRounds = Kept.TestCase
TestKeptAtOnce = KeptAtOnce.TestCase
