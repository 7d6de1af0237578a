"""Lines of a worker's log: each says when, how bad and for which task, printed ones too."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from waterspout.supervisor.log_lines import (
    LINE,
    RUNNING,
    LineFormatter,
    PrintedLines,
    timestamp,
    where,
)

TASK = SimpleNamespace(component="count", task=3)


@pytest.fixture
def running() -> Iterator[None]:
    token = RUNNING.set(TASK)
    yield
    RUNNING.reset(token)


@pytest.fixture
def outside() -> Iterator[None]:
    # A task that raised in another test may have been left running.
    token = RUNNING.set(None)
    yield
    RUNNING.reset(token)


def record(name: str, text: str, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "", 0, text, (), None)
    made.created = 1.5
    made.__dict__.update(more)
    return made


def test_a_line_has_time_level_task_logger_and_text(running: None) -> None:
    line = LineFormatter().format(record("mylib.parser", "2 lines skipped"))
    assert line == "1970-01-01T00:00:01.500Z WARNING count.3 mylib.parser 2 lines skipped"
    found = LINE.match(line)
    assert found is not None
    assert found.groups() == ("WARNING", "count", "3")


def test_the_logger_of_a_component_is_not_named_twice(running: None) -> None:
    line = LineFormatter().format(record("waterspout.user.count", "hello"))
    assert line == "1970-01-01T00:00:01.500Z WARNING count.3 - hello"


def test_outside_of_a_task_there_is_a_dash(outside: None) -> None:
    line = LineFormatter().format(record("x", "hello"))
    assert line == "1970-01-01T00:00:01.500Z WARNING - x hello"
    found = LINE.match(line)
    assert found is not None
    assert found[2] is None


def test_a_traceback_belongs_to_the_line_above(running: None) -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        made = record("x", "failed", exc_info=(KeyError, error, error.__traceback__))
    first, *rest = LineFormatter().format(made).splitlines()
    assert LINE.match(first)
    assert rest[-1] == "KeyError: 'x'"
    assert not any(LINE.match(line) for line in rest)


def printed(*arguments: Any, **more: Any) -> list[str]:
    """What stands in the log after a print."""
    raw = io.BytesIO()
    output = PrintedLines(raw, "utf-8", line_buffering=True)
    print(*arguments, file=output, **more)
    output.flush()
    return re.sub(r"^\S+Z", "T", raw.getvalue().decode(), flags=re.MULTILINE).splitlines()


@pytest.mark.parametrize(
    ("arguments", "more", "lines"),
    [
        (("hello", 7), {}, ["T OUT count.3 - hello 7"]),
        (("a\nb",), {}, ["T OUT count.3 - a", "T OUT count.3 - b"]),
        (("a\n",), {}, ["T OUT count.3 - a", "T OUT count.3 - "]),
        ((), {}, ["T OUT count.3 - "]),
        (("a", "b"), {"sep": "\n"}, ["T OUT count.3 - a", "T OUT count.3 - b"]),
        (("a",), {"end": ""}, ["T OUT count.3 - a"]),
        (("",), {"end": ""}, []),
    ],
)
def test_what_is_printed_has_the_same_form(
    running: None, arguments: tuple[Any, ...], more: dict[str, Any], lines: list[str]
) -> None:
    assert printed(*arguments, **more) == lines


def test_bytes_written_to_the_buffer_stay_as_they_are() -> None:
    raw = io.BytesIO()
    output = PrintedLines(raw, "utf-8", line_buffering=True)
    output.buffer.write(b"raw\n")
    assert output.write("") == 0
    assert raw.getvalue() == b"raw\n"


def test_each_call_beside_the_data_thread_knows_its_own_task() -> None:
    async def call(number: int) -> str:
        RUNNING.set(SimpleNamespace(component="c", task=number))
        await asyncio.sleep(0)
        return where()

    async def both() -> list[str]:
        return list(await asyncio.gather(call(1), call(2)))

    assert asyncio.run(both()) == ["c.1", "c.2"]


def test_times_are_utc_with_milliseconds() -> None:
    assert timestamp(1_795_441_153.0626) == "2026-11-23T13:39:13.062Z"
