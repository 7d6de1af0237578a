"""What exactly-once asks of spouts, bolts and sinks, and what it is worth with those there are.

All effects have to be undone by going back to a checkpoint: a spout reads on from the position
in it, state is replaced by what is in it, and a sink shows only what a checkpoint covers, or
writes the same row under the same key again. What cannot be undone is refused, or warned of
where nobody but the user can tell. That bolts form no circle is checked for every guarantee.
"""

from __future__ import annotations

from collections.abc import Mapping

from .facts import ComponentFacts
from .loader import Loaded
from .problems import quote
from .spec import ComponentSpec, TopologySpec

#: Settings without a meaning under exactly-once, and what there is instead.
_WITHOUT_EFFECT = {
    "message_timeout": "a stuck call is ended by 'hang_timeout'",
    "hold_max": "no bolt holds tuples",
    "round_interval": "see 'checkpoint_interval'",
    "round_timeout": "see 'checkpoint_timeout'",
}


def lint_exactly_once(
    loaded: Loaded, draft: TopologySpec, facts: Mapping[str, ComponentFacts]
) -> None:
    """Add what exactly-once refuses, warns of and means; called when a topology asks for it."""
    for spout in draft.spouts.values():
        if spout.id in facts:
            _check_spout(loaded, spout, facts[spout.id])
    for bolt in draft.bolts.values():
        if bolt.id in facts:
            _check_bolt(loaded, bolt, facts[bolt.id])
    for name, instead in _WITHOUT_EFFECT.items():
        if f"settings.{name}" in loaded.marks:
            what = f"no effect under exactly-once: {instead}"
            loaded.add(f"settings.{name}", "W_OPTION", what)
    alone = "settings.checkpoint_log_max"
    if alone in loaded.marks and not draft.settings.checkpoint_alignment_timeout_s:
        loaded.add(alone, "W_OPTION", "no effect without 'checkpoint_alignment_timeout'")


def _check_spout(loaded: Loaded, spout: ComponentSpec, facts: ComponentFacts) -> None:
    if facts.replay != "seek":
        what = (
            f"'replay: {facts.replay}': exactly-once needs a spout that reads on from a position "
            "('replay: seek'), as all tasks go back to a checkpoint after a failure; use "
            "at-least-once, or a Source with positions"
        )
        loaded.add(f"spouts.{spout.id}", "E_GUARANTEE", what)


def _check_bolt(loaded: Loaded, bolt: ComponentSpec, facts: ComponentFacts) -> None:
    path = f"bolts.{bolt.id}"
    if not facts.auto_ack:
        what = (
            "'auto_ack = False': a tuple that it holds is in no checkpoint; under exactly-once "
            "keep what waits in context.state and let tuples be acked"
        )
        loaded.add(path, "E_GUARANTEE", what)
    kind = "append" if facts.sink and facts.sink_kind == "none" else facts.sink_kind
    if kind == "append":
        what = (
            f"{quote(bolt.id)} can neither commit in two phases nor upsert (sink_kind is neither "
            "'transactional' nor 'upsert'): after a restore its rows would be there twice; use "
            "a transactional sink, or at-least-once"
        )
        loaded.add(path, "E_GUARANTEE", what)
    elif kind == "transactional":
        what = "its rows are visible once the checkpoint that they belong to is complete"
        loaded.add(path, "I_GUARANTEE", what)
    elif kind == "upsert":
        what = (
            "after a restore it writes some rows again, under the same keys: it counts once only "
            "when equal input makes equal rows"
        )
        loaded.add(path, "I_GUARANTEE", what)
    elif not facts.outputs and not facts.stateful:
        what = (
            "it has no outputs, no state and no sink_kind: whatever it does outside (prints, "
            "requests, files) is done again after a restore"
        )
        loaded.add(path, "W_GUARANTEE", what)
