"""What ``effectively_once`` asks of a bolt, of the bolts above it, and of its spouts.

A row is known again by its origin: the position of its message, and the way by which it came
about. So the position has to stand for the same message every time, and every bolt on the way has
to make the same rows of it, in the same order. Whatever breaks that is refused, by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from .facts import ComponentFacts
from .loader import Loaded
from .origin_paths import above
from .problems import listed, quote
from .spec import ComponentSpec, TopologySpec

Facts = Mapping[str, ComponentFacts]
KEY = "effectively_once"


def lint_effectively_once(loaded: Loaded, draft: TopologySpec, facts: Facts) -> None:
    """Add what ``effectively_once`` refuses, and what it means; a bolt without facts is skipped."""
    asking = [bolt for bolt in draft.bolts.values() if bolt.options.effectively_once]
    if draft.guarantee != "at-least-once":
        for bolt in asking:
            loaded.add(f"bolts.{bolt.id}.{KEY}", "E_GUARANTEE", _OTHER[draft.guarantee])
        return
    for bolt in asking:
        if bolt.id in facts:
            _check_asking(loaded, draft, bolt, facts[bolt.id])
    below = _below(draft, asking)
    for component in draft.components():
        if component.id not in below or component.id not in facts:
            continue
        if component.kind == "spout":
            _check_spout(loaded, component, facts[component.id], below[component.id])
        else:
            _check_between(loaded, component, facts[component.id], below[component.id])


#: Why not under another guarantee.
_OTHER = {
    "at-most-once": "no effect under at-most-once: nothing comes again; leave it out",
    "exactly-once": "under exactly-once every tuple counts once in all state already; leave it out",
}


def _below(draft: TopologySpec, asking: list[ComponentSpec]) -> dict[str, str]:
    """Return each component above a bolt that asks, and one such bolt."""
    found: dict[str, str] = {}
    for bolt in asking:
        for name in above(draft, [bolt.id])[1]:
            found.setdefault(name, bolt.id)
    return found


def _check_asking(
    loaded: Loaded, draft: TopologySpec, bolt: ComponentSpec, facts: ComponentFacts
) -> None:
    path = f"bolts.{bolt.id}.{KEY}"
    for where, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
        if item.grouping != "fields":
            what = (
                f"{quote(bolt.id)} counts effectively once, by key: 'grouping: fields' expected, "
                f"got {quote(item.grouping)}"
            )
            loaded.add(where, "E_GUARANTEE", what)
    if not facts.stateful:
        what = (
            f"{quote(bolt.id)} keeps no state ('stateful = True' in its class) that a tuple could "
            "count in; what it does outside of context.state may still be done twice"
        )
        loaded.add(path, "E_GUARANTEE", what)
    elif not facts.has_process and not facts.has_batch:
        loaded.add(path, "E_GUARANTEE", "a ColumnBolt keeps no state that a tuple could count in")
    if facts.sink and facts.sink_kind in ("none", "append"):
        what = (
            f"{quote(bolt.id)} appends to what is outside: its state counts each tuple once, its "
            "output does not; use exactly-once with a transactional sink"
        )
        loaded.add(path, "E_GUARANTEE", what)
    for why in _unordered(bolt, facts):
        loaded.add(path, "E_GUARANTEE", f"not with {why}: its tuples are not done one by one")
    read = {i.stream for b in draft.bolts.values() for i in b.inputs if i.source == bolt.id}
    direct = [name for name, decl in facts.outputs.items() if decl.direct and name in read]
    if direct:
        what = (
            f"it emits on the direct stream {listed(direct)}: a tuple that is emitted again may "
            "name a task that is no more; let the stream be dealt out by a grouping"
        )
        loaded.add(path, "E_GUARANTEE", what)


def _unordered(bolt: ComponentSpec, facts: ComponentFacts) -> list[str]:
    """Return why rows and what they lead to do not go together."""
    found = []
    if facts.is_async:
        found.append("'async def process'")
    if bolt.options.blocking:
        found.append("'blocking: true'")
    if not facts.auto_ack:
        found.append("'auto_ack = False'")
    if not facts.auto_anchor:
        found.append("'auto_anchor = False'")
    return found


def _check_between(
    loaded: Loaded, bolt: ComponentSpec, facts: ComponentFacts, below: str
) -> None:
    path = f"bolts.{bolt.id}"
    before = f"{quote(below)} below counts effectively once"
    if not facts.deterministic:
        what = (
            f"{before}, which needs the same rows, in the same order, each time a tuple comes: say "
            "'deterministic = True' in the class when what it emits depends on nothing but the "
            "tuple; else use exactly-once"
        )
        loaded.add(path, "E_GUARANTEE", what)
    for why in _unordered(bolt, facts):
        what = f"{before}: not behind {why}, where the order of emits is not given"
        loaded.add(path, "E_GUARANTEE", what)
    ticks = bolt.options.tick_interval_s is not None
    own = [name for name in facts.own_emits if ticks or name != "process_tick"]
    if own:
        what = (
            f"{before}, and what {listed(own)} emits comes of no tuple: it may come again and "
            "count again; use exactly-once, or let it emit from process"
        )
        loaded.add(path, "E_GUARANTEE", what)
    for where, item in zip(loaded.input_paths.get(bolt.id, ()), bolt.inputs, strict=False):
        if item.grouping == "custom":
            what = f"{before}: not behind a custom grouping, which may choose otherwise next time"
            loaded.add(where, "E_GUARANTEE", what)


def _check_spout(
    loaded: Loaded, spout: ComponentSpec, facts: ComponentFacts, below: str
) -> None:
    if facts.replay != "seek":
        what = (
            f"{quote(below)} below counts effectively once: it needs a spout whose messages have "
            f"positions ('replay: seek'), and this one has 'replay: {facts.replay}'"
        )
        loaded.add(f"spouts.{spout.id}", "E_GUARANTEE", what)
