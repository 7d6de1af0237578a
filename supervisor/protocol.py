"""The control protocol between coordinator and workers, as built; and the check of what arrives.

Messages are msgpack maps with ``kind``. Each direction is ordered, and reliable while both
ends live, whatever carries it (control_session). Every message of a worker comes with its
worker number and incarnation (the envelope); those of an incarnation that is not the current
one are answered with ``stop`` and otherwise dropped.

Worker -> coordinator
  register {endpoint, pid, key?}   once, first. ``key``: public key of its data socket, "" or
                                   not there without CURVE
  here {endpoint, key, pid, epoch, round, built, ready, going, finishing}
                                   the answer to ``who``: how far this process is. ``round``: the
                                   highest that it was told to freeze; ``going``, ``finishing``:
                                   since this epoch began ``go`` came, and ``finish`` or
                                   ``summarise``. Open requests are said again
  boot_failed {component, text, traceback, corrupt?}   a component cannot be built: the run ends,
                                   unless a part could not be read (``corrupt``) and an older
                                   snapshot is kept; it is tried again where it was built before
  built {epoch, drawn?}            all tasks of an ``assign`` are built and restored. From here on
                                   boot_timeout does not apply (links may wait for a busy peer).
                                   ``drawn``: {task: messages} that the tasks had emitted which
                                   were taken down for it
  ready {epoch}                    and all out-links of the epoch are open; implies ``built``
  report {epoch, tasks, errors, suspects?, loop_age_s?, news?, links?}   every report_interval,
          from ``register`` on, by the control thread. ``loop_age_s``: since the data thread's
          loop last turned. ``news`` (default true): a round would make something durable; while
          no worker has any, none begins. ``links``: [[peer, frames under way, left of the pool,
          size of the pool]]
      tasks: spout {task, kind: "spout", emitted, acked, failed, replayed, dead, pending,
                worked_through, lag: [number, unit] | nil,
                first_unacked: [partition, position, age_s, progress_s | nil, root | nil] | nil,
                roots: bin | nil,
                latency: {bucket: count}, exhausted, drained, group_max, reserved,
                failing: [[doing, error, times in a row, since_s]]}
             bolt  {task, kind: "bolt", executed, acked, failed, emitted, queue, busy_s,
                call_since_s, held, metrics, roots: bin | nil}
             ``roots``: u64 of what is oldest with the task (root_places).
             Counters are cumulative per incarnation. ``emitted`` counts every emission of a
             message, replays too; ``replayed`` those that were not the first; ``acked`` and
             ``dead`` have no message in common. ``drained``: nothing is pending, waits for
             replay or for ``dead_letters_stored``. ``reserved``: at-most-once, messages that
             were asked for and are not sent. ``call_since_s`` may be in a spout's entry too.
             The last report is sent after ``stop``, before the links close.
      errors: [{component, task, text, traceback, count}], count since the last report
      suspects: {task: [[partition, start, end, attempts]]}, what a surviving ledger made of
             ``roots``; kept so that the attempts survive the ledger
  frozen {epoch, round, positions: {task: {partition: [first_unacked, [[start, end]]]}},
          settled: {task: [acked, dead]}?, letters: [id..]?, changed: bool?}
      Every ledger of the worker froze W_n. Only changed partitions. ``settled``: messages of
      this incarnation that are acked, and dead, and durable once the round is. ``letters``:
      dead letters whose other try is worked through; they are dropped then. ``changed``
      (default true): false when nothing was worked through and no state changed since the last
      durable round; a round in which nobody changed is aborted and costs no snapshot.
  snapshotted {epoch, round, parts: [{task, file, bytes, sha256}]}
      A part for every task with state, by a file name that no other (epoch, round, task) has;
      an unchanged task may name its older file again. Workers never delete parts.
      Under exactly-once (the answer to ``checkpoint``) it has besides what ``frozen`` has:
      positions (next to emit at the barrier), settled, letters; and took: {task: [seconds of
      alignment, seconds of copying, bytes, rows logged | null]}. Every worker answers, once all
      its tasks passed barrier ``round``; parts of a task in order, if it has several files. Where
      it overtook its late channels (a number of rows logged), one more may be the log of these
  snapshot_failed {epoch, round, text}
  durable_done {epoch, round, failed?}   ``on_durable`` ran on all tasks here, after ``durable``.
      ``failed``: ``component: reason`` of one that raised; ``durable`` is said again then
  restore {epoch, task, component, reason, traceback, suspects: [[task, partition, start, end,
          attempts]], letters?: [id..]}   exactly-once: a message failed, all go back to the last
          checkpoint. Attempts count the one that failed. ``letters``: dead letters whose other
          try failed; they are kept
  dead_letters {id, records: [{task, component, partition | nil, start | nil, end | nil,
          message_id | nil, stream, values, attempts, reason, traceback, failed_component,
          replay_of?, request?}]}  ``request``: the name of one without a partition, where it
                                   has one that outlives the request. Answered by
                                   dead_letters_stored {id}, later when there is no room
                                   (dead_letters_max) or the disk is full. A request that is
                                   said again is answered again and stored once
  reserve {epoch, id, task, positions, messages}   at-most-once: these positions are to be
                                   durable; answered by reserved {id}. ``messages``: those of
                                   this incarnation that were asked for so far, these included
  finished {epoch, level}          bolt.finish() ran on all tasks of the level here, and all
                                   that they emitted was worked through
  summaries {epoch, tasks: {task: {...}}}
  link_down {epoch, peer, silent_s}   once per outage, and again after each further link_timeout
  taps {id, rows}                  samples for a ``tap``

Coordinator -> worker
  who {}                           from a coordinator that was started anew, to a process that
                                   it knows from its store; answered by ``here``
  assign {epoch, plan, peers: {worker: {endpoint, incarnation, key}}, restore_round | nil,
          parts: {task: [[file, sha256]]}, positions: {task: {partition: [first_unacked, ahead]}},
          suspects: {task: [[partition, start, end, attempts]]},
          replays: {task: [[id, stream, values]]}, fresh: bool, draining: bool, paused: bool,
          draw_max: int | nil, and what ``paths`` of the Coordinator holds (state_dir, folder)}
                                   to a new worker: its own tasks' parts, positions, suspects.
          ``fresh``: nothing is durable, and nobody was told to go in this run. Under
          exactly-once in every epoch to everybody, also with ``roots``: a worker that runs takes
          its tasks down and builds them anew. There ``draw_max`` may bound what a spout task draws
          until a checkpoint is complete (slow_start.py)
  epoch {epoch, peers, durable_round, roots: [..]}   to a survivor. Rounds up to durable_round
          are durable, later ones are aborted. It may come while an ``assign`` is still being
          worked on; then the state that was assigned still stands. ``roots`` were at work in
          a dead worker and belong to this worker's ledgers: they gain an attempt and come back
          singly
  go {epoch}                       all workers are ready: spouts may start. May come again
  pause {epoch, paused}            spouts take no new messages, or do again. May come again
  tap {epoch, id, component, where, rate, for_s} · log_level {epoch, logger, level, for_s}
                                   for so many seconds; 0: no more
  freeze {epoch, round} · snapshot {epoch, round} · abort {epoch, round}
  durable {epoch, round, positions?: {task: ..}}   may be said again, each time it is answered.
          ``positions``: those that moved with it, of all spout tasks, where a bolt counts
          effectively once; ``assign`` and ``epoch`` have ``all_positions`` then
  checkpoint {epoch, round, aligned, last}   exactly-once: spouts send barrier ``round``.
          ``aligned``: no task is to take its snapshot at the first barrier
  dead_letters_stored {id} · reserved {id}
  replay {replays: {task: [[id, stream, values]]}}   dead letters to try again while running
  drain {}                         spouts take no new messages. Sent again after each ``assign``
                                   while draining, before ``go``
  finish {epoch, level}            one level after the other, ``plan.levels``
  summarise {epoch}                answered by ``summaries``; before the last round
  stop {}                          close links (BYE), clean up, exit 0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_INT = (int,)
#: What every kind of message from a worker must hold; lists of allowed types.
FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "register": {"endpoint": (str,), "pid": _INT},
    "here": {
        "endpoint": (str,), "key": (str,), "pid": _INT, "epoch": _INT, "round": _INT,
        "built": (bool,), "ready": (bool,), "going": (bool,), "finishing": (bool,),
    },
    "boot_failed": {"component": (str,), "text": (str,), "traceback": (str,)},
    "built": {"epoch": _INT},
    "ready": {"epoch": _INT},
    "report": {"epoch": _INT, "tasks": (list, tuple), "errors": (list, tuple)},
    "frozen": {"epoch": _INT, "round": _INT, "positions": (dict,)},
    "snapshotted": {"epoch": _INT, "round": _INT, "parts": (list, tuple)},
    "snapshot_failed": {"epoch": _INT, "round": _INT, "text": (str,)},
    "durable_done": {"epoch": _INT, "round": _INT},
    "restore": {
        "epoch": _INT, "task": _INT, "component": (str,), "reason": (str,), "traceback": (str,),
        "suspects": (list, tuple),
    },
    "dead_letters": {"id": _INT, "records": (list, tuple)},
    "reserve": {
        "epoch": _INT, "id": _INT, "task": _INT, "positions": (dict,), "messages": _INT,
    },
    "finished": {"epoch": _INT, "level": _INT},
    "summaries": {"epoch": _INT, "tasks": (dict,)},
    "link_down": {"epoch": _INT, "peer": _INT, "silent_s": (int, float)},
    "taps": {"id": _INT, "rows": (list, tuple)},
}  # fmt: skip
#: What some kinds may hold besides.
OPTIONAL: dict[str, dict[str, tuple[type, ...]]] = {
    "register": {"key": (str,)},
    "boot_failed": {"corrupt": (bool,)},
    "built": {"drawn": (dict,)},
    "snapshotted": {"positions": (dict,), "settled": (dict,), "letters": (list,), "took": (dict,)},
    "durable_done": {"failed": (str,)},
    "restore": {"letters": (list,)},
}
#: Kinds that say nothing once the epoch was raised; older ones are dropped.
OF_ONE_EPOCH = frozenset((
    "ready", "frozen", "snapshotted", "snapshot_failed", "durable_done", "restore", "finished",
    "summaries", "link_down",
))  # fmt: skip


def problem(message: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a message from a worker, or None."""
    kind = message.get("kind")
    wanted = FIELDS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        return f"unknown kind {kind!r:.40}"
    for name, types in wanted.items():
        if not isinstance(message.get(name), types):
            return f"{kind}: {name} is {message.get(name)!r:.40}"
    for name, types in OPTIONAL.get(str(kind), {}).items():
        if not isinstance(message.get(name, types[0]()), types):
            return f"{kind}: {name} is {message[name]!r:.40}"
    return None
