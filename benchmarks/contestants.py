"""One run of one contestant: starts it, checks that its result is right, returns its figures.

A wrong result is no figure: it raises ``RunFailed`` and stands in the table as an error.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import engine
from .bare import digest
from .corpus import Corpus
from .engine import ROOT, EngineRun, RunFailed
from .peers import init_recovery
from .report import Sample


@dataclass(frozen=True, slots=True)
class Setup:
    """What all runs share: the prepared input and how much work each is given."""

    folder: Path
    corpus: Corpus
    chain_messages: int
    map_messages: int
    latency_messages: int
    memory_messages: int
    idle_s: float
    #: Work of the blocks on state, windows and exactly-once, as a part of what it should be.
    scale: float = 1.0


def child(*arguments: str) -> list[dict[str, Any]]:
    """Run ``python -m benchmarks.X ...`` and return the JSON line it prints.

    Raises:
        RunFailed: it ended badly.
    """
    return _collect([_spawn(arguments)])


def _spawn(arguments: tuple[str, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _collect(children: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = []
    try:
        for process in children:
            output, complaint = process.communicate(timeout=engine.RUN_MAX_S)
            if process.returncode:
                raise RunFailed(f"exit code {process.returncode}: {complaint[-1000:]}")
            # The last line: Bytewax reports its attempts to connect on the standard output.
            found.append(json.loads(output.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        raise RunFailed("did not end in time") from None
    finally:
        for process in children:
            process.kill()
            process.wait()
    return found


def throughput(messages: int, seconds: float, cpu_s: float | None = None) -> Sample:
    """Return messages per second, and CPU microseconds per message where they are known."""
    sample = {"messages": float(messages), "seconds": seconds, "per_s": messages / seconds}
    if cpu_s is not None:
        sample["cpu_us"] = cpu_s * 1e6 / messages
    return sample


def expect(what: str, got: Any, wanted: Any) -> None:
    """Raise ``RunFailed`` unless the result is the right one."""
    if got != wanted:
        raise RunFailed(f"wrong result: {what} is {got!r:.60}, expected {wanted!r:.60}")


def bare_word_count(setup: Setup, *, batch: bool = False, default_gc: bool = False) -> Sample:
    """Count words in the bare loop."""
    extra = ["--default-gc"] if default_gc else []
    workload = "wordcount-batch" if batch else "wordcount"
    folder = str(setup.corpus.path)
    (found,) = child("benchmarks.bare", workload, "--folder", folder, *extra)
    expect("digest", found["digest"], digest(setup.corpus.counts))
    return throughput(found["messages"], found["seconds"], found["cpu_s"])


def bare_chain(setup: Setup) -> Sample:
    """Pass numbers through the bare chain."""
    messages = setup.chain_messages
    (found,) = child("benchmarks.bare", "chain", "--messages", str(messages))
    expect("tuples", found["tuples"], messages)
    return per_hop(throughput(messages, found["seconds"], found["cpu_s"]))


def per_hop(sample: Sample, hops: int = 6) -> Sample:
    """Add the nanoseconds of one hop: five stages and the sink."""
    return {**sample, "ns_per_hop": 1e9 / sample["per_s"] / hops}


def bytewax(setup: Setup, workload: str, *, recovery: bool, processes: int = 1) -> Sample:
    """Run a Bytewax dataflow over one or two processes of one worker each."""
    arguments = ["benchmarks.peers", "bytewax", workload, "--folder", str(setup.corpus.path)]
    arguments += ["--messages", str(setup.map_messages)]
    store = init_recovery(str(setup.folder)) if recovery else ""
    if recovery:
        arguments += ["--recovery", store]
    if processes > 1:
        arguments += ["--addresses", ",".join(f"127.0.0.1:{port}" for port in ports(processes))]
    found = _collect([_spawn((*arguments, "--process", str(n))) for n in range(processes)])
    if store:
        shutil.rmtree(store)
    _check_peer(setup, workload, found)
    first_s = min(one["first_s"] for one in found if one["first_s"])
    seconds = max(one["last_s"] for one in found) - first_s
    messages = setup.map_messages if workload in _OF_NUMBERS else setup.corpus.lines
    return throughput(messages, seconds, sum(one["cpu_s"] for one in found))


#: Workloads whose input is numbers.
_OF_NUMBERS = frozenset({"map", "filter", "flat-map"})


def _check_peer(setup: Setup, workload: str, found: list[dict[str, Any]]) -> None:
    if not workload.startswith("wordcount"):
        wanted = setup.map_messages if workload in _OF_NUMBERS else setup.corpus.lines
        expect("tuples", sum(one["tuples"] for one in found), wanted)
        return
    expect("words", sum(one["words"] for one in found), setup.corpus.words)
    expect("distinct words", sum(one["distinct"] for one in found), len(setup.corpus.counts))
    if len(found) == 1:
        expect("digest", found[0]["digest"], digest(setup.corpus.counts))


def ports(number: int) -> list[int]:
    """Return ports of the loopback interface that are free right now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    found = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return found


def streamz(setup: Setup) -> Sample:
    """Count words in streamz."""
    folder = str(setup.corpus.path)
    (found,) = child("benchmarks.peers", "streamz", "wordcount", "--folder", folder)
    expect("digest", found["digest"], digest(setup.corpus.counts))
    return throughput(setup.corpus.lines, found["last_s"] - found["first_s"], found["cpu_s"])


def word_count(
    setup: Setup,
    topology: str = "wordcount.yaml",
    *,
    workers: int = 1,
    sets: dict[str, Any] | None = None,
) -> Sample:
    """Count words in Waterspout; with two workers each bolt has two tasks."""
    given = {"spouts.lines.args.folder": setup.corpus.path, **(sets or {})}
    if workers > 1:
        given |= {"bolts.split.parallelism": workers, "bolts.count.parallelism": workers}
    run = engine.run(topology, workers=workers, sets=given)
    if run.summary.get("replayed"):
        # What was replayed may have been counted twice: no word may be missing.
        short = [word for word, n in setup.corpus.counts.items() if run.counts.get(word, 0) < n]
        expect("number of words counted too low", len(short), 0)
    else:
        expect("digest", digest(run.counts), digest(setup.corpus.counts))
    return engine_sample(run, setup.corpus.lines, workers)


def failing_count(setup: Setup, bolt: str) -> Sample:
    """Count words in Waterspout while 0.1 % of the lines fail once.

    Args:
        bolt: that fails: ``split`` gets lines, ``count`` words.
    """
    each = 1 if bolt == "split" else setup.corpus.words / setup.corpus.lines
    sets = {f"bolts.{bolt}.args.every": round(1000 * each)}
    return word_count(setup, "failing.yaml", sets=sets)


def engine_sample(run: EngineRun, messages: int, workers: int = 1) -> Sample:
    """Return the throughput of a bounded run, its replays, and the CPU of a lone worker."""
    reading, finished = run.first("reading"), run.first("finished")
    cpu_s = finished["cpu_s"] - reading["cpu_s"] if workers == 1 else None
    sample = throughput(messages, run.active_s(messages), cpu_s)
    sample["twice_percent"] = 100 * run.summary.get("replayed", 0) / messages
    return sample


def chain(setup: Setup) -> Sample:
    """Pass numbers through five identity bolts in one worker."""
    messages = setup.chain_messages
    run = engine.run("chain.yaml", sets={"spouts.numbers.args.count": messages})
    expect("tuples", run.first("finished")["tuples"], messages)
    return per_hop(engine_sample(run, messages))


def ready_made(
    setup: Setup, bolt: str, function: str, *, lines: bool = False, group: int | None = None
) -> Sample:
    """Run a ready-made bolt with an identity function over numbers or over the corpus.

    Args:
        group: messages drawn under one root, where it is not what the topology says.
    """
    messages = setup.corpus.lines if lines else setup.map_messages
    sets: dict[str, Any] = {
        "bolts.apply.class": f"waterspout.bolts.{bolt}",
        "bolts.apply.args.function": f"benchmarks.components:{function}",
    }
    if group is not None:
        sets["settings.batch_max"] = group
    if lines:
        sets["spouts.lines.args.folder"] = setup.corpus.path
    else:
        sets["spouts.numbers.args.count"] = messages
    run = engine.run("map_lines.yaml" if lines else "map.yaml", sets=sets)
    expect("tuples", run.first("finished")["tuples"], messages)
    return engine_sample(run, messages)
