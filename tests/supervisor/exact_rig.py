"""Worker cores under exactly-once, with a disk for their parts and the test as coordinator."""

from __future__ import annotations

import random
from typing import Any

from waterspout.bolts.snapshots import decode_part, encode_part
from waterspout.supervisor.snapshot_store import WrittenPart, part_name
from waterspout.supervisor.worker_core import WorkerCore
from waterspout.topology.plan import Plan

from .core_rig import CLASSES, Cores, plan_of


def exact_plan(workers: int = 1, **more: Any) -> Plan:
    """Return numbers -> double -> sum -> out under exactly-once."""
    return plan_of(workers, guarantee="exactly-once", **more)


class ExactCores(Cores):
    """The workers of one plan; parts are encoded and decoded for real."""

    def __init__(self, plan: Plan, classes: Any = CLASSES) -> None:
        self.files: dict[str, bytes] = {}
        #: number -> (parts by task, positions by task) of what all workers answered.
        self.complete: dict[int, tuple[dict[int, Any], dict[int, Any]]] = {}
        self.writing = True
        super().__init__(plan, classes)

    def new_core(self, worker: int) -> WorkerCore:
        return WorkerCore(
            worker, self.incarnations[worker], clock=lambda: self.now,
            rng=random.Random(worker + 7), load=self.load,
            read_part=lambda file, sha256: decode_part(self.files[file]), make_slot=bytearray,
        )  # fmt: skip

    def run(self, turns: int = 60, seconds: float = 0.06) -> None:
        for _ in range(turns):
            super().run(1, seconds)
            for core in self.cores.values() if self.writing else ():
                self.write(core)

    def write(self, core: WorkerCore) -> None:
        """Write the parts that wait."""
        while core.snapshot_jobs:
            job = core.snapshot_jobs.popleft()
            data = b"".join(encode_part(job.copy))
            name = part_name(job.epoch, job.round, job.task, log=job.log)
            self.files[name] = data
            part = WrittenPart(name, len(data), data[-32:].hex())
            core.on_part_written(job, part, self.now)

    def checkpoint(self, number: int, turns: int = 20, **more: Any) -> bool:
        """Make a checkpoint; say whether all workers answered."""
        self.tell_all("checkpoint", round=number, aligned=False, **more)
        self.run(turns)
        return self.collect(number)

    def collect(self, number: int) -> bool:
        """Take the answers to a checkpoint; say whether they are all there."""
        answers = [m for m in self.of("snapshotted") if m["round"] == number]
        if len(answers) < len(self.cores):
            return False
        parts: dict[int, Any] = {}
        positions = dict(max(self.complete.items())[1][1]) if self.complete else {}
        for answer in answers:
            for part in answer["parts"]:
                parts.setdefault(part["task"], []).append([part["file"], part["sha256"]])
            for task, moved in answer["positions"].items():
                positions[task] = {**positions.get(task, {}), **moved}
        self.complete[number] = parts, positions
        self.tell_all("durable", round=number)
        return True

    def restore(self, number: int | None = None, **more: Any) -> None:
        """Take all workers back to a checkpoint, and go."""
        parts, positions = self.complete[number] if number is not None else ({}, {})
        self.assign(restore_round=number, parts=parts, positions=positions, **more)
        self.run(20)
        self.tell_all("go")

    def counted(self) -> dict[int, int]:
        """Return what the tasks of ``sum`` that run now have counted."""
        counts: dict[int, int] = {}
        for core in self.cores.values():
            for bolt in core.order:
                if bolt.component == "sum":
                    for key, count in bolt.bolt.seen.items():  # type: ignore[attr-defined]
                        counts[key] = counts.get(key, 0) + count
        return counts
