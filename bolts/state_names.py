"""Names of the maps that handles stand on, and how a map is shown to users."""

from __future__ import annotations

from typing import Any

#: The kinds of handles; each stands before the name of its maps.
HANDLE_KINDS = ("value", "list", "map")
#: In the name of a handle's map: its entries carry the time of their last write.
_TTL = "+ttl"


def map_name(kind: str, name: str, ttl: bool) -> str:
    """Return the name of the map that a handle stands on."""
    return f"{kind}{_TTL if ttl else ''}:{name}"


def handle_of(name: str) -> tuple[str, str, bool] | None:
    """Return (kind, name, whether it has a ttl) of the handle whose map is ``name``, or None."""
    kind, colon, rest = name.partition(":")
    bare = kind.removesuffix(_TTL)
    return (bare, rest, bare != kind) if colon and bare in HANDLE_KINDS else None


def shown(name: str) -> str:
    """Return what a map is called in errors: as the bolt asked for it."""
    handle = handle_of(name)
    return f"state.{handle[0]}({handle[1]!r:.80})" if handle else f"state {name!r:.80}"


def without_times(kind: str, stored: Any) -> Any:
    """Return what a handle with a ttl stores for a key without the times of the writes."""
    if kind == "value":
        return stored[1]
    if kind == "list":
        return [value for _, value in stored]
    return {entry: value for entry, (_, value) in stored.items()}
