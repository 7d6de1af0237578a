"""The throw-away child: whatever an import does, this process gets a problem and goes on.

These start real child processes; a hang costs the one second that it is given here.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest
from waterspout.supervisor.classcheck import check_classes
from waterspout.topology.classes import AllowList
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.loader import Loaded, load

GOOD = """
from waterspout.bolts.contract import Bolt
class Split(Bolt):
    outputs = ["word"]
    def __init__(self, password: str = ""): pass
    def process(self, tup): pass
"""
MODULES = {
    "good": GOOD,
    "hangs": "while True: pass\n",
    "leaves": "import os\nprint('last words')\nos._exit(7)\n",
    "crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
    "prints": "print('{\"id\": \"prints\"}', flush=True)\nimport os\nos.write(1, b'x\\n')\n" + GOOD,
    "reads": "input()\n",
    "threads": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=(60,)).start()\n" + GOOD,
    "spawns": "import subprocess, sys\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n" + GOOD,
    "shows": GOOD.replace(
        "    def process",
        "    @classmethod\n    def declare_outputs(cls, args): raise ValueError(args['password'])\n"
        "    def process",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the modules above."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def check(
    folder: Path, *modules: str, args: str = "{}", limit_s: float = 10
) -> tuple[dict[str, ComponentFacts], Loaded]:
    """Check a topology with one bolt per module."""
    bolts = "".join(
        f"  {name}: {{class: {name}.Split, args: {args}, inputs: [x]}}\n" for name in modules
    )
    loaded = load(f"name: x\nspouts:\nbolts:\n{bolts}", "t.yaml", folder=str(folder))
    before = len(loaded.problems)
    facts = check_classes(loaded, AllowList(local=tuple(MODULES)), limit_s)
    assert not set(MODULES) & set(sys.modules)
    assert before == 1  # the missing spout
    return facts, loaded


def found(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.problems][1:]


def test_a_good_class_is_known_afterwards(folder: Path) -> None:
    facts, loaded = check(folder, "good")
    assert list(facts["good"].outputs) == ["default"]
    assert found(loaded) == []


def test_an_import_that_ends_its_process_is_named_and_the_others_are_still_checked(
    folder: Path,
) -> None:
    facts, loaded = check(folder, "leaves", "crashes", "good")
    assert found(loaded) == [
        "t.yaml:4:19: E_IMPORT bolts.leaves.class: importing 'leaves' ends its process with exit "
        "code 7",
        "t.yaml:5:20: E_IMPORT bolts.crashes.class: importing 'crashes' kills its process with "
        "SIGSEGV",
    ]
    assert list(facts) == ["good"]
    assert "last words" in list(loaded.problems)[1].details


def test_an_import_that_hangs_is_ended_when_its_time_is_up(folder: Path) -> None:
    started = time.perf_counter()
    _, loaded = check(folder, "hangs", "leaves", "good", limit_s=1)
    assert found(loaded) == [
        "t.yaml:4:18: E_IMPORT bolts.hangs.class: importing 'hangs' does not end within 1 s"
    ]
    assert time.perf_counter() - started < 20


def test_no_class_is_blamed_when_the_time_was_up_before_any_was_imported(folder: Path) -> None:
    facts, loaded = check(folder, "good", limit_s=0.001)
    assert facts == {}
    assert found(loaded) == [
        "t.yaml:4:17: E_IMPORT bolts.good.class: the check of the classes does not end within "
        "0.001 s, before any of them was imported"
    ]


def test_what_modules_print_read_and_leave_running_does_not_matter(folder: Path) -> None:
    started = time.perf_counter()
    facts, loaded = check(folder, "prints", "threads", "spawns", "good")
    assert found(loaded) == []
    assert list(facts) == ["prints", "threads", "spawns", "good"]
    assert time.perf_counter() - started < 30


def test_a_module_is_imported_in_the_working_folder_as_it_will_be_in_a_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    place = "import os\nassert os.path.basename(os.getcwd()) == 'elsewhere'\n"
    (folder / "good.py").write_text(place + GOOD)
    facts, loaded = check(folder, "good")
    assert found(loaded) == [] and list(facts) == ["good"]


def test_an_import_that_reads_from_the_terminal_gets_nothing(folder: Path) -> None:
    _, loaded = check(folder, "reads")
    assert "importing 'reads' raised EOFError" in found(loaded)[0]


def test_what_a_class_started_is_ended_with_the_child(folder: Path) -> None:
    marker = str(folder)
    (folder / "spawns.py").write_text(
        MODULES["spawns"].replace("time.sleep(60)'", f"time.sleep(60)', {marker!r}")
    )
    check(folder, "spawns")
    # Killed processes take their time to end on a busy machine; nobody here is their parent.
    _, alive = psutil.wait_procs(_running(marker), timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def _running(marker: str) -> list[psutil.Process]:
    """Return the processes that have ``marker`` among their arguments."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if marker in (process.info["cmdline"] or ())
    ]


def test_a_secret_that_a_class_shows_is_masked(folder: Path) -> None:
    loaded = load(
        "name: x\nspouts: {s: {class: shows.Split, args: {password: '${PW}'}}}\n",
        "t.yaml",
        folder=str(folder),
        variables={"PW": "hunter2"},
    )
    loaded.draft.bolts.update(loaded.draft.spouts)  # type: ignore[union-attr]
    check_classes(loaded, AllowList(local=("shows",)))
    assert list(loaded.problems)
    assert not any("hunter2" in str(each) + each.details for each in loaded.problems)
