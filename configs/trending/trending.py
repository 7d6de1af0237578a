"""Trending words: a stream of posts in which some words are known to burst, and what to find."""

import random
from collections import Counter, defaultdict

START = 1_700_000_000
#: Of the windows that the YAML asks for, in seconds.
SIZE_S, SLIDE_S = 60, 10
#: Words that are always said, the n-th one with a weight of 1 / n.
COMMON = [f"word{number}" for number in range(1, 400)]
#: How long a planted word bursts, and how much of what is said meanwhile it is.
BURST_S, BURST_SHARE = 45, 0.3


def posts(words=60_000, rate=100, bursts=4, seed=1, jitter_s=5):
    """Return words and when they were said for a ``Generator``; some burst.

    Args:
        words, rate: how many words, and how many of them a second.
        bursts: planted words; each is said much for ``BURST_S``, one after the other.
        seed: other seeds, other words.
        jitter_s: words come up to so much too late.
    """
    return made(words, rate, bursts, seed, jitter_s)[0]


def made(words, rate, bursts, seed, jitter_s):
    """Return all words in the order in which they come, and when each planted one is on top."""
    rng = random.Random(seed)
    seconds = words // rate
    weights = [1 / number for number in range(1, len(COMMON) + 1)]
    planted = {
        f"planted{number}": START + SIZE_S + number * (seconds - 2 * SIZE_S) // bursts
        for number in range(bursts)
    }
    rows = []
    for second in range(START, START + seconds):
        bursting = [w for w, begin in planted.items() if begin <= second < begin + BURST_S]
        for word in rng.choices(COMMON, weights, k=rate):
            if bursting and rng.random() < BURST_SHARE:
                word = bursting[0]
            rows.append((second + rng.random(), word))
    rows.sort(key=lambda row: (row[0] + rng.uniform(0, jitter_s), row))
    return rows, planted


def ranking(rows, n):
    """Return {end of window: its n commonest words with their counts}, counted the long way."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for time, word in rows:
        first = int(time // SLIDE_S + 1) * SLIDE_S
        for end in range(first, first + SIZE_S, SLIDE_S):
            counts[end][word] += 1
    return {
        end: [list(pair) for pair in sorted(c.items(), key=lambda p: (-p[1], p[0]))[:n]]
        for end, c in counts.items()
    }


def split(window_end, top):
    """Yield what one task found, word by word, for the second stage."""
    for word, count in top:
        yield window_end, word, count
