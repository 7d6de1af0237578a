"""Standard output that cannot be written is one line and an exit code; standard error never is."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import pytest
from waterspout.supervisor import standard_streams
from waterspout.supervisor.exit_codes import ExitCode
from waterspout.supervisor.standard_streams import NeverFails, Unwritten, guarded, printed


@pytest.fixture
def full() -> Iterator[int]:
    try:
        descriptor = os.open("/dev/full", os.O_WRONLY)
    except OSError:
        pytest.skip("needs /dev/full: mknod -m 666 /dev/full c 1 7")
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def unread() -> Iterator[int]:
    """Return a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def closed() -> int:
    """Return what stands at the place of a descriptor that was closed."""
    return os.open(os.devnull, os.O_RDONLY)


def output(descriptor: int) -> io.TextIOWrapper:
    return standard_streams._text(  # type: ignore[return-value]
        standard_streams._FailsOnce, descriptor, io.TextIOWrapper(io.BytesIO())
    )


@pytest.mark.parametrize(
    "name, why", [("full", "No space left on device"), ("closed", "Bad file descriptor")]
)
def test_output_that_cannot_be_written_is_one_line_and_a_code_of_its_own(
    name: str, why: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(sys, "stdout", output(request.getfixturevalue(name)))
        with guarded():
            print("what was asked for")
    assert ended.value.code == ExitCode.UNWRITTEN
    assert capsys.readouterr().err == f"waterspout: standard output cannot be written: {why}\n"


def test_nothing_is_said_to_somebody_who_has_left(
    unread: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(sys, "stdout", output(unread))
        with guarded():
            print("what was asked for")
    assert ended.value.code == ExitCode.UNWRITTEN
    assert capsys.readouterr().err == ""


def test_the_rest_of_a_buffer_does_not_fail_again_when_the_interpreter_ends(full: int) -> None:
    stream = output(full)
    stream.write("x" * 100)
    with pytest.raises(Unwritten):
        stream.flush()
    stream.flush()
    stream.close()


def test_what_is_done_keeps_its_own_exit_code_unless_all_went_well(full: int) -> None:
    def to_full() -> None:
        print("summary", file=output(full), flush=True)

    assert printed(to_full, ExitCode.OK) is ExitCode.UNWRITTEN
    assert printed(to_full, ExitCode.RUN_FAILED) is ExitCode.RUN_FAILED
    assert printed(lambda: None, ExitCode.OK) is ExitCode.OK


def test_what_is_done_is_no_worse_when_nobody_reads_of_it(unread: int) -> None:
    def to_nobody() -> None:
        print("summary", file=output(unread), flush=True)

    assert printed(to_nobody, ExitCode.OK) is ExitCode.OK


def test_standard_error_that_cannot_be_written_harms_nobody(full: int, unread: int) -> None:
    for descriptor in (full, unread):
        stream = standard_streams._text(NeverFails, descriptor, None)
        print("progress", file=stream, flush=True)
