"""Events as lines: one line each, whatever a value holds."""

from __future__ import annotations

from waterspout.supervisor.cluster.event_lines import VALUE_MAX, event_line


def test_an_event_is_its_name_and_its_fields():
    fields = {"topology": "words-0a1b2c", "worker": 2, "reason": "killed by signal 9", "s": 0.25}
    assert event_line("worker lost", fields) == (
        "worker lost topology=words-0a1b2c worker=2 reason='killed by signal 9' s=0.250"
    )


def test_a_value_makes_no_line_of_its_own_and_is_cut():
    line = event_line("boot failed", {"reason": "a\nb" + "x" * 2 * VALUE_MAX})
    assert "\n" not in line
    assert len(line) < VALUE_MAX + 50
    assert line.endswith("..'")


def test_an_empty_value_can_be_seen():
    assert event_line("x", {"a": ""}) == "x a=''"
