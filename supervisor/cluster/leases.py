"""Which hosts are lost: each has a lease that its echoes of the coordinator's beats renew.

A lease runs from when the coordinator SENT the beat that a host echoes: a host whose own beats
arrive while it hears nothing is cut off one way, and its lease ends like any other::

    coordinator   beat 1 ------ beat 2 ------ beat 3 ..........................| lease over
                      \\  ^          \\ ^          x  (cut towards the host)     ^
    host               echo 1        echo 2   echo 2   echo 2   echo 2          beat 2 + lease

While no host at all is in contact it is the coordinator that is cut off, and there is nowhere
to place anything: nobody is lost, and all get a fresh lease when the first one is back. After a
pause of the coordinator itself (stopped, swapped out) nobody is blamed for it.
"""

from __future__ import annotations

from collections import deque
from math import inf

#: When the coordinator itself did not run for this long, leases are that much longer.
PAUSE_MAX_S = 2.0
#: Beats that are remembered; an echo of an older one renews nothing.
BEATS_MAX = 10_000


class Leases:
    """The leases of all hosts that are not lost. Times are monotonic seconds.

    Args:
        lease_s: how long one lasts; at least 4 beats.
    """

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        #: host -> when the lease began that runs now.
        self._since: dict[str, float] = {}
        #: host -> when the newest beat was sent that it echoed.
        self._echoed: dict[str, float] = {}
        #: (beat, when it was sent), oldest first.
        self._beats: deque[tuple[int, float]] = deque(maxlen=BEATS_MAX)
        self._silent = True
        self._now = -inf

    def add(self, host: str, now: float) -> None:
        """Give a host a fresh lease: it said hello, or the coordinator has just begun."""
        self._since[host] = now
        self._echoed.setdefault(host, -inf)

    def sent(self, beat: int, now: float) -> None:
        """Note that a beat goes out; beats rise."""
        self._beats.append((beat, now))
        while self._beats[0][1] < now - self._lease_s:
            self._beats.popleft()

    def echoed(self, host: str, beat: int) -> None:
        """Renew a lease: the host heard this beat. One that is lost has to be added first."""
        when = self._sent_at(beat)
        if host not in self._since or when <= self._echoed[host]:
            return
        self._echoed[host] = when
        self._since[host] = max(self._since[host], when)
        if self._silent and self._in_contact(when):
            self._silent = False
            for each in self._since:
                self._since[each] = max(self._since[each], when)

    def _sent_at(self, beat: int) -> float:
        for number, when in reversed(self._beats):
            if number <= beat:
                return when if number == beat else -inf
        return -inf

    def _in_contact(self, echoed: float) -> bool:
        """Say whether an echo is recent: of the younger half of a lease."""
        return echoed >= self._now - self._lease_s / 2

    def tick(self, now: float) -> list[str]:
        """Return the hosts that are lost now, once; called at least once a second."""
        self._forgive(now)
        self._silent = not any(self._in_contact(when) for when in self._echoed.values())
        if self._silent:
            return []
        lost = sorted(host for host in self._since if self.left_s(host, now) <= 0)
        for host in lost:
            del self._since[host], self._echoed[host]
        return lost

    def _forgive(self, now: float) -> None:
        """After a pause of the coordinator itself, go on as if there had been none."""
        pause_s = now - self._now
        if PAUSE_MAX_S < pause_s < inf:
            self._since = {host: when + pause_s for host, when in self._since.items()}
            self._echoed = {host: when + pause_s for host, when in self._echoed.items()}
            self._beats = deque(((n, t + pause_s) for n, t in self._beats), maxlen=BEATS_MAX)
        self._now = now

    def left_s(self, host: str, now: float) -> float:
        """Return the seconds until a host is lost; 0 when it is, or is not known."""
        since = self._since.get(host)
        return 0.0 if since is None else max(0.0, since + self._lease_s - now)
