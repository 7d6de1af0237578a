"""The coordinator's store as the oracle sees it: it says when something was committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waterspout.supervisor.store_memory import MemoryStore


class WatchedStore(MemoryStore):
    """The real store, which says when something was committed."""

    def __init__(self) -> None:
        self.on_commit: Callable[[], None] = lambda: None
        self.on_letters: Callable[[], None] = lambda: None
        self.on_fall_back: Callable[[], None] = lambda: None
        #: Dead letters whose other try got through.
        self.dropped = 0
        #: Called before and after each change, with its name: there the coordinator may die.
        self.point: Callable[[str], None] = lambda name: None
        super().__init__()

    def next_epoch(self) -> int:
        self.point("store epoch")
        epoch = super().next_epoch()
        self.point("store epoch")
        return epoch

    def next_rounds(self, count: int) -> int:
        self.point("store numbers")
        first = super().next_rounds(count)
        self.point("store numbers")
        return first

    def keep_letters(self, *args: Any) -> None:
        self.point("store kept letters")
        super().keep_letters(*args)
        self.point("store kept letters")

    def drop_uncovered(self, *args: Any) -> int:
        self.point("store uncovered letters")
        count = super().drop_uncovered(*args)
        self.point("store uncovered letters")
        return count

    def commit_round(self, *args: Any) -> None:
        self.point("store round")
        letters = self.dead_letter_count()
        super().commit_round(*args)
        self.dropped += letters - self.dead_letter_count()
        self.on_commit()
        self.point("store round")

    def fall_back(self) -> int | None:
        self.point("store falls back")
        older = super().fall_back()
        if older is not None:
            self.on_fall_back()
        self.point("store falls back")
        return older

    def reserve(self, *args: Any) -> None:
        self.point("store reserve")
        super().reserve(*args)
        self.on_commit()
        self.point("store reserve")

    def note_suspects(self, *args: Any) -> None:
        self.point("store suspects")
        super().note_suspects(*args)
        self.point("store suspects")

    def add_dead_letters(self, *args: Any) -> None:
        self.point("store letters")
        super().add_dead_letters(*args)
        self.on_letters()
        self.point("store letters")

    def drop_dead_letters(self, *args: Any) -> int:
        self.point("store letters")
        count = super().drop_dead_letters(*args)
        self.dropped += count
        self.on_commit()
        self.point("store letters")
        return count

    def mark_finished(self) -> None:
        self.point("store finished")
        super().mark_finished()
        self.point("store finished")
