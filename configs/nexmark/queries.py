"""What Nexmark's queries need beside ready-made bolts: a few functions, and the winning bids."""

from waterspout.bolts import Bolt


def euros(auction, bidder, price, date_time):
    """Query 1: a bid with its price in euros."""
    return auction, bidder, 0.908 * price, date_time


def is_chosen(auction):
    """Query 2: every 123rd auction."""
    return auction % 123 == 0


def is_near(state):
    """Query 3: persons of the states that count."""
    return state in ("OR", "ID", "CA")


def is_category_10(category):
    """Query 3: auctions of the category that counts."""
    return category == 10


def hottest(key, window, rows):
    """Query 5: the auctions with the most bids of a window."""
    most = max(row["bids"] for row in rows)
    return [[row["auction"], row["bids"]] for row in rows if row["bids"] == most]


def highest(key, window, rows):
    """Query 7: the bids with the highest price of a window."""
    price = max(row["price"] for row in rows)
    return [
        [row["auction"], row["bidder"], price, row["date_time"]]
        for row in rows
        if row["price"] == price
    ]


class WinningBids(Bolt):
    """Queries 4 and 9: each auction's highest bid while it was open, when it has closed.

    Both inputs are grouped by the auction. A bid is looked at when the watermark has come to its
    time: then its auction is known, or opened later and does not count.
    """

    outputs = ["auction", "category", "seller", "bidder", "price", "date_time"]
    stateful = True

    def prepare(self, context):
        """Take up open auctions and the bids that wait."""
        self.timers = context.timers
        self.open = context.state.value("open")  # (opened, expires, category, seller)
        self.best = context.state.value("best")  # (price, -time, bidder)
        self.waiting = context.state.list("waiting")  # (time, bidder, price)

    def process(self, tup):
        """Take an auction or a bid."""
        if tup.component == "auctions":
            self.open.set((tup.date_time, tup.expires, tup.category, tup.seller))
            # A bid at the very end counts.
            self.timers.event(tup.expires + 1, "close")
        else:
            self.waiting.append((tup.date_time, tup.bidder, tup.price))
            self.timers.event(tup.date_time, "look")

    def on_timer(self, timer):
        """Look at bids, or close an auction."""
        auction, best = self.open.get(), self.best.get()
        left = []
        for time, bidder, price in self.waiting.get():
            if time > timer.at:
                left.append((time, bidder, price))
            elif auction is not None and auction[0] <= time <= auction[1]:
                offer = (price, -time, bidder)
                best = offer if best is None else max(best, offer)
        if left:
            self.waiting.set(left)
        else:
            self.waiting.clear()
        if timer.name == "close":
            if best is not None:
                price, time, bidder = best
                self.emit([timer.key, auction[2], auction[3], bidder, price, -time])
            self.open.clear()
            self.best.clear()
        elif best is not None:
            self.best.set(best)


class Mean(Bolt):
    """Query 4: the mean winning bid of each category so far."""

    outputs = ["category", "mean"]
    stateful = True

    def prepare(self, context):
        """Take up the sums."""
        self.sums = context.state.value("sums", (0, 0))

    def process(self, tup):
        """Add a winning bid, and emit the new mean."""
        count, total = self.sums.get()
        count, total = count + 1, total + tup.price
        self.sums.set((count, total))
        self.emit([tup.category, total / count])
