"""The check of classes without its child process, for tests of what comes after it.

``tests/process/test_classcheck.py`` tests the child: what hangs, crashes or prints.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from waterspout.supervisor import classcheck, classcheck_child
from waterspout.topology.classes import AllowList


@contextmanager
def classes_checked_here() -> Iterator[None]:
    """Look at classes in this process, with the requests and answers of the child."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classcheck, "_ask", _ask)
        yield


def _ask(
    draft: Any, components: list[Any], loaded: Any, allow: AllowList, _limit_s: float
) -> classcheck._Outcome:
    requests = [classcheck._request(loaded, each) for each in components]
    allow = AllowList.from_json(_over_a_pipe(allow.to_json()))
    with _modules_of(Path(draft.folder)):
        answers = [classcheck_child._answer(_over_a_pipe(each), allow) for each in requests]
    return classcheck._Outcome([_over_a_pipe(answer) for answer in answers])


def _over_a_pipe(value: Any) -> Any:
    return json.loads(json.dumps(value))


@contextmanager
def _modules_of(folder: Path) -> Iterator[None]:
    """Have the modules of a folder importable, and none of them known before or after."""
    names = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}

    def forget() -> dict[str, ModuleType]:
        known = [name for name in sys.modules if name.partition(".")[0] in names]
        return {name: sys.modules.pop(name) for name in known}

    before = forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setattr(sys, "dont_write_bytecode", True)
        yield
    forget()
    sys.modules.update(before)
