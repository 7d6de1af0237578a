"""The graph and the settings, checked without any class."""

from __future__ import annotations

import time

from waterspout.topology.lint import CYCLES_MAX, lint_spec
from waterspout.topology.loader import load

HEAD = "name: x\nspouts:\n  s: {class: m:S}\nbolts:\n"


def bolt(name: str, *inputs: str, more: str = "") -> str:
    return f"  {name}: {{class: m:B, inputs: [{', '.join(inputs)}]{more}}}\n"


def problems_of(text: str) -> list[str]:
    loaded = load(text, "t.yaml")
    lint_spec(loaded)
    return [str(problem) for problem in loaded.problems]


def test_a_diamond_is_no_cycle() -> None:
    text = HEAD + bolt("a", "s") + bolt("b", "a") + bolt("c", "a") + bolt("d", "b", "c")
    assert problems_of(text) == []


def test_a_cycle_is_printed_in_the_direction_of_flow_from_its_first_bolt() -> None:
    text = HEAD + bolt("a", "s", "c") + bolt("b", "a") + bolt("c", "b")
    assert problems_of(text) == [
        "t.yaml:5:31: E_CYCLE bolts.a.inputs[1]: bolts feed each other in a circle: "
        "a -> b -> c -> a"
    ]


def test_a_bolt_that_feeds_itself_is_a_cycle() -> None:
    assert "a -> a" in problems_of(HEAD + bolt("a", "s", "a"))[0]


def test_every_cycle_is_printed() -> None:
    text = HEAD + bolt("a", "s", "b") + bolt("b", "a") + bolt("c", "s", "d") + bolt("d", "c")
    assert [line.partition("circle: ")[2] for line in problems_of(text)] == [
        "a -> b -> a",
        "c -> d -> c",
    ]


def test_a_thousand_bolts_in_circles_are_checked_within_a_second() -> None:
    names = [f"b{i}" for i in range(1000)]
    text = HEAD + "".join(bolt(name, "s", names[i - 1]) for i, name in enumerate(names))
    started = time.process_time()
    assert len(problems_of(text)) == 1
    text = HEAD + "".join(bolt(name, "s", name) for name in names)
    assert len(problems_of(text)) == CYCLES_MAX
    assert time.process_time() - started < 3


def test_the_same_stream_twice_is_refused() -> None:
    assert problems_of(HEAD + bolt("a", "s", "s.default", "s.other")) == [
        "t.yaml:5:31: E_DUPINPUT bolts.a.inputs[1]: 's' stream 'default' is an input already"
    ]


def test_a_wrong_item_does_not_move_the_places_of_the_others() -> None:
    found = problems_of(HEAD + bolt("a", "5", "nobody", "s"))
    assert "t.yaml:5:28: E_TYPE bolts.a.inputs[0]" in found[0]
    assert "t.yaml:5:31: E_REF bolts.a.inputs[1]: component 'nobody' unknown" in found[1]
    assert len(found) == 2


def test_tasks_with_nothing_to_do_are_warned_of() -> None:
    text = HEAD + bolt("a", "{from: s, grouping: global}", more=", parallelism: 2")
    assert "t.yaml:5:71: W_IDLE bolts.a.parallelism: with only 'global'" in problems_of(text)[0]


def test_too_many_tasks_are_refused() -> None:
    text = HEAD + "".join(bolt(f"b{i}", "s", more=", parallelism: 1024") for i in range(33))
    assert "E_RESOURCES bolts.b0.parallelism: 33793 tasks in all, at most 32767" in (
        problems_of(text)[0]
    )


def test_thousands_of_slips_are_refused_as_fast_as_one() -> None:
    text = HEAD + "".join(bolt(f"b{i}", f"slip{i}", more=", clas: x") for i in range(1500))
    started = time.process_time()
    assert len(problems_of(text)) == 200
    assert time.process_time() - started < 5


def test_settings_at_the_same_value_do_not_exclude_each_other() -> None:
    settings = "backoff_min: 30s, hold_max: 30s, tuple_bytes_max: 1MiB, queue_rows_max: 1024"
    assert problems_of(HEAD + bolt("a", "s") + f"settings: {{{settings}}}\n") == []


def test_as_many_tasks_as_workers_and_as_pending_as_a_group_is_fine() -> None:
    text = HEAD + bolt("a", "{from: s, grouping: global}") + "settings: {max_pending: 64}\n"
    assert problems_of(text + "workers: 2\n") == []


def test_settings_that_exclude_each_other_name_both() -> None:
    text = HEAD + bolt("a", "s") + "settings:\n  hold_max: 1s\n  restart_backoff_max: 50ms\n"
    assert problems_of(text) == [
        "t.yaml:7:13: E_CONFLICT settings.hold_max: message_timeout 30s is over hold_max 1s",
        "t.yaml:8:24: E_CONFLICT settings.restart_backoff_max: restart_backoff_min 100ms is over "
        "restart_backoff_max 50ms",
    ]


def test_groups_that_never_fill_are_warned_of() -> None:
    text = HEAD + bolt("a", "s") + "settings: {max_pending: 10}\n"
    assert "W_OVERLOAD settings.max_pending: batch_max 64 is over max_pending 10" in (
        problems_of(text)[0]
    )


def test_warnings_wait_until_the_errors_are_gone() -> None:
    text = HEAD + bolt("a", "nobody") + "workers: 9\nsettings: {max_pending: 10}\n"
    assert ["E_REF" in line for line in problems_of(text)] == [True]
