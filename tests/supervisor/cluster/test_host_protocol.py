"""What supervisor and coordinator may say to each other; everything else is refused by name."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster import host_protocol
from waterspout.supervisor.cluster.host_protocol import (
    FROM_COORDINATOR,
    FROM_SUPERVISOR,
    WORKERS_MAX,
    WishWorker,
    problem_from_coordinator,
    problem_from_supervisor,
)
from waterspout.supervisor.control_wire import pack, unpack

from ...each_case import each_case
from .host_messages import SAID_BY_COORDINATOR, SAID_BY_SUPERVISOR, beat_row


@each_case("kind", FROM_SUPERVISOR)
def test_a_message_of_a_supervisor_needs_each_of_its_fields(kind: str):
    message = SAID_BY_SUPERVISOR[kind]
    assert problem_from_supervisor(unpack(pack(message))) is None
    for field in FROM_SUPERVISOR[kind]:
        wrong = problem_from_supervisor({**message, field: object()})
        assert wrong is not None
        assert wrong.startswith(f"{kind}: {field} is ")


@each_case("kind", FROM_COORDINATOR)
def test_a_message_of_the_coordinator_needs_each_of_its_fields(kind: str):
    message = SAID_BY_COORDINATOR[kind]
    assert problem_from_coordinator(unpack(pack(message))) is None
    for field in FROM_COORDINATOR[kind]:
        assert problem_from_coordinator({**message, field: object()}) is not None


def test_what_is_asked_has_fields_of_its_own():
    ask = {"kind": "ask", "id": 1, "what": "log_read", "topology": "a-1", "file": "worker-0.log"}
    assert problem_from_coordinator({**ask, "offset": 0, "bytes": 100}) is None
    assert problem_from_coordinator({**ask, "offset": 0, "bytes": 1 << 20}) is not None
    assert problem_from_coordinator({**ask, "offset": -1, "bytes": 100}) is not None


def test_an_exit_in_a_beat_is_checked_through_and_through():
    positions = {3: [["p", 0, 5, 1, True]]}
    left = {"reason": "exit code 1", "roots": [7], "positions": positions, "drawn": {3: 9}}
    beat = SAID_BY_SUPERVISOR["beat"]
    assert problem_from_supervisor({**beat, "workers": [beat_row(exit=left)]}) is None
    for field, wrong in [("roots", [-1]), ("positions", {3: [["p", 0]]}), ("drawn", {"3": 9})]:
        row = beat_row(exit={**left, field: wrong})
        assert problem_from_supervisor({**beat, "workers": [row]}) is not None


def test_a_beat_with_more_workers_than_a_host_can_have_is_refused():
    rows = [beat_row()] * (4 * WORKERS_MAX + 1)
    assert problem_from_supervisor({**SAID_BY_SUPERVISOR["beat"], "workers": rows}) is not None


def test_a_wished_worker_comes_back_from_the_wire_as_it_was():
    wished = WishWorker(
        "words-0a1b2c",
        3,
        (1 << 64) - 1,
        name="words",
        code="c" * 64,
        sub="src",
        requirements="r" * 64,
        classes=("words.Split", "words.Count"),
        bytes_max=1 << 20,
        memory_max=1 << 30,
        hang_s={"split": 30.0},
        kill="drained",
    )
    wire = unpack(pack(wished.to_wire()))
    assert WishWorker.from_wire(wire) == wished
    assert wished.key == ("words-0a1b2c", 3, (1 << 64) - 1)
    wish = {**SAID_BY_COORDINATOR["wish"], "workers": [wire]}
    assert problem_from_coordinator(wish) is None


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(),
    lambda each: (
        st.lists(each, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.integers(), each, max_size=4)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(FROM_SUPERVISOR)), st.dictionaries(st.text(max_size=8), ANY), ANY)
def test_nonsense_is_refused_without_an_exception(kind: str, extra: dict[str, Any], value: Any):
    problem_from_supervisor({**extra, "kind": kind})
    for field in FROM_SUPERVISOR[kind]:
        problem_from_supervisor({**SAID_BY_SUPERVISOR[kind], field: value})
    problem_from_coordinator({**extra, "kind": kind})


def test_every_kind_stands_in_the_docs():
    source = host_protocol.__doc__ or ""
    for kind in [*FROM_SUPERVISOR, *FROM_COORDINATOR]:
        assert re.search(rf"^  {kind}\b", source, re.M), kind
