"""The command: a Ctrl-C before anything has begun ends it without a traceback."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from waterspout.supervisor import cli, entry
from waterspout.supervisor.exit_codes import ExitCode


@pytest.fixture
def sigint() -> Iterator[None]:
    """Put the handler of this process back."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_the_program_is_loaded_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(entry.os, "_exit", ended.append)
    entry.leave(signal.SIGINT, None)
    assert ended == [ExitCode.STOPPED]


def test_ctrl_c_ends_at_once_until_the_program_is_there_and_is_its_own_from_then(
    monkeypatch: pytest.MonkeyPatch, sigint: None
) -> None:
    handlers: list[Any] = []
    real = signal.signal
    monkeypatch.setattr(
        entry.signal, "signal", lambda number, to: (handlers.append(to), real(number, to))[1]
    )
    monkeypatch.setattr(cli, "main", lambda prog_name: handlers.append(prog_name))
    entry.main()
    assert handlers == [entry.leave, signal.default_int_handler, "waterspout"]


def test_where_ctrl_c_is_ignored_it_stays_ignored(
    monkeypatch: pytest.MonkeyPatch, sigint: None
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(cli, "main", lambda prog_name: None)
    entry.main()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
