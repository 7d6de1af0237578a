"""The reference of the YAML, as markdown and as JSON schema, from the loader's own tables.

``docs/generate.py`` writes ``docs/yaml-reference.md`` and ``docs/topology.schema.json`` (draft 7,
for editors) with it; a test compares both files with what is made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .event_time import UNITS
from .host_variables import HOST_VARIABLES
from .spec import GROUPINGS
from .units import format_duration, format_size
from .values import NAME_FORM
from .yaml_keys import (
    BOLT_KEYS,
    EVENT_TIME_KEYS,
    GUARANTEES,
    INPUT_KEYS,
    REQUIRED,
    SETTING_KEYS,
    SPOUT_KEYS,
    TOP_KEYS,
    Key,
)
from .yaml_tree import DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX

_INTRO = f"""\
# YAML reference

Made from the tables that the loader itself uses by `docs/generate.py`. The same tables give
[topology.schema.json](topology.schema.json), a JSON schema for editors: put
`# yaml-language-server: $schema=...` with its address on the first line of a topology file.

```yaml
name: wordcount
guarantee: at-least-once
workers: 2
spouts:
  lines:
    class: Files
    args: {{paths: "${{PYTHON_STDLIB}}/**/*.py"}}
bolts:
  split:
    class: wordcount:Split
    inputs: [lines]
    parallelism: 2
  count:
    class: Count
    inputs: [{{from: split, grouping: fields, fields: [word]}}]
    parallelism: 2
settings: {{max_pending: 10000, message_timeout: 30s}}
```

## How a file is read

- A file is one YAML document of UTF-8 text, at most {format_size(FILE_BYTES_MAX)},
  {NODES_MAX} values and {DEPTH_MAX} levels deep. Anchors, aliases, merge keys and tags are
  refused.
- Plain texts are read by the core rules of YAML 1.2. What YAML 1.1 reads differently (`no`,
  `on`, `010`, `1_000`, `12:30`, `2024-01-01`) is refused: put it in quotes.
- `${{NAME}}` inside a value is a variable of the environment; not set is an error.
  `${{NAME:default}}` has a default, `${{NAME:?message}}` a message of its own, and both count an
  empty variable as not set. `$${{` stands for `${{`. Variables are put in once, after the file
  was parsed: what they hold is never read as YAML structure. In a quoted value the result stays
  text, in a plain one it may be a number. Inside `[ ]` and `{{ }}` YAML wants such a value in
  quotes.
- Two variables are always set, and in `args` they are put in only where the task runs, so that on
  a cluster each host has its own: `${{PYTHON_STDLIB}}` is {HOST_VARIABLES["PYTHON_STDLIB"]},
  `${{TOPOLOGY_DIR}}` {HOST_VARIABLES["TOPOLOGY_DIR"]}. Elsewhere in a file they mean nothing.
- `--set a.b.c=VALUE` replaces or adds one value (`--set bolts.count.parallelism=4`,
  `--set bolts.count.inputs.0.grouping=all`); VALUE is read like a value in the file,
  lists and mappings too (`--set 'settings={{max_pending: 5}}'`, `--set 'bolts.b.inputs=[a]'`).
  The column of a problem counts in VALUE.
- Durations are numbers with a unit: `us`, `ms`, `s`, `m`, `h`, `d`. Sizes are bytes, or numbers
  with `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`.
- Ids and the name of a topology are `{NAME_FORM}`, not starting with `__`; ids differ in more
  than case.
- Every problem is one line, `file:line:col: CODE what`; the codes are in [errors.md](errors.md).
"""

_CLASSES = """\
## Classes

`class` is `module:Class`, `module.Class`, or the short name of a ready-made class or of an entry
point (groups `waterspout.spouts` and `waterspout.bolts`). The folder of the file is on the path,
so a module next to it is found by its name. What may be imported: `waterspout.spouts`,
`waterspout.bolts`, modules in the folder of the file, entry points, and the prefixes given with
`--allow` or in `WATERSPOUT_ALLOW`; the standard library never. This is checked before anything is
imported. `lint` and `run` look at the classes in a child process that has 10 seconds.
"""


def markdown() -> str:
    """Return docs/yaml-reference.md."""
    return "\n".join(_pages())


def _pages() -> Iterator[str]:
    yield _INTRO
    yield _keys("## Topology", TOP_KEYS)
    yield _choices("### Guarantees", GUARANTEES)
    yield _keys("## Spouts: `spouts.ID`", SPOUT_KEYS)
    yield _keys(
        "## Event time: `spouts.ID.event_time`",
        EVENT_TIME_KEYS,
        "The name of a field, or a mapping. How it works: "
        "[state-and-time.md](state-and-time.md#time).",
    )
    yield _choices("### Units of time", UNITS)
    yield _keys("## Bolts: `bolts.ID`", BOLT_KEYS)
    yield _CLASSES
    yield _keys(
        "## Inputs: `bolts.ID.inputs`",
        INPUT_KEYS,
        "A list. Each input is `component`, `component.stream`, or a mapping:",
    )
    yield _choices("### Groupings", GROUPINGS)
    yield _keys("## Settings: `settings`", SETTING_KEYS)


def _keys(title: str, table: dict[str, Key], text: str = "") -> str:
    rows = [
        f"| `{key.name}` | {_kind(key)} | {_default(key)} | {key.doc} |" for key in table.values()
    ]
    head = ["| key | value | default | meaning |", "|---|---|---|---|"]
    return "\n".join([title, "", *([text, ""] if text else []), *head, *rows, ""])


def _choices(title: str, table: Any, text: str = "") -> str:
    rows = [f"| `{name}` | {doc} |" for name, doc in table.items()]
    head = ["| name | meaning |", "|---|---|"]
    return "\n".join([title, "", *([text, ""] if text else []), *head, *rows, ""])


#: What the value of a kind is, in words.
_KINDS = {
    "text": "text",
    "name": "name",
    "boolean": "`true` or `false`",
    "class": "class path or short name",
    "function": "function path",
    "event_time": "field or mapping",
    "args": "mapping",
    "inputs": "list of inputs",
    "components": "mapping",
    "settings": "mapping",
    "source": "id or `id.stream`",
    "stream": "name",
    "names": "list of names",
    "labels": "list of labels",
}


def _kind(key: Key) -> str:
    if key.choices:
        return "a name, see below"
    if key.kind in ("integer", "number"):
        whole = "integer" if key.kind == "integer" else "number"
        return f"{whole} {key.minimum:.12g}..{key.maximum:.12g}"
    if key.kind == "duration":
        return f"duration {format_duration(key.minimum)}..{format_duration(key.maximum)}"
    if key.kind == "size":
        return f"size {format_size(key.minimum)}..{format_size(key.maximum)}"
    return _KINDS[key.kind]


def _default(key: Key) -> str:
    if key.default is REQUIRED:
        return "**required**"
    if key.name == "hold_max":
        return "10 x `message_timeout`"
    if key.default is None or key.default in ("", (), {}):
        return ""
    return f"`{written(key)}`"


def written(key: Key) -> Any:
    """Return the default of a key as it would be written in YAML."""
    if key.kind == "duration":
        return format_duration(key.default)
    if key.kind == "size":
        return format_size(key.default)
    return {True: "true", False: "false"}[key.default] if key.kind == "boolean" else key.default


def schema() -> dict[str, Any]:
    """Return docs/topology.schema.json: draft 7, so that every YAML editor can read it."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Waterspout topology",
        **_object(TOP_KEYS),
        "definitions": {
            "spout": _object(SPOUT_KEYS),
            "bolt": _object(BOLT_KEYS),
            "input": {"anyOf": [{"type": "string"}, _object(INPUT_KEYS)]},
            "event_time": {"anyOf": [{"type": "string"}, _object(EVENT_TIME_KEYS)]},
            "settings": _object(SETTING_KEYS),
        },
    }


def _object(table: dict[str, Key]) -> dict[str, Any]:
    required = [key.name for key in table.values() if key.default is REQUIRED]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _property(key) for key in table.values()},
        **({"required": required} if required else {}),
    }


#: A value that is one variable: it may stand wherever a number or a choice does.
_VARIABLE = {"type": "string", "pattern": r"^\$\{.*\}$"}


def _property(key: Key) -> dict[str, Any]:
    entry = {"description": key.doc, **_SCHEMAS[key.kind](key)}
    if key.default is not REQUIRED and key.default is not None and key.name != "hold_max":
        plain = key.kind in ("components", "settings", "args", "names", "labels", "boolean")
        default = list(key.default) if key.kind in ("names", "labels") else key.default
        entry["default"] = default if plain else written(key)
    return entry


def _integer(key: Key) -> dict[str, Any]:
    kind = "integer" if key.kind == "integer" else "number"
    limits = {"type": kind, "minimum": key.minimum, "maximum": key.maximum}
    return {"anyOf": [limits, _VARIABLE]}


def _choice(key: Key) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(key.choices)}, _VARIABLE]}


def _components(key: Key) -> dict[str, Any]:
    one = {"$ref": f"#/definitions/{key.name.removesuffix('s')}"}
    names = {"pattern": f"^{NAME_FORM}$"}
    return {"type": "object", "additionalProperties": one, "propertyNames": names}


_UNIT = r"^[0-9]+(\.[0-9]+)?"

_SCHEMAS: dict[str, Callable[[Key], dict[str, Any]]] = {
    "integer": _integer,
    "number": _integer,
    "duration": lambda key: {"type": "string", "pattern": rf"{_UNIT}(us|ms|s|m|h|d)$|\$\{{"},
    "size": lambda key: {
        "anyOf": [
            {"type": "integer"},
            {"type": "string", "pattern": rf"{_UNIT}([KMG]i?)?B$|\$\{{"},
        ]
    },
    "boolean": lambda key: {"anyOf": [{"type": "boolean"}, _VARIABLE]},
    "text": lambda key: {"type": "string"},
    "name": lambda key: {"type": "string", "pattern": rf"^{NAME_FORM}$|\$\{{"},
    "guarantee": _choice,
    "grouping": _choice,
    "class": lambda key: {"type": "string"},
    "choice": _choice,
    "function": lambda key: {"type": "string"},
    "event_time": lambda key: {"$ref": "#/definitions/event_time"},
    "source": lambda key: {"type": "string"},
    "stream": lambda key: {"type": "string"},
    "names": lambda key: {"type": "array", "items": {"type": "string"}},
    "labels": lambda key: {"type": "array", "items": {"type": "string"}, "maxItems": key.maximum},
    "args": lambda key: {"type": "object"},
    "components": _components,
    "settings": lambda key: {"$ref": "#/definitions/settings"},
    "inputs": lambda key: {
        "type": "array",
        "items": {"$ref": "#/definitions/input"},
        "minItems": 1,
    },
}


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), indent=2) + "\n"

