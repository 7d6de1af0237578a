"""Makes the pages of docs/ that come from tables in the code. Run it as: python docs/generate.py

tests/test_docs.py compares the pages with what this makes.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import click
from waterspout.bolts import BOLTS
from waterspout.spouts import SPOUTS
from waterspout.supervisor import exit_codes
from waterspout.supervisor.cli import SECTIONS
from waterspout.supervisor.cli import main as program
from waterspout.supervisor.cluster import client_protocol
from waterspout.supervisor.cluster.host_states import TRANSITIONS as HOST_TRANSITIONS
from waterspout.supervisor.cluster.lifecycle import TRANSITIONS as LIFE_TRANSITIONS
from waterspout.supervisor.link_states import RECEIVER_TRANSITIONS, SENDER_TRANSITIONS
from waterspout.supervisor.phases import STEPS
from waterspout.supervisor.restarts import TRANSITIONS as WORKER_TRANSITIONS
from waterspout.topology import errors, reference
from waterspout.topology.classes import load_class
from waterspout.topology.problems import CODES
from waterspout.topology.wire_limits import FRAME_CODES

DOCS = Path(__file__).resolve().parent

ERRORS_HEAD = """\
# Errors and warnings by code

Made from the tables in the code by `docs/generate.py`.

## Codes of topology files

`waterspout lint` and `waterspout run` print one line per problem:
`file:line:col: CODE what, got, allowed, did you mean`. `E_` refuses the topology, `W_` warns,
`I_` informs. Codes keep their names from version to version.

| code | meaning |
|---|---|
"""

FRAMES_HEAD = """
## Codes of frames between workers

What a peer sent is not a frame. The frame is dropped or its link refused; the worker goes on, and
counts and logs it. Users see these only when something other than Waterspout talks to a worker, or
when versions are mixed.

| code | meaning |
|---|---|
"""

CLUSTER_HEAD = """
## Codes of a cluster

What a command says when the coordinator refuses it (exit code 1), or cannot be reached or does not
let it in (exit code 3). A request that is refused changes nothing.

| code | meaning |
|---|---|
"""

EXCEPTIONS_HEAD = """
## Exceptions

All are in `waterspout.topology.errors`; the ones below `UserError` are about something that a user
wrote.

| exception | below | meaning |
|---|---|---|
"""


READY_HEAD = """\
# Ready-made spouts and bolts

Made from the docstrings in the code by `docs/generate.py`. The names here are what `class:` takes;
the arguments go under `args:`.
"""

COMMANDS_HEAD = """\
# The command line

Made from the commands themselves by `docs/generate.py`. Results go to standard output, progress and
errors to standard error. `--help` after any command says the same.
"""

EXIT_HEAD = """
## Exit codes

A number keeps its meaning from version to version.

| code | name | meaning |
|---|---|---|
"""


def errors_page() -> str:
    """Return docs/errors.md."""
    classes = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, Exception)]
    exceptions = "".join(
        f"| `{c.__name__}` | `{c.__bases__[0].__name__}` | {_first_line(c)} |\n" for c in classes
    )
    parts = (
        ERRORS_HEAD, _codes(CODES), CLUSTER_HEAD, _codes(_cluster_codes()),
        FRAMES_HEAD, _codes(FRAME_CODES),
    )  # fmt: skip
    return "".join(parts) + EXCEPTIONS_HEAD + exceptions


def _cluster_codes() -> dict[str, str]:
    """Return code -> meaning of what a coordinator refuses, as the comments there say."""
    source = inspect.getsource(client_protocol.ClientError)
    return dict(re.findall(r'= "(E_\w+)"  #: (.*)', source))


def _codes(table: Mapping[str, str]) -> str:
    return "".join(f"| `{code}` | {meaning} |\n" for code, meaning in table.items())


def _first_line(thing: type) -> str:
    return _plain((inspect.getdoc(thing) or "").split("\n\n")[0])


def commands_page() -> str:
    """Return docs/command-line.md."""
    names = {code.name: code.value for code in exit_codes.ExitCode}
    source = inspect.getsource(exit_codes.ExitCode)
    comments = re.findall(r"((?:    #: .*\n)+)    (\w+) = ", source)
    meanings = {name: _plain(text.replace("#:", "")) for text, name in comments}
    codes = "".join(f"| {n} | `{name}` | {meanings[name]} |\n" for name, n in names.items())
    sections = "".join(
        f"\n## {title}\n" + _commands(program, "waterspout", names)
        for title, names in SECTIONS.items()
    )
    return COMMANDS_HEAD + sections + EXIT_HEAD + codes


def _commands(group: click.Group, path: str, names: Iterable[str] = ()) -> str:
    parts = []
    for name in names or group.commands:
        command = group.commands[name]
        if isinstance(command, click.Group):
            parts.append(_commands(command, f"{path} {name}"))
        else:
            parts.append(_command(command, f"{path} {name}"))
    return "".join(parts)


def _command(command: click.Command, path: str) -> str:
    options = [each for each in command.params if isinstance(each, click.Option)]
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    shown = [_argument(each) for each in arguments]
    usage = " ".join([path, *(["[options]"] if options else []), *shown])
    rows = "".join(f"| `{_spelling(each)}` | {_plain(each.help or '')} |\n" for each in options)
    table = f"\n| option | meaning |\n|---|---|\n{rows}" if rows else ""
    text = inspect.cleandoc(command.help or "")
    return f"\n### {path}\n\n`{usage}`\n\n{text}\n{table}"


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _spelling(option: click.Option) -> str:
    choices = option.type.choices if isinstance(option.type, click.Choice) else ()
    value = "" if option.is_flag else " " + (option.metavar or "|".join(map(str, choices)))
    return (", ".join(option.opts) + value).replace("|", "\\|")


def ready_made_page() -> str:
    """Return docs/ready-made.md."""
    return READY_HEAD + _section("Spouts", SPOUTS) + _section("Bolts", BOLTS)


def _section(title: str, registry: Mapping[str, str]) -> str:
    parts = [_component(name, load_class(path)) for name, path in registry.items()]
    return f"\n## {title}\n" + "".join(parts)


def _component(name: str, cls: type) -> str:
    text = (inspect.getdoc(cls) or "").split("\nArgs:\n")[0].strip()
    meanings = _meanings(cls)
    rows = "".join(
        f"| `{arg.name}` | {_type(arg)} | {_default(arg)} | {meanings[arg.name]} |\n"
        for arg in list(inspect.signature(cls.__init__).parameters.values())[1:]
    )
    table = f"\n| argument | type | default | meaning |\n|---|---|---|---|\n{rows}"
    return f"\n### {name}\n\n{text.replace('``', '`')}\n{table}"


def _type(arg: inspect.Parameter) -> str:
    text = str(arg.annotation).removesuffix(" | None")
    words = re.fullmatch(r"Literal\[(.*)\]", text)
    text = words[1].replace('"', "`") if words else text.replace(" | Function", "")
    return text.replace(" | ", " or ")


def _default(arg: inspect.Parameter) -> str:
    if arg.default is inspect.Parameter.empty:
        return "required"
    return "" if arg.default is None else f"`{arg.default!r}`"


def _meanings(cls: type) -> dict[str, str]:
    """Return what each constructor argument means, by the Args part of the nearest docstring."""
    found: dict[str, str] = {}
    for base in cls.__mro__[:-1]:
        for docstring in (base.__doc__, vars(base).get("__init__", base).__doc__):
            text = inspect.cleandoc(docstring or "")
            block = re.search(r"^Args:\n(.*?)(?:\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
            items = re.split(r"^    (?=\w+:)", block[1], flags=re.MULTILINE) if block else []
            for item in items[1:]:
                name, meaning = item.split(":", 1)
                if not meaning.strip().startswith("see `"):
                    found.setdefault(name, _plain(meaning))
    return found


def _plain(text: str) -> str:
    """Return docstring text as one line of a table."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


STATES_HEAD = """\
# State machines

Made from the tables in the code by `docs/generate.py`. A pair that is not in a table raises, but
for the phases of a run, where it changes nothing, and for what users ask of a topology in a
cluster, which is refused.
"""

#: Title of a state machine -> its table.
MACHINES: dict[str, Mapping[tuple[StrEnum, str], StrEnum]] = {
    "Phases of a run (`supervisor/phases.py`)": STEPS,
    "A worker as the coordinator sees it (`supervisor/restarts.py`)": WORKER_TRANSITIONS,
    "A topology in a cluster (`supervisor/cluster/lifecycle.py`)": {
        (state, event): after
        for state, row in LIFE_TRANSITIONS.items()
        for event, (after, _actions) in row.items()
    },
    "A worker on its host, in a cluster (`supervisor/cluster/host_states.py`)": HOST_TRANSITIONS,
    "A link, sending end (`supervisor/link_states.py`)": SENDER_TRANSITIONS,
    "A link, receiving end (`supervisor/link_states.py`)": RECEIVER_TRANSITIONS,
}


def states_page() -> str:
    """Return state-machines.md."""
    return STATES_HEAD + "".join(map(_machine, MACHINES.items()))


def _machine(item: tuple[str, Mapping[tuple[StrEnum, str], StrEnum]]) -> str:
    title, table = item
    rows = "".join(
        f"| {state.name} | {getattr(event, 'value', event)} | {after.name} |\n"
        for (state, event), after in table.items()
    )
    return f"\n## {title}\n\n| state | event | next state |\n|---|---|---|\n{rows}"


#: File name -> what makes it.
PAGES: dict[str, Callable[[], str]] = {
    "command-line.md": commands_page,
    "errors.md": errors_page,
    "ready-made.md": ready_made_page,
    "state-machines.md": states_page,
    "yaml-reference.md": reference.markdown,
    "topology.schema.json": reference.schema_text,
}


def main() -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
