"""Which frames of an error a user sees."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waterspout.topology.classes import load_class
from waterspout.topology.keys import key_group
from waterspout.topology.tracebacks import OUR_FOLDERS, user_frames, user_traceback
from waterspout.topology.wire_limits import TRACEBACK_CHARS_MAX


def caught(call: Callable[..., Any], *args: Any) -> BaseException:
    try:
        call(*args)
    except BaseException as error:
        return error
    raise AssertionError


def names(text: str) -> list[str]:
    """Return the functions of a traceback, top down."""
    return [line.rpartition(" in ")[2] for line in text.splitlines() if line.startswith("  File ")]


class Odd:
    """No key."""


def key_of(value: Any) -> int:
    return key_group(value)


def ours_between(value: Any) -> int:
    return max(map(key_of, [value]))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a module that can be imported; return the path of its class ``A``."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return f"{name}:A"

    return write


def test_our_folders_are_those_of_the_engine_and_not_configs() -> None:
    assert [Path(folder).name for folder in OUR_FOLDERS] == [
        "topology", "spouts", "bolts", "supervisor",
    ]  # fmt: skip
    assert load_class.__code__.co_filename.startswith(OUR_FOLDERS)


def test_what_the_users_code_called_of_ours_is_left_out() -> None:
    error = caught(ours_between, Odd())
    text = user_traceback(error)
    assert names(text) == ["caught", "ours_between", "key_of"]
    assert text.startswith("Traceback") and text.endswith(f"{error}\n")
    assert [frame.name for frame in user_frames(error)] == names(text)


def test_an_import_that_raises_shows_the_users_module_alone(module: Any) -> None:
    module("inner_module", "def f():\n    return 1 / 0\n")
    path = module("outer_module", "import inner_module\ninner_module.f()\n")
    error = caught(load_class, path)
    # The test itself is user code, too.
    assert names(user_traceback(error)) == ["caught", "<module>", "f"]


def test_a_syntax_error_is_named_where_it_is_and_not_where_it_was_imported(module: Any) -> None:
    error = caught(load_class, module("crooked_module", "x = 1\ndef f(:\n"))
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    assert names(user_traceback(error)) == ['  File "' + str(error.filename) + '", line 2']  # type: ignore[attr-defined]


def test_of_frames_that_are_all_ours_the_last_is_kept() -> None:
    error = caught(load_class, "nowhere")
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next
    assert names(user_traceback(error)) == ["split_path"]
    assert user_frames(error) == []


def test_an_error_that_was_never_raised_has_a_text_all_the_same() -> None:
    assert user_traceback(ValueError("bad")).endswith("ValueError: bad\n")


def chained() -> None:
    try:
        key_of(Odd())
    except Exception as error:
        raise LookupError("no") from error


def in_a_group() -> None:
    raise ExceptionGroup("some", [caught(key_of, Odd()), ValueError("two")])  # type: ignore[list-item]


@pytest.mark.parametrize("call", [chained, in_a_group])
def test_causes_and_members_of_groups_are_stripped_too(call: Callable[..., Any]) -> None:
    text = user_traceback(caught(call))
    assert "in key_of" in text and call.__name__ in text
    assert "topology/keys.py" not in text


def test_a_long_traceback_keeps_its_end() -> None:
    text = user_traceback(ValueError("x" * 2 * TRACEBACK_CHARS_MAX + "end"))
    assert len(text) <= TRACEBACK_CHARS_MAX + 4
    assert text.startswith("...\n") and text.endswith("end\n")
