"""Who may do what at the coordinator: a table of keys, and what becomes of one taken out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster import access as access_module
from waterspout.supervisor.cluster.access import BLOBS, CONTROL, Access
from waterspout.supervisor.cluster.authorized import Authorized, KeyFileError, Who
from waterspout.supervisor.cluster.client_protocol import Role
from waterspout.supervisor.curve import Curve, KeyPair

PAIR = KeyPair.new()
ADMIN, LOOKER, HOST, STRANGER = (letter * 40 for letter in "abcd")
OWNERS = {ADMIN: Who(Role.ADMIN, "me"), LOOKER: Who(Role.READONLY, "all"),
          HOST: Who(Role.SUPERVISOR, "h1")}  # fmt: skip


class Files:
    """The key files of a coordinator."""

    def __init__(self) -> None:
        self.owners = dict(OWNERS)
        self.problem = ""

    def load(self, folder: Path) -> tuple[KeyPair, Authorized]:
        return PAIR, self.read(folder / "authorized")

    def read(self, path: Path) -> Authorized:
        if self.problem:
            raise KeyFileError(self.problem)
        return Authorized(self.owners)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    made = Files()
    monkeypatch.setattr(access_module, "load_server", made.load)
    monkeypatch.setattr(access_module, "read_authorized", made.read)
    return made


def lets_in(access: Access, domain: str) -> dict[str, str]:
    """Return whom a domain lets in, and by what name."""
    rule = access.rules()[domain]
    found = {key: rule(key.encode()) for key in (ADMIN, LOOKER, HOST, STRANGER, "")}
    return {key: user for key, user in found.items() if user}


def test_blobs_are_not_for_those_who_only_look(files: Files) -> None:
    access = Access(Path("keys"))
    assert lets_in(access, CONTROL) == {ADMIN: ADMIN, LOOKER: LOOKER, HOST: HOST}
    assert lets_in(access, BLOBS) == {ADMIN: ADMIN, HOST: HOST}
    assert access.curve(CONTROL) == Curve(PAIR, domain=CONTROL)


def test_a_message_has_the_role_of_its_key(files: Files) -> None:
    access = Access(Path("keys"))
    users = (ADMIN, LOOKER, HOST, STRANGER, "", "None")
    assert [access.role(user) for user in users] == [
        Role.ADMIN, Role.READONLY, Role.SUPERVISOR, "", "", "",
    ]  # fmt: skip


def test_a_host_is_who_its_key_says_and_nobody_else_is_one(files: Files) -> None:
    access = Access(Path("keys"))
    assert [access.host(user, "h2") for user in (HOST, ADMIN, LOOKER, STRANGER)] == [
        "h1", None, None, None,
    ]  # fmt: skip


def test_a_key_that_is_taken_out_counts_no_more_with_the_next_message(files: Files) -> None:
    access = Access(Path("keys"))
    del files.owners[HOST]
    assert access.role(HOST) == Role.SUPERVISOR
    access.reload()
    assert (access.role(HOST), access.host(HOST, "h1")) == ("", None)
    assert not access.may_blob(HOST, {"kind": "get", "sort": "code"})
    assert HOST not in lets_in(access, CONTROL)


def test_a_list_that_cannot_be_read_leaves_the_old_one_in_force(files: Files) -> None:
    access = Access(Path("keys"))
    files.problem = "authorized:3: 2 words"
    with pytest.raises(KeyFileError):
        access.reload()
    assert access.role(ADMIN) == Role.ADMIN


PART = {"sort": "part", "topology": "t-1"}
OTHER = {"sort": "part", "topology": "t-2"}
CODE = {"sort": "code", "topology": ""}


@pytest.mark.parametrize(
    ("request_", "who"),
    [({"kind": "put", **CODE}, {ADMIN}), ({"kind": "get", **CODE}, {ADMIN, HOST}),
     ({"kind": "chunk", **CODE}, {ADMIN}), ({"kind": "put", **PART}, {ADMIN, HOST}),
     ({"kind": "chunk", **PART}, {ADMIN, HOST}), ({"kind": "get", **PART}, {ADMIN, HOST}),
     ({"kind": "put", **OTHER}, {ADMIN}), ({"kind": "get", **OTHER}, {ADMIN}),
     ({}, {ADMIN})],
)  # fmt: skip
def test_a_host_touches_only_what_it_works_on(
    files: Files, request_: dict[str, Any], who: set[str]
) -> None:
    access = Access(Path("keys"))
    access.hosts_of = lambda topology: {"t-1": ("h0", "h1"), "t-2": ("h0",)}.get(topology, ())
    keys = (ADMIN, LOOKER, HOST, STRANGER, "")
    assert {key for key in keys if access.may_blob(key, request_)} == who


def test_without_keys_everybody_may_do_everything_and_says_who_he_is() -> None:
    access = Access(None)
    assert not access.secure
    assert access.curve(CONTROL) is None
    assert access.role("") == Role.ADMIN
    assert access.host("", "h7") == "h7"
    assert access.may_blob("", {"kind": "put", **CODE})
    access.reload()
