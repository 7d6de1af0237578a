"""The catalogue of bad topology files, as far as the whole file is bad.

The ids are those of the catalogue of bad input; single values are in test_bad_values.py.
"""

from __future__ import annotations

import time

from waterspout.topology.lint import lint_spec
from waterspout.topology.loader import load

from ..each_case import each_case

#: A right file; the cases below change one thing in it. Its lines are counted in the cases.
GOOD = """\
name: wordcount
workers: 2
spouts:
  lines:
    class: mine:Lines
bolts:
  split:
    class: mine:Split
    inputs: [lines]
  count:
    class: mine:Count
    inputs: [{from: split, grouping: fields, fields: [word]}]
    parallelism: 2
settings:
  max_pending: 10000
"""


def problems_of(text: bytes | str) -> list[str]:
    """Return the lines that lint prints for a text, all checks but those of classes."""
    loaded = load(text, "t.yaml")
    lint_spec(loaded)
    return [str(problem) for problem in loaded.problems]


def changed(old: str, new: str) -> str:
    """Return the right file with one thing changed."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_the_right_file_has_no_problems() -> None:
    assert problems_of(GOOD) == []


def bomb() -> str:
    """Return the 736 bytes of nested merge keys that take safe_load 14 s."""
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 24)]
    return "\n".join(lines)[:736]


WHOLE_FILES = [
    ("B01", "", "t.yaml:1:1: E_EMPTY the topology file is empty"),
    ("B01", "# only\n# comments\n", "t.yaml:1:1: E_EMPTY the topology file is empty"),
    ("B01", "---\n...\n", "t.yaml:2:1: E_EMPTY the topology file is empty"),
    ("B02", "- a\n- b\n", "t.yaml:1:1: E_TYPE a mapping expected at top level, got list"),
    ("B02", "\n  hello\n", "t.yaml:2:3: E_TYPE a mapping expected at top level, got text"),
    ("B02", "12:30\n", "t.yaml:1:1: E_TYPE the file: '12:30' is a number of base 60 in YAML 1.1"),
    (
        "B03",
        GOOD + "---\nname: other\n",
        "t.yaml:16:1: E_MULTIDOC one YAML document expected, a second one starts at line 16",
    ),
    ("B04", GOOD + "bolts: {}\n", "t.yaml:16:1: E_DUPKEY 'bolts' at line 16 repeats line 6"),
    (
        "B05",
        GOOD.replace("bolts:", "blots:"),
        "t.yaml:6:1: E_UNKNOWN_KEY unknown key 'blots', allowed: name, description, guarantee, "
        "workers, code, requirements, state, spouts, bolts, settings, did you mean 'bolts'?",
    ),
    (
        "B06",
        changed("mine:Lines", "&x mine:Lines"),
        "t.yaml:5:12: E_ALIAS anchors and aliases are not allowed, got '&x'",
    ),
    ("B06", bomb(), "t.yaml:1:5: E_ALIAS anchors and aliases are not allowed, got '&a0'"),
    ("B06", "<<: {a: 1}\n", "t.yaml:1:1: E_ALIAS merge keys ('<<') are not allowed"),
    ("B08", "[" * 5000, "t.yaml:1:33: E_DEPTH nesting deeper than 32"),
    ("B08", "{a: " * 5000, "t.yaml:1:129: E_DEPTH nesting deeper than 32"),
    ("B08", "- " * 5000, "t.yaml:1:65: E_DEPTH nesting deeper than 32"),
    ("B08", "[" + "1," * 25_000 + "]", "t.yaml:1:40000: E_SIZE more than 20000 values"),
    ("B08", "# " + "x" * 1_048_576, "t.yaml:1:1: E_SIZE the file is over 1048576 bytes"),
    ("B08", "name: " + "x" * 70_000, "t.yaml:1:7: E_SIZE a text of more than 65536 characters"),
    (
        "B10",
        "name: !!python/object/apply:os.system [id]\n",
        "t.yaml:1:7: E_TAG tags are not allowed, got 'tag:yaml.org,2002:python/object/apply:os.s",
    ),
    ("B10", "name: !foo x\n", "t.yaml:1:7: E_TAG tags are not allowed, got '!foo'"),
    ("B10", "name: !!str 5\n", "t.yaml:1:7: E_TAG tags are not allowed, got 'tag:yaml.org,2002:s"),
    (
        "B11",
        "name: x\nspouts:\n\tlines: 1\n",
        "t.yaml:3:1: E_SYNTAX line 3: tab used for indentation; use spaces",
    ),
    ("B12", b"name: a\x00b\n", "t.yaml:1:8: E_ENCODING control character '\\x00' at byte 7"),
    ("B12", "name: \u00e9\x07\n", "t.yaml:1:8: E_ENCODING control character '\\x07' at byte 8"),
    ("B12", b"a: 1\nname: \xe9t\xe9\n", "t.yaml:2:7: E_ENCODING not valid UTF-8 text at byte 11"),
    ("B12", b"name: \xed\xa0\x80\n", "t.yaml:1:7: E_ENCODING not valid UTF-8 text at byte 6"),
    ("B12", "name: \ud800\n", "t.yaml:1:7: E_ENCODING control character '\\ud800' at byte 6"),
]


@each_case("row, text, expected", WHOLE_FILES)
def test_a_bad_file_is_refused_where_it_is_bad(
    row: str, text: bytes | str, expected: str
) -> None:
    started = time.process_time()
    found = problems_of(text)
    assert [line for line in found if line.startswith(expected)], (row, found)
    assert time.process_time() - started < 1


