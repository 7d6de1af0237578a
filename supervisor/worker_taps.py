"""Taps of one worker: samples of what its tasks emit, for as long as somebody looks.

Rows are looked at after a slice, while they still lie in the open frames: without a tap that
costs one comparison per slice, and with one nothing on the way of the rows themselves. What
goes to a component without outputs is shown where it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from .cluster.tap_filter import Filter, TapFilterError, tap_filter

if TYPE_CHECKING:
    from waterspout.topology.plan import Plan

    from .worker_core import WorkerCore

#: Taps of one worker; more are not begun.
TAPS_MAX = 10
#: Rows of one frame that are looked at after a slice: a filter may drop many.
LOOK_MAX = 256
#: Rows in one message, and how often one may go out.
ROWS_MAX = 100
SEND_S = 0.2
#: Characters of a value that are shown, and roughly the bytes of one message.
VALUE_MAX = 500
BYTES_MAX = 64 << 10


class Tap:
    """One tap: what it shows, and how much it still may."""

    def __init__(self, message: Mapping[str, Any], now: float) -> None:
        self.component: str | None = message.get("component")
        self.matches: Filter = tap_filter(message.get("where") or "")
        self.rate = max(float(message.get("rate") or 1.0), 0.01)
        self.until = now
        self.rows: list[dict[str, Any]] = []
        self.bytes = 0
        self.send_at = now
        self._budget, self._filled_at = max(self.rate, 1.0), now

    def fill(self, now: float) -> None:
        """Let time give it new rows to show: ``rate`` in a second."""
        added = (now - self._filled_at) * self.rate
        self._budget = min(self._budget + added, max(self.rate, 1.0))
        self._filled_at = now

    @property
    def wants(self) -> bool:
        """Whether it may show another row now."""
        return self._budget >= 1.0 and len(self.rows) < ROWS_MAX and self.bytes < BYTES_MAX

    def show(self, row: dict[str, Any]) -> None:
        """Show a row."""
        self._budget -= 1.0
        self.rows.append(row)
        self.bytes += sum(len(str(value)) + len(name) for name, value in row["values"].items())


class WorkerTaps:
    """All taps of a worker. Everything is called on the data thread."""

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        #: task -> (component, index), of the plan.
        self._tasks: dict[int, tuple[str, int]] = {}
        #: id -> tap; the worker looks at this after each slice.
        self.active: dict[int, Tap] = {}

    def order(self, message: Mapping[str, Any], now: float) -> None:
        """Begin a tap, let one go on for ``for_s`` more seconds, or end it (0)."""
        number, for_s = message["id"], float(message["for_s"])
        if for_s <= 0 or self._core.plan is None:
            self._send(number, self.active.pop(number, None), now)
            return
        if number not in self.active:
            if len(self.active) >= TAPS_MAX:
                return
            try:
                tap = Tap(message, now)
            except TapFilterError:
                return  # the coordinator refuses such a text, too
            self._tasks = {t.task: (t.component, t.index) for t in self._core.plan.tasks}
            self.active[number] = tap
        self.active[number].until = now + for_s

    def turn(self, now: float) -> None:
        """Send what was found, and end what is over. Called once per turn while ``active``."""
        for number, tap in list(self.active.items()):
            tap.fill(now)
            if now >= tap.until:
                del self.active[number]
            if now >= tap.send_at or number not in self.active:
                self._send(number, tap, now)

    def _send(self, number: int, tap: Tap | None, now: float) -> None:
        if tap is not None and tap.rows:
            self._core.control_outbox.append({"kind": "taps", "id": number, "rows": tap.rows})
            tap.rows, tap.bytes, tap.send_at = [], 0, now + SEND_S

    def look(self, executor: Any) -> None:
        """See what a task has emitted in a slice. Called before its frames are taken.

        A tap whose values cannot be shown ends; nothing of it may reach the worker.
        """
        try:
            self._look(executor)
        except Exception as error:
            self.active.clear()
            self._core.env.note_error(executor.component, executor.task, f"tap: {error!r:.200}")

    def _look(self, executor: Any) -> None:
        plan = self._core.plan
        assert plan is not None
        shown: set[int] = set()
        for frame in executor.emitter.frames:
            if not frame.count:
                continue
            receiver = self._tasks[frame.key[2]][0]
            wanted = [
                tap for tap in self.active.values()
                if tap.wants and _concerns(plan, tap.component, executor.component, receiver)
            ]  # fmt: skip
            if wanted:
                stream = plan.streams_of(executor.component)[frame.key[1]]
                head = {"component": executor.component, "index": self._tasks[executor.task][1],
                        "task": executor.task, "stream": stream}  # fmt: skip
                self._sample(head, executor.emitter.streams[stream].fields, frame, wanted, shown)

    @staticmethod
    def _sample(
        head: Mapping[str, Any], fields: tuple[str, ...], frame: Any, taps: list[Tap],
        shown: set[int],
    ) -> None:  # fmt: skip
        for key, row in _newest(frame):
            # The same row may lie in the frames of several receivers.
            if key in shown:
                continue
            shown.add(key)
            values = dict(zip(fields, row, strict=False))
            for tap in taps:
                if tap.wants and tap.matches(values):
                    cut = {name: _cut(value) for name, value in values.items()}
                    tap.show({**head, "values": cut})
            if not any(tap.wants for tap in taps):
                return


def _concerns(plan: Plan, component: str | None, sender: str, receiver: str) -> bool:
    if component is None or component == sender:
        return True
    return component == receiver and not plan.streams_of(component)


def _newest(frame: Any) -> Iterator[tuple[int, Any]]:
    """Yield (what tells it apart, row) of the last rows of a frame."""
    rows = frame.rows[-LOOK_MAX:]
    for row in rows:
        yield id(row), row
    if not rows and frame.blocks:
        block = frame.blocks[-1]
        for number in range(max(0, len(block) - LOOK_MAX), len(block)):
            yield hash((id(block), number)), block[number]


def _cut(value: Any) -> Any:
    """Return a value as it is shown: what is long is cut."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value if len(value) <= VALUE_MAX else value[:VALUE_MAX] + "…"
    if isinstance(value, (bytes, list, tuple)) and len(value) > VALUE_MAX:
        return repr(value[:VALUE_MAX])[:VALUE_MAX] + "…"
    if isinstance(value, dict) and len(value) > VALUE_MAX:
        return repr(dict(islice(value.items(), VALUE_MAX)))[:VALUE_MAX] + "…"
    text = repr(value)
    return value if len(text) <= VALUE_MAX else text[:VALUE_MAX] + "…"
