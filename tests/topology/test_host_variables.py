"""Variables that each host has a value of its own for: put in late, wherever they stand."""

from __future__ import annotations

from waterspout.topology.host_variables import HOST_VARIABLES, KEPT, with_host_variables

HERE = {"PYTHON_STDLIB": "/lib/python", "TOPOLOGY_DIR": "/code/a"}


def test_they_are_put_into_every_text_of_an_argument() -> None:
    value = {
        "paths": ["${TOPOLOGY_DIR}/*.txt", "${PYTHON_STDLIB}/a:${PYTHON_STDLIB}/b"],
        "more": ({"x": "${TOPOLOGY_DIR}"},), "n": 3, "none": None, "${TOPOLOGY_DIR}": "key",
    }  # fmt: skip
    assert with_host_variables(value, HERE) == {
        "paths": ["/code/a/*.txt", "/lib/python/a:/lib/python/b"],
        "more": [{"x": "/code/a"}], "n": 3, "none": None, "${TOPOLOGY_DIR}": "key",
    }  # fmt: skip
    assert value["paths"][0] == "${TOPOLOGY_DIR}/*.txt", "the plan goes on as it was written"


def test_other_texts_stay_as_they_are() -> None:
    for text in ("${HOME}", "${TOPOLOGY_DIR", "$TOPOLOGY_DIR", "${topology_dir}", "${}"):
        assert with_host_variables(text, HERE) == text


def test_what_is_put_in_is_not_looked_through_again() -> None:
    there = {**HERE, "TOPOLOGY_DIR": "/odd/${PYTHON_STDLIB}"}
    assert with_host_variables("${TOPOLOGY_DIR}/x", there) == "/odd/${PYTHON_STDLIB}/x"


def test_the_loader_keeps_all_of_them() -> None:
    assert {name: with_host_variables(text, HERE) for name, text in KEPT.items()} == HERE
    assert KEPT.keys() == HOST_VARIABLES.keys()
