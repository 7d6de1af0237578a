"""Wrong arguments of ready-made bolts: one file with all of them, and what lint says of each."""

from __future__ import annotations

import pytest
from waterspout.bolts.registry import BOLTS
from waterspout.supervisor.linting import lint_file

HEAD = """\
name: wrong
spouts:
  clicks: {class: Generator, args: {iterable: "rows:rows", fields: [user, amount, ts]}}
  prices: {class: Generator, args: {iterable: "rows:rows", fields: [id, price, ts]}}
bolts:
"""
ONE = "[{from: clicks, grouping: fields, fields: [user]}]"
TWO = ONE[:-1] + ", {from: prices, grouping: fields, fields: [id]}]"
WINDOW = "key: user, time: ts, tumbling: 60s, "
USER = "'usr' is not a field of 'clicks' stream 'default', declared: user, amount, ts, did you mean"
UNIT = "a duration such as 500ms, 30s, 5m expected, got "

#: Class, args, and for each problem: code, where it stands below args, and in which words.
CASES: dict[str, tuple[str, str, list[str]]] = {
    "size_without_unit": ("Window", "key: user, sliding: {size: 3}, aggregate: {n: count}", [
        "E_ARGS sliding: 'slide' is missing",
        f"E_ARGS sliding.size: {UNIT}3; a number needs its unit: 3s",
    ]),
    "slide_misspelt": ("Window", "sliding: {size: 1s, slde: 1s}, aggregate: {n: count}", [
        "E_ARGS sliding.slde: unknown, allowed: size, slide, did you mean 'slide'?",
    ]),
    "kind_misspelt": ("Window", "key: user, tumblng: 60s, aggregate: {n: count}", [
        "E_ARGS tumblng: Window(...): unexpected 'tumblng', did you mean 'tumbling'?",
    ]),
    "two_kinds": ("Window", WINDOW + "session: 5s, aggregate: {n: count}", [
        "E_ARGS : Window: exactly one of tumbling, sliding, session, count expected, got tumb",
    ]),
    "no_kind": ("Window", "key: user", [
        "E_ARGS : Window: exactly one of tumbling, sliding, session, count expected, got none",
        "E_ARGS : Window: either 'aggregate' or 'function' expected, got none",
    ]),
    "top_misspelt": ("Window", WINDOW + "aggregate: {t: {top: {feild: user, n: 3}}}", [
        "E_ARGS aggregate.t.top.feild: unknown, allowed: field, n, by, candidates, did you mean 'f",
    ]),
    "aggregates": (
        "Window", WINDOW + "aggregate: {n: cuont, s: {summ: amount}, m: {sum: amuont}}", [
            "E_ARGS aggregate.n: count, or one kind and its field such as {sum: amount} expected, ",
            "E_ARGS aggregate.s: 'summ' unknown, allowed: count, sum, min, max, mean, first, last",
            "E_REF aggregate.m.sum: 'amuont' is not a field of 'clicks' stream 'default', declare",
        ],
    ),
    "count_of_a_field": ("Window", WINDOW + "aggregate: {n: {count: user}}", [
        "E_ARGS aggregate.n.count: counts rows and takes no field; write just 'count'",
    ]),
    "list_of_aggregates": ("Window", WINDOW + "aggregate: [count]", [
        "E_ARGS aggregate: a mapping such as {n: count, total: {sum: amount}} expected, got ['cou",
    ]),
    "key_and_time": ("Window", "key: [user, usr], time: tss, session: 5x, aggregate: {n: count}", [
        f"E_REF key[1]: {USER} 'user'?",
        "E_REF time: 'tss' is not a field of 'clicks' stream 'default', declared: user, amount, ts",
        f"E_ARGS session: {UNIT}'5x'",
    ]),
    "no_time": ("Window", "tumbling: 5s, lateness: 1s, late: late, aggregate: {n: count}", [
        "E_ARGS lateness: rows are late only in event time; name their field in 'time'",
        "E_ARGS late: rows are late only in event time; name their field in 'time'",
    ]),
    "early_and_offset": (
        "Window", WINDOW + "offset: 5, early: {evry: 3}, unit: sec, aggregate: {n: count}", [
            f"E_ARGS offset: {UNIT}5; a number needs its unit: 5s",
            "E_ARGS early.evry: unknown, allowed: every, after, did you mean 'every'?",
            "E_ARGS unit: 'sec' unknown, allowed: s, ms, us, iso",
        ],
    ),
    "same_field_twice": ("Window", WINDOW + "aggregate: {user: count}", [
        "E_ARGS aggregate.user: the output has a field 'user' already",
    ]),
    "limits": ("Window", WINDOW + "panes_max: 0, items_max: -1, aggregate: {d: {distinct: usr}}", [
        "E_ARGS panes_max: a whole number > 0 expected, got 0",
        "E_ARGS items_max: a whole number > 0 expected, got -1",
        f"E_REF aggregate.d.distinct: {USER} 'user'?",
    ]),
    "both_ways": ("Window", WINDOW + "function: 'rows:f', fields: [], aggregate: {n: count}", [
        "E_ARGS : Window: either 'aggregate' or 'function' expected, got both",
    ]),
    "no_function": ("Window", WINDOW + "function: 'rows:g', fields: []", [
        "E_IMPORT function: 'rows' has no 'g'",
        "E_ARGS fields: names of what the function returns expected, got []",
    ]),
    "combine": ("Window", WINDOW + "aggregate: {a: {combine: {wth: 'rows:f'}}}", [
        "E_ARGS aggregate.a.combine.wth: unknown, allowed: with, field, did you mean 'with'?",
    ]),
    "panes": ("Window", "sliding: {size: 3h, slide: 7ms}, aggregate: {n: count}", [
        "E_ARGS sliding: a window has 10800000 panes, at most panes_max = 10000",
    ]),
    "types": ("Window", "key: 3, time: 4, tumbling: 1s, nested: 5, aggregate: {n: count}", [
        "E_ARGS key: a field or a list of fields expected, got 3",
        "E_ARGS time: the name of a field expected, got 4",
        "E_ARGS nested: true or false expected, got 5",
    ]),
    "no_such_side": (
        "WindowJoin", "left: click, right: prices, select: {a: left.user}, time: ts, size: 1s", [
            "E_REF left: 'click' is no input of 'no_such_side', it has: clicks, prices, did you me",
        ],
    ),
    "select": (
        "WindowJoin",
        "left: clicks, right: prices, time: {left: tss, rigth: ts}, tumbling: 1s, "
        "select: {a: left.usr, b: right.prise, c: righ.price, d: price}", [
            "E_ARGS : WindowJoin(left, right, time, size, select, unit, kind, rows_max): 'size' ",
            "E_REF time.left: 'tss' is not a field of 'clicks' stream 'default', declared: user, a",
            "E_ARGS time.rigth: unknown, allowed: left, right, did you mean 'right'?",
            "E_ARGS tumbling: WindowJoin(left, right, time, size, select, unit, kind, rows_max): u",
            f"E_REF select.a: {USER} 'user'?",
            "E_REF select.b: 'prise' is not a field of 'prices' stream 'default', declared: id, pr",
            "E_ARGS select.c: left.field or right.field expected, got 'righ.price', did you mean '",
            "E_ARGS select.d: left.field or right.field expected, got 'price'",
        ],
    ),
    "spans": (
        "IntervalJoin",
        "left: clicks, right: prices, select: {a: left.user}, time: ts, lower: 10, upper: 5", [
            "E_ARGS lower: a span such as '10s' expected, got 10; a number needs its unit: 10s",
            "E_ARGS upper: a span such as '10s' expected, got 5; a number needs its unit: 5s",
        ],
    ),
    "turned_round": (
        "IntervalJoin",
        "left: clicks, right: prices, select: {a: left.user}, time: ts, lower: 5s, upper: -5s", [
            "E_ARGS lower: 5s is after upper, -5s",
        ],
    ),
    "one_stream": ("StreamJoin", "left: clicks, right: clicks, select: {a: left.user}, ttl: 5", [
        "E_ARGS right: the same stream as left, 'clicks'",
        "E_ARGS ttl: a span such as '1h' expected, got 5; a number needs its unit: 5s",
    ]),
    "other_stream": (
        "StateJoin", "left: clicks, right: prices.big, select: {a: left.user}, kind: lefft", [
            "E_REF right: 'prices.big' is no input of 'other_stream', it has: clicks, prices, did ",
            "E_ARGS kind: one of inner, left expected, got 'lefft', did you mean 'left'?",
        ],
    ),
    "side_misspelt": ("StateJoin", "left: clicks, rigth: prices, select: {a: left.usr}", [
        "E_ARGS : StateJoin(left, right, select, kind, ttl): 'right' is missing",
        "E_ARGS rigth: StateJoin(left, right, select, kind, ttl): unexpected 'rigth', did you mea",
    ]),
    "lookup": ("LookupJoin", "table: x.txt, key: usr, select: {b: tabel.x}, refresh: 3", [
        "E_ARGS table: a .csv or .jsonl file expected, got 'x.txt'",
        f"E_REF key: {USER} 'user'?",
        "E_ARGS select.b: row.field or table.field expected, got 'tabel.x', did you mean 'table.x",
        "E_ARGS refresh: a span such as '10s' expected, got 3; a number needs its unit: 3s",
    ]),
    "lookup_key": ("LookupJoin", "table: x.csv, key: {row: usr, tabel: i}, select: {a: row.amnt}", [
        f"E_REF key.row: {USER} 'user'?",
        "E_ARGS key.tabel: unknown, allowed: row, table, did you mean 'table'?",
        "E_REF select.a: 'amnt' is not a field of 'clicks' stream 'default', declared: user, amou",
    ]),
    "deduplicate": ("Deduplicate", "fields: [usr, amount], within: 10", [
        f"E_REF fields[0]: {USER} 'user'?",
        "E_ARGS within: a span such as '1h' expected, got 10; a number needs its unit: 10s",
    ]),
    "top_n": ("TopN", "item: itm, value: amnt, n: 0, key: [usr], emit: chnges", [
        "E_REF item: 'itm' is not a field of 'clicks' stream 'default', declared: user, amount, t",
        "E_REF value: 'amnt' is not a field of 'clicks' stream 'default', declared: user, amount,",
        "E_ARGS n: a number from 1 to 10000 expected, got 0",
        f"E_REF key[0]: {USER} 'user'?",
        "E_ARGS emit: one of changes, final expected, got 'chnges', did you mean 'changes'?",
    ]),
    "folder_misspelt": ("CommitJsonl", "foldr: out, fields: [usr]", [
        "E_ARGS : CommitJsonl(folder, prefix, fields, begin): 'folder' is missing",
        "E_ARGS foldr: CommitJsonl(folder, prefix, fields, begin): unexpected 'foldr', did you me",
        f"E_REF fields[0]: {USER} 'user'?",
    ]),
    "prefix": ("CommitCsv", "folder: out, prefix: a b, begin: nwe, fields: user", [
        "E_ARGS prefix: letters, digits, - and _ expected, got 'a b'",
        "E_ARGS begin: append or new expected, got 'nwe', did you mean 'new'?",
        "E_ARGS fields: a list of fields expected, got 'user'; a single one is written [user]",
    ]),
    "parquet": ("CommitParquet", "folder: 5, compression: zip, fields: [user, user]", [
        "E_ARGS folder: a path expected, got 5",
        "E_ARGS compression: CommitParquet(folder, prefix, fields, begin): unexpected 'compression",
        "E_ARGS fields[1]: 'user' is there twice",
    ]),
    "table": ("SqliteTable", "file: x.db, table: a-b, key: [usr]", [
        "E_ARGS : SqliteTable(path, table, fields, key, create): 'path' is missing",
        "E_ARGS file: SqliteTable(path, table, fields, key, create): unexpected 'file'",
        "E_ARGS table: letters, digits and _ expected, got 'a-b'",
        f"E_REF key[0]: {USER} 'user'?",
    ]),
    "key_not_written": ("SqliteTable", "path: x.db, table: t, key: [usr], fields: [user, amnt]", [
        "E_ARGS key[0]: 'usr' is not one of the fields user, amnt, did you mean 'user'?",
        f"E_REF key[0]: {USER} 'user'?",
        "E_REF fields[1]: 'amnt' is not a field of 'clicks' stream 'default', declared: user, amo",
    ]),
    "postgres": ("PostgresTable", "dsn: x, table: t, key: [a b], create: maybe", [
        "E_ARGS key[0]: letters, digits and _ expected, got 'a b'",
        "E_REF key[0]: 'a b' is not a field of 'clicks' stream 'default', declared: user, amount,",
        "E_ARGS create: true or false expected, got 'maybe'",
    ]),
    "csv": ("WriteCsv", "path: out.csv, feilds: [user]", [
        "E_ARGS feilds: WriteCsv(path, fields, header, begin): unexpected 'feilds', did you mean ",
    ]),
    "jsonl": ("WriteJsonl", "path: '', fields: [usr]", [
        "E_ARGS path: a path expected, got ''",
        f"E_REF fields[0]: {USER} 'user'?",
    ]),
    "lines": ("WriteLines", "path: out.txt, fields: []", [
        "E_ARGS fields: at least one expected, or leave it out for all",
    ]),
    "count": ("Count", "field: usr, emit: finl, top: -1", [
        f"E_REF field: {USER} 'user'?",
        "E_ARGS emit: one of none, updates, final expected, got 'finl', did you mean 'final'?",
        "E_ARGS top: a number of keys >= 0 expected, got -1",
    ]),
    "map": ("Map", "function: 'rows:f', fields: x, field: [user, usr]", [
        "E_ARGS fields: a list of fields expected, got 'x'; a single one is written [x]",
        f"E_REF field[1]: {USER} 'user'?",
    ]),
    "too_many_fields": ("Map", "function: 'rows:f', fields: [x]", [
        "E_ARGS function: the function takes 1 value, and is handed all 3 of 'clicks' stream 'def",
    ]),
    "too_few_fields": ("Map", "function: 'rows:both', fields: [x], field: user", [
        "E_ARGS field: the function takes 2 values, and is handed 1",
    ]),
    "flat_map": ("FlatMap", "function: 'rows:f', fields: [x], feild: user", [
        "E_ARGS feild: FlatMap(function, fields, field): unexpected 'feild', did you mean 'field'",
    ]),
    "filter": ("Filter", "function: 'rows:f', field: user, fields: [x]", [
        "E_ARGS fields: 'clicks' stream 'default' has 3 fields, user, amount, ts: as many names e",
    ]),
    "log": ("Log", "every: 0, level: inf", [
        "E_ARGS every: a number >= 1 expected, got 0",
        "E_ARGS level: one of debug, info, warning, error expected, got 'inf', did you mean 'info",
    ]),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[int, int, str]]]:
    """Lint one file with all of them; return (line, column, "CODE args.path: text") by bolt."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "rows.py").write_text(
        "def rows(): return []\ndef f(x): return x\ndef both(x, y): return x\n"
    )
    bolts = "".join(
        f"  {name}:\n    class: {cls}\n    inputs: {TWO if 'left: ' in args else ONE}\n"
        f"    args: {{{args}}}\n"
        for name, (cls, args, _) in CASES.items()
    )
    path = folder / "t.yaml"
    path.write_text(HEAD + bolts)
    result = lint_file(path)
    assert not result.ok and not result.dropped
    by_bolt: dict[str, list[tuple[int, int, str]]] = {name: [] for name in CASES}
    for problem in result.problems:
        where, _, text = problem.text.partition(": ")
        _, _, rest = where.partition("bolts.")
        name, _, below = rest.partition(".args")
        if problem.level == "error":
            line = f"{problem.code} {below.removeprefix('.')}: {text}"
            by_bolt[name].append((problem.mark.line, problem.mark.column, line))
    return by_bolt


@pytest.mark.parametrize("name", CASES)
def test_everything_that_is_wrong_with_a_bolt_is_said_where_it_stands(
    name: str, found: dict[str, list[tuple[int, int, str]]]
) -> None:
    _, args, expected = CASES[name]
    lines = [line for _, _, line in found[name]]
    assert len(lines) == len(expected), lines
    for line, text in zip(lines, expected, strict=True):
        assert line.startswith(text)
    begin = HEAD.count("\n") + 4 * list(CASES).index(name) + 4
    assert {number for number, _, _ in found[name]} == {begin}
    written = f"    args: {{{args}}}"
    for _, column, line in found[name]:
        place = line.split(": ")[0].split(" ")[1]
        key = place.split(".")[-1].split("[")[0]
        before = written[: column - 1]
        assert key in before or not place, (line, before)


def test_there_are_more_than_forty_wrong_bolts_of_every_ready_made_class() -> None:
    assert len(CASES) > 40 and {cls for cls, _, _ in CASES.values()} == set(BOLTS)
