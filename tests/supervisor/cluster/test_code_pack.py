"""Code packs: the same bytes for the same files, and nothing that leads out of a folder."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster import code_pack
from waterspout.supervisor.cluster.code_pack import (
    FILE_BYTES_MAX,
    FILES_MAX,
    PACK_BYTES_MAX,
    PackRefused,
    leaves_out_folder,
    pack,
    plan_pack,
    sha256_of,
    unpack,
)

from ...each_case import each_case

NAMES = st.lists(
    st.text("abcdefgh.ü-", min_size=1, max_size=8).filter(lambda name: name not in (".", "..")),
    min_size=1, max_size=3,
).map("/".join)  # fmt: skip


def zipped(*entries: tuple[str, bytes], mode: int = 0o100644) -> bytes:
    """Return a ZIP with any names at all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=6))
def test_what_is_packed_comes_out_or_is_refused(files: dict[str, bytes]) -> None:
    data = pack(files)
    folders = {name[:at] for name in files for at, letter in enumerate(name) if letter == "/"}
    if folders & files.keys():
        with pytest.raises(PackRefused, match="lies in a file"):
            unpack(data)
    else:
        assert unpack(data) == files


def test_the_order_of_files_does_not_change_the_pack() -> None:
    one = pack({"a.py": b"1", "b/c.py": b"2"})
    assert pack({"b/c.py": b"2", "a.py": b"1"}) == one
    assert sha256_of(pack({"a.py": b"1", "b/c.py": b"3"})) != sha256_of(one)


@each_case(
    "name, why",
    [
        ("../x.py", "leads out"),
        ("a/../../x.py", "leads out"),
        ("/etc/x", "leads out"),
        ("a//b", "leads out"),
        ("./a", "leads out"),
        ("C:/a", "leads out"),
        ("a\\b", "leads out"),
        ("a\nb", "control character"),
        ("x" * 300, "over 1000 bytes"),
        ("/".join(["abc"] * 300), "over 1000 bytes"),
    ],
)
def test_names_that_cannot_lie_in_a_folder_are_refused(name: str, why: str) -> None:
    with pytest.raises(PackRefused, match=why):
        unpack(zipped(("ok.py", b""), (name, b"")))


def test_links_and_files_in_files_and_files_twice_are_refused() -> None:
    with pytest.raises(PackRefused, match=r"'a' is a link"):
        unpack(zipped(("a", b"/etc/passwd"), mode=0o120777))
    with pytest.raises(PackRefused, match=r"'a/b' lies in a file"):
        unpack(zipped(("a", b""), ("a/b", b"")))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped(("a", b"1"), ("a", b"2"))
    with pytest.raises(PackRefused, match="in it twice"):
        unpack(twice)


@each_case("data", [b"", b"PK", b"\0" * 100, pack({"a": b"x" * 50})[:-30]])
def test_bytes_that_are_no_pack_are_refused(data: bytes) -> None:
    with pytest.raises(PackRefused, match="not a code pack"):
        unpack(data)


def test_a_bomb_is_refused_by_what_it_says_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 5000)
    monkeypatch.setattr(code_pack, "UNPACKED_BYTES_MAX", 4999)
    with pytest.raises(PackRefused, match="5000 bytes of files, at most 4999"):
        unpack(buffer.getvalue())


def test_a_bomb_that_lies_about_its_size_is_refused() -> None:
    data = bytearray(zipped(("zeros", b"\0" * 5000)))
    # The sizes in the list at the end are those that are believed.
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    with pytest.raises(PackRefused, match="not a code pack"):
        unpack(bytes(data))


def test_a_pack_over_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack({"a": b"x" * 100})
    monkeypatch.setattr(code_pack, "PACK_BYTES_MAX", 150)
    with pytest.raises(PackRefused, match="at most 150"):
        pack({"a": b"x" * 100})
    with pytest.raises(PackRefused, match="at most 150"):
        unpack(data)


# What goes in.


def test_secrets_and_what_is_made_from_code_stay_out_and_are_named() -> None:
    out = ["x/.env", ".env.local", "tls.key", "a.PEM", "secrets.yaml", "m.pyc", "id_rsa", ".netrc"]
    plan = plan_pack(dict.fromkeys(["a.py", "data/words.txt", *out], 10), ["venv"])
    assert plan.files == ("a.py", "data/words.txt")
    assert sorted(name for name, _ in plan.left_out) == sorted([*out, "venv/"])
    assert dict(plan.left_out)["tls.key"] == "may hold a secret"


def test_a_file_over_the_limit_stays_out_with_its_size() -> None:
    plan = plan_pack({"big.bin": FILE_BYTES_MAX + 1, "fits.bin": FILE_BYTES_MAX})
    assert plan.files == ("fits.bin",)
    assert plan.left_out == (("big.bin", f"{FILE_BYTES_MAX + 1} bytes, {FILE_BYTES_MAX} at most"),)


def test_too_much_together_is_refused_with_the_largest_names() -> None:
    sizes = {f"{n}.bin": FILE_BYTES_MAX - n for n in range(5)}
    with pytest.raises(PackRefused, match=rf"at most {PACK_BYTES_MAX}; the largest: 0.bin .*1.bin"):
        plan_pack(sizes)
    with pytest.raises(PackRefused, match=f"at most {FILES_MAX}"):
        plan_pack({f"{n}.py": 1 for n in range(FILES_MAX + 1)})


def test_folders_without_code_are_known() -> None:
    assert all(map(leaves_out_folder, [".git", "__pycache__", "node_modules", "x.egg-info"]))
    assert not any(map(leaves_out_folder, ["src", "git", "components", "builder"]))
