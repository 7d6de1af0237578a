"""The catalogue of bad topology files, as far as single values of it are bad.

Each row has its id, its code, its place and its words. The ids are those of the catalogue of bad
input; whole files are in test_bad_files.py, rows that need classes to be imported in
tests/supervisor/test_linting.py.
"""

from __future__ import annotations

import sys
import time
from textwrap import dedent

from waterspout.topology.lint import lint_spec
from waterspout.topology.loader import ShortNames, load

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

NAMES = ShortNames({"Files": "waterspout.spouts.files:Files"}, {"Map": "waterspout.bolts.map:Map"})


def problems_of(text: str) -> list[str]:
    """Return the lines that lint prints for a text, all checks but those of classes."""
    loaded = load(text, "t.yaml", short_names=NAMES)
    lint_spec(loaded)
    return [str(problem) for problem in loaded.problems]


def changed(old: str, new: str) -> str:
    """Return the right file with one thing changed."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_the_right_file_has_no_problems() -> None:
    assert problems_of(GOOD) == []


def named(name: str) -> str:
    return GOOD.replace("name: wordcount", f"name: {name}")


def parallel(value: str) -> str:
    return GOOD.replace("parallelism: 2", f"parallelism: {value}")


def timeout(value: str) -> str:
    return GOOD.replace("max_pending: 10000", f"message_timeout: {value}")


ONE_VALUE = [
    (
        "B13",
        named("no"),
        "1:7: E_TYPE name: 'no' is a boolean in YAML 1.1 and text in 1.2: quote it, or write false",
    ),
    ("B13", named("true"), "1:7: E_TYPE name: a text expected, got boolean true; quote it"),
    ("B13", named("~"), "1:7: E_TYPE name: a text expected, got nothing"),
    ("B13", named("12"), "1:7: E_TYPE name: a text expected, got integer 12; quote it"),
    (
        "B16",
        named("1.10"),
        "1:7: E_TYPE name: a text expected, got number 1.10; quote it",
    ),
    (
        "B16",
        named("2024-01-01"),
        "1:7: E_TYPE name: '2024-01-01' is a date in YAML 1.1 and text in 1.2: quote it",
    ),
    (
        "B16",
        GOOD.replace("class: mine:Split", "class: mine:Split\n    args: {api_version: 1.10}"),
        "9:25: E_TYPE bolts.split.args.api_version: '1.10' is read as the number 1.1; quote the",
    ),
    *(
        (
            "B15",
            parallel(value),
            f"13:18: E_RANGE bolts.count.parallelism: integer 1..1024 expected, got {shown}",
        )
        for value, shown in [
            ("0", "0"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ('"4"', "'4'; write it without quotes"),
            ("true", "true"),
            ("1000000000", "1000000000"),
            ("[1]", "list"),
            ("~", "nothing"),
            (".inf", ".inf"),
        ]
    ),
    (
        "B15",
        parallel("010"),
        "13:18: E_TYPE bolts.count.parallelism: '010' is an octal number in YAML 1.1 and a "
        "decimal one in 1.2: quote it, or write it without the leading zero",
    ),
    (
        "B15",
        parallel("9" * 5000),
        "13:18: E_RANGE bolts.count.parallelism: an integer of 5000 digits, at most 64 bits",
    ),
    *(
        (
            "B17",
            timeout(value),
            "15:20: E_DURATION settings.message_timeout: a duration such as 500ms, 30s, 5m "
            f"expected, got {shown}",
        )
        for value, shown in [
            (".nan", ".nan"),
            (".inf", ".inf"),
            ("-5", "-5"),
            ("30 sec", "'30 sec'"),
            ("1e3", "1e3"),
            ("30", "30; a number needs its unit: 30s"),
            ("'30'", "'30'"),
            ("-5s", "'-5s'"),
            ("~", "nothing"),
        ]
    ),
    (
        "B17",
        timeout("0s"),
        "15:20: E_DURATION settings.message_timeout: a duration of 10ms..1d expected, got '0s'",
    ),
    (
        "B17",
        timeout("400d"),
        "15:20: E_RANGE settings.message_timeout: a duration of 10ms..1d expected, got '400d'",
    ),
    (
        "B17",
        timeout("12:30"),
        "15:20: E_TYPE settings.message_timeout: '12:30' is a number of base 60 in YAML 1.1 and "
        "text in 1.2: quote it; durations are written 90s, 5m, 2h",
    ),
    *(
        (
            "B19",
            GOOD.replace("  count:", f"  {written}:"),
            f"10:3: E_NAME bolts: {shown}",
        )
        for written, shown in [
            ("a/b", "'a/b', allowed [A-Za-z][A-Za-z0-9_-]{0,63}"),
            ("../x", "'../x', allowed"),
            ("a b", "'a b', allowed"),
            ("x" * 300, "'" + "x" * 75 + "...', allowed"),
            ('""', "'', allowed"),
            ("__acker", "'__acker': '__' is reserved"),
            ('"a\\nb"', "'a\\nb', allowed"),
            ('"\\e[31m"', "'\\x1b[31m', allowed"),
            ('"a\\u2028b"', "'a\\u2028b', allowed"),
        ]
    ),
    ("B19", named("a/b"), "1:7: E_NAME name: 'a/b', allowed [A-Za-z][A-Za-z0-9_-]{0,63}"),
    (
        "B20",
        GOOD.replace("  count:", "  lines:"),
        "10:3: E_DUPID bolts: id 'lines' repeats line 4",
    ),
    (
        "B20",
        GOOD.replace("  count:", "  Split:"),
        "10:3: E_DUPID bolts: id 'Split' differs only in case from 'split' of line 7",
    ),
    (
        "B21",
        changed("from: split", "from: splt"),
        "12:14: E_REF bolts.count.inputs[0]: component 'splt' unknown, known: lines, split, "
        "count, did you mean 'split'?",
    ),
    (
        "B21",
        changed("[lines]", "[lines.default, liens]"),
        "9:29: E_REF bolts.split.inputs[1]: component 'liens' unknown, known: lines, split, "
        "count, did you mean 'lines'?",
    ),
    (
        "B23",
        changed("spouts:\n", "spouts:\n  idle:\n    class: mine:Idle\n"),
        "4:3: W_UNREACHABLE spouts.idle: no bolt reads this spout",
    ),
    ("B24", "name: x\n", "1:1: E_NOSPOUT a topology needs at least one spout"),
    ("B24", "name: x\nspouts: {}\n", "2:9: E_NOSPOUT a topology needs at least one spout"),
    ("B24", "name: x\nspouts:\n", "2:8: E_NOSPOUT a topology needs at least one spout"),
    (
        "B25",
        changed("grouping: fields", "grouping: feilds"),
        "12:38: E_GROUPING bolts.count.inputs[0].grouping: 'feilds' unknown, allowed: shuffle, "
        "local-or-shuffle, fields, partial-key, all, global, none, direct, custom, did you mean "
        "'fields'?",
    ),
    (
        "B25",
        changed(", fields: [word]", ""),
        "12:38: E_GROUPING bolts.count.inputs[0]: grouping 'fields' needs its key fields, such "
        "as fields: [word]",
    ),
    (
        "B25",
        changed("[word]", "word"),
        "12:54: E_TYPE bolts.count.inputs[0].fields: a list of field names expected, got 'word'; "
        "a single one is written [name]",
    ),
    (
        "B25",
        changed("[word]", "[]"),
        "12:54: E_GROUPING bolts.count.inputs[0]: at least one key field expected",
    ),
    (
        "B25",
        changed("[word]", "[word, word]"),
        "12:61: E_GROUPING bolts.count.inputs[0].fields: 'word' is there twice",
    ),
    (
        "B25",
        changed("grouping: fields", "grouping: all"),
        "12:51: E_GROUPING bolts.count.inputs[0]: grouping 'all' takes no fields; did you mean",
    ),
    (
        "B25",
        changed("grouping: fields, fields: [word]", "grouping: custom"),
        "12:38: E_GROUPING bolts.count.inputs[0]: grouping 'custom' needs its 'class'",
    ),
    (
        "B25",
        changed("fields: [word]", "fields: [word], class: a:B"),
        "12:69: E_GROUPING bolts.count.inputs[0]: grouping 'fields' takes no 'class'",
    ),
    (
        "B28",
        changed("mine:Lines", "Fils"),
        "5:12: E_IMPORT spouts.lines.class: there is no ready-made or installed spout 'Fils', "
        "known: Files; a class of yours is written module:Class, did you mean 'Files'?",
    ),
    (
        "B29",
        changed("mine:Split", "Files"),
        "8:12: E_CLASS_KIND bolts.split.class: 'Files' is a spout, not a bolt",
    ),
    (
        "B28",
        changed("mine:Split", "mine:Split()"),
        "8:12: E_NAME bolts.split.class: 'mine:Split()' is not a class path",
    ),
    (
        "B32",
        GOOD.replace("class: mine:Split", "class: mine:Split\n    args: {password: hunter2}"),
        "9:22: E_SECRET bolts.split.args.password: a secret does not belong into the file; write "
        "${NAME} and set the variable",
    ),
    (
        "B33",
        changed("workers: 2", "workers: 5"),
        "2:10: W_IDLE workers: 5 workers for 4 tasks: 1 will have nothing to do",
    ),
    (
        "B33",
        GOOD + "  backoff_min: 2m\n",
        "16:16: E_CONFLICT settings.backoff_min: backoff_min 2m is over backoff_max 30s",
    ),
    (
        "B34",
        changed("workers: 2", "guarantee: exactly_once"),
        "2:12: E_GUARANTEE guarantee: 'exactly_once' unknown, allowed: at-least-once, "
        "at-most-once, exactly-once, did you mean 'exactly-once'?",
    ),
    (
        "B34",
        changed("workers: 2", "guarantee: at-least-onc"),
        "2:12: E_GUARANTEE guarantee: 'at-least-onc' unknown, allowed: at-least-once, "
        "at-most-once, exactly-once, did you mean 'at-least-once'?",
    ),
    (
        "B33",
        GOOD + "  tuple_bytes_max: 2MiB\n",
        "16:20: E_CONFLICT settings.tuple_bytes_max: tuple_bytes_max 2MiB is over "
        "frame_bytes_max 1MiB: such a tuple fits into no frame",
    ),
    (
        "B33",
        GOOD + "  queue_rows_max: 10\n",
        "16:19: E_CONFLICT settings.queue_rows_max: frame_rows_max 1024 is over queue_rows_max 10",
    ),
    (
        "B34",
        GOOD + "  round_interval: 2m\n",
        "16:19: E_CONFLICT settings.round_interval: round_interval 2m is over round_timeout 1m",
    ),
    (
        "B35",
        changed("10000", "0"),
        "15:16: E_RANGE settings.max_pending: integer 1..10000000 expected, got 0",
    ),
    (
        "B35",
        changed("mine:Lines", "mine:Lines\n    rate_hint: 100"),
        "6:16: W_OVERLOAD spouts.lines.rate_hint: up to 10000 messages pending are 100s of input",
    ),
]


@each_case("row, text, expected", ONE_VALUE)
def test_one_bad_value_gives_one_problem_at_its_place(
    row: str, text: str, expected: str
) -> None:
    started = time.process_time()
    found = problems_of(text)
    assert expected in found[0], (row, found)
    assert len(found) == 1, (row, found)
    assert found[0].startswith("t.yaml:") and "\n" not in found[0]
    assert time.process_time() - started < 1
    assert "mine" not in sys.modules


def test_a_secret_is_never_shown_whatever_else_is_wrong_with_it() -> None:
    text = dedent(
        """\
        name: x
        spouts:
          s:
            class: mine:S
            password: hunter2
            args:
              password: 0123456
              api_key: 99999999999999999999999
              nested: [{auth_token: hunter2}, "amqp://me:hunter2@host/"]
            parallelism: "amqp://me:hunter2@host/"
        """
    )
    found = problems_of(text)
    assert not any("hunter2" in line or "0123456" in line for line in found)
    assert [line.split()[1] for line in found] == [
        "E_UNKNOWN_KEY",
        "E_TYPE",
        "E_RANGE",
        "E_SECRET",
        "E_SECRET",
        "E_RANGE",
    ]


def test_many_problems_are_reported_at_once_in_the_order_of_the_file() -> None:
    text = dedent(
        """\
        name: 12
        wokers: 2
        guarantee: exactly-one
        spouts:
          lines: {class: mine:Lines, parallelism: 0}
        bolts:
          a/b: {class: mine:Split, inputs: [lins]}
          count:
            clas: mine:Count
            inputs: lines
        settings: {max_pending: 0, message_timeout: 30}
        """
    )
    found = problems_of(text)
    assert [line.split()[0].split(":")[1] for line in found] == [
        "1", "2", "3", "5", "7", "7", "9", "10", "11", "11",
    ]  # fmt: skip
    assert [line.split()[1] for line in found] == [
        "E_TYPE",
        "E_UNKNOWN_KEY",
        "E_GUARANTEE",
        "E_RANGE",
        "E_NAME",
        "E_REF",
        "E_UNKNOWN_KEY",
        "E_TYPE",
        "E_RANGE",
        "E_DURATION",
    ]
