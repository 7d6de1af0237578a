"""The table of settings is complete and consistent with itself."""

from __future__ import annotations

import pytest
from waterspout.topology.settings import SETTINGS, Setting, Settings

from ..each_case import each_case


@each_case("row", SETTINGS.values())
def test_each_default_lies_within_its_own_limits(row: Setting) -> None:
    assert row.minimum <= row.default <= row.maximum
    assert (row.doc and row.unit) or row.kind == "boolean"


@each_case("row", SETTINGS.values())
def test_units_are_in_the_attribute_and_not_in_the_yaml_name(row: Setting) -> None:
    assert not row.name.endswith("_s")
    assert row.attribute == (row.name + "_s" if row.kind == "duration" else row.name)


def test_hold_max_is_ten_message_timeouts_unless_set() -> None:
    assert Settings(message_timeout_s=2.0).hold_max_s == 20.0
    assert Settings(message_timeout_s=2.0, hold_max_s=3.0).hold_max_s == 3.0


def test_settings_come_back_from_the_wire_and_unknown_names_do_not() -> None:
    settings = Settings(max_pending=7)
    assert Settings.from_wire(settings.to_wire()) == settings
    with pytest.raises(TypeError):
        Settings.from_wire({"max_pendin": 7})
