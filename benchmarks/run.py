"""Measure Waterspout beside a bare loop, bare probes of the machine and other stream processors.

python benchmarks/run.py [--only NAME...] [--rounds 5] [--json out.json]

Contestants of a block take turns (A B C A B C ...), each run in processes of its own.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contestants import Setup
from benchmarks.corpus import prepare
from benchmarks.engine import RunFailed
from benchmarks.machine import OtherLoad, about, headline
from benchmarks.report import Results, Sample, json_report, text_report
from benchmarks.state_blocks import STATE_BLOCKS
from benchmarks.workloads import BLOCKS, Block, Contestant

#: Everything that is measured, in the order of the report.
ALL_BLOCKS = {**BLOCKS, **STATE_BLOCKS}
#: How often a run is repeated while others disturb it, before its figure is taken all the same.
REPEATS_MAX = 5
#: Seconds between two looks at a machine that is busy.
WAIT_S = 10.0


def undisturbed(player: Contestant, setup: Setup, quiet_cores: float) -> Sample:
    """Run a contestant; again, when other work took more than ``quiet_cores`` meanwhile."""
    for _ in range(REPEATS_MAX):
        load = OtherLoad()
        sample = player.run(setup)
        sample["others_cores"] = load.cores()
        if sample["others_cores"] <= quiet_cores:
            break
        print(f"  disturbed: others took {sample['others_cores']:.2f} cores", file=sys.stderr)
        time.sleep(WAIT_S)
    return sample


def players_of(block: Block, without: list[str]) -> list[Contestant]:
    """Return who takes part."""
    return [one for one in block.contestants if not any(text in one.name for text in without)]


def measure(
    results: Results, players: list[Contestant], setup: Setup, rounds: int, quiet_cores: float
) -> None:
    """Run a block's contestants in turns; one that fails is out for the rest of the block."""
    for number in range(rounds):
        for player in players:
            out = player.name in results.errors or player.name in results.absent
            if out or number >= player.rounds_max:
                continue
            print(
                f"{results.block} {number + 1}/{rounds} {player.name}", file=sys.stderr, flush=True
            )
            try:
                sample = undisturbed(player, setup, quiet_cores)
                results.samples.setdefault(player.name, []).append(sample)
            except RunFailed as problem:
                results.errors[player.name] = str(problem)
                print(f"  failed: {problem}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    some: dict[str, Any] = {"nargs": "+", "action": "extend"}
    parser.add_argument("--only", metavar="NAME", choices=list(ALL_BLOCKS), **some)
    parser.add_argument(
        "--without", metavar="TEXT", default=[], help="leave out contestants by name", **some
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--quiet",
        type=float,
        default=float("inf"),
        metavar="CORES",
        help="repeat runs during which other work took more cores than this",
    )
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--lines", type=int, default=1_000_000, help="most lines of the corpus")
    parser.add_argument("--chain-messages", type=int, default=1_000_000)
    parser.add_argument("--map-messages", type=int, default=10_000_000)
    parser.add_argument("--latency-messages", type=int, default=5_000)
    parser.add_argument(
        "--memory-messages", type=int, default=1_000_000, help="10000000 for the whole hour"
    )
    parser.add_argument("--idle-seconds", type=float, default=10.0)
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="PART",
        help="work of the blocks on state, windows and exactly-once: 0.3 for a third",
    )  # fmt: skip
    return parser.parse_args()


def measure_all(given: argparse.Namespace, setup: Setup, blocks: list[Results]) -> bool:
    """Fill ``blocks``, one after the other; True: stopped early by Ctrl-C or SIGTERM."""
    try:
        for name in given.only or ALL_BLOCKS:
            block, players = ALL_BLOCKS[name], players_of(ALL_BLOCKS[name], given.without)
            guarantees = {player.name: player.guarantee for player in players}
            results = Results(block.name, block.title, block.metric, guarantees, block.goals)
            results.absent = {one.name: why for one in players if (why := one.missing())}
            blocks.append(results)
            measure(results, players, setup, given.rounds, given.quiet)
    except KeyboardInterrupt:
        return True
    return False


def interrupt(*_: object) -> None:
    """Unwind what is under way, so that no topology is left behind."""
    raise KeyboardInterrupt


def main() -> int:
    """Run what was asked for; print the tables; return 1 when a contestant failed."""
    given = arguments()
    signal.signal(signal.SIGTERM, interrupt)
    facts = about()
    blocks: list[Results] = []
    with tempfile.TemporaryDirectory(prefix="waterspout-bench-") as name:
        setup = Setup(
            folder=Path(name),
            corpus=prepare(Path(name), given.lines),
            chain_messages=given.chain_messages,
            map_messages=given.map_messages,
            latency_messages=given.latency_messages,
            memory_messages=given.memory_messages,
            idle_s=given.idle_seconds,
            scale=given.scale,
        )
        stopped = measure_all(given, setup, blocks)
    print(headline(facts))
    words = f"{setup.corpus.lines} lines, {setup.corpus.words} words"
    print(f"Word count input: {words}, {len(setup.corpus.counts)} different ones")
    print(text_report(blocks))
    if given.json:
        facts["input"] = {"lines": setup.corpus.lines, "words": setup.corpus.words}
        given.json.write_text(json.dumps(json_report(blocks, facts), indent=1) + "\n")
    if stopped:
        print("stopped early: figures are of the rounds so far", file=sys.stderr)
    return 1 if stopped or any(results.errors for results in blocks) else 0


if __name__ == "__main__":
    sys.exit(main())
