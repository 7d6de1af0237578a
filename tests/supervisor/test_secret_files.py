"""Secrets of a host: put into args where they are named, and taken out of what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.secret_files import SecretFiles, SecretUnreadable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    texts = {"db": "hunter22\n", "long": "hunter22-more", "pin": "123\n", "nl": "a\n\n"}
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
    return tmp_path


def test_names_are_replaced_wherever_they_stand_and_nothing_else_is(folder: Path) -> None:
    args: dict[str, Any] = {
        "password": "secret://db", "hosts": [{"pin": "secret://pin"}, 3], "nl": "secret://nl",
        "text": "see secret://db", "url": "secret://db/", "none": None,
    }  # fmt: skip
    assert SecretFiles(folder).resolved(args) == {
        "password": "hunter22", "hosts": [{"pin": "123"}, 3], "nl": "a\n",
        "text": "see secret://db", "url": "secret://db/", "none": None,
    }  # fmt: skip
    assert args["password"] == "secret://db", "the plan goes on without it"


@pytest.mark.parametrize("name", ["..", "../db", ".hidden", "a/b", "", "a" * 101, "a\nb"])
def test_a_name_leads_nowhere_else(folder: Path, name: str) -> None:
    reference = f"secret://{name}"
    assert SecretFiles(folder).resolved(reference) == reference


def test_a_secret_that_cannot_be_had_is_named_with_the_reason(folder: Path) -> None:
    (folder / "db").chmod(0o644)
    with pytest.raises(SecretUnreadable, match=r"secret://db: .*/db: others may use it"):
        SecretFiles(folder).resolved(["secret://db"])
    with pytest.raises(SecretUnreadable, match=r"secret://gone: .*No such file"):
        SecretFiles(folder).resolved(["secret://gone"])
    with pytest.raises(SecretUnreadable, match="no folder of secrets"):
        SecretFiles(None).resolved(["secret://db"])


def test_what_user_code_says_of_a_secret_does_not_leave_the_host(folder: Path) -> None:
    secrets = SecretFiles(folder)
    failed = {"kind": "boot_failed", "component": "b", "text": "no hunter22-more", "traceback": "T"}
    assert secrets.masked(failed) is failed, "nothing was read yet"
    secrets.resolved(["secret://db", "secret://long", "secret://pin"])
    assert secrets.masked(failed)["text"] == "no ***"
    assert failed["text"] == "no hunter22-more"
    report = {"kind": "report", "tasks": [{"n": 1}], "errors": [
        {"text": "hunter22!", "traceback": "a\nhunter22\nb", "component": "hunter22", "count": 123},
    ]}  # fmt: skip
    assert secrets.masked(report) == {"kind": "report", "tasks": [{"n": 1}], "errors": [
        {"text": "***!", "traceback": "a\n***\nb", "component": "hunter22", "count": 123},
    ]}  # fmt: skip
    records = [{"reason": "hunter22 123", "values": []}]
    letters = secrets.masked({"kind": "dead_letters", "id": 1, "records": records})
    assert letters["records"] == [{"reason": "*** 123", "values": []}]
