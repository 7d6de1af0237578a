"""A worker process: ``python -P -m waterspout.supervisor.worker --control ENDPOINT ...``.

Started by ``processes``; everything that it runs comes over the control socket. Threads: the
main thread is the data thread (worker_data), one talks with the coordinator (worker_control),
one writes snapshots (worker_snapshots).
"""

from __future__ import annotations

import argparse
import math
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import zmq

from .allow_lists import worker_allow_list
from .curve import KeyPair
from .host_args import HostArgs
from .offload import Offload
from .secret_files import SecretFiles
from .slot_file import map_slot, slot_path
from .snapshot_store import SnapshotStore
from .sockets import NO_PORT_EXIT, Context, NoFreePort
from .task_states import StateHost
from .worker_control import CRASH_EXIT, ControlThread
from .worker_core import WorkerCore
from .worker_data import DataLoop
from .worker_end import END_MAX_S, ORPHAN_EXIT
from .worker_logs import LOG_BYTES_MAX, LOG_FILES, limit_log
from .worker_process import (
    end_with_parent,
    leave_signals_to_parent,
    signal_pipe,
    tame_output,
)
from .worker_snapshots import SnapshotThread

#: How long the last words to the coordinator may take.
FAREWELL_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one worker until the coordinator says stop; return the exit code of the process."""
    options = _parser().parse_args(arguments)
    signals = None if options.parent else signal_pipe()
    leave_signals_to_parent()
    tame_output()
    if options.parent and not end_with_parent(options.parent):
        return ORPHAN_EXIT
    # Last, so that no module next to the topology stands in for one of ours.
    if options.folder:
        sys.path.insert(0, options.folder)
    try:
        return _run(options, signals)
    except NoFreePort as error:
        print(error, file=sys.stderr)
        return NO_PORT_EXIT
    except BaseException:
        traceback.print_exc()
        return CRASH_EXIT


def _run(options: argparse.Namespace, signals: int | None) -> int:
    """Run the worker to its end; return the exit code."""
    context: Context = zmq.Context()
    store = SnapshotStore(options.state_dir / "snapshots")
    secrets = SecretFiles(options.secrets)
    core = WorkerCore(
        options.worker,
        options.incarnation,
        clock=time.monotonic,
        rng=random.Random(random.SystemRandom().getrandbits(128)),
        args=HostArgs(options.folder, secrets),
        allow=worker_allow_list(options.folder, options.allow),
        read_part=store.open,
        make_slot=map_slot(slot_path(options.state_dir, options.worker, options.incarnation)),
    )

    core.state_host = StateHost(
        lambda: time.time_ns() // 1_000_000, options.state_dir / "working",
        f"{options.incarnation:016x}",
    )  # fmt: skip

    def on_output() -> None:
        """Pass on what the core has for the other threads; called after every turn."""
        while core.snapshot_jobs:
            snapshots.submit(core.snapshot_jobs.popleft())
        while core.calls:
            offload.submit(core.calls.popleft())
        if core.control_outbox:
            control.wake()

    data = DataLoop(
        core,
        context,
        options.endpoint or options.bind,
        options.bytes_max,
        on_output,
        keys=KeyPair.new() if options.secure else None,
    )
    snapshots = SnapshotThread(core, store, data.post)
    offload = Offload(lambda call: data.post(lambda now: core.on_call_done(call, now)))
    core.on_new_epoch = offload.cancel_all
    control = ControlThread(
        core,
        data,
        context,
        worker=options.worker,
        incarnation=options.incarnation,
        control=options.control,
        endpoint=data.endpoint,
        parent=options.parent,
        signals=signals,
        orphan_s=options.orphan_s,
        mask=secrets.masked,
        each_report=partial(limit_log, options.log, options.log_bytes_max, options.log_files),
    )
    control.start()
    try:
        data.run()
    finally:
        if control.end.code:
            # The kernel sees to it that it does not take longer: SIGALRM ends the process.
            signal.alarm(math.ceil(END_MAX_S))
        said = control.finish(FAREWELL_S)
        offload.close()
        data.close()
        # Waits for what closed sockets still have to send; not for one that is not closed.
        if said:
            context.term()
    return control.end.code


def _parser() -> argparse.ArgumentParser:
    """Return the parser of what ``processes.worker_command`` writes."""
    parser = argparse.ArgumentParser(prog="waterspout.supervisor.worker")
    parser.add_argument("--control", required=True, help="endpoint of the coordinator")
    parser.add_argument("--worker", required=True, type=int)
    parser.add_argument("--incarnation", required=True, type=partial(int, base=16))
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--endpoint", default="", help="where this worker takes data")
    where.add_argument("--bind", default="", help="tcp://ADDRESS:LO-HI, one of these is taken")
    parser.add_argument("--secure", choices=["curve"], help="encrypt links, let in peers only")
    parser.add_argument("--secrets", type=Path, help="folder that secret://NAME is read from")
    parser.add_argument("--bytes-max", required=True, type=int, help="of a message on a link")
    parser.add_argument("--state-dir", required=True, type=Path)
    parser.add_argument("--log", required=True, type=Path)
    parser.add_argument("--log-bytes-max", type=int, default=LOG_BYTES_MAX)
    parser.add_argument("--log-files", type=int, default=LOG_FILES)
    parser.add_argument("--folder", default="", help="folder of the topology's file")
    parser.add_argument(
        "--allow", action="append", default=[], help="prefix of modules, or module:Class"
    )
    parser.add_argument("--parent", required=True, type=int, help="process id, 0: none")
    parser.add_argument("--orphan-s", type=float, default=0.0, help="without supervisor, 0: ever")
    return parser


if __name__ == "__main__":
    sys.exit(main())
