"""The list of keys: every wrong line is named, and nobody is let in by a mistake in it."""

from __future__ import annotations

import pytest
from waterspout.supervisor.cluster.authorized import (
    KNOWN_KEYS,
    Authorized,
    KeyFileError,
    Who,
    key_problem,
)
from waterspout.supervisor.cluster.client_protocol import Role

ONE, TWO, THREE = "a" * 40, "#" * 40, "c" * 40


def test_a_key_has_a_role_and_a_name() -> None:
    lines = ["# role name key", "", f"supervisor host-1 {ONE}", f"  admin   me\t{TWO}", "#"]
    text = "\n".join([*lines, f"readonly all {THREE}\n"])
    authorized = Authorized.parse(text)
    assert authorized.role(ONE) == Who(Role.SUPERVISOR, "host-1")
    assert authorized.role(TWO) == Who(Role.ADMIN, "me")
    assert authorized.role(THREE) == Who(Role.READONLY, "all")
    assert authorized.role("d" * 40) is None
    assert authorized.role("") is None


def test_a_list_is_written_as_it_is_read() -> None:
    owners = {TWO: Who(Role.SUPERVISOR, "h" * 30), ONE: Who(Role.SUPERVISOR, "h" * 30)}
    assert Authorized.parse(Authorized(owners).text()).owners == owners
    assert Authorized.parse(Authorized({}).text()).owners == {}


def test_all_wrong_lines_are_named_at_once() -> None:
    known = sorted(KNOWN_KEYS)[0]
    text = "\n".join([
        f"supervisor a {ONE}", "admin b", f"root c {TWO}", f"admin {'d' * 101} {TWO}",
        "admin e short", f"admin f {'~' * 40}", f"readonly g {ONE}", f"admin h {known}",
        f"#admin i {TWO}",
    ])  # fmt: skip
    with pytest.raises(KeyFileError) as caught:
        Authorized.parse(text, "keys/authorized")
    found = [line.split(": ", 1) for line in str(caught.value).splitlines()]
    assert [where for where, _ in found] == [f"keys/authorized:{n}" for n in range(2, 10)]
    words = ("2 words", "role 'root'", "too long", "no key", "no key", "a second time",
             "everybody knows", "role '#admin'")  # fmt: skip
    for (_, problem), expected in zip(found, words, strict=True):
        assert expected in problem


def test_a_file_without_end_is_not_read() -> None:
    with pytest.raises(KeyFileError, match="at most 10000"):
        Authorized.parse("\n" * 10_001)


def test_a_key_is_forty_characters_of_its_alphabet() -> None:
    assert key_problem(ONE) is None
    for wrong in ("", "a" * 39, "a" * 41, "a" * 39 + '"', "ä" * 40):
        assert "no key" in (key_problem(wrong) or "")
