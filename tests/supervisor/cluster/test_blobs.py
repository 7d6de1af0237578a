"""Names and limits of blobs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster.blobs import CHUNK_BYTES_MAX, BlobLimits, BlobRefused, check

from ...each_case import each_case

SHA = "ab" * 32
PART = "1-2-3.part"


def request(kind: str = "put", **fields: Any) -> dict[str, Any]:
    known = {"n": 1, "kind": kind, "sort": "code", "topology": "", "name": SHA}
    if kind != "get":
        known |= {"bytes": 10, "sha256": SHA}
    if kind == "chunk":
        known |= {"offset": 0, "data": b"x"}
    if kind == "get":
        known |= {"offset": 0}
    return known | fields


def test_files_lie_by_sort() -> None:
    assert check(request(), BlobLimits()) == ("code", f"{SHA}.zip")
    assert check(request("get", sort="requirements"), BlobLimits()) == (
        "requirements", f"{SHA}.txt",
    )  # fmt: skip


@each_case(
    "wrong, words",
    [
        ({"kind": "steal"}, "unknown kind"),
        ({"sort": "secret"}, "sort is"),
        ({"name": "../../etc/passwd"}, "named by their sha256"),
        ({"name": "cd" * 32}, "not the sha256 that was said"),
        ({"sha256": "x"}, "no sha256"),
        ({"bytes": -1}, "bytes is"),
        ({"bytes": (32 << 20) + 1}, "33554433 bytes, a code has at most 33554432"),
        ({"sort": "part", "topology": "../x", "name": PART}, "no snapshot part"),
        ({"sort": "part", "topology": "", "name": PART}, "no snapshot part"),
        ({"sort": "part", "topology": "a", "name": "../x"}, "no snapshot part"),
        ({"kind": "chunk", "offset": 0, "data": b"x" * (CHUNK_BYTES_MAX + 1)}, "data is"),
        ({"kind": "chunk", "offset": 9, "data": b"xx"}, "more bytes than the 10 that were said"),
    ],
)
def test_what_is_no_request_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BlobRefused, match=words):
        check(request(**wrong), BlobLimits())


@given(
    st.dictionaries(
        st.sampled_from(["n", "kind", "sort", "topology", "name", "bytes", "sha256", "offset"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=5), st.just(SHA), st.just("part"),
                  st.just("put"), st.lists(st.integers())),
    )
)  # fmt: skip
def test_any_map_is_a_place_below_the_folder_or_refused(found: dict[str, Any]) -> None:
    try:
        parts = check(found, BlobLimits())
    except BlobRefused:
        return
    assert not any("/" in part or part in ("", ".", "..") for part in parts)
