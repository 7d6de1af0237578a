"""The house rules, as tests: what lies where, who may import whom, and what the core never does.

A rule that is broken names file and line. An exception to a rule stands here, with its reason.
"""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("topology", "spouts", "bolts", "supervisor", "configs")

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
            "relay", "slots", "tap_filter", "totals",
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


@cache
def sources() -> dict[str, ast.Module]:
    """Return every Python file of the project as path -> syntax tree."""
    folders = (*FOLDERS, "tests", "benchmarks", "docs")
    paths = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    return {str(p.relative_to(ROOT)): ast.parse(p.read_text("utf-8")) for p in sorted(paths)}


def package_sources(*folders: str) -> dict[str, ast.Module]:
    """Return the files of some folders as path -> syntax tree."""
    return {path: tree for path, tree in sources().items() if path.split("/")[0] in folders}


def imports(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute module name) for everything that a file imports."""
    package = ["waterspout", *path.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, module
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for a name or attribute, else an empty string."""
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return node.id if isinstance(node, ast.Name) else ""


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


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_package_is_marked_as_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()
    assert (ROOT / folder / "__init__.py").is_file()


def test_there_is_no_folder_of_the_import_name() -> None:
    # It would shadow the installed package when the checkout is the working directory.
    assert not (ROOT / "waterspout").exists()


def test_every_module_has_a_docstring_and_a_test_file_of_its_own() -> None:
    problems = []
    for path, tree in package_sources(*FOLDERS).items():
        if not ast.get_docstring(tree):
            problems.append(f"{path}:1: no module docstring")
        folder, name = path.rsplit("/", 1)
        mirror = ROOT / "tests" / folder / f"test_{name}"
        if name.startswith("__") or folder == "configs" or mirror.exists():
            continue
        if path not in TESTED_ELSEWHERE:
            problems.append(f"{path}:1: tests/{folder}/test_{name} does not exist")
    complain(problems)


def test_no_exception_outlives_its_module() -> None:
    named = {*TESTED_ELSEWHERE, *IMPURE_ALLOWED, *PURE_MODULES}
    complain([f"{path}: listed here, but gone" for path in sorted(named - sources().keys())])


def test_test_files_have_a_docstring() -> None:
    found = package_sources("tests").items()
    complain([f"{path}:1: no module docstring" for path, t in found if not ast.get_docstring(t)])


def test_no_file_is_too_long_without_a_reason() -> None:
    problems = []
    for path, tree in sources().items():
        lines = len((ROOT / path).read_text("utf-8").splitlines())
        reason = "Over 400 lines because" in (ast.get_docstring(tree) or "")
        if lines > LINES_MAX and not reason:
            problems.append(f"{path}: {lines} lines: one concept? Else give the reason on top")
    complain(problems)


# --- who may import whom ------------------------------------------------------------------------


def test_import_arrows_run_one_way() -> None:
    problems = []
    for path, tree in package_sources(*FOLDERS).items():
        allowed = ARROWS[path.split("/")[0]]
        for line, module in imports(path, tree):
            parts = module.split(".")
            if parts[0] == "waterspout" and len(parts) > 1 and parts[1] not in allowed:
                problems.append(f"{path}:{line}: imports {module}")
    complain(problems)


def test_nobody_imports_a_folder_by_its_bare_name() -> None:
    # The same module under two names is two modules: two classes, two sets of globals.
    problems = []
    for path, tree in sources().items():
        for line, module in imports(path, tree):
            if module.split(".")[0] in FOLDERS:
                problems.append(f"{path}:{line}: imports {module}; write waterspout.{module}")
    complain(problems)


def test_inside_a_package_imports_are_relative() -> None:
    problems = []
    for path, tree in package_sources(*FOLDERS).items():
        own = "waterspout." + path.split("/")[0]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level:
                module = node.module or ""
                if module == own or module.startswith(own + "."):
                    problems.append(f"{path}:{node.lineno}: imports {module} by its absolute name")
    complain(problems)


# --- what the core never does -------------------------------------------------------------------


def test_the_pure_core_has_no_clock_socket_thread_or_chance() -> None:
    problems = []
    found = package_sources(*PURE)
    found |= {path: tree for path, tree in sources().items() if path in PURE_MODULES}
    for path, tree in found.items():
        allowed = IMPURE_ALLOWED.get(path, (set(), ""))[0]
        for line, what in impurities(path, tree):
            if what not in allowed:
                problems.append(f"{path}:{line}: {what} belongs to the shell (supervisor/)")
    complain(problems)


def impurities(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, name) for everything that reads the world outside the arguments."""
    for line, module in imports(path, tree):
        if module.split(".")[0] in IMPURE_MODULES:
            yield line, module.split(".")[0]
        elif IMPURE_NAMES.fullmatch(module):
            yield line, module
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and IMPURE_NAMES.fullmatch(dotted(node)):
            yield node.lineno, dotted(node)
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in ("random.Random", "Random") and not node.args:
                yield node.lineno, f"{name}() without a seed"


@pytest.mark.parametrize(
    ("code", "found"),
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
    assert [what for _line, what in impurities("bolts/x.py", ast.parse(code))] == found


def test_every_impurity_that_is_allowed_is_still_used() -> None:
    problems = []
    for path, (names, _reason) in IMPURE_ALLOWED.items():
        used = {what for _line, what in impurities(path, sources()[path])}
        problems += [f"{path}: {name} is allowed, but not used" for name in sorted(names - used)]
    complain(problems)


def test_nothing_runs_code_that_came_as_data() -> None:
    problems = []
    for path, tree in sources().items():
        for line, module in imports(path, tree):
            if module.split(".")[0] in FORBIDDEN_MODULES:
                problems.append(f"{path}:{line}: imports {module}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func) in FORBIDDEN_CALLS:
                problems.append(f"{path}:{node.lineno}: calls {dotted(node.func)}")
            elif isinstance(node, ast.Attribute) and node.attr.endswith("_pyobj"):
                problems.append(f"{path}:{node.lineno}: {node.attr} pickles")
    complain(problems)


def test_unit_tests_do_not_sleep() -> None:
    # Tests that start real processes may wait for them; all others have a simulated clock.
    problems = []
    for path, tree in package_sources("tests").items():
        if path.startswith(("tests/process/", "tests/hosts/")):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func) in ("time.sleep", "sleep"):
                problems.append(f"{path}:{node.lineno}: sleeps")
    complain(problems)


# --- what the text holds ------------------------------------------------------------------------


def texts() -> Iterator[tuple[str, int, str]]:
    """Yield (path, line number, line) of every text file that is part of the project."""
    folders = (*FOLDERS, "tests", "benchmarks", "docs", ".ci")
    paths = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()]
    paths += [p for p in ROOT.iterdir() if p.suffix in (".md", ".toml", ".cfg", ".in")]
    for path in sorted(paths):
        if "__pycache__" not in path.parts and path.suffix != ".pyc":
            text = path.read_text("utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                yield str(path.relative_to(ROOT)), number, line


def test_nothing_is_left_open_and_no_machine_is_named() -> None:
    # The words are put together here so that this file does not find itself.
    left_open = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
    homes = "|".join(["wo" + "rk", "fa" + "rm", "ro" + "ot"])
    machine = re.compile(rf"(?<![\w.])/({homes})/")
    problems = []
    for path, number, line in texts():
        if left_open.search(line):
            problems.append(f"{path}:{number}: left open: {line.strip():.80}")
        if machine.search(line):
            problems.append(f"{path}:{number}: a path of one machine: {line.strip():.80}")
    complain(problems)


def test_every_public_thing_has_a_docstring() -> None:
    problems = []
    for path, tree in package_sources(*FOLDERS).items():
        for name, node in public_things(tree):
            if not ast.get_docstring(node):
                problems.append(f"{path}:{node.lineno}: {name} has no docstring")
    complain(problems)


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public_things(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Yield public classes and functions, and public methods of classes without a base.

    A method of a derived class may inherit the docstring of the contract it fulfils.
    """
    for node in tree.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.bases:
            for method in filter(is_public_method, node.body):
                assert isinstance(method, Definition)
                yield f"{node.name}.{method.name}", method


def is_public_method(node: ast.stmt) -> bool:
    """Say whether a statement of a class body is a method that a reader looks up."""
    if not isinstance(node, Definition) or node.name.startswith("_"):
        return False
    decorators = {dotted(decorator).split(".")[-1] for decorator in node.decorator_list}
    return not decorators & {"setter", "overload"}
