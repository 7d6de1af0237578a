"""What each seeded bug must be seen by: one that is caught for another reason is no proof.

A sign is a pattern that the first violation of a run with the bug has to match, or what the engine
raises for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest

from .oracle import Violation
from .runs import Failed

#: Something waits for what never comes.
STUCK = "the run did not end"
#: A message counts, and what it should have done is nowhere.
LOST = "counts as acked, but its effect|neither acked nor a dead letter|never came to"
#: A state is not the fold over the input; of messages before the positions, or behind them.
FOLD = r"\d+ x \S+ in \w+, should be|\] x \S+ in \w+, not \d|checkpoint \d+ holds"
#: What is in a log was drawn behind the positions.
LOG = "in a log, and not drawn"
#: Barriers do not come.
ALIGNING = "timed out while aligning"
#: More is under way than may be, or less than nothing.
PENDING = r"pending -?\d+ of"
#: A tuple that came again counted again, or one that had not counted was taken for such a one.
COUNTED = "which counts each once"
#: A row comes behind the watermark that it belongs before.
LATE = "is late,|after watermark|comes again, and"
#: A link between processes that belong to each other is refused.
REFUSED = "link to worker"
#: A link is given back more than went over it.
RETURNED = r"\d+ frames of channel .* returned"
#: An assertion of the engine itself.
ASSERTED = "^$"

SIGNS: dict[str, str] = {
    # At least once, and at most once.
    "no_guard_edge": f"{STUCK}|{LOST}",
    "toggle_per_run": f"{STUCK}|{LOST}",
    "settle_with_every_run": f"{STUCK}|{LOST}",
    "root_reused_on_replay": f"{STUCK}|{LOST}",
    "highest_acked_persisted": LOST,
    "freeze_after_snapshot": LOST,
    "snapshot_before_freeze": LOST,
    "split_forgotten": f"{STUCK}|{LOST}",
    # Its numbers stand for those of the new epoch, too, which then pass for duplicates.
    "old_epoch_accepted": f"{PENDING}|{LOST}|{STUCK}",
    "credits_per_link": STUCK,
    "tick_output_untracked": LOST,
    "settle_before_process": LOST,
    "acker_forgets_fail": STUCK,
    "replay_skips_a_message": LOST,
    "next_message_is_told": LOST,
    "told_message_is_forgotten": LOST,
    "failures_come_behind_toggles": LOST,
    "bolts_tell_messages": LOST,
    "trail_begins_with_its_frame": LOST,
    "slices_begin_with_their_run": LOST,
    "trails_go_on_whatever_comes": LOST,
    "only_the_last_step_is_known": LOST,
    "snapshot_not_restored": LOST,
    "aborted_round_is_durable": LOST,
    "resend_without_dedupe": f"{STUCK}|{LOST}|{REFUSED}",
    "no_resend": f"{STUCK}|{LOST}",
    "late_greeting_is_followed": REFUSED,
    "dead_letter_acked_before_stored": LOST,
    "state_kept_over_a_restore": LOST,
    "no_row_limit": PENDING,
    "retries_without_limit": "wait for their next try",
    "replays_counted_twice": r"do not make \d+ messages",
    "dead_letter_dropped_before_durable": LOST,
    "sent_before_it_is_durable": "is not durable",
    "start_reserved_not_end": r"is not durable|worked \d+ times on",
    "held_without_limit": r"\d+ reserved of|reserved and not sent",
    # Exactly-once.
    "no_blocking": f"{FOLD}|{ASSERTED}",
    "cut_at_the_first_barrier": FOLD,
    "no_barrier_on_idle_channels": f"{ALIGNING}|{STUCK}",
    "barrier_overtakes_rows": FOLD,
    "first_unacked_is_the_position": f"{FOLD}|{LOG}",
    "position_after_more_was_drawn": FOLD,
    "survivors_keep_their_state": FOLD,
    "old_epochs_frames_are_taken": f"{FOLD}|{RETURNED}",
    "commit_before_durable": r"commits \d+, \d+ is durable|which is not durable|commits \d+",
    # What is not committed stays in the state: the run may not come to its end for that, too.
    "commit_is_forgotten": f"{FOLD}|{STUCK}|{ALIGNING}",
    "abort_does_not_release": f"{STUCK}|{ALIGNING}|{FOLD}",
    "task_maps_are_not_kept": FOLD,
    "timers_are_not_kept": FOLD,
    "failures_count_as_done": FOLD,
    "own_failures_count_as_done": FOLD,
    "failures_are_emitted_again": FOLD,
    "own_messages_are_kept_in_state": FOLD,
    "calls_under_way_are_not_waited_for": FOLD,
    "keys_go_to_every_task": FOLD,
    "the_log_is_forgotten": FOLD,
    "what_is_queued_is_not_logged": FOLD,
    "the_log_goes_on_behind_the_barrier": f"{LOG}|{FOLD}",
    "the_log_is_worked_through_twice": FOLD,
    "the_log_is_not_tracked": FOLD,
    "the_barrier_waits_for_the_log": f"{LOG}|{FOLD}",
    "calls_are_cut_in_the_middle": FOLD,
    # Effectively once.
    "path_without_index": LOST,
    "path_without_emitter": LOST,
    "copies_have_one_origin": LOST,
    "place_in_the_group": COUNTED,
    "forgotten_when_copied": COUNTED,
    "let_go_of_with_the_rest": COUNTED,
    "not_in_the_snapshot": COUNTED,
    "emissions_are_not_repeated": LOST,
    "repeated_under_other_paths": COUNTED,
    "seen_before_it_was_worked_on": LOST,
    "seen_stays_behind": COUNTED,
    # Between coordinator and workers.
    "open_requests_forgotten": STUCK,
    "control_not_sent_again": f"{STUCK}|outcome='boot_failed'",
    # Event time.
    "mark_before_rows": LATE,
    "valve_takes_the_largest": LATE,
    "each_channel_is_left_out_by_itself": LATE,
    "nothing_is_held": LATE,
    "held_until_worked_through": LATE,
    "retries_are_not_held": LATE,
    "generator_goes_on_in_a_new_epoch": LATE,
    "valve_goes_on_in_a_new_epoch": LATE,
    "partition_that_was_not_read_is_forgotten": LATE,
    "failed_timers_are_forgotten": "never fired",
    "failed_calls_are_done": "never fired",
    "failed_calls_are_given_up_at_once": "given up without need|never fired",
    "failed_calls_are_never_given_up": STUCK,
}


def check_sign(name: str, seen: BaseException | None) -> None:
    """Fail for a bug that was seen by something else than its sign.

    Args:
        name: of the bug.
        seen: what stopped the run.
    """
    if isinstance(seen, AssertionError):
        text = str(seen).split("\n")[0] if isinstance(seen, Violation) else ""
    else:
        # The engine, not the patch, must be what failed.
        text = repr(seen)
    assert re.search(SIGNS[name], text), f"{name} is to be seen by {SIGNS[name]!r}, not: {seen!r}"


def check_caught(
    name: str, bug: Callable[..., None], run: Callable[[int], object], seeds: Iterable[int]
) -> None:
    """Fail for a bug that no seed sees, or the first one that does by something else.

    Args:
        bug: it is put in already.
        run: runs a seed, or raises what it saw.
    """
    tried = 0
    for seed in seeds:
        tried += 1
        try:
            run(seed)
        except Failed as failure:
            check_sign(name, failure.__cause__)
            return
        except Violation as violation:
            check_sign(name, violation)
            return
    pytest.fail(f"{name}: {bug.__doc__} {tried} seeds did not see it")
