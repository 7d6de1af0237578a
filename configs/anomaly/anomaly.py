"""Network traffic with known floods, scans and bulk transfers among it, and what finds them."""

import random

START = 1_700_000_000
#: What is not normal for one source within ``SIZE_S`` seconds.
SIZE_S = 10
FLOOD_PACKETS, SCAN_PORTS, BULK_OF_ALL = 200, 60, 1 / 3
#: Normal sources send so many packets in that time at most, to so many ports.
NORMAL_PACKETS, NORMAL_PORTS = 60, 20
#: How much a bulk transfer is of all other bytes, and how long it lasts.
BULK_SHARE, BULK_S = 1.0, 20


def packets(sources=200, seconds=300, attacks=5, seed=1, jitter_s=2):
    """Return packets of many sources for a ``Generator``; some attack.

    Args:
        sources, seconds: hosts that send, and for how long.
        attacks: hosts that flood, as many that scan, and as many that send in bulk.
        seed: other seeds, other packets.
        jitter_s: packets come up to so much too late.
    """
    return made(sources, seconds, attacks, seed, jitter_s)[0]


def made(sources, seconds, attacks, seed, jitter_s):
    """Return all packets in the order in which they come, and the (source, kind) planted."""
    rng = random.Random(seed)
    hosts = [f"10.0.{number // 256}.{number % 256}" for number in range(sources)]
    names = rng.sample(hosts, 3 * attacks)
    planted = {host: ("flood", "scan", "bulk")[at % 3] for at, host in enumerate(names)}
    rows = []
    for host in hosts:
        per_s = NORMAL_PACKETS / SIZE_S
        for second in range(START, START + seconds):
            for _ in range(int(rng.random() * per_s)):
                size = rng.randrange(40, 1500)
                rows.append((second + rng.random(), host, rng.randrange(NORMAL_PORTS), size))
    total = sum(row[3] for row in rows) / seconds
    for number, (host, kind) in enumerate(planted.items()):
        # One after the other, so that each is the heaviest at its time.
        begin = START + SIZE_S + number * (seconds - BULK_S - 2 * SIZE_S) // len(planted)
        rows += _ATTACKS[kind](rng, begin, host, total)
    rows.sort(key=lambda row: (row[0] + rng.uniform(0, jitter_s), row))
    return rows, set(planted.items())


def _flood(rng, begin, host, total):
    times = [begin + rng.uniform(0, SIZE_S - 1) for _ in range(2 * FLOOD_PACKETS)]
    return [(time, host, 80, 40) for time in times]


def _scan(rng, begin, host, total):
    ports = range(1000, 1000 + 2 * SCAN_PORTS)
    return [(begin + rng.uniform(0, SIZE_S - 1), host, port, 40) for port in ports]


def _bulk(rng, begin, host, total):
    # In few large packets: neither a flood nor a scan.
    return [(begin + second, host, 443, int(total * BULK_SHARE)) for second in range(BULK_S)]


_ATTACKS = {"flood": _flood, "scan": _scan, "bulk": _bulk}


def is_odd(packets, ports):
    """Say whether a source is not normal; the condition of a ``Filter``."""
    return packets > FLOOD_PACKETS or ports > SCAN_PORTS


def verdict(source, window_end, packets, ports):
    """Return the alert for a source."""
    return source, "flood" if packets > FLOOD_PACKETS else "scan", window_end


def heaviest(window_end, top, total):
    """Yield an alert for each source that sends a third of all bytes or more."""
    for source, size in top:
        if size >= total * BULK_OF_ALL:
            yield source, "bulk", window_end
