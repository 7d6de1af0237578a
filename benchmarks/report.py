"""What was measured, judged and put into words: medians, ratios, tables, JSON. No measuring here.

Only figures of one run are compared, and a ratio is that of two medians over alternating
rounds; the range beside it is that of the single rounds, to show how much the machine moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

#: One run of one contestant: what it measured, by name (``per_s``, ``p50_ms`` ...).
Sample = dict[str, float]


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that must be reached.

    Attributes:
        text: the workload's name in the list of figures to reach.
        contestant: who must reach it.
        metric: which of its metrics.
        against: the contestant whose same metric it is divided by; None: an absolute figure.
        at_least: the smallest good value; None when there is an upper limit.
        at_most: the largest good value; None when there is a lower limit.
        probe: for absolute figures, the (contestant, metric) of the machine's own cost.
    """

    text: str
    contestant: str
    metric: str
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    probe: tuple[str, str] | None = None


@dataclass(slots=True)
class Results:
    """All samples of one block, by contestant, in the order of the rounds."""

    block: str
    title: str
    metric: str
    guarantees: dict[str, str]
    goals: list[Goal]
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    #: Who was left out, and why.
    absent: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what came of it; ``value`` is None when a contestant has no sample."""

    goal: Goal
    value: float | None
    low: float | None = None
    high: float | None = None
    probe_ratio: float | None = None
    #: A ratio of throughputs once more by CPU time per message: others' work moves it less.
    cpu_ratio: float | None = None

    @property
    def met(self) -> bool | None:
        """Say whether the goal was reached; None: not measured."""
        if self.value is None:
            return None
        if self.goal.at_least is not None:
            return self.value >= self.goal.at_least
        return self.goal.at_most is None or self.value <= self.goal.at_most


def values(samples: Sequence[Sample], metric: str) -> list[float]:
    """Return one metric of those samples that have it."""
    return [sample[metric] for sample in samples if metric in sample]


def middle(results: Results, contestant: str, metric: str) -> float | None:
    """Return the median of a contestant's metric, or None without samples."""
    found = values(results.samples.get(contestant, []), metric)
    return median(found) if found else None


def judge(results: Results, goal: Goal) -> Verdict:
    """Return what came of ``goal`` in ``results``."""
    own = middle(results, goal.contestant, goal.metric)
    if own is None:
        return Verdict(goal, None)
    mine = values(results.samples[goal.contestant], goal.metric)
    if goal.against is None:
        floor = middle(results, *goal.probe) if goal.probe else None
        return Verdict(goal, own, min(mine), max(mine), own / floor if floor else None)
    other = middle(results, goal.against, goal.metric)
    if not other:
        return Verdict(goal, None)
    theirs = values(results.samples[goal.against], goal.metric)
    by_round = [a / b for a, b in zip(mine, theirs, strict=False) if b]
    by_cpu = _cpu_ratio(results, goal, goal.against)
    return Verdict(goal, own / other, min(by_round), max(by_round), cpu_ratio=by_cpu)


def _cpu_ratio(results: Results, goal: Goal, against: str) -> float | None:
    mine = middle(results, goal.contestant, "cpu_us")
    theirs = middle(results, against, "cpu_us")
    if not mine or not theirs:
        return None
    return {"per_s": theirs / mine, "ns_per_hop": mine / theirs}.get(goal.metric)


def percentile(numbers: Sequence[float], percent: float) -> float:
    """Return the value below or at which ``percent`` of ``numbers`` lie (nearest rank)."""
    ranked = sorted(numbers)
    rank = max(1, -(-len(ranked) * percent // 100))
    return ranked[int(rank) - 1]


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Fit a line; return its slope, and the noise: the 5-95 % spread of what it leaves over."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    rest = [y - mean_y - rise * (x - mean_x) for x, y in points]
    return rise, percentile(rest, 95) - percentile(rest, 5)


def figure(value: float | None) -> str:
    """Return a number to read: three digits that matter, thousands as k and M."""
    if value is None:
        return "-"
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e6 if unit == 'M' else 1e3):.3g}{unit}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def limit_text(goal: Goal) -> str:
    """Return the limit of a goal as in ``>= 0.7 x``."""
    sign, limit = (">=", goal.at_least) if goal.at_least is not None else ("<=", goal.at_most)
    return f"{sign} {figure(limit)}" + (f" x {goal.against}" if goal.against else "")


def contestant_rows(results: Results) -> list[list[str]]:
    """Return the table of one block: contestant, guarantee, median [min-max], runs, CPU, first."""
    first = next(iter(results.guarantees))
    base = middle(results, first, results.metric)
    rows = []
    for name, guarantee in results.guarantees.items():
        samples = results.samples.get(name, [])
        found = values(samples, results.metric)
        if not found:
            rows.append([name, guarantee, _why_none(results, name), "", "", ""])
            continue
        spread = f"{figure(median(found))} [{figure(min(found))}-{figure(max(found))}]"
        ratio = f"{median(found) / base:.2f}" if base else "-"
        cpu_us = middle(results, name, "cpu_us")
        rows.append([name, guarantee, spread, f"x{len(found)}", figure(cpu_us), ratio])
    return rows


def _why_none(results: Results, name: str) -> str:
    if name in results.absent:
        return "left out"
    return results.errors.get(name, "not run")[:60]


#: The head of ``contestant_rows``; the third and last column are told by the block.
CONTESTANT_HEAD = ("contestant", "guarantee", "median [min-max]", "runs", "CPU us/message", "ratio")
GOAL_HEAD = (
    "figure to reach", "metric", "limit", "measured [rounds]", "by CPU", "x probe", "reached",
)  # fmt: skip


def goal_row(verdict: Verdict) -> list[str]:
    """Return the row of one goal."""
    goal = verdict.goal
    spread = figure(verdict.value)
    if verdict.low is not None:
        spread += f" [{figure(verdict.low)}-{figure(verdict.high)}]"
    word = {True: "yes", False: "NO", None: "not measured"}[verdict.met]
    by_cpu = figure(verdict.cpu_ratio) if verdict.cpu_ratio is not None else ""
    probe = figure(verdict.probe_ratio) if verdict.probe_ratio is not None else ""
    return [goal.text, goal.metric, limit_text(goal), spread, by_cpu, probe, word]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that reads well in a terminal and in a Markdown page."""
    table = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def text_report(blocks: Sequence[Results]) -> str:
    """Return the whole report: a table per block, then all figures to reach."""
    parts = []
    for results in blocks:
        head = [*CONTESTANT_HEAD]
        head[2] = f"{results.metric}, {head[2]}"
        head[5] = f"x {next(iter(results.guarantees))}"
        parts.append(f"\n## {results.title}\n\n" + markdown(head, contestant_rows(results)))
        parts += other_load(results)
        parts += [f"\n{name} failed: {text}" for name, text in results.errors.items()]
        parts += [f"\n{name} is left out: {text}." for name, text in results.absent.items()]
    goals = [goal_row(judge(results, goal)) for results in blocks for goal in results.goals]
    parts.append("\n## Figures to reach\n\n" + markdown(GOAL_HEAD, goals))
    return "\n".join(parts)


def other_load(results: Results) -> list[str]:
    """Return a line on what else the machine did during the runs of a block."""
    every = [sample for samples in results.samples.values() for sample in samples]
    cores = values(every, "others_cores")
    if not cores:
        return []
    return [f"\nOther work took {median(cores):.2f} cores meanwhile, {max(cores):.2f} at most."]


def json_report(blocks: Sequence[Results], about: dict[str, Any]) -> dict[str, Any]:
    """Return everything that was measured, in a form for machines."""
    return {**about, "blocks": [_json_block(results) for results in blocks]}


def _json_block(results: Results) -> dict[str, Any]:
    metrics = {
        name: sorted({metric for sample in samples for metric in sample})
        for name, samples in results.samples.items()
    }
    return {
        "block": results.block,
        "title": results.title,
        "contestants": {
            name: {
                "guarantee": guarantee,
                "runs": results.samples.get(name, []),
                "medians": {m: middle(results, name, m) for m in metrics.get(name, [])},
                "error": results.errors.get(name),
                "absent": results.absent.get(name),
            }
            for name, guarantee in results.guarantees.items()
        },
        "goals": [_json_goal(judge(results, goal)) for goal in results.goals],
    }


def _json_goal(verdict: Verdict) -> dict[str, Any]:
    goal = verdict.goal
    return {
        "text": goal.text,
        "contestant": goal.contestant,
        "metric": goal.metric,
        "against": goal.against,
        "at_least": goal.at_least,
        "at_most": goal.at_most,
        "value": verdict.value,
        "range": [verdict.low, verdict.high],
        "probe_ratio": verdict.probe_ratio,
        "cpu_ratio": verdict.cpu_ratio,
        "met": verdict.met,
    }
