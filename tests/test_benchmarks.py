"""The pure parts of the benchmarks: what is compared, how it is judged, and the bare loop."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from waterspout.bolts.registry import BOLTS
from waterspout.topology.lint import lint_spec
from waterspout.topology.loader import ShortNames, load

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import bare, components, corpus, live, marks, peers, report  # noqa: E402
from benchmarks.engine import IN_FLIGHT_MAX, EngineRun, RunFailed  # noqa: E402
from benchmarks.report import Goal, Results  # noqa: E402
from benchmarks.run import ALL_BLOCKS, arguments  # noqa: E402

from .each_case import each_case  # noqa: E402

LINES = ["to be or", "", "not to be", "  that ", "is to be asked"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part-0.txt").write_text("\n".join(LINES[:3]) + "\n")
    (tmp_path / "part-1.txt").write_text("\n".join(LINES[3:]) + "\n")
    return tmp_path


def results(goal: Goal, **samples: list[float]) -> Results:
    """Return results of one block with the metric ``per_s``."""
    found = Results("b", "A block", "per_s", dict.fromkeys(samples, "none"), [goal])
    found.samples = {name: [{"per_s": x} for x in xs] for name, xs in samples.items()}
    return found


# Judging


def test_a_ratio_is_that_of_the_medians_and_its_range_that_of_the_rounds() -> None:
    goal = Goal("g", "a", "per_s", against="b", at_least=0.7)
    verdict = report.judge(results(goal, a=[70, 90, 10], b=[100, 100, 100]), goal)
    assert verdict.value == pytest.approx(0.7)
    assert (verdict.low, verdict.high) == pytest.approx((0.1, 0.9))
    assert verdict.met is True


def test_a_ratio_is_shown_by_cpu_too_where_both_know_their_cpu() -> None:
    goal = Goal("g", "a", "per_s", against="b", at_least=0.7)
    found = results(goal, a=[1], b=[1])
    assert report.judge(found, goal).cpu_ratio is None
    found.samples["a"][0]["cpu_us"], found.samples["b"][0]["cpu_us"] = 4, 3
    assert report.judge(found, goal).cpu_ratio == 0.75


def test_a_goal_is_missed_by_a_value_on_the_wrong_side_of_its_limit() -> None:
    least = Goal("g", "a", "per_s", against="b", at_least=0.71)
    most = Goal("g", "a", "per_s", at_most=69)
    assert report.judge(results(least, a=[70], b=[100]), least).met is False
    assert report.judge(results(most, a=[70], b=[100]), most).met is False


def test_an_absolute_goal_shows_its_ratio_to_the_bare_probe() -> None:
    goal = Goal("g", "a", "per_s", at_most=7, probe=("b", "per_s"))
    verdict = report.judge(results(goal, a=[3, 6, 7], b=[2, 2, 1]), goal)
    assert (verdict.value, verdict.probe_ratio, verdict.met) == (6, 3, True)


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    goal = Goal("g", "a", "per_s", against="b", at_least=1)
    assert report.judge(results(goal, b=[1]), goal).met is None
    assert report.judge(results(goal, a=[1]), goal).met is None
    assert "not measured" in report.text_report([results(goal, b=[1])])


@each_case("percent, wanted", [(50, 50), (99, 99), (99.9, 100), (1, 1)])
def test_a_percentile_is_the_nearest_rank(percent: float, wanted: float) -> None:
    assert report.percentile(list(range(100, 0, -1)), percent) == wanted


def test_a_slope_is_found_below_its_noise() -> None:
    rising = [(float(x), 100 + 0.5 * x + (-1) ** x) for x in range(100)]
    slope, noise = report.slope(rising)
    assert slope == pytest.approx(0.5, abs=0.01)
    assert noise == pytest.approx(2, abs=0.1)


@each_case(
    "number, wanted",
    [(0.1234, "0.123"), (5.0, "5"), (2345.6, "2346"), (437_100, "437k"), (11_340_000, "11.3M")],
)
def test_figures_have_three_digits_that_matter(number: float, wanted: str) -> None:
    assert report.figure(number) == wanted


def test_a_failed_contestant_stands_in_the_table_with_its_error() -> None:
    goal = Goal("g", "a", "per_s", at_least=1)
    found = results(goal, a=[], b=[5])
    found.errors["a"] = "wrong result"
    text = report.text_report([found])
    assert "| a          | none      | wrong result" in text
    assert "a failed: wrong result" in text


def test_who_was_left_out_stands_below_the_table_with_the_reason() -> None:
    found = results(Goal("g", "a", "per_s", at_least=1), a=[], b=[5])
    found.absent["a"] = "no Java here"
    text = report.text_report([found])
    assert "| a          | none      | left out" in text
    assert "a is left out: no Java here." in text


def test_the_json_report_has_runs_medians_and_verdicts() -> None:
    goal = Goal("g", "a", "per_s", against="b", at_least=0.5)
    block = json.loads(json.dumps(report.json_report([results(goal, a=[1, 3, 2], b=[4])], {})))
    contestant = block["blocks"][0]["contestants"]["a"]
    assert contestant["medians"] == {"per_s": 2}
    assert len(contestant["runs"]) == 3
    assert block["blocks"][0]["goals"][0]["value"] == 0.5
    assert block["blocks"][0]["goals"][0]["met"] is True


@pytest.mark.parametrize(("mb_per_s", "flat"), [(0.0, True), (0.01, True), (0.2, False)])
def test_memory_is_flat_when_it_grows_less_than_its_readings_vary(
    mb_per_s: float, flat: bool
) -> None:
    readings = [(float(s), 50 + mb_per_s * s + (-1) ** s) for s in range(100)]
    found = live.growth(readings, messages=1_000_000)
    assert (found["growth_ratio"] <= 1) is flat
    assert found["mb_per_million"] == pytest.approx(99 * mb_per_s, abs=0.5)


def test_memory_that_still_fills_at_the_start_of_a_run_is_no_growth() -> None:
    readings = [(float(s), min(50.0, 2.0 * s) + (-1) ** s) for s in range(100)]
    assert live.growth(readings, messages=1000)["growth_mb"] == pytest.approx(0, abs=0.5)


def test_a_run_too_short_for_a_slope_says_so() -> None:
    with pytest.raises(RunFailed, match="too short"):
        live.growth([(0.0, 50.0), (1.0, 50.0)], messages=10)


# The table of workloads


def test_every_goal_names_contestants_of_its_block() -> None:
    for block in ALL_BLOCKS.values():
        names = [contestant.name for contestant in block.contestants]
        assert len(set(names)) == len(names)
        for goal in block.goals:
            probe = [goal.probe[0]] if goal.probe else []
            wanted = [goal.contestant, *([goal.against] if goal.against else []), *probe]
            assert set(wanted) <= set(names), (block.name, wanted)


def test_every_goal_has_exactly_one_limit() -> None:
    for goal in (goal for block in ALL_BLOCKS.values() for goal in block.goals):
        assert (goal.at_least is None) != (goal.at_most is None), goal.text


@each_case("path", sorted((ROOT / "benchmarks" / "topologies").glob("*.yaml")))
def test_every_topology_loads_without_a_problem(path: Path) -> None:
    ready_made = ShortNames(bolts=BOLTS)
    loaded = load(path.read_text(), path.name, short_names=ready_made)
    lint_spec(loaded)
    assert [str(problem) for problem in loaded.problems] == []


# Input and marks


def test_the_prepared_corpus_holds_the_lines_asked_for_and_their_true_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All of the library has 1,700 files; some are enough.
    some = Path(json.__file__).parent
    monkeypatch.setattr(corpus.sysconfig, "get_paths", lambda: {"stdlib": str(some)})
    made = corpus.prepare(tmp_path, 500)
    assert made.lines == 500
    text = "".join(path.read_text() for path in sorted(made.path.iterdir()))
    assert text.count("\n") == 500
    assert made.counts == dict(Counter(text.split())) == corpus.count_words(made.path)
    assert made.words == sum(made.counts.values())


def test_marks_are_read_in_the_order_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(marks.FOLDER_VARIABLE, str(tmp_path))
    marks.mark("first", number=1)
    marks.mark("second")
    (tmp_path / "0.jsonl").write_text('{"name": "before", "at_s": 0}\n')
    found = marks.read_marks(tmp_path)
    assert [entry["name"] for entry in found] == ["before", "first", "second"]
    assert marks.named(found, "first")[0]["number"] == 1


def test_without_a_folder_no_mark_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(marks.FOLDER_VARIABLE, raising=False)
    marks.mark("nothing")


def test_the_time_of_a_run_counts_what_was_in_flight_when_the_input_ended() -> None:
    seen = [
        {"name": "reading", "at_s": 10.0},
        {"name": "reading", "at_s": 11.0},
        {"name": "read out", "at_s": 11.0},
        {"name": "read out", "at_s": 12.0},
        {"name": "finished", "at_s": 13.0},
        {"name": "finished", "at_s": 14.0},
    ]
    run = EngineRun({}, seen, {}, 0.0)
    assert run.active_s(5 * IN_FLIGHT_MAX) == 2 / 4 * 5
    assert run.active_s(IN_FLIGHT_MAX) == 3


def test_a_run_whose_components_saw_no_end_has_no_time() -> None:
    with pytest.raises(RunFailed, match="noted the end"):
        EngineRun({}, [{"name": "reading", "at_s": 10.0}], {}, 0.0).active_s(1)


# The bare loop and what it is made of


@pytest.mark.parametrize("workload", [bare.WordCount, bare.WordCountBatch])
def test_the_bare_word_counts_are_those_of_collections_counter(
    workload: type[bare.WordCount], folder: Path
) -> None:
    found = bare.measure(workload(str(folder)))
    assert found["messages"] == len(LINES)
    assert found["digest"] == bare.digest(dict(Counter(" ".join(LINES).split())))


def test_the_bare_chain_delivers_every_number() -> None:
    assert bare.measure(bare.Chain(1500, stages=5))["tuples"] == 1500


def test_emit_of_the_bare_loop_makes_a_tuple_object() -> None:
    got: list[object] = []
    emit = bare.direct_call(bare.stream_class(components.Split()), got.append)
    emit(["word"])
    assert got[0]["word"] == "word"  # type: ignore[index]


def test_different_counts_have_different_digests_and_order_does_not_matter() -> None:
    assert bare.digest({"a": 1, "b": 2}) == bare.digest({"b": 2, "a": 1})
    assert bare.digest({"a": 1}) != bare.digest({"a": 2})


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_lines_are_read_again_from_any_position_that_a_read_returned(
    folder: Path, limit: int
) -> None:
    source = components.Lines(str(folder))
    source.context = bare.bare_context("lines")
    source.open(source.context)
    partition = source.partitions()[0]
    whole, position = source.reader(partition, None).read(100) or ([], 0)
    assert whole == [[line] for line in LINES[:3]]
    first, position = source.reader(partition, None).read(limit) or ([], 0)
    rest = source.reader(partition, position).read(100)
    assert [*first, *(rest[0] if rest else [])] == whole


def test_numbers_end_at_their_count_and_go_on_from_a_position() -> None:
    reader = components.Numbers(10).reader("numbers", 6)
    assert reader.read(3) == ([[6], [7], [8]], 9)
    assert reader.read(3) == ([[9]], 10)
    assert reader.read(3) is None


@pytest.mark.parametrize(("every", "wanted"), [(4, [3, 7]), (0, [])])
def test_a_flaky_split_fails_each_nth_tuple_only(every: int, wanted: list[int]) -> None:
    split = components.FlakySplit(every=every)
    split.emit = lambda tup: None  # type: ignore[assignment,method-assign]
    line = bare.stream_class(components.Lines(""))
    failed = []
    for number in range(9):
        try:
            split.process(line(["a b"]))
        except components.FailTuple:
            failed.append(number)
    assert failed == wanted


def test_batches_of_the_peers_give_the_same_items_as_the_spouts(folder: Path) -> None:
    lines = peers.LineBatches(folder / "part-0.txt", 0)
    assert lines.next_batch() == LINES[:3]
    assert lines.position == (folder / "part-0.txt").stat().st_size
    assert lines.next_batch() == []
    numbers = peers.NumberBatches(1500, 0)
    assert numbers.next_batch() + numbers.next_batch() == list(range(1500))
    assert numbers.next_batch() == []


def test_blocks_and_contestants_may_be_named_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--only", "idle", "--only", "latency", "start", "--without", "x", "--without", "y"]
    monkeypatch.setattr(sys, "argv", ["run.py", *words])
    given = arguments()
    assert (given.only, given.without) == (["idle", "latency", "start"], ["x", "y"])
