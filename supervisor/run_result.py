"""How a run ended; the same for a run over processes and for one in a single process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RunResult:
    """What ``run`` returns.

    Attributes:
        outcome: finished | drained | stopped | boot_failed | failed.
        ok: all input was worked through, or the run was drained on request.
        reason: one line for people.
        details: the user's traceback when a component could not be built, else "".
        summary: the dict that the end of a run shows, see ``status``.
    """

    outcome: str
    ok: bool
    reason: str
    details: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
