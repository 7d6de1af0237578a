"""Checks of a topology against what its classes declare: streams, fields, options, guarantee."""

from __future__ import annotations

from collections.abc import Mapping

from .component import StreamDecl
from .facts import ComponentFacts
from .lint_effectively_once import lint_effectively_once
from .lint_exactly_once import lint_exactly_once
from .lint_needs import lint_needs
from .loader import Loaded
from .problems import listed, quote
from .spec import KEYED_GROUPINGS, ComponentSpec, InputSpec, TopologySpec

Facts = Mapping[str, ComponentFacts]

#: Groupings that send tuples with equal keys to several tasks.
_SPREADING = ("shuffle", "local-or-shuffle", "none")


def lint_facts(loaded: Loaded, facts: Facts) -> None:
    """Add every problem that shows with the facts at hand; a component without any is skipped."""
    draft = loaded.draft
    if draft is None:
        return
    for bolt in draft.bolts.values():
        for path, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
            if item.source in facts and facts[item.source].outputs_known:
                _check_input(loaded, path, item, facts[item.source])
    for component in draft.components():
        if component.id in facts:
            _check_options(loaded, component, facts[component.id])
    lint_needs(loaded, draft, facts)
    lint_effectively_once(loaded, draft, facts)
    _check_guarantee(loaded, draft, facts)


def _check_input(loaded: Loaded, path: str, item: InputSpec, source: ComponentFacts) -> None:
    stream = source.outputs.get(item.stream)
    if stream is None:
        none = f"it declares no outputs{source.outputs_hint and f': {source.outputs_hint}'}"
        known = f"it has: {listed(source.outputs)}" if source.outputs else none
        near = loaded.problems.did_you_mean(item.stream, source.outputs)
        what = f"{quote(item.source)} has no stream {quote(item.stream)}, {known}{near}"
        loaded.add(path, "E_REF", what)
        return
    _check_direct(loaded, path, item, stream)
    if item.grouping in KEYED_GROUPINGS:
        _check_fields(loaded, f"{path}.fields", item, stream)


def _check_direct(loaded: Loaded, path: str, item: InputSpec, stream: StreamDecl) -> None:
    name = f"stream {quote(item.stream)} of {quote(item.source)}"
    if item.grouping == "direct" and not stream.direct:
        what = f"{name} is not declared direct; use outputs = {{...: Stream([...], direct=True)}}"
        loaded.add(f"{path}.grouping", "E_GROUPING", what)
    elif stream.direct and item.grouping != "direct":
        what = f"{name} is declared direct: grouping 'direct' expected, got {quote(item.grouping)}"
        loaded.add(f"{path}.grouping", "E_GROUPING", what)


def _check_fields(loaded: Loaded, path: str, item: InputSpec, stream: StreamDecl) -> None:
    for position, name in enumerate(item.fields):
        if name not in stream.fields:
            near = loaded.problems.did_you_mean(name, stream.fields)
            what = (
                f"{quote(name)} is not a field of {quote(item.source)} stream "
                f"{quote(item.stream)}, declared: {listed(stream.fields)}{near}"
            )
            loaded.add(f"{path}[{position}]", "E_GROUPING", what)


def _check_options(loaded: Loaded, component: ComponentSpec, facts: ComponentFacts) -> None:
    path = f"{component.kind}s.{component.id}"
    options = component.options
    if options.blocking and facts.is_async:
        what = (
            "'blocking: true' and 'async def process' exclude each other: leave 'blocking' out, "
            "the calls do not run on the worker's own thread"
        )
        loaded.add(f"{path}.blocking", "E_CONFLICT", what)
    elif options.blocking and not facts.has_process:
        loaded.add(f"{path}.blocking", "E_CONFLICT", _why_not_blocking(component, facts))
    if f"{path}.concurrency" in loaded.marks and not facts.is_async:
        what = "no effect: the class has no 'async def process'"
        loaded.add(f"{path}.concurrency", "W_OPTION", what)
    if options.tick_interval_s is not None and not facts.has_tick:
        what = "no effect: the class has no 'process_tick'"
        loaded.add(f"{path}.tick_interval", "W_OPTION", what)
    if component.kind == "bolt" and facts.has_tick and options.tick_interval_s is None:
        what = "the class has 'process_tick', which is never called without 'tick_interval'"
        loaded.add(path, "W_OPTION", what)
    if component.kind == "spout":
        _check_event_time(loaded, component, facts)
    # Of a sink that commits, any task may write any row; but of one key the newest has to be last.
    keyed = not facts.rescalable or "key" in component.args
    if facts.stateful and keyed and component.parallelism > 1:
        _check_spreading(loaded, component)


def _check_event_time(loaded: Loaded, spout: ComponentSpec, facts: ComponentFacts) -> None:
    """Refuse an event time in a field that no stream of the spout has."""
    time = spout.options.event_time
    fields = {name: None for decl in facts.outputs.values() for name in decl.fields}
    if time is None or time.function or time.field in fields or not fields:
        return
    path = f"spouts.{spout.id}.event_time.field"
    near = loaded.problems.did_you_mean(time.field, fields)
    what = (
        f"{quote(time.field)} is not a field of {quote(spout.id)}, declared: "
        f"{listed(list(fields))}{near}"
    )
    loaded.add(path, "E_REF", what)


def _why_not_blocking(component: ComponentSpec, facts: ComponentFacts) -> str:
    """Say why, and what to do: ``process`` is all that may run on a thread of its own."""
    if facts.has_batch:
        return (
            "'blocking: true' runs 'process', and this class has only 'process_batch': leave "
            "'blocking' out, or move what blocks into 'def process(self, tup)'"
        )
    name = component.class_path.rpartition(":")[2]
    return (
        f"{name} calls its function for many tuples at once on the worker's own thread: leave "
        "'blocking' out; when the function blocks, write a bolt whose 'def process(self, tup)' "
        "calls it and emits the result, and mark that one 'blocking: true'"
    )


def _check_spreading(loaded: Loaded, bolt: ComponentSpec) -> None:
    for path, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
        if item.grouping in _SPREADING:
            what = (
                f"{quote(bolt.id)} keeps state in {bolt.parallelism} tasks and grouping "
                f"{quote(item.grouping)} spreads equal keys over them; did you mean "
                "'grouping: fields'?"
            )
            loaded.add(path, "W_GROUPING", what)


def _check_guarantee(loaded: Loaded, draft: TopologySpec, facts: Facts) -> None:
    """Say what the guarantee is worth with each spout and sink."""
    if draft.guarantee == "at-most-once":
        what = "messages that are under way when something fails are lost, none is worked on twice"
        loaded.add("guarantee", "I_GUARANTEE", what)
        return
    if draft.guarantee == "exactly-once":
        lint_exactly_once(loaded, draft, facts)
        return
    for spout in draft.spouts.values():
        if spout.id in facts:
            _check_replay(loaded, spout, facts[spout.id])
    for bolt in draft.bolts.values():
        if bolt.id in facts and facts[bolt.id].sink:
            what = "after a failure this sink may hold some rows twice"
            loaded.add(f"bolts.{bolt.id}", "I_GUARANTEE", what)


def _check_replay(loaded: Loaded, spout: ComponentSpec, facts: ComponentFacts) -> None:
    path = f"spouts.{spout.id}"
    if facts.replay == "none":
        what = (
            "'replay: none': what fails or is under way when a worker is lost does not come back, "
            "so at-least-once does not hold for this spout"
        )
        loaded.add(path, "W_GUARANTEE", what)
    elif facts.replay == "re-emit":
        what = (
            "'replay: re-emit': messages are kept in the memory of their worker, so they come "
            "back after a failed tuple and not after the loss of that worker"
        )
        loaded.add(path, "W_GUARANTEE", what)
