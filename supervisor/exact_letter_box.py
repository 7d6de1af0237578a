"""Dead letters of one worker under exactly-once: a letter that is tried again counts once.

Its message goes out behind what its spout had emitted. It is done with the checkpoint whose
barrier came next; until that is complete the coordinator keeps the letter, and after a restore
hands it out again. A try that fails has everything taken back, and the letter is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from waterspout.topology.control_frames import Failure

from .dead_letter_box import DeadLetterBox

if TYPE_CHECKING:
    from .worker_core import WorkerCore


class _Cut(NamedTuple):
    letters: list[int]
    #: Roots of tries that were under way.
    roots: list[int]


class ExactLetterBox(DeadLetterBox):
    """Sends messages that were given up to the store, and starts those that are tried again.

    Attributes:
        ask_restore: called with (task, failure, letters=[id]); set for each epoch.
    """

    ask_restore: Callable[..., None]

    def __init__(self, core: WorkerCore) -> None:
        super().__init__(core)
        self._cuts: dict[int, _Cut] = {}

    def cut(self, number: int) -> None:
        """Note which letters went out before checkpoint ``number``."""
        out = [*self._worked, *self._letter_of.values()]
        self._cuts[number] = _Cut([replay[1] for replay in out], list(self._letter_of))

    def settled(self, number: int) -> list[int] | None:
        """Return the letters that are done with a checkpoint; None while one is under way."""
        cut = self._cuts.get(number)
        if cut is None or any(root in self._letter_of for root in cut.roots):
            return None
        return cut.letters

    def durable(self, round_: int) -> None:
        """A checkpoint is complete: the coordinator has dropped the letters before it."""
        cut = self._cuts.get(round_)
        if cut is not None:
            done = set(cut.letters)
            self._worked = [replay for replay in self._worked if replay[1] not in done]
            self._cuts = {n: each for n, each in self._cuts.items() if n > round_}

    def abort(self) -> None:
        """A checkpoint was given up: the next one notes everything anew."""

    def failed(self, failure: Failure) -> bool:
        """A root failed; True when it was a letter tried again: everything is taken back."""
        replay = self._letter_of.get(failure.root)
        if replay is None:
            return False
        # It stays under way: no checkpoint is complete before the restore.
        self.ask_restore(replay[0], failure, letters=[replay[1]])
        return True

    def forget(self) -> None:
        """All tasks are restored: what is to be tried again is handed out with that."""
        self._waiting.clear()
        self._replays.clear()
        self._letter_of.clear()
        self._cuts.clear()
        self._worked = []
