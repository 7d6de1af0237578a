"""Follows a stream of the coordinator beyond its restarts: what was asked for is asked for anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from .client import Asker, StreamLost, Unreachable

#: How long a coordinator that is away is waited for, and how often it is tried.
AWAY_S = 60.0
RETRY_S = 0.5


def follow(
    asker: Asker,
    request: Callable[[], Mapping[str, Any]],
    *,
    away_s: float = AWAY_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, Any]]:
    """Yield the answers to a request, also when the coordinator ends and comes back meanwhile.

    What happens is said on stderr, in a line.

    Args:
        asker: of the coordinator.
        request: returns what to ask for, each time anew: from where the last answer left off.
        away_s: how long a coordinator that does not answer is waited for.

    Raises:
        RequestRefused: the coordinator does not do it, or no more.
        Unreachable: it did not come back.
    """
    away_since: float | None = None
    begun = False
    while True:
        try:
            for answer in asker.stream(request()):
                if away_since is not None:
                    click.echo("waterspout: the coordinator is back", err=True)
                away_since, begun = None, True
                yield answer
            return
        except StreamLost:
            # It is there: the next try is made at once.
            begun = True
        except Unreachable as error:
            now = clock()
            if not begun or (away_since is not None and now - away_since > away_s):
                raise
            if away_since is None:
                away_since = now
                click.echo(f"waterspout: {error}; it is waited for, {away_s:g} s", err=True)
        sleep(RETRY_S)
