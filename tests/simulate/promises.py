"""The seven promises of the design as laws over what is stored, what was stored a step ago, and what the world knows.

No law calls the product: each is written a second time, from the documentation.
"""

from __future__ import annotations

from tests.simulate import law_clocks, law_handoffs, law_messages, law_named, law_people, law_promised, law_signals, law_whose, law_work
from tests.simulate.ledger import Broken
from tests.simulate.seen import Seen

LAWS = {
    1: (
        law_signals.acknowledged_signals_are_there,
        law_signals.all_of_a_request_or_nothing,
        law_signals.waiting_or_decided,
        law_signals.whoever_left_a_lane_was_decided,
        law_signals.who_raised_the_hand_was_handed_over,
        law_signals.what_was_heard_is_a_touch,
        law_whose.a_list_goes_in_once_and_whole,
        law_whose.whoever_is_written_can_be_found,
        law_people.keys_change_hands_only_with_their_people,
        law_people.who_was_folded_has_nothing,
        law_people.merges_are_told_and_stand,
    ),
    2: (
        law_handoffs.one_open_handoff_an_account,
        law_handoffs.owned_or_an_exception_with_a_clock,
        law_whose.nobody_gets_what_they_cannot_take,
        law_whose.what_is_held_goes_out_in_order,
        law_whose.work_of_the_absent_moves,
        law_named.owners_named_by_signals_are_heard,
        law_whose.owners_named_elsewhere_are_heard,
        law_people.who_is_in_two_handoffs_is_not_made_one,
        law_people.who_looks_changes_nothing,
        law_people.what_was_foreseen_happens,
        law_people.two_are_as_they_were,
        law_work.what_is_offered_is_taken_once,
        law_work.disputes_are_answered_once_and_have_a_clock,
    ),
    3: (
        law_clocks.nothing_written_changes_or_vanishes,
        law_clocks.clocks_and_steps_as_the_contract_says,
        law_clocks.clocks_run_until_something_stops_them,
        law_clocks.steps_fire_once_and_in_order,
        law_clocks.breaches_are_noticed,
        law_clocks.owners_are_asked_for_their_yes,
        law_clocks.due_times_move_only_with_a_pause,
        law_work.pauses_hold_all_clocks_and_end_by_themselves,
        law_work.sequences_follow_what_happened,
        law_promised.what_is_promised_is_said_and_kept_apart,
    ),
    4: (
        law_messages.every_cause_has_its_messages,
        law_messages.what_left_was_written_and_what_was_sent_arrived,
        law_messages.messages_settle_once_and_for_a_reason,
        law_messages.what_is_sent_is_true,
        law_work.what_comes_back_is_told_once_and_not_too_early,
        law_whose.mail_waits_for_hours_and_for_others,
    ),
    5: (
        law_handoffs.verdicts_stand_on_what_they_name,
        law_handoffs.what_was_decided_by_hand_waits_its_turn,
        law_handoffs.handoffs_name_their_reasons,
        law_whose.a_trial_gives_way_where_it_does_harm,
    ),
    6: (law_signals.nobody_overtakes_within_an_account, law_signals.nobody_overtakes_within_a_step),
    7: (law_signals.refusals_are_kept_with_what_to_do,),
}


def broken(seen: Seen) -> list[Broken]:
    """Every law that does not hold now."""
    if seen.now.digest == seen.was.digest and not seen.step.done and len(seen.world.taken) == seen.step.taken_before:
        return []
    found: list[Broken] = []
    for number, laws in LAWS.items():
        for law in laws:
            found += [Broken(number, what) for what in law(seen)]
    return found


__all__ = ["LAWS", "broken"]
