"""Libraries that only some sinks need."""

from __future__ import annotations

import sys

import pytest
from waterspout.bolts.sinks.extras import need_extra
from waterspout.topology.errors import UserError


def test_a_library_that_is_there_is_imported(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    need_extra("save", "SaveColors", "colorsys", "colors")
    assert "colorsys" in sys.modules


def test_one_that_is_not_names_the_bolt_and_the_extra() -> None:
    text = r"^save: SaveColors needs no_such_library: pip install 'waterspout\[colors\]' \("
    with pytest.raises(UserError, match=text):
        need_extra("save", "SaveColors", "no_such_library.sub", "colors")
