"""``waterspout run``: lint, plan, run to the end or to Ctrl-C, and say what came of it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import click
from waterspout.topology.plan import Plan, make_plan
from waterspout.topology.secret_values import masked

from .allow_lists import allow_options
from .effects import Event
from .exit_codes import OUTCOMES, ExitCode
from .in_process import run_in_process
from .kept_plan import fit_state
from .lint_command import is_refused, problem_lines
from .linting import LintResult, lint_file
from .local_run import LocalRun
from .part_folders import send_to
from .rendering import print_summary, warnings_of
from .rendering_progress import ProgressView, event_line, make_view
from .rendering_values import lines, plural, text
from .run_result import RunResult
from .savepoint_folder import read_savepoint
from .savepoint_start import StateThere, begin_from
from .standard_streams import printed
from .state_folder import Beginning, how_to_begin, make_folder, state_folder
from .worker_logs import logs_folder
from .written_places import written_files, written_places

#: Signals that mean: come to an end. The second one means: at once.
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line of ``run`` said."""

    file: str
    in_process: bool = False
    workers: int | None = None
    sets: Sequence[str] = ()
    state_dir: Path | None = None
    fresh: bool = False
    as_json: bool = False
    allow: Sequence[str] = ()
    savepoint: Path | None = None
    allow_dropped: bool = False
    snapshots: str | None = None


class Stoppable(Protocol):
    """What a signal talks to."""

    def request_drain(self) -> None:
        """End soon."""

    def request_stop(self) -> None:
        """End at once."""


def run_file(options: RunOptions) -> ExitCode:
    """Run a topology file.

    Raises:
        UserError: the state directory cannot be used, or the run cannot be begun.
        StoreError: the state store fails.
    """
    workers = 1 if options.in_process else options.workers
    linted = lint_file(options.file, options.sets, options.allow, workers)
    if is_refused(linted):
        for line in problem_lines(linted):
            click.echo(line, err=True)
        return ExitCode.REFUSED
    for line in problem_lines(linted, ("warning",)):
        click.echo(line, err=True)
    plan = _plan(linted, workers)
    folder = (options.state_dir or state_folder(plan.name)).absolute()
    make_folder(folder)
    if options.snapshots is not None:
        send_to(folder / "snapshots", options.snapshots)
    beginning = _begin(options, plan, folder)
    view = make_view()
    for line in first_lines(plan, folder, beginning, options.in_process):
        view.say(line)
    try:
        allow = None if options.in_process else allow_options(linted.allow)
        result = _run(plan, folder, beginning, view, allow)
    finally:
        view.close()
    return _tell(result, plan, folder, options.as_json)


def _begin(options: RunOptions, plan: Plan, folder: Path) -> Beginning:
    beginning = how_to_begin(folder, options.fresh)
    dropped = options.allow_dropped
    if options.savepoint is None:
        changes = fit_state(folder, plan, fresh=beginning.fresh, allow_dropped=dropped)
        return replace(beginning, changes=tuple(changes) if beginning.resumed else ())
    if beginning.resumed:
        raise StateThere
    savepoint = read_savepoint(options.savepoint)
    begin_from(
        savepoint, options.savepoint, plan, folder, allow_dropped=dropped, fresh=beginning.fresh
    )
    fit_state(folder, plan)
    where = f"savepoint {text(str(options.savepoint))}"
    return Beginning(False, f"begins from {where} (of snapshot {savepoint.round})", resumed=True)


def _plan(linted: LintResult, workers: int | None) -> Plan:
    assert linted.spec is not None
    return make_plan(linted.spec, linted.facts, workers)


def first_lines(
    plan: Plan, folder: Path, beginning: Beginning, in_process: bool = False
) -> list[str]:
    """Return what is said before a run: how it begins, with what, and what it will add to."""
    facts = f"{plural(plan.workers, 'worker')}, {plan.guarantee}, state in {text(str(folder))}"
    logs = f"what components print and log is in {text(str(logs_folder(folder)))}"
    if in_process:
        logs = f"what components log is in {text(str(logs_folder(folder)))}; prints are shown here"
    said = [f"{plan.name} {beginning.text}"]
    if beginning.changes:
        said += ["what changes:", *(f"  {text(line)}" for line in beginning.changes)]
    said += [facts, logs]
    if not beginning.resumed:
        said += [
            f"{file['component']}: {text(file['path'])} is not empty; {_its_rows(plan, file)}"
            for file in written_files(plan)
            if Path(file["path"]).expanduser().stat().st_size
        ]
    return said


def _its_rows(plan: Plan, file: dict[str, str]) -> str:
    args = plan.spec.component(file["component"]).args
    anew = args.get("begin") == "new"
    return "it is started over" if anew else "rows are added at its end"


def _run(
    plan: Plan, folder: Path, beginning: Beginning, view: ProgressView,
    allow: Sequence[str] | None,
) -> RunResult:  # fmt: skip
    """Run on worker processes that may import ``allow``; None: in this process."""
    def on_event(event: Event) -> None:
        line = event_line(event.name, event.fields)
        if line is not None:
            view.say(_without_secrets(line, plan))

    def on_progress(status: dict[str, Any]) -> None:
        for error in status["errors"]:
            error["text"] = _without_secrets(error["text"], plan)
        view.show(status)

    signals = EndSignals(view.note, plan.settings.drain_timeout_s)
    with signals.handled():
        if allow is None:
            return run_in_process(
                plan,
                state_dir=folder,
                fresh=beginning.fresh,
                on_progress=on_progress,
                on_event=on_event,
                on_start=signals.talk_to,
            )
        run = LocalRun(
            plan,
            state_dir=folder,
            allow=allow,
            fresh=beginning.fresh,
            on_progress=on_progress,
            on_event=on_event,
        )
        signals.talk_to(run)
        return run.run()


@dataclass(slots=True)
class EndSignals:
    """Ctrl-C once: drain. Twice: stop at once. SIGTERM and SIGHUP count like Ctrl-C.

    Attributes:
        note: shows a line; called inside the handler.
        drain_timeout_s: how long a drain may take, for the line.
    """

    note: Callable[[str], None]
    drain_timeout_s: float
    seen: int = 0
    _run: Stoppable | None = field(default=None)

    def talk_to(self, run: Stoppable) -> None:
        """Ask ``run`` to end from now on; a signal that came before counts."""
        self._run = run
        if self.seen:
            run.request_drain()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self.seen += 1
        if self.seen == 1:
            limit = f"at most {self.drain_timeout_s:g} s"
            self.note(f"draining ({limit}); press Ctrl-C again to stop at once")
            if self._run is not None:
                self._run.request_drain()
        elif self._run is not None:
            if self.seen == 2:
                self.note("stopping at once; what was not acked is replayed by the next run")
            self._run.request_stop()

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Take the signals for the time of a run."""
        before = {number: signal.signal(number, self.on_signal) for number in END_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


# The end.


def _tell(result: RunResult, plan: Plan, folder: Path, as_json: bool) -> ExitCode:
    summary = {**result.summary, "files": written_places(plan), "state_dir": str(folder)}
    summary["logs_dir"] = str(logs_folder(folder))
    summary["reason"] = _without_secrets(result.reason, plan)
    for error in summary.get("errors", ()):
        error |= {name: _without_secrets(error[name], plan) for name in ("text", "traceback")}
    if not result.ok and result.outcome != "stopped":
        click.echo(f"waterspout: {_without_secrets(result.reason, plan)}", err=True)
        for line in lines(_without_secrets(result.details, plan)).splitlines():
            click.echo(f"    {line}", err=True)
    code = OUTCOMES.get(result.outcome, ExitCode.RUN_FAILED)
    if as_json:
        code = printed(lambda: click.echo(json.dumps(summary, indent=2, default=repr)), code)
    elif result.outcome != "boot_failed":
        code = printed(lambda: print_summary(summary), code)
    for line in () if as_json else warnings_of(summary):
        click.echo(line, err=True)
    return code


def _without_secrets(said: str, plan: Plan) -> str:
    for component in plan.spec.components():
        said = masked(said, component.args)
    return said
