"""Key files: what others could read or change is refused, and a key set is made whole or not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from waterspout.supervisor.cluster import keys
from waterspout.supervisor.cluster.authorized import KNOWN_KEYS, KeyFileError, Who
from waterspout.supervisor.cluster.client_protocol import Role
from waterspout.supervisor.cluster.keys import (
    add_host,
    default_keys,
    load_client,
    load_server,
    read_secret,
    write_key_set,
)
from waterspout.supervisor.curve import KeyPair


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    write_key_set(folder, ["a", "b"])
    return folder


def test_a_key_set_has_a_folder_for_everybody(made: Path) -> None:
    server, authorized = load_server(made / "coordinator")
    found = {}
    for name in ("a", "b", "admin", "readonly"):
        curve = load_client(made / name)
        assert curve.server_key == server.public
        found[name] = authorized.role(curve.keys.public.decode())
    assert found == {
        "a": Who(Role.SUPERVISOR, "a"), "b": Who(Role.SUPERVISOR, "b"),
        "admin": Who(Role.ADMIN, "admin"), "readonly": Who(Role.READONLY, "readonly"),
    }  # fmt: skip
    assert len(authorized.owners) == 4


def test_nobody_else_can_read_any_of_it(made: Path) -> None:
    paths = [made, *made.rglob("*")]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}


def test_keys_are_never_overwritten(made: Path) -> None:
    before = (made / "admin" / "secret").read_text()
    with pytest.raises(KeyFileError, match="not overwritten"):
        write_key_set(made, ["c"])
    assert (made / "admin" / "secret").read_text() == before


@pytest.mark.parametrize(
    "hosts", [["admin"], ["coordinator"], ["a/b"], [".."], [""], ["a", "b", "a"], ["a b"]]
)
def test_a_name_that_cannot_be_one_makes_nothing(tmp_path: Path, hosts: list[str]) -> None:
    with pytest.raises(KeyFileError):
        write_key_set(tmp_path / "keys", hosts)
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    made = 0

    def new() -> KeyPair:
        nonlocal made
        made += 1
        if made == 3:
            raise OSError(28, "No space left on device")
        return KeyPair.new()

    with pytest.raises(KeyFileError, match="No space left"):
        write_key_set(tmp_path / "keys", ["a", "b"], new)
    assert list(tmp_path.iterdir()) == []


def test_a_host_can_be_added_and_the_others_keep_their_keys(made: Path) -> None:
    before = load_server(made / "coordinator")[1].owners
    add_host(made, "c")
    server, authorized = load_server(made / "coordinator")
    curve = load_client(made / "c")
    assert curve.server_key == server.public
    own = curve.keys.public.decode()
    assert authorized.owners == {**before, own: Who(Role.SUPERVISOR, "c")}
    with pytest.raises(KeyFileError, match="has keys of c already"):
        add_host(made, "c")


def test_a_host_cannot_be_added_to_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        add_host(tmp_path / "keys", "c")


# What is refused.


def loosen(path: Path) -> None:
    path.chmod(0o640)


def world(path: Path) -> None:
    path.chmod(0o604)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def open_folder(path: Path) -> None:
    path.parent.chmod(0o770)


def large(path: Path) -> None:
    path.write_bytes(b"a" * (keys.FILE_BYTES_MAX + 1))


def binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


@pytest.mark.parametrize("file", ["secret", "authorized"])
@pytest.mark.parametrize(
    ("spoil", "text"),
    [(loosen, "mode 0640"), (world, "mode 0604"), (link, "not a plain file"),
     (open_folder, "others may change it"), (large, "over 1048576 bytes"),
     (binary, "not a text file"), (Path.unlink, "No such file")],
)  # fmt: skip
def test_a_file_that_others_could_read_or_change_is_refused_in_one_line(
    made: Path, file: str, spoil: Callable[[Path], None], text: str
) -> None:
    spoil(made / "coordinator" / file)
    with pytest.raises(KeyFileError, match=text) as caught:
        load_server(made / "coordinator")
    assert "\n" not in str(caught.value)
    assert str(made / "coordinator") in str(caught.value)


def test_a_file_of_another_user_is_refused(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        load_client(made / "admin")


A, B = KeyPair.new(), KeyPair.new()
KNOWN = sorted(KNOWN_KEYS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "0 words"), (A.public.decode(), "1 words"), ("a b", "no pair of keys"),
     (f"{A.public.decode()} {B.secret.decode()}", "do not belong together"),
     (f"{KNOWN[0]} {KNOWN[1]}", "everybody knows"),
     (f"{A.secret.decode()} {A.public.decode()}", "do not belong together")],
    ids=["empty", "one-half", "no-keys", "two-pairs", "from-the-documentation", "swapped"],
)  # fmt: skip
def test_a_secret_that_is_none_is_refused_and_not_shown(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    tmp_path.chmod(0o700)
    with pytest.raises(KeyFileError, match=problem) as caught:
        read_secret(path)
    for word in text.split():
        assert len(word) < 40 or word not in str(caught.value)


def test_the_key_of_the_coordinator_must_be_one(made: Path) -> None:
    (made / "a" / "coordinator.public").write_text("none")
    with pytest.raises(KeyFileError, match="no key"):
        load_client(made / "a")


def test_the_users_keys_are_where_the_specification_says(tmp_path: Path) -> None:
    end = Path("waterspout/keys")
    assert default_keys({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == "/x" / end
    assert default_keys({"XDG_CONFIG_HOME": "x", "HOME": "/h"}) == "/h/.config" / end
    assert default_keys({"HOME": "/h"}) == "/h/.config" / end
    assert default_keys({"HOME": "/h", "WATERSPOUT_KEYS": "k"}) == Path("k")
