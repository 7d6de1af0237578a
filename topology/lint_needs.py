"""Checks of what bolts need of their inputs: fields, sides, the key of their state, event time."""

from __future__ import annotations

from collections.abc import Mapping

from .component import Needs, Side, StreamDecl, values_of
from .facts import ComponentFacts
from .loader import Loaded
from .origin_paths import above
from .problems import listed, quote
from .spec import ComponentSpec, InputSpec, TopologySpec
from .tuples import DEFAULT_STREAM

Facts = Mapping[str, ComponentFacts]


def lint_needs(loaded: Loaded, draft: TopologySpec, facts: Facts) -> None:
    """Add a problem for each need that is not met; without facts of an input nothing is known."""
    for bolt in draft.bolts.values():
        if bolt.id not in facts:
            continue
        needs = facts[bolt.id].needs
        if needs.one_task is not None and bolt.parallelism > 1:
            argument, why = needs.one_task
            what = f"parallelism is {bolt.parallelism}, and {why}"
            loaded.add(f"bolts.{bolt.id}.args.{argument}", "E_CONFLICT", what)
        for path, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
            source = facts.get(item.source)
            stream = source.outputs.get(item.stream) if source is not None else None
            if stream is not None:
                _check_input(loaded, bolt, needs, item, stream)
            if needs.key is not None and bolt.parallelism > 1 and item.grouping == "fields":
                _check_key(loaded, path, bolt, needs.key, item)
        if needs.sides:
            _check_sides(loaded, bolt, needs.sides)
        if needs.keyed:
            _check_groupings(loaded, bolt)
        if needs.event_time and not _has_event_time(draft, bolt):
            what = (
                "no spout above has 'event_time', so that no watermark comes: what waits for one "
                "is done only when the input has ended"
            )
            loaded.add(f"bolts.{bolt.id}.args.{needs.event_time}", "W_OPTION", what)


def _check_input(
    loaded: Loaded, bolt: ComponentSpec, needs: Needs, item: InputSpec, stream: StreamDecl
) -> None:
    """Hold what is needed of one input against the fields that it has."""
    _check_fields(loaded, bolt, needs.fields, item, stream)
    for side in needs.sides:
        if (side.component, side.stream) == (item.source, item.stream):
            _check_fields(loaded, bolt, side.fields, item, stream)
    if needs.width is not None and needs.width[1] != len(stream.fields):
        argument, width = needs.width
        what = (
            f"{quote(item.source)} stream {quote(item.stream)} has {len(stream.fields)} fields, "
            f"{listed(stream.fields)}: as many names expected, got {width}"
        )
        loaded.add(f"bolts.{bolt.id}.args.{argument}", "E_ARGS", what)
    if needs.arity is not None:
        _check_arity(loaded, bolt, needs.arity, item, stream)


def _check_arity(
    loaded: Loaded, bolt: ComponentSpec, arity: tuple[int, int | None], item: InputSpec,
    stream: StreamDecl,
) -> None:  # fmt: skip
    """Refuse a function that cannot be called with all fields of an input."""
    least, most = arity
    if least <= len(stream.fields) and (most is None or len(stream.fields) <= most):
        return
    what = (
        f"the function takes {values_of(least, most)}, and is handed all {len(stream.fields)} of "
        f"{quote(item.source)} stream {quote(item.stream)}: {listed(stream.fields)}; say which "
        "with 'field'"
    )
    loaded.add(f"bolts.{bolt.id}.args.function", "E_ARGS", what)


def _check_fields(
    loaded: Loaded, bolt: ComponentSpec, fields: Mapping[str, str], item: InputSpec,
    stream: StreamDecl,
) -> None:  # fmt: skip
    for name, argument in fields.items():
        if name in stream.fields:
            continue
        near = loaded.problems.did_you_mean(name, stream.fields)
        what = (
            f"{quote(name)} is not a field of {quote(item.source)} stream {quote(item.stream)}, "
            f"declared: {listed(stream.fields)}{near}"
        )
        loaded.add(f"bolts.{bolt.id}.args.{argument}", "E_REF", what)


def _check_sides(loaded: Loaded, bolt: ComponentSpec, sides: tuple[Side, ...]) -> None:
    """Hold the inputs that arguments name against those that there are, both ways."""
    paths = loaded.input_paths.get(bolt.id, ())
    inputs = {
        _shown(item.source, item.stream): path
        for path, item in zip(paths, bolt.inputs, strict=False)
    }
    named = {_shown(side.component, side.stream): side.argument for side in sides}
    for name, argument in named.items():
        if name not in inputs:
            near = loaded.problems.did_you_mean(name, inputs)
            what = f"{quote(name)} is no input of {quote(bolt.id)}, it has: {listed(inputs)}{near}"
            loaded.add(f"bolts.{bolt.id}.args.{argument}", "E_REF", what)
    if set(named) <= set(inputs) and len(named) == len(sides):
        # Else a side is a slip of the input that nobody names.
        for name, path in inputs.items():
            if name not in named:
                what = f"{quote(name)} is none of {listed(side.argument for side in sides)}"
                loaded.add(path, "E_REF", f"{what}, which are {listed(named)}")


def _shown(component: str, stream: str) -> str:
    return component if stream == DEFAULT_STREAM else f"{component}.{stream}"


def _check_key(
    loaded: Loaded, path: str, bolt: ComponentSpec, key: tuple[str, ...], item: InputSpec
) -> None:
    """Compare the fields that choose the task with those that its state goes by."""
    if item.fields == key:
        return
    what = f"{quote(bolt.id)} keeps state by [{listed(key)}] in {bolt.parallelism} tasks"
    if set(item.fields) <= set(key):
        more = "group by the same fields, in this order, or its state cannot follow a rebalance"
        loaded.add(f"{path}.fields", "W_GROUPING", f"{what}: {more}")
    else:
        more = f"grouping by [{listed(item.fields)}] spreads equal keys over them"
        loaded.add(f"{path}.fields", "E_GROUPING", f"{what}, and {more}")


def _check_groupings(loaded: Loaded, bolt: ComponentSpec) -> None:
    """Refuse inputs that bring no key, and keys of several lengths, which are never equal."""
    lengths = {len(item.fields) for item in bolt.inputs if item.grouping == "fields"}
    for path, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
        if item.grouping != "fields":
            what = (
                f"{quote(bolt.id)} keeps its state by the key of this input: grouping 'fields' "
                f"expected, as in {{from: {item.source}, grouping: fields, fields: [id]}}"
            )
            loaded.add(path, "E_GROUPING", what)
        elif len(lengths) > 1:
            what = f"keys of {listed(map(str, sorted(lengths)))} fields are never equal"
            loaded.add(f"{path}.fields", "E_GROUPING", what)


def _has_event_time(draft: TopologySpec, bolt: ComponentSpec) -> bool:
    """Say whether any spout above a bolt has event time."""
    spouts = draft.spouts.keys() & above(draft, [bolt.id])[1]
    return any(draft.spouts[name].options.event_time is not None for name in spouts)
