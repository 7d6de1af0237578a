"""What the machine itself costs: the floor under the absolute figures.

A latency of 1 ms means nothing without knowing what an empty hop takes in the same minute,
nor does a start without the start of an empty process. Run as
``python -m benchmarks.probes hop|start ...``; prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from typing import Any

import zmq

#: What an empty process runs: enough to see that it is up.
EMPTY_PROGRAM = "print('up', flush=True)"


def empty_start() -> dict[str, Any]:
    """Start an empty Python process; return the seconds until its first output and its end."""
    start_s = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", EMPTY_PROGRAM], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    up_s = time.monotonic() - start_s
    child.wait()
    return {"seconds": up_s, "until_exit_s": time.monotonic() - start_s}


def echo(address: str) -> None:
    """Send back what comes, until an empty message comes."""
    socket: Any = zmq.Context.instance().socket(zmq.PAIR)
    socket.connect(address)
    while message := socket.recv():
        socket.send(message)
    socket.close()


def hops(messages: int, rate_per_s: float, hops_each: int) -> dict[str, Any]:
    """Send ``messages`` at a fixed rate over ``hops_each`` ipc hops between two processes.

    Two hops are one round trip; a third is reckoned as half of another. Returns latencies in
    milliseconds.
    """
    with tempfile.TemporaryDirectory(prefix="waterspout-hop-") as folder:
        address = f"ipc://{folder}/hop"
        socket: Any = zmq.Context.instance().socket(zmq.PAIR)
        socket.bind(address)
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.probes", "echo", "--address", address]
        )
        for _ in range(100):  # connected and warm before it counts
            _trip(socket)
        trips = _paced_trips(socket, messages, rate_per_s)
        socket.send(b"")
        child.wait()
        socket.close(linger=0)
    return {"latencies_ms": [trip_s * 1000 * hops_each / 2 for trip_s in trips]}


def _trip(socket: Any) -> float:
    start_s = time.monotonic()
    socket.send(b"x" * 64)
    socket.recv()
    return time.monotonic() - start_s


def _paced_trips(socket: Any, messages: int, rate_per_s: float) -> list[float]:
    trips = []
    start_s = time.monotonic()
    for number in range(messages):
        due_s = start_s + number / rate_per_s
        if (left_s := due_s - time.monotonic()) > 0:
            time.sleep(left_s)
        trips.append(_trip(socket))  # from the sending on: the sleep's lateness is not a hop's
    return trips


def main() -> None:
    """Run one probe and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("probe", choices=["hop", "start", "echo"])
    parser.add_argument("--address", default="")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--hops", type=int, default=3)
    given = parser.parse_args()
    if given.probe == "echo":
        echo(given.address)
        return
    if given.probe == "start":
        print(json.dumps(empty_start()))
        return
    print(json.dumps(hops(given.messages, given.rate, given.hops)))


if __name__ == "__main__":
    main()
