"""Every frame arrives exactly once and in order, whatever the transport does.

A naive model keeps what was sent, per epoch and pair of processes. At any moment what has
arrived is a beginning of what was sent; once faults stop, it is all of it.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from waterspout.supervisor.link_events import Broken, HelloAhead, Rejected
from waterspout.supervisor.link_window import TRACKING_FRAMES_MAX

from .lossy import POOL_FRAMES, ROUTING_ID, Note, Wire, make_receiver

CHANNELS = [(1, 0, 2), (1, 0, 3), (4, 1, 2)]


class LossyLink(RuleBasedStateMachine):
    """One link under everything that may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire()
        self.sent: list[Note] = []
        self.toggles: dict[int, int] = {}
        self.edges = 0
        self.incarnation = 222
        self.receiver_changed = False
        #: Some frame may have come to a process that it was not numbered for.
        self.strangers = False
        self.ended: set[tuple[int, int, int]] = set()

    # --- the workers ---

    @rule(channel=st.sampled_from(CHANNELS), rows=st.integers(1, 3))
    def send_rows(self, channel: tuple[int, int, int], rows: int) -> None:
        if channel in self.ended or not self.wire.sender.has_credit(channel):
            return
        self.edges += 1
        self.wire.send(channel, self.edges, [[self.edges, i] for i in range(rows)])
        values = tuple((self.edges, i) for i in range(rows))
        self.sent.append(("data", channel, self.edges, values))

    @rule(channel=st.sampled_from(CHANNELS))
    def end_channel(self, channel: tuple[int, int, int]) -> None:
        if channel not in self.ended and self.wire.sender.open:
            self.ended.add(channel)
            self.wire.sender.send_end(channel)
            self.sent.append(("end", channel))

    @rule(root=st.integers(1, 4), xor=st.integers(1, (1 << 64) - 1))
    def send_toggle(self, root: int, xor: int) -> None:
        self.wire.sender.send_toggles({root: xor})
        self.toggles[root] = self.toggles.get(root, 0) ^ xor

    @rule()
    def work_through(self) -> None:
        self.wire.work()

    @rule()
    def loop_turn(self) -> None:
        self.wire.push()

    # --- the transport ---

    @rule(messages=st.integers(1, 4))
    def deliver_right(self, messages: int) -> None:
        for _ in range(messages):
            self.wire.step_right()

    @rule(messages=st.integers(1, 4))
    def deliver_left(self, messages: int) -> None:
        for _ in range(messages):
            self.wire.step_left()

    @rule()
    def break_connection(self) -> None:
        self.wire.lose()

    @rule()
    def break_and_notice(self) -> None:
        self.wire.lose()
        self.wire.sender.reconnected(self.wire.now)

    @rule()
    def dial_anew(self) -> None:
        self.wire.redial()

    @precondition(lambda self: self.wire.late)
    @rule()
    def what_came_over_an_old_connection_arrives(self) -> None:
        self.wire.step_late()

    @precondition(lambda self: self.wire.to_receiver)
    @rule()
    def lose_one_message(self) -> None:
        self.wire.to_receiver.popleft()

    @precondition(lambda self: self.wire.to_sender)
    @rule()
    def lose_one_answer(self) -> None:
        self.wire.to_sender.popleft()

    @precondition(lambda self: self.wire.to_receiver)
    @rule()
    def double_one_message(self) -> None:
        self.wire.to_receiver.appendleft(self.wire.to_receiver[0])

    @precondition(lambda self: self.wire.to_sender)
    @rule()
    def double_one_answer(self) -> None:
        self.wire.to_sender.appendleft(self.wire.to_sender[0])

    @rule(seconds=st.sampled_from([0.05, 0.2, 1.1]))
    def time_passes(self, seconds: float) -> None:
        self.wire.tick(seconds)

    # --- epochs and deaths ---

    @rule()
    def faults_stop_for_a_while(self) -> None:
        if not self.receiver_changed and self.healthy():
            self.everything_arrives()

    @rule(sender_first=st.booleans(), steps=st.integers(0, 5), often=st.integers(0, 3))
    def epoch_rises(self, sender_first: bool, steps: int, often: int) -> None:
        if often:
            return
        epoch = self.wire.sender.epoch + 1
        if sender_first:
            self.wire.sender.new_epoch(epoch)
            for _ in range(steps):
                self.wire.push()
                self.wire.step_right()
                self.wire.step_left()
                self.wire.tick()
            self.wire.receiver.adopt(epoch)
        else:
            self.wire.receiver.adopt(epoch)
            for _ in range(steps):
                self.wire.push()
                self.wire.step_right()
                self.wire.step_left()
            self.wire.sender.new_epoch(epoch)
        self.start_anew()

    @rule(often=st.integers(0, 3))
    def receiver_is_another_process(self, often: int) -> None:
        if often:
            return
        self.incarnation += 1
        epoch = self.wire.receiver.epoch
        self.wire.receiver = make_receiver(epoch, incarnation=self.incarnation)
        self.wire.delivered.clear()
        self.wire.queued.clear()
        self.receiver_changed |= self.wire.sender.peer_incarnation != 0
        self.strangers = True

    def start_anew(self) -> None:
        """Forget what belonged to the last pair of processes and epoch."""
        self.wire.delivered.clear()
        self.wire.queued.clear()
        self.sent.clear()
        self.toggles.clear()
        self.ended.clear()
        self.receiver_changed = False

    # --- what must hold ---

    @invariant()
    def what_arrived_is_a_beginning_of_what_was_sent(self) -> None:
        arrived = [note for note in self.wire.delivered if note[0] != "toggle"]
        if self.receiver_changed:
            assert arrived == [], "another process was given frames numbered for the last one"
        else:
            assert arrived == self.sent[: len(arrived)]

    @invariant()
    def credits_and_window_are_bounded(self) -> None:
        book = self.wire.sender._credits
        assert 0 <= book.pool_used <= POOL_FRAMES
        assert 0 <= book.outstanding <= len(CHANNELS) + POOL_FRAMES
        frames_max = 2 * len(CHANNELS) + POOL_FRAMES + TRACKING_FRAMES_MAX
        assert self.wire.sender.window_frames <= frames_max
        assert len(self.wire.sender.outbox) <= frames_max + 1

    @invariant()
    def the_receiver_never_holds_more_than_credit_allows(self) -> None:
        assert len(self.wire.queued) <= len(CHANNELS) + POOL_FRAMES

    @invariant()
    def nobody_complains_of_an_honest_peer(self) -> None:
        assert self.wire.receiver.counters.bad_frames == {}
        for event in self.wire.sender_events:
            if isinstance(event, Broken):
                assert event.code == "identity"
            if isinstance(event, Rejected):
                allowed = ("stale_epoch", "identity", *(["state"] if self.strangers else ()))
                assert event.code in allowed, event

    def teardown(self) -> None:
        if self.receiver_changed or not self.healthy():
            epoch = max(self.wire.sender.epoch, self.wire.receiver.epoch) + 1
            self.wire.sender.new_epoch(epoch)
            self.wire.receiver.adopt(epoch)
            self.start_anew()
        self.everything_arrives()
        self.wire.sender.close()
        self.wire.settle(1.0)
        assert self.wire.sender.state.value == "closed"
        assert self.wire.receiver.all_closed

    def everything_arrives(self) -> None:
        self.wire.settle(3.0, work=True)
        arrived = [note for note in self.wire.delivered if note[0] != "toggle"]
        assert arrived == self.sent
        assert self.xored() == {root: xor for root, xor in self.toggles.items() if xor}
        assert self.wire.sender.drained and self.wire.sender._credits.outstanding == 0

    def healthy(self) -> bool:
        sender, receiver = self.wire.sender, self.wire.receiver
        return (
            sender.state.value != "rejected"
            and sender.epoch == receiver.epoch
            and sender.peer_incarnation in (0, receiver.incarnation)
            and not any(sender.peer_incarnation == 0 for _ in self.wire.to_sender)
        )

    def xored(self) -> dict[int, int]:
        total: dict[int, int] = {}
        for note in self.wire.delivered:
            if note[0] == "toggle":
                total[note[1]] = total.get(note[1], 0) ^ note[2]
        return {root: xor for root, xor in total.items() if xor}


TestLossyLink = LossyLink.TestCase
TestLossyLink.settings = settings(stateful_step_count=50)


def test_a_sender_that_is_ahead_is_reported_and_not_answered() -> None:
    wire = Wire()
    wire.sender.new_epoch(2)
    wire.push()
    assert wire.step_right() == [HelloAhead(1, 2)]
    assert not wire.receiver.outbox
    wire.receiver.adopt(2)
    wire.settle(0.2)
    assert wire.sender.open
    assert ROUTING_ID in wire.receiver._by_routing_id
