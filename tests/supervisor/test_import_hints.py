"""A name of ours that a user's module imports from a wrong place is told with the right one."""

from __future__ import annotations

import pytest
from waterspout.supervisor.import_hints import import_hint

from ..each_case import each_case


@each_case(
    "text, module, hint",
    [
        (
            "cannot import name 'Source' from 'waterspout.bolts' (/x/bolts/__init__.py)",
            "waterspout.bolts",
            "; write: from waterspout.spouts import Source",
        ),
        (
            "No module named 'waterspout.Bolt'",
            "waterspout.Bolt",
            "; write: from waterspout.bolts import Bolt",
        ),
        ("cannot import name 'Blot' from 'waterspout' (unknown location)", "waterspout", ""),
        ("cannot import name 'Bolt' from 'json' (/x/json.py)", "json", ""),
    ],
)
def test_the_right_place_is_told_where_it_is_known(text: str, module: str, hint: str) -> None:
    assert import_hint(ImportError(text, name=module)) == hint


def test_what_python_raises_for_the_bare_package_is_understood() -> None:
    with pytest.raises(ImportError) as raised:
        from waterspout import Bolt  # type: ignore[attr-defined]  # noqa: F401
    assert import_hint(raised.value) == "; write: from waterspout.bolts import Bolt"
    assert import_hint(ValueError("cannot import name 'Bolt'")) == ""
