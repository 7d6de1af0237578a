"""A user's iterable as messages: what counts as one, how it ends, how it comes again."""

import traceback

import pytest
from waterspout.spouts import generator
from waterspout.spouts.contract import declared_replay
from waterspout.spouts.generator import READ_MAX_S, Generator
from waterspout.topology.classes import ImportFailed
from waterspout.topology.component import StreamDecl
from waterspout.topology.emitter import Emitter, StreamOut
from waterspout.topology.errors import UserError

from .rig import Rig, executor_of


@pytest.fixture
def make(context, monkeypatch):
    """Return a function that opens a Generator over a function given as an object."""

    def make(function, **args):
        monkeypatch.setattr(generator, "load_function", {"user:items": function}.__getitem__)
        source = Generator(iterable="user:items", **args)
        source.open(context)
        return source

    return make


def start(source, position=None):
    (partition,) = source.partitions()
    return source.reader(partition, position)


def test_with_one_field_an_item_is_its_value(make):
    reader = start(make(lambda: ["a", ["b", 1], {"c": 2}]))
    assert reader.read(2) == ([["a"], [["b", 1]]], 2)
    assert reader.read(2) == ([[{"c": 2}]], 3)
    assert reader.read(2) is None


def test_with_several_fields_an_item_is_a_sequence_or_a_dict(make):
    items = [("a", 1), ["b", 2], {"n": 3, "word": "c"}]
    reader = start(make(lambda: items, fields=["word", "n"]))
    assert reader.read(5) == ([["a", 1], ["b", 2], ["c", 3]], 3)


@pytest.mark.parametrize("item", ["ab", ("a",), ("a", 1, 2), {"word": 1}, 7, {}])
def test_an_item_that_does_not_fit_the_fields_is_refused_alone_when_it_is_emitted(make, item):
    source = make(lambda: [["a", 1], item, ["b", 2]], fields=["word", "n"])
    rows, position = start(source).read(5)
    assert (rows[0], rows[2], position) == (["a", 1], ["b", 2], 3)
    rig = Rig(attempts_max=1)
    stream = StreamOut("default", StreamDecl(("word", "n"), False), [])
    rig.emitter = Emitter("lines", [stream], [], {}, rig.env.draw)
    executor = executor_of(rig, source, rig.ledger(seeks=False, group_max=1))
    executor.turn(rig.now, 3)
    (failure,) = rig.env.fails
    executor.failed(failure, rig.now)
    assert [group.start for group, _ in rig.buried] == [1]


def test_the_function_gets_its_arguments(make):
    source = make(lambda low, high: range(low, high), args={"low": 3, "high": 5})
    assert start(source).read(5) == ([[3], [4]], 2)


def test_none_means_that_there_is_nothing_now(make):
    reader = start(make(lambda: iter(["a", None, "b", None])))
    assert [reader.read(5) for _ in range(4)] == [([["a"]], 1), ([["b"]], 2), None, None]
    reader = start(make(lambda: iter([None, "a"])))
    assert [reader.read(5) for _ in range(3)] == [([], 0), ([["a"]], 1), None]


def test_a_slow_iterable_is_not_asked_for_a_whole_batch(make, clock):
    def slow():
        for n in range(10):
            clock.now += READ_MAX_S / 2
            yield n

    assert start(make(slow)).read(64) == ([[0], [1]], 2)


def test_what_the_iterable_raises_comes_after_its_items_and_is_never_an_end(make):
    def broken():
        yield "a"
        raise ZeroDivisionError("user's fault")

    reader = start(make(broken))
    assert reader.read(5) == ([["a"]], 1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="user's fault"):
            reader.read(5)


def test_one_that_calls_sys_exit_gives_its_items_first_and_is_never_at_its_end(make):
    def exits():
        yield 1
        raise SystemExit(4)

    reader = start(make(exits))
    assert reader.read(5) == ([[1]], 1)
    depths = set()
    for _ in range(3):
        with pytest.raises(SystemExit) as caught:
            reader.read(5)
        depths.add(len(list(traceback.walk_tb(caught.value.__traceback__))))
    assert len(depths) == 1


@pytest.mark.parametrize("made", [5, None, object()])
def test_a_function_that_returns_nothing_to_iterate_over_says_so(make, made):
    with pytest.raises(UserError, match=r"user:items returned .*, expected an iterable"):
        start(make(lambda: made))


class Indexed:
    """Can be iterated over by index only."""

    def __getitem__(self, at):
        return "ab"[at]


def test_what_can_only_be_indexed_is_iterated_over(make):
    assert start(make(Indexed)).read(5) == ([["a"], ["b"]], 2)


async def asynchronous():
    yield 1


@pytest.mark.parametrize(
    ("function", "args", "text"),
    [
        (lambda n: [n], {}, "user:items cannot be called without args: missing .*'n'"),
        (lambda: [1], {"n": 1}, "user:items cannot be called with the args n: got .*'n'"),
        (asynchronous, {}, "user:items is async def; expected a plain function"),
    ],
)
def test_a_function_that_cannot_be_called_is_found_when_it_is_opened(make, function, args, text):
    with pytest.raises(UserError, match=text):
        make(function, args=args)


def test_a_replayable_one_goes_on_where_it_was(make):
    source = make(lambda: (n if n % 3 else None for n in range(9)), replayable=True)
    reader = start(source, 2)
    assert [reader.read(2) for _ in range(2)] == [([], 2), ([[4], [5]], 4)]
    assert start(source, 6).read(2) is None


def test_one_that_yields_less_than_before_is_not_replayable(make):
    source = make(lambda: range(3), replayable=True)
    with pytest.raises(UserError, match="yielded 5 items before and 3 now"):
        start(source, 5)


def test_one_that_is_not_replayable_starts_anew_at_higher_positions(make):
    assert start(make(lambda: ["a"]), 7).read(5) == ([["a"]], 8)


def test_closing_runs_the_finally_of_a_generator(make):
    closed = []

    def items():
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    reader = start(make(items))
    reader.read(1)
    reader.close()
    assert closed == [True]
    assert reader.read(1) is None


def test_declarations_follow_the_arguments():
    assert Generator.declare_outputs({"iterable": "a:b"}) == ["value"]
    assert Generator.declare_outputs({"iterable": "a:b", "fields": "x"}) == ["x"]
    assert Generator.declare_outputs({"iterable": "a:b", "fields": ["x", "y"]}) == ["x", "y"]
    assert declared_replay(Generator, {"iterable": "a:b"}) == "re-emit"
    assert declared_replay(Generator, {"iterable": "a:b", "replayable": True}) == "seek"
    assert Generator.import_args == ("iterable",)


def test_a_function_that_is_not_there_is_found_when_it_is_opened(context):
    with pytest.raises(ImportFailed):
        Generator(iterable="waterspout.spouts.nope:items").open(context)


@pytest.mark.parametrize(
    "args", [{"iterable": ""}, {"iterable": "a:b", "fields": []}, {"iterable": 3}]
)
def test_wrong_arguments_are_one_line(args):
    with pytest.raises(UserError, match=r"^Generator: (iterable|fields): expected "):
        Generator.declare_outputs(args)
