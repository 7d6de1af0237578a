"""Key groups: a hash of key values that is the same in every process and on every machine.

Equal keys (in Python's sense: 1 == 1.0 == True) fall into the same of ``KEY_GROUPS`` groups;
tasks own groups, so that state can move between tasks group by group.
Source: xxh3 (Yann Collet), by the xxhash package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgpack import packb
from xxhash import xxh3_64_intdigest

from .problems import with_article

#: Number of key groups; a power of two. A component has at most this many tasks that get keys.
KEY_GROUPS = 128
_MASK = KEY_GROUPS - 1


def key_bytes(values: Sequence[Any]) -> bytes:
    """Return the canonical bytes of key values: equal keys give equal bytes.

    Raises:
        TypeError: a value cannot be a key (a dict, a set, an object, an int over 64 bits).
    """
    if len(values) == 1 and isinstance(values[0], str):
        return str.encode(values[0], "utf-8", "surrogatepass")
    canonical = [_canonical(value) for value in values]
    try:
        return b"\xc1" + bytes(packb(canonical, unicode_errors="surrogatepass"))
    except OverflowError:
        raise TypeError("an int over 64 bits cannot be a key") from None


def _canonical(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**64:
        return int(value)
    if isinstance(value, (bool, int)):
        return int(value)
    if value is None or isinstance(value, (str, bytes, float)):
        return value
    raise TypeError(f"{with_article(type(value).__name__)} cannot be a key")


def key_group(values: Sequence[Any]) -> int:
    """Return the key group, 0 .. KEY_GROUPS - 1, of the values of a key."""
    return xxh3_64_intdigest(key_bytes(values)) & _MASK


def two_choices(values: Sequence[Any], tasks: int) -> tuple[int, int]:
    """Return two distinct task indexes for a key, the same pair in every worker; tasks >= 2.

    Source: Nasir et al., The Power of Both Choices, ICDE 2015 (partial key grouping).
    """
    data = key_bytes(values)
    first = xxh3_64_intdigest(data, seed=1) % tasks
    second = xxh3_64_intdigest(data, seed=2) % (tasks - 1)
    return first, second if second < first else second + 1


def group_owners(tasks: int) -> list[int]:
    """Return the task index that owns each key group, evenly spread."""
    return [group * tasks // KEY_GROUPS for group in range(KEY_GROUPS)]
