"""The tables of keys agree with themselves and with the settings."""

from __future__ import annotations

from waterspout.topology.settings import SETTINGS
from waterspout.topology.yaml_keys import (
    BOLT_KEYS,
    INPUT_KEYS,
    REQUIRED,
    SETTING_KEYS,
    SPOUT_KEYS,
    TOP_KEYS,
    Key,
)

from ..each_case import each_case

EVERY = [
    key
    for table in (TOP_KEYS, SPOUT_KEYS, BOLT_KEYS, INPUT_KEYS, SETTING_KEYS)
    for key in table.values()
]


@each_case("key", EVERY)
def test_a_default_lies_within_the_limits_of_its_key(key: Key) -> None:
    assert key.doc and not key.doc.endswith(".")
    if key.kind == "labels":
        assert len(key.default) <= key.maximum
    elif key.unit and key.default not in (None, REQUIRED):
        assert key.minimum <= key.default <= key.maximum


def test_every_setting_is_a_key() -> None:
    assert list(SETTING_KEYS) == list(SETTINGS)


def test_spouts_and_bolts_share_what_every_component_has() -> None:
    assert set(SPOUT_KEYS) & set(BOLT_KEYS) == {
        "class",
        "description",
        "args",
        "parallelism",
        "hang_timeout",
        "cpu",
        "memory",
        "hosts",
    }
