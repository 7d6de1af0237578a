"""``each_case``: a table of cases as one test, for tables of many small cases.

A test of its own costs a millisecond of pytest, which is fifty times what most such cases take.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Test = Callable[..., None]


def each_case(names: str, table: Iterable[Any]) -> Callable[[Test], Test]:
    """Run a test over all cases of a table, and tell of every case that fails.

    Used like ``pytest.mark.parametrize``, by tests without fixtures: nothing is put back between
    two cases.

    Args:
        names: of the arguments, with commas.
        table: what they are in each case; values as they are where there is but one name.

    Raises:
        BaseExceptionGroup: with the errors of all cases that failed, each with its case.
    """
    keys, cases = [name.strip() for name in names.split(",")], list(table)
    assert cases, "a table without a case tests nothing"

    def decorate(test: Test) -> Test:
        assert list(inspect.signature(test).parameters) == keys, "the names, in their order"

        def run() -> None:
            failed = []
            for case in cases:
                values = case if len(keys) > 1 else (case,)
                try:
                    test(**dict(zip(keys, values, strict=True)))
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"case: {dict(zip(keys, values, strict=False))}")
                    failed.append(error)
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(cases)} cases", failed)

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return decorate
