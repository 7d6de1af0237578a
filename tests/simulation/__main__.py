"""``python -m tests.simulation``: run seeds from a checkout, one with a trace or very many."""

from __future__ import annotations

import argparse
import sys
import time

from .runs import Failed, run_seed


def main() -> int:
    """Run what the command line says; 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="run this seed only")
    parser.add_argument("--seeds", type=int, default=200, help="run so many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--exactly-once", action="store_true", help="topologies under exactly-once")
    parser.add_argument(
        "--effectively-once", action="store_true", help="with bolts that count each tuple once"
    )
    parser.add_argument(
        "--traced", action="store_true", help="with traced groups of which messages fail"
    )
    parser.add_argument("--trace", action="store_true", help="print every control message")
    options = parser.parse_args()
    first = options.first if options.seed is None else options.seed
    seeds = range(first, first + (options.seeds if options.seed is None else 1))
    began, failed = time.monotonic(), []
    for seed in seeds:
        try:
            run_seed(
                seed, exact=options.exactly_once, once=options.effectively_once,
                traced=options.traced, tracing=options.trace,
            )  # fmt: skip
        except Failed as error:
            failed.append(seed)
            print(f"{error}\n", flush=True)
    took_s = time.monotonic() - began
    print(f"{len(seeds)} seeds, {len(failed)} failed {failed[:50]}, {took_s:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
