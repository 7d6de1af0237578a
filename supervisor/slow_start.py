"""How much spouts draw until a checkpoint is complete: less with each restore in a row.

Under exactly-once a message that fails takes everything back to the last complete checkpoint. Where
messages fail more often than checkpoints come, none would ever be complete, and all of it would be
worked on again and again. So from the second restore on with no checkpoint between, a spout task
draws half as many messages as before, and then waits for its checkpoint; that begins as soon as
they are through. With each that is complete it may draw half as many again, until that is so much
more than ``max_pending`` that the interval comes first (spouts/exact_ledger.py)::

    max_pending 500   restore  restore: 250  restore: 125  complete: 188  complete: 282  ...

A share ``p`` of the messages failing leaves ``n`` messages through with probability
``(1 - p) ** n``, so however often messages fail there is an ``n`` that gets through.

Pure: told of restores and checkpoints.
"""

from __future__ import annotations

from waterspout.spouts.exact_ledger import grown

#: So many restores in a row with no complete checkpoint are told to people.
RESTORES_TOLD_MIN = 3
#: What can be done about them.
ADVICE = (
    "what fails by chance needs fail_to_dead_letter, or fewer messages between two checkpoints "
    "(a lower checkpoint_interval or max_pending)"
)


class SlowStart:
    """Owned by the checkpoints of one topology.

    Args:
        max_pending: messages that a spout task has in flight at most.

    Attributes:
        draw_max: messages that a spout task may draw until a checkpoint is complete; None: as
            many as there are.
        restores: restores that a failure led to, since a checkpoint was complete.
        why: the failure that led to the newest of them.
    """

    def __init__(self, max_pending: int) -> None:
        self._largest = max_pending
        self.draw_max: int | None = None
        self.restores = 0
        self.why = ""

    def restored(self, why: str) -> None:
        """A failure takes all tasks back to the last complete checkpoint."""
        self.restores, self.why = self.restores + 1, why
        if self.restores > 1:
            self.draw_max = max((self.draw_max or self._largest) // 2, 1)

    def completed(self) -> None:
        """A checkpoint is complete."""
        self.restores, self.why = 0, ""
        self.draw_max = grown(self.draw_max, self._largest)

    @property
    def trouble(self) -> str:
        """Why nothing gets done, and what can be done about it; "" while that is not so."""
        if self.restores < RESTORES_TOLD_MIN:
            return ""
        return f"all tasks go back before a checkpoint is complete ({self.why}): {ADVICE}"
