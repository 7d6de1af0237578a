"""What is submitted is a topology within limits, or refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster.submitted import (
    SubmitRefused,
    check_sha256,
    check_sub,
    plan_of,
    replaced,
)
from waterspout.topology.errors import UserError

from ...each_case import each_case
from ..plans import NUMBERS
from ..plans import plan_of as make_plan_of


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the wire form of a plan."""
    folder: Path = tmp_path_factory.mktemp("numbers")
    return make_plan_of(NUMBERS, folder).to_wire()


def changed(wire: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return the wire form with other fields of its spec."""
    return {**wire, "spec": {**wire["spec"], **spec}}


def test_a_plan_comes_as_it_was_made(wire: dict[str, Any]):
    assert plan_of(wire).to_wire() == wire


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "x" * 65, 7, None, "a\n"])
def test_a_name_that_could_leave_its_folder_is_refused(wire: dict[str, Any], name: Any):
    with pytest.raises(SubmitRefused, match=r"not the name|not a topology"):
        plan_of(changed(wire, name=name))


@pytest.mark.parametrize("workers", [0, -1, 10_000_000, "2", None, True])
def test_a_number_of_workers_beyond_the_limit_is_refused(wire: dict[str, Any], workers: Any):
    with pytest.raises(SubmitRefused, match="workers: 1 to"):
        plan_of({**wire, "workers": workers})


def test_a_plan_of_a_newer_client_is_refused_by_the_field_that_is_not_known(wire: dict[str, Any]):
    settings = {**wire["spec"]["settings"], "later": 1}
    with pytest.raises(UserError, match="settings has 'later', which is not known here; the ver"):
        plan_of(changed(wire, settings=settings))


@given(st.dictionaries(st.sampled_from(["spec", "facts", "workers"]), st.none() | st.integers()))
def test_nonsense_is_refused(wire: dict[str, Any], change: dict[str, Any]):
    if change:
        with pytest.raises(SubmitRefused):
            plan_of({**wire, **change, "workers": 1, "spec": change.get("spec")})


@each_case("sub", ["/etc", "..", "a/../..", "a\\b", "a\0"])
def test_a_folder_outside_of_the_pack_is_refused(sub: str):
    with pytest.raises(SubmitRefused):
        check_sub(sub)
    assert check_sub("src/app") == "src/app"


def test_the_name_of_a_blob_is_a_sha256_or_empty():
    assert check_sha256("", "code") == ""
    assert check_sha256("a" * 64, "code") == "a" * 64
    with pytest.raises(SubmitRefused, match=r"code: '\.\./x'"):
        check_sha256("../x", "code")


def test_a_plan_with_other_numbers(wire: dict[str, Any]):
    plan = plan_of(wire)
    component = plan.tasks[-1].component
    more = replaced(plan, 3, {component: 4})
    assert more.workers == 3
    assert len(more.tasks_of(component)) == 4
    with pytest.raises(SubmitRefused, match="no component 'nobody'"):
        replaced(plan, None, {"nobody": 2})
