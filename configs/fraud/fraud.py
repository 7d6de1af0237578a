"""Card fraud: payments with known frauds among them, and the rules that find them.

Every card's payments are looked at in the order in which they were made, although they come out of
order: each waits in the state of its card until the watermark says that none before it is missing.
"""

import random

from waterspout.bolts import Bolt

#: The rules, in seconds and cents.
PROBE_S, PROBE_CENTS, LARGE_CENTS = 60, 100, 50_000
TRAVEL_S = 600
BURST_S, BURST_PAYMENTS = 60, 8
#: Honest payments of a card are further apart than any rule looks.
HONEST_S = 900
START = 1_700_000_000
COUNTRIES = ("AT", "CH", "DE", "FR", "IT", "NL", "PL", "SE")


def payments(cards=2000, payments=50, frauds=90, seed=1, jitter_s=20):
    """Return payments of many cards for a ``Generator``; some are planted frauds.

    Args:
        cards, payments: cards, and honest payments of each.
        frauds: cards on which a fraud is planted; as many have what only looks like one.
        seed: other seeds, other payments.
        jitter_s: payments come up to so much too late.
    """
    return made(cards, payments, frauds, seed, jitter_s)[0]


def made(cards, payments, frauds, seed, jitter_s):
    """Return all payments in the order in which they come, and the alerts there have to be."""
    rng = random.Random(seed)
    rows, alerts = [], set()
    for number in range(cards):
        card, home, time = f"card-{number:05d}", rng.choice(COUNTRIES), START + rng.randrange(3600)
        for _ in range(payments):
            rows.append((time, card, rng.randrange(PROBE_CENTS, LARGE_CENTS + 1), home))
            time += rng.randrange(HONEST_S, 4 * HONEST_S)
        if number < 2 * frauds:
            kind = rng.choice([_probe, _travel, _burst])
            rule, planted = kind(rng, time, home, number < frauds)
            rows += [(at, card, cents, country) for at, cents, country in planted]
            if number < frauds:
                alerts.add((card, rule, planted[-1][0]))
    rows.sort(key=lambda row: (row[0] + rng.uniform(0, jitter_s), row))
    return rows, alerts


def _probe(rng, time, home, is_fraud):
    """A card is tried with cents, then emptied; with more time between it is no fraud."""
    gap = rng.randrange(1, PROBE_S + 1) if is_fraud else rng.randrange(PROBE_S + 1, 2 * PROBE_S)
    return "probe", [(time, rng.randrange(1, PROBE_CENTS), home),
                     (time + gap, LARGE_CENTS + rng.randrange(1, 10_000), home)]  # fmt: skip


def _travel(rng, time, home, is_fraud):
    """A card is in two countries at once; later it has travelled."""
    gap = rng.randrange(1, TRAVEL_S + 1) if is_fraud else rng.randrange(TRAVEL_S + 1, 2 * TRAVEL_S)
    away = rng.choice([country for country in COUNTRIES if country != home])
    return "travel", [(time, 5000, home), (time + gap, 5000, away)]


def _burst(rng, time, home, is_fraud):
    """Many payments in a minute; one less is a busy shopper."""
    times = rng.sample(range(BURST_S), BURST_PAYMENTS + is_fraud)
    return "burst", [(time + at, 2000, home) for at in sorted(times)]


class Rules(Bolt):
    """Emits an alert for each payment that completes a fraud. Input grouped by card."""

    outputs = ["card", "rule", "time"]
    stateful = True

    def prepare(self, context):
        state = context.state
        self.waiting = state.list("waiting")  # payments that came, and are not looked at yet
        self.last = state.value("last")  # (time, country) of the payment before
        self.probed = state.value("probed")  # when the card was tried with cents
        self.recent = state.value("recent", ())  # times of the last minute
        self.timers = context.timers

    def process(self, tup):
        time, _card, cents, country = tup
        self.waiting.append((time, cents, country))
        self.timers.event(time * 1000, "look")

    def on_timer(self, timer):
        now = timer.at // 1000
        if timer.name == "forget":
            self.probed.clear()
            return
        waiting = sorted(self.waiting.get())
        self.waiting.set([payment for payment in waiting if payment[0] > now])
        for payment in waiting:
            if payment[0] <= now:
                self.look(timer.key, *payment)

    def look(self, card, time, cents, country):
        """Look at the next payment of a card."""
        if self.probed.get() is not None and cents > LARGE_CENTS:
            self.emit([card, "probe", time])
            self.probed.clear()
        if cents < PROBE_CENTS:
            self.probed.set(time)
            self.timers.event((time + PROBE_S) * 1000 + 1, "forget")
        last = self.last.get()
        if last is not None and last[1] != country and time - last[0] <= TRAVEL_S:
            self.emit([card, "travel", time])
        self.last.set((time, country))
        recent = (*(at for at in self.recent.get() if at > time - BURST_S), time)
        if len(recent) > BURST_PAYMENTS:
            self.emit([card, "burst", time])
        self.recent.set(recent)
