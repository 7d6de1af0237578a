"""``submit`` against a scripted coordinator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster import submit_command
from waterspout.supervisor.cluster.blob_client import BlobError
from waterspout.supervisor.cluster.client import RequestRefused, Unreachable
from waterspout.supervisor.cluster.savepoints import State
from waterspout.supervisor.cluster.submit_command import (
    Bundle,
    SubmitFailed,
    make_bundle,
    submit,
    swap,
)
from waterspout.supervisor.exit_codes import ExitCode

from .scripted import Scripted, cluster_status, topology_row

TOPOLOGY = """\
name: wc
spouts: {numbers: {class: Sequence, args: {count: 10, token: "${TOKEN:-t}"}}}
bolts: {log: {class: Log, inputs: [numbers]}}
"""


class Blobs:
    """Stands in for a blob client."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.put_as = error, ""

    def __call__(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def put(self, sort: str, data: bytes, *, name: str, sha256: str) -> None:
        if self.error:
            raise self.error
        assert name == sha256
        self.put_as += f"{sort} {name} "


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    (tmp_path / "wc.yaml").write_text(TOPOLOGY.replace(', token: "${TOKEN:-t}"', ""))
    (tmp_path / "more.py").write_text("x = 1")
    (tmp_path / ".env").write_text("x")
    made = make_bundle(str(tmp_path / "wc.yaml"), (), (), 2)
    assert made is not None
    return made


def rows(*found: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster_status(topologies=[row]) for row in found]


PLACEMENT = [[1, "numbers", 0, 0, "a"], [2, "log", 0, 1, None]]


def run(asker: Scripted, bundle: Bundle, blobs: Blobs, **more: Any) -> ExitCode:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return submit(asker, blobs, bundle, clock=lambda: now[0], sleep=sleep, **more)


def test_code_goes_first_and_it_waits_until_the_topology_runs(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    blobs = Blobs()
    starting = topology_row(life="active", state="starting")
    asker = Scripted(
        submit={"topology": "wc-1", "placement": PLACEMENT},
        status=rows(starting, starting, topology_row(life="active", state="running")),
    )
    assert run(asker, bundle, blobs) == ExitCode.OK
    assert blobs.put_as == f"code {bundle.packed.sha256} "
    request = asker.asked[0]
    assert (request["code"], request["sub"], request["fresh"]) == (bundle.packed.sha256, "", False)
    assert request["wire"] == bundle.plan.to_wire()
    assert [each["kind"] for each in asker.asked] == ["submit"] * 2 + ["status"] * 3
    assert [each.get("dry_run") for each in asker.asked[:2]] == [True, None]
    out, err = capsys.readouterr()
    assert out == "worker 0 on a: numbers[0]\nworker 1 on no host yet: log[0]\n"
    assert "2 files" in err and "left out: .env (may hold a secret)" in err
    assert err.endswith("submitted: wc as wc-1\nrunning: wc\n")


def test_what_changes_for_kept_state_is_said_before_the_code_is_sent(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"topology": "wc-1", "placement": [], "diff": ["~ bolt count: parallelism: 5 -> 3"]}
    asker = Scripted(submit=answer)
    assert run(asker, bundle, Blobs(), wait_s=0.0, allow_dropped=True) == ExitCode.OK
    err = capsys.readouterr().err
    said = "goes on with the kept state of wc; what changes:\n  ~ bolt count: parallelism: 5 -> 3\n"
    assert said in err
    assert [each["allow_dropped"] for each in asker.asked] == [True, True]


def test_with_a_savepoint_nothing_that_is_kept_is_compared(bundle: Bundle) -> None:
    asker = Scripted(submit={"topology": "wc-1", "placement": []})
    state = State(Path("nowhere"), {}, [])
    run(asker, bundle, Blobs(), wait_s=0.0, allow_dropped=True, state=state)
    dry, real = asker.asked
    assert (dry["fresh"], real["fresh"]) == (True, False)
    assert "allow_dropped" not in real, "it was matched here"


def test_a_dry_run_sends_nothing_but_the_plan(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    blobs = Blobs()
    asker = Scripted(plan={"placement": PLACEMENT})
    assert run(asker, bundle, blobs, dry_run=True, as_json=True) == ExitCode.OK
    assert blobs.put_as == ""
    assert json.loads(capsys.readouterr().out)[1] == {
        "task": 2, "component": "log", "index": 0, "worker": 1, "host": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        (topology_row(), ExitCode.OK, "finished: wc"),
        (
            topology_row(outcome="boot_failed", reason="log: no such module",
                         details="Traceback\n  x"),
            ExitCode.BOOT_FAILED,
            "waterspout: wc: log: no such module\n    Traceback\n      x\n",
        ),
        (topology_row(outcome="failed", reason="no disk"), ExitCode.RUN_FAILED, "no disk"),
        (
            topology_row(life="waiting", workers=[{"worker": 0, "why": "no free slot"}]),
            ExitCode.RUN_FAILED,
            "wc does not run after 60 s (waiting, ended)\n    worker 0: no free slot\n",
        ),
    ],
)  # fmt: skip
def test_what_becomes_of_it_is_said_and_is_the_exit_code(
    bundle: Bundle, row: dict[str, Any], code: ExitCode, words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asker = Scripted(submit={"topology": "wc-1", "placement": []}, status=rows(row))
    assert run(asker, bundle, Blobs()) == code
    assert words in capsys.readouterr().err


def test_without_waiting_nothing_more_is_asked(bundle: Bundle) -> None:
    asker = Scripted(submit={"topology": "wc-1", "placement": []})
    assert run(asker, bundle, Blobs(), wait_s=0.0) == ExitCode.OK
    assert {each["kind"] for each in asker.asked} == {"submit"}


def test_code_that_is_not_taken_ends_it(bundle: Bundle) -> None:
    blobs = Blobs(BlobError("No space left on device", retry=True))
    with pytest.raises(SubmitFailed, match="the code could not be sent: No space left"):
        run(Scripted(submit={"topology": "wc-1", "placement": []}), bundle, blobs)


@pytest.mark.parametrize(
    "error", [RequestRefused("E_ROLE", "readonly may not submit"), Unreachable("nobody")]
)
def test_no_code_is_sent_where_the_topology_would_not_be_taken(
    bundle: Bundle, error: Exception
) -> None:
    blobs = Blobs()
    with pytest.raises(type(error)):
        run(Scripted(submit=error), bundle, blobs)
    with pytest.raises(type(error)):
        swap(Scripted(swap=error), blobs, bundle, "wc")
    assert blobs.put_as == ""


def test_a_file_that_lint_refuses_is_not_packed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit_command, "pack_folder", None)
    (tmp_path / "bad.yaml").write_text("name: bad\nblots: {}\n")
    assert make_bundle(str(tmp_path / "bad.yaml"), (), (), None) is None
    assert "did you mean 'bolts'" in capsys.readouterr().err


def test_the_folder_above_and_requirements_go_along_when_the_file_names_them(
    tmp_path: Path,
) -> None:
    inner = tmp_path / "topologies"
    inner.mkdir()
    (tmp_path / "shared.py").write_text("")
    (inner / "needs.txt").write_text("six==1.16.0\n")
    (inner / "wc.yaml").write_text(
        TOPOLOGY.replace(', token: "${TOKEN:-t}"', "") + "code: ..\nrequirements: needs.txt\n"
    )
    made = make_bundle(str(inner / "wc.yaml"), (), (), None)
    assert made is not None
    assert made.sub == "topologies"
    assert made.packed.files == 3
    blobs = Blobs()
    asker = Scripted(submit={"topology": "wc-1", "placement": []})
    assert run(asker, made, blobs, wait_s=0.0) == ExitCode.OK
    assert f"requirements {made.requirements_sha256} " in blobs.put_as
    assert asker.asked[0]["requirements"] == made.requirements_sha256
    assert asker.asked[0]["sub"] == "topologies"


def test_a_requirements_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = TOPOLOGY.replace(', token: "${TOKEN:-t}"', "") + "requirements: needs.txt\n"
    (tmp_path / "wc.yaml").write_text(text)
    with pytest.raises(SubmitFailed, match=r"requirements: .*needs.txt: No such file"):
        make_bundle(str(tmp_path / "wc.yaml"), (), (), None)


@pytest.mark.parametrize(
    ("dry_run", "agrees", "code", "asked"),
    [(True, True, ExitCode.OK, [True]), (False, False, ExitCode.REFUSED, [True]),
     (False, True, ExitCode.BOOT_FAILED, [True, False])],
)  # fmt: skip
def test_a_swap_shows_what_changes_before_it_is_done(
    bundle: Bundle, dry_run: bool, agrees: bool, code: ExitCode, asked: list[bool],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asker = Scripted(swap={"diff": ["log: class changes"], "state": "quiescing"})
    blobs = Blobs()
    found = swap(
        asker, blobs, bundle, "wc", dry_run=dry_run, agreed=lambda: agrees,
        wait=lambda: ExitCode.BOOT_FAILED,
    )  # fmt: skip
    assert found == code
    assert bool(blobs.put_as) == (len(asked) == 2)
    assert [each["dry_run"] for each in asker.asked] == asked
    assert {each["name"] for each in asker.asked} == {"wc"}
    assert capsys.readouterr().out == "log: class changes\n"
