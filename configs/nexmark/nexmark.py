"""Nexmark's auction site: persons, the auctions they open, bids; drawn from a seed.

The 50 events of an epoch are 1 person, 3 auctions and 46 bids. Event n is made from the seed and
n alone, so a reader can start at any position, and every run has the same input. Most sellers,
bidders and auctions are few (the hot ones), as in the original.

Source: P. Tucker, K. Tufte, V. Papadimos, D. Maier: NEXMark, a benchmark for queries over data
streams (2002), with the proportions and ratios of the generator that Beam and Flink run.
"""

from waterspout.bolts import Columns
from waterspout.spouts import Reader, Source

PERSONS, AUCTIONS, BIDS = 1, 3, 46
EPOCH = PERSONS + AUCTIONS + BIDS
#: Ids begin here, so that none looks like a count.
FIRST_PERSON = FIRST_AUCTION = 1000
FIRST_CATEGORY, CATEGORIES = 10, 5
#: Persons that bid and sell, and auctions that get bids, at any time.
ACTIVE_PERSONS, OPEN_AUCTIONS = 1000, 100
#: Bids and sales may name persons and auctions so far ahead.
LEAD = 10
#: Of so many, all but one are hot; hot ids are multiples of 100.
HOT_SELLERS, HOT_AUCTIONS, HOT_BIDDERS = 4, 2, 4
HOT_EVERY = 100
#: Event 0 happened then: 2015-07-15, as in the original; milliseconds.
BASE_MS = 1_436_918_400_000

STATES = ("AZ", "CA", "ID", "OR", "WA", "WY")
CITIES = (
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle",
    "Kent", "Cheyenne",
)  # fmt: skip
FIRST_NAMES = ("Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter")
LAST_NAMES = ("Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Noris")
CHANNELS = ("Google", "Facebook", "Baidu", "Apple")
_MASK = (1 << 64) - 1


class Draws:
    """Random numbers of one event: the SplitMix64 sequence from (seed, event)."""

    __slots__ = ("_state",)

    def __init__(self, seed, event):
        self._state = (seed * 0xD1342543DE82EF95 + event * 0x9E3779B97F4A7C15) & _MASK
        self.below(2)

    def below(self, limit):
        """Return a number from 0 to ``limit`` - 1."""
        self._state = z = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) * limit) >> 64

    def price(self):
        """Return cents, 100 to 10**8: each power of ten is as likely as the next."""
        return round(10 ** (self.below(1 << 30) / (1 << 30) * 6) * 100)


class Site:
    """What the auction site does at event n."""

    def __init__(self, seed, rate, jitter_ms):
        self.seed, self.gap_ms, self.jitter_ms = seed, 1000 / rate, jitter_ms

    def time(self, event, draws):
        """Return when an event happened, in ms: behind the order of events by up to the jitter."""
        late = draws.below(self.jitter_ms + 1) if self.jitter_ms else 0
        return BASE_MS + int(event * self.gap_ms) - late

    def person(self, event):
        """Return the person that event ``event`` registers."""
        draws = Draws(self.seed, event)
        number = last_person(event)
        first, last = _one(FIRST_NAMES, draws), _one(LAST_NAMES, draws)
        return (
            number + FIRST_PERSON, f"{first} {last}", f"{first}.{last}{number}@example.com".lower(),
            " ".join(f"{draws.below(10_000):04d}" for _ in range(4)), _one(CITIES, draws),
            _one(STATES, draws), self.time(event, draws),
        )  # fmt: skip

    def auction(self, event):
        """Return the auction that event ``event`` opens."""
        draws = Draws(self.seed, event)
        number = last_auction(event)
        price = draws.price()
        time = self.time(event, draws)
        # So long that about OPEN_AUCTIONS are open at once.
        horizon_ms = int(OPEN_AUCTIONS * EPOCH / AUCTIONS * self.gap_ms)
        expires = time + 1 + draws.below(max(2 * horizon_ms, 1))
        if draws.below(HOT_SELLERS):
            seller = last_person(event) // HOT_EVERY * HOT_EVERY
        else:
            seller = some_person(event, draws)
        return (
            number + FIRST_AUCTION, f"item {number}", f"about item {number}", price,
            price + draws.price(), time, expires, seller + FIRST_PERSON,
            FIRST_CATEGORY + draws.below(CATEGORIES),
        )  # fmt: skip

    def bid(self, event):
        """Return the bid that event ``event`` makes."""
        draws = Draws(self.seed, event)
        if draws.below(HOT_AUCTIONS):
            auction = last_auction(event) // HOT_EVERY * HOT_EVERY
        else:
            auction = some_auction(event, draws)
        if draws.below(HOT_BIDDERS):
            bidder = last_person(event) // HOT_EVERY * HOT_EVERY + 1
        else:
            bidder = some_person(event, draws)
        channel = _one(CHANNELS, draws)
        return (
            auction + FIRST_AUCTION, bidder + FIRST_PERSON, draws.price(), channel,
            f"https://www.nexmark.com/{channel.lower()}/item.htm?query=1",
            self.time(event, draws),
        )  # fmt: skip


def last_person(event):
    """Return the number of the newest person at an event, counted from 0."""
    return event // EPOCH


def last_auction(event):
    """Return the number of the newest auction at an event, counted from 0; -1: none yet."""
    epoch, offset = divmod(event, EPOCH)
    return epoch * AUCTIONS + (min(offset - PERSONS, AUCTIONS - 1) if offset else -1)


def some_person(event, draws):
    """Draw one of the active persons, or of the next ones."""
    newest = last_person(event) + 1
    active = min(newest, ACTIVE_PERSONS)
    return newest - active + draws.below(active + LEAD)


def some_auction(event, draws):
    """Draw one of the open auctions, or of the next ones."""
    newest = last_auction(event)
    oldest = max(newest - OPEN_AUCTIONS, 0)
    return oldest + draws.below(max(newest, 0) - oldest + 1 + LEAD)


def _one(names, draws):
    return names[draws.below(len(names))]


class _Events(Source):
    """One kind of events; its partitions share the epochs."""

    #: Where the kind stands in an epoch, and how many of it there are.
    first, width = 0, PERSONS

    def __init__(self, events=1_000_000, seed=1, rate=10_000, jitter_ms=0, partitions=1):
        """Choose the input.

        Args:
            events: events of all kinds together; this source has its share of them.
            seed: other seeds, other events.
            rate: events per second of event time (they are read as fast as they are wanted).
            jitter_ms: events come up to so much out of order.
            partitions: parts that tasks share.
        """
        self.events, self.parts = events, partitions
        self.site = Site(seed, rate, jitter_ms)

    def make(self, event):
        raise NotImplementedError

    def partitions(self):
        return [f"part-{number}" for number in range(self.parts)]

    def reader(self, partition, position):
        return _EventReader(self, int(partition.removeprefix("part-")), position or 0)

    def event(self, part, position):
        """Return the number of the event at a position of a partition."""
        epoch, offset = divmod(position, self.width)
        return (epoch * self.parts + part) * EPOCH + self.first + offset


class _EventReader(Reader):
    def __init__(self, source, part, position):
        self.source, self.part, self.position = source, part, position

    def read(self, limit):
        source, rows = self.source, []
        while len(rows) < limit:
            event = source.event(self.part, self.position)
            if event >= source.events:
                break
            rows.append(source.make(event))
            self.position += 1
        if not rows:
            return None
        return Columns(list(map(list, zip(*rows, strict=True)))), self.position


class Persons(_Events):
    """Who registers: 1 event of 50."""

    outputs = ["id", "name", "email", "credit_card", "city", "state", "date_time"]
    first, width = 0, PERSONS

    def make(self, event):
        return self.site.person(event)


class Auctions(_Events):
    """What is offered: 3 events of 50."""

    outputs = [
        "id", "item_name", "description", "initial_bid", "reserve", "date_time", "expires",
        "seller", "category",
    ]  # fmt: skip
    first, width = PERSONS, AUCTIONS

    def make(self, event):
        return self.site.auction(event)


class Bids(_Events):
    """What is bid: 46 events of 50."""

    outputs = ["auction", "bidder", "price", "channel", "url", "date_time"]
    first, width = PERSONS + AUCTIONS, BIDS

    def make(self, event):
        return self.site.bid(event)
