"""The house rules, as tests: what lies where, who may import whom, and what the core never does.

A rule that is broken names file and line. An exception to a rule stands here, with its reason.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

from .each_case import each_case
from .sources import FOLDERS, ROOT, Source, package_sources, read_source, sources

#: Who may import from which folder. configs/ holds user code: it sees what a user sees.
ARROWS = {
    "topology": {"topology"},
    "spouts": {"topology", "spouts"},
    "bolts": {"topology", "bolts"},
    "supervisor": {"topology", "spouts", "bolts", "supervisor", "configs"},
    "configs": {"topology", "spouts", "bolts"},
}

#: Folders whose code is pure: fed with events and time, drained of effects.
PURE = ("topology", "spouts", "bolts")
#: Modules of the shell that are pure all the same: state machines that the cluster stands on.
PURE_MODULES = {
    "supervisor/control_session.py", "supervisor/control_wire.py", "supervisor/open_requests.py",
    "supervisor/worker_taps.py", "supervisor/worker_verbs.py", "supervisor/zap.py",
    *(
        f"supervisor/cluster/{name}.py"
        for name in (
            "authorized", "blobs", "cluster_status", "code_pack", "client_protocol", "host_core",
            "event_lines", "field_checks", "submitted",
            "host_link", "host_protocol", "host_states", "host_worker", "hosts", "leases",
            "lifecycle", "log_follow", "memory_limit", "outgoing", "places", "plan_move",
            "relay", "report_thinning", "slots", "tap_filter", "totals",
        )
    ),
}  # fmt: skip
#: Modules that the pure core does not import: clocks, sockets, threads, processes, randomness.
IMPURE_MODULES = {
    "asyncio", "concurrent", "ctypes", "multiprocessing", "queue", "sched", "secrets", "select",
    "selectors", "signal", "socket", "subprocess", "threading", "time", "uuid", "zmq",
}  # fmt: skip
#: Names that the pure core does not use even from modules it may import.
IMPURE_NAMES = re.compile(
    r"os\.(environ|getenv|urandom|fork|spawn\w*|exec\w*|kill|system|popen|getpid)"
    r"|random\.(?!Random$)\w+"
    r"|(datetime\.)?(datetime|date)\.(now|utcnow|today)"
)
#: Connectors and the few other files of the pure folders that may use more, and why.
IMPURE_ALLOWED: dict[str, tuple[set[str], str]] = {
    "spouts/stdin.py": ({"select"}, "a connector: asks whether a line is there, never waits"),
}

#: Serialisers and loaders that run code, wherever they stand.
FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "yaml.load", "yaml.load_all", "yaml.unsafe_load"}

#: Longest file, in lines. A longer one says "Over 400 lines because" in its docstring.
LINES_MAX = 400

#: Modules without a test file of their own, and where they are tested instead.
TESTED_ELSEWHERE: dict[str, str] = {
    "supervisor/cluster/cluster_keys.py": "tables; test_cluster_yaml.py reads every key",
    "bolts/registry.py": "a table; test_contract.py runs every bolt in it",
    "bolts/state_backends.py": "a table; test_state_map.py runs every backend in it",
    "bolts/state_memory.py": "test_state_map.py runs the contract of backends over it",
    "bolts/state_sqlite_map.py": "test_state_map.py runs the contract of backends over it",
    "spouts/registry.py": "a table; test_contract.py runs every spout in it",
    "supervisor/cluster/cluster_rows.py": "rows without code; the tests of the store keep them",
    "supervisor/cluster/host_work.py": "processes; tests/process/test_supervisor.py runs it",
    "supervisor/cluster/supervisor_command.py": "a process; tests/process/test_supervisor.py",
    "supervisor/cluster/supervisor_daemon.py": "a process; tests/process/test_supervisor.py",
    "supervisor/link_events.py": "tuples without code; both ends of a link test what they report",
    "supervisor/cluster/coordinator_daemon.py": "sockets; tests/process/test_cluster.py runs it",
    "supervisor/local_run.py": "sockets and processes; tests/process/test_run.py runs it",
    "supervisor/run_result.py": "a dataclass without code",
    "supervisor/scaffold_files.py": "text; test_scaffold.py reads it and a process test runs it",
    "supervisor/store_memory.py": "test_store.py runs the contract of stores over it",
    "supervisor/worker.py": "the main of a process; tests/process/test_run.py runs it",
    "topology/errors.py": "exceptions that only carry fields; each is raised by its module's tests",
}


def setup_cfg() -> configparser.ConfigParser:
    """Return the parsed setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", "utf-8")
    return parser


def complain(problems: list[str]) -> None:
    """Fail with all problems, one a line."""
    assert not problems, "\n" + "\n".join(problems)


# --- what lies where ----------------------------------------------------------------------------


def test_the_packages_list_equals_the_folders() -> None:
    options = setup_cfg()["options"]
    listed = options["packages"].split()
    folders = {Path(path).parent for path in package_sources(*FOLDERS)}
    assert sorted(listed) == sorted(".".join(["waterspout", *f.parts]) for f in folders)
    mapped = dict(re.findall(r"(\S+) = (\S+)", options["package_dir"]))
    assert mapped == {f"waterspout.{folder}": folder for folder in FOLDERS}


def test_the_type_checker_is_given_every_top_package() -> None:
    checked = setup_cfg()["mypy"]["packages"].replace(",", " ").split()
    assert sorted(checked) == sorted(f"waterspout.{folder}" for folder in FOLDERS)


@each_case("folder", FOLDERS)
def test_every_package_is_marked_as_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()
    assert (ROOT / folder / "__init__.py").is_file()


def test_there_is_no_folder_of_the_import_name() -> None:
    # It would shadow the installed package when the checkout is the working directory.
    assert not (ROOT / "waterspout").exists()


def test_every_module_has_a_docstring_and_a_test_file_of_its_own() -> None:
    problems = []
    for path, source in package_sources(*FOLDERS).items():
        if not source.docstring:
            problems.append(f"{path}:1: no module docstring")
        folder, name = path.rsplit("/", 1)
        mirrors = (ROOT / "tests" / place / f"test_{name}" for place in (folder, "process"))
        if name.startswith("__") or folder == "configs" or any(m.exists() for m in mirrors):
            continue
        if path not in TESTED_ELSEWHERE:
            problems.append(f"{path}:1: tests/{folder}/test_{name} does not exist")
    complain(problems)


def test_no_exception_outlives_its_module() -> None:
    named = {*TESTED_ELSEWHERE, *IMPURE_ALLOWED, *PURE_MODULES}
    complain([f"{path}: listed here, but gone" for path in sorted(named - sources().keys())])


def test_test_files_have_a_docstring() -> None:
    found = package_sources("tests").items()
    complain([f"{path}:1: no module docstring" for path, t in found if not t.docstring])


def test_no_file_is_too_long_without_a_reason() -> None:
    problems = []
    for path, source in sources().items():
        if source.lines > LINES_MAX and "Over 400 lines because" not in source.docstring:
            problems.append(f"{path}: {source.lines} lines: one concept? Else say why on top")
    complain(problems)


# --- who may import whom ------------------------------------------------------------------------


def test_import_arrows_run_one_way() -> None:
    problems = []
    for path, source in package_sources(*FOLDERS).items():
        allowed = ARROWS[path.split("/")[0]]
        for line, module in source.imports:
            parts = module.split(".")
            if parts[0] == "waterspout" and len(parts) > 1 and parts[1] not in allowed:
                problems.append(f"{path}:{line}: imports {module}")
    complain(problems)


def test_nobody_imports_a_folder_by_its_bare_name() -> None:
    # The same module under two names is two modules: two classes, two sets of globals.
    problems = []
    for path, source in sources().items():
        for line, module in source.imports:
            if module.split(".")[0] in FOLDERS:
                problems.append(f"{path}:{line}: imports {module}; write waterspout.{module}")
    complain(problems)


def test_inside_a_package_imports_are_relative() -> None:
    problems = []
    for path, source in package_sources(*FOLDERS).items():
        own = "waterspout." + path.split("/")[0]
        for line, module in source.absolute:
            if module == own or module.startswith(own + "."):
                problems.append(f"{path}:{line}: imports {module} by its absolute name")
    complain(problems)


# --- what the core never does -------------------------------------------------------------------


def test_the_pure_core_has_no_clock_socket_thread_or_chance() -> None:
    problems = []
    found = package_sources(*PURE)
    found |= {path: source for path, source in sources().items() if path in PURE_MODULES}
    for path, source in found.items():
        allowed = IMPURE_ALLOWED.get(path, (set(), ""))[0]
        for line, what in impurities(source):
            if what not in allowed:
                problems.append(f"{path}:{line}: {what} belongs to the shell (supervisor/)")
    complain(problems)


def impurities(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (line, name) for everything that reads the world outside the arguments."""
    for line, module in source.imports:
        if module.split(".")[0] in IMPURE_MODULES:
            yield line, module.split(".")[0]
        elif IMPURE_NAMES.fullmatch(module):
            yield line, module
    for line, name in source.attributes:
        if IMPURE_NAMES.fullmatch(name):
            yield line, name
    for line, name, has_arguments in source.calls:
        if name in ("random.Random", "Random") and not has_arguments:
            yield line, f"{name}() without a seed"


@each_case(
    "code, found",
    [
        ("import time", ["time"]),
        ("from time import monotonic", ["time", "time"]),
        ("import zmq.asyncio", ["zmq"]),
        ("import random\nrandom.random()", ["random.random"]),
        ("from random import choice", ["random.choice"]),
        ("import random\nrandom.Random()", ["random.Random() without a seed"]),
        ("import random\nrandom.Random(7)", []),
        ("from random import Random\nx: Random", []),
        ("import os\nos.environ['A']", ["os.environ"]),
        ("from datetime import datetime\ndatetime.now()", ["datetime.now"]),
        ("import datetime\ndatetime.datetime.now()", ["datetime.datetime.now"]),
        ("from ..topology import tuples", []),
    ],
)
def test_the_purity_check_finds_what_it_is_for(code: str, found: list[str]) -> None:
    assert [what for _line, what in impurities(read_source("bolts/x.py", code))] == found


def test_every_impurity_that_is_allowed_is_still_used() -> None:
    problems = []
    for path, (names, _reason) in IMPURE_ALLOWED.items():
        used = {what for _line, what in impurities(sources()[path])}
        problems += [f"{path}: {name} is allowed, but not used" for name in sorted(names - used)]
    complain(problems)


def test_nothing_runs_code_that_came_as_data() -> None:
    problems = []
    for path, source in sources().items():
        for line, module in source.imports:
            if module.split(".")[0] in FORBIDDEN_MODULES:
                problems.append(f"{path}:{line}: imports {module}")
        for line, name, _has_arguments in source.calls:
            if name in FORBIDDEN_CALLS:
                problems.append(f"{path}:{line}: calls {name}")
        for line, name in source.attributes:
            if name.endswith("_pyobj"):
                problems.append(f"{path}:{line}: {name} pickles")
    complain(problems)


def test_unit_tests_do_not_sleep() -> None:
    # Tests that start real processes may wait for them; all others have a simulated clock.
    problems = []
    for path, source in package_sources("tests").items():
        if path.startswith(("tests/process/", "tests/hosts/")):
            continue
        for line, name, _has_arguments in source.calls:
            if name in ("time.sleep", "sleep"):
                problems.append(f"{path}:{line}: sleeps")
    complain(problems)


# --- what the text holds ------------------------------------------------------------------------


def texts() -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every text file that is part of the project."""
    folders = (*FOLDERS, "tests", "benchmarks", "docs", ".ci")
    paths = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()]
    paths += [p for p in ROOT.iterdir() if p.suffix in (".md", ".toml", ".cfg", ".in")]
    for path in sorted(paths):
        if "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield str(path.relative_to(ROOT)), path.read_text("utf-8", errors="replace")


def test_nothing_is_left_open_and_no_machine_is_named() -> None:
    # The words are put together here so that this file does not find itself.
    left_open = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
    homes = "|".join(["wo" + "rk", "fa" + "rm", "ro" + "ot"])
    machine = re.compile(rf"(?<![\w.])/({homes})/")
    problems = []
    for path, text in texts():
        for what, word in (("left open", left_open), ("a path of one machine", machine)):
            for found in word.finditer(text):
                number = text.count("\n", 0, found.start()) + 1
                line = text.splitlines()[number - 1].strip()
                problems.append(f"{path}:{number}: {what}: {line:.80}")
    complain(problems)


def test_every_public_thing_has_a_docstring() -> None:
    problems = []
    for path, source in package_sources(*FOLDERS).items():
        for line, name in source.undocumented:
            problems.append(f"{path}:{line}: {name} has no docstring")
    complain(problems)
