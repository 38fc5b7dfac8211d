//! Conformance suite: the contract of [`crate::Store`] as tests, the same for every implementation.
//!
//! A crate with an implementation defines how to open a fresh store ([`Backend`]) and calls
//! [`crate::conformance_suite!`] in a test file: each test there checks one behaviour, on a store of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![expect(clippy::missing_panics_doc, missing_docs, reason = "what a test demands is in its name")]

pub mod admissions;
pub mod attention;
pub mod audit;
pub mod check_ins;
pub mod claim;
pub mod complete;
pub mod dead_letters;
pub mod destinations;
pub mod door_devices;
pub mod door_feeds;
pub mod erased_orders;
pub mod erasures;
pub mod event_cancellations;
pub mod event_changes;
pub mod events;
pub mod fixtures;
pub mod folding;
pub mod freeze;
pub mod import;
pub mod ingest;
pub mod installation;
pub mod lists;
pub mod locks;
pub mod outbox;
pub mod overview;
pub mod people;
pub mod positions;
pub mod records;
pub mod refreshes;
pub mod refund_amounts;
pub mod refunds;
pub mod refunds_again;
pub mod reissues;
pub mod release;
pub mod sequencer;
pub mod signing_keys;
pub mod templates;
pub mod tickets;
pub mod tokens;
pub mod withdrawals;

use std::sync::Arc;

use async_trait::async_trait;

use crate::{RefundRules, Store};

/// A fresh, migrated store of the implementation under test.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;
    /// Another handle on the same database, like that of a second process.
    async fn another(&self) -> Arc<dyn Store>;
    /// Another handle with other rules for refunds.
    async fn with_refunds(&self, refunds: RefundRules) -> Arc<dyn Store>;
    /// Runs SQL that both dialects accept, for changes that the trait has no method for.
    async fn execute(&self, sql: &str);
    /// Whether the database refuses this SQL.
    async fn refuses(&self, sql: &str) -> bool;
    /// The single number that a query returns.
    async fn number(&self, sql: &str) -> i64;
}

/// Generates a `#[tokio::test]` for every behaviour. `$open` is an async function that returns a [`Backend`].
#[macro_export]
macro_rules! conformance_suite {
    ($open:ident) => {
        $crate::conformance_suite! { @tests $open;
            ingest { new_duplicate_already_paid, keeps_raw_bytes, one_key_another_content, poison_among_good,
                forged_facts_of_dead_letters,
                replay_adds_nothing, dead_letters_without_route, large_dead_letters_become_pointers,
                overlapping_batches_at_once, a_later_constraint_refuses_no_payment, payment_of_a_voided_order, exact_money, long_payment_ids }
            folding { in_either_order, what_contradicts_is_another_payment, a_known_order_with_another_amount,
                a_refund_of_either_key, the_other_key_is_not_late,
                what_was_seen_to_stays_so_under_the_other_key,
                both_keys_at_once_are_a_payment_that_is_new, both_at_once,
                what_contradicts_without_an_id_is_set_apart }
            positions { move_forward_only, a_later_epoch_counts, written_with_what_was_read, each_group_its_own,
                adopted_once, an_upgrade_is_told_from_a_new_store }
            check_ins { once_however_many_gates, once_in_a_batch, nonces, repeats, offline, by_the_record, reinstated_tickets,
                revoked_keys, rules_and_limits, overrides_beside_an_erasure, voids_in_between, times_are_kept }
            admissions { by_deltas, tickets_that_begin_alike, names_leave_with_their_order,
                numbers_are_those_that_a_check_in_finds }
            door_feeds { deltas_add_up_while_tickets_are_voided, replaced_reinstated_and_erased, what_raises_a_version,
                still_good_of_a_revoked_key, filled_for_what_was_there_before }
            door_devices { enrolled_once, what_is_refused, revoked_and_expired, contacts_move_forward }
            claim { lends_each_order_once, expired_leases_are_claimed_again, renewed_leases_are_not,
                steps_of_the_clock_lose_nothing, stale_fences_are_refused, oldest_first, parked_orders_come_back,
                carries_the_payment, frozen_ones_alone, time_in_which_it_cannot_be_tried_is_no_age, next_due }
            freeze { writes_tickets_whole, without_tickets_is_issued, again_answers_the_first, numbers_taken, voided_orders_are_stale,
                seat_conflicts, placeholders_share, freed_seats, concurrent_seats_and_numbers, odd_text,
                a_seat_of_two_dates_is_two, seats_of_before_dates_were_kept }
            complete { issues, step_by_step, keeps_what_is_done, delivered_before_generated, voided_tickets,
                finished_needs_every_ticket, voided_orders, repeats_change_nothing }
            refreshes { new_lines_are_issued_once_paid, unpaid_lines_wait_and_are_listed, an_operator_overrides_the_sums,
                a_price_in_parts, what_cannot_be_told_or_compared_is_listed, an_issued_order_is_never_parked,
                too_much_is_asked_about_again, void_and_erased_orders_never_grow, a_refunded_ticket_is_bought_again,
                a_number_is_taken }
            release { retries_later, waiting_costs_no_try, parks_with_failed_tickets, parks_for_good,
                retry_sets_going, retry_leaves_alone, a_repeat_is_stale }
            outbox { lends_in_order_once, lends_few_large_ones, retries_and_parks, leases_end, ticket_events_in_order, void_suppresses,
                held_back_events_are_not_looked_at_again, held_back_by_what_a_void_ends,
                destinations_apart, backlog, unsent_and_sent_again, prune }
            sequencer { gapless_and_late, readers_resume, two_at_once, positions_outlive_pruning }
            records { order_with_everything, orders_by_time, tickets_in_parts, pages_of_an_order, by_number, deliver,
                delivered_generations, downloaded, redrawn, void, summary }
            withdrawals { beside_their_payments, cancelled_after_issue, the_event_is_whole, cancelled_during_issue, cancelled_before_payment,
                refunded_before_payment, names_wait_for_their_tickets, items_and_tickets_of_an_issued_order,
                parts_add_up, a_double_charge, of_another_order, repeats_and_contradictions,
                unreadable_ones_are_dead_letters, seats_pass_on, the_last_unfinished_ticket_is_voided,
                whoever_comes_first }
            refunds { after_a_reinstatement, one_ticket_of_several, what_was_listed_of_its_lines_ends_with_the_order,
                on_their_way_and_failed, without_a_payment_id, of_imported_orders, nothing_waits_for_ever, nobody_paid,
                arrival_is_not_time, a_date_that_is_none_is_no_time, one_id_of_two_orders, dropped_beside_its_settlement,
                void_reinstate_and_settle_at_once, a_status_that_comes_again, one_on_its_way_says_less_or_more,
                a_second_payment_of_an_erased_order_goes_back }
            refund_amounts { what_an_amount_voids, the_remainder_of_a_payment, names_void_no_others,
                seats_are_named_one_by_one, a_fee_that_is_kept, lines_that_admit_nobody, what_is_void_already_can_be_named,
                a_free_ticket_goes_back,
                a_part_of_the_price_goes_back }
            refunds_again { in_other_words, after_one_that_failed, one_too_many, hundreds_of_one_order }
            reissues { the_new_takes_the_place_of_the_old, drafts_keep_their_number, what_came_in_between_is_refused, two_at_once,
                seats_change_hands, reinstated, a_cancellation_without_a_time_takes_its_records,
                one_ticket_again_and_a_later_cancellation, cancelled_before_and_read_after, a_receipt_is_a_time,
                cancellations_of_before_records_had_times, codes_are_judged, orders_without_tickets_are_set_going }
            signing_keys { tombstones_stay, live_tickets_of_coming_events, live_codes_are_found,
                codes_of_unprinted_tickets_are_replaced, jobs_go_on_where_they_stopped, one_worker_has_a_job,
                tickets_of_a_key_in_order }
            event_cancellations { every_ticket_once, until_none_is_left }
            events { the_newest_answer_is_noted, an_answer_of_a_refresh_is_noted, what_is_set_is_over_ordering,
                contradictions_are_refused_by_name, listed_with_their_tickets, versions_count_each_change,
                epochs_only_grow }
            event_changes { they_have_the_effects_of_an_operator_s, a_repeat_changes_nothing,
                of_each_detail_the_last_one_made_counts, in_any_order_the_same, beside_an_operator_s,
                what_is_refused_is_a_dead_letter, with_their_positions_and_beside_voids, at_once_each_in_its_place }
            erasures { everything_of_an_order, begun_and_ended, what_comes_later_is_kept_without_content, no_worker_goes_on,
                past_events, misdated_events, orders_of_two_dates, letters_of_no_order }
            erased_orders { letters_that_come_later, letters_in_any_spelling, letters_while_it_is_erased,
                reasons_that_people_type, channels_of_later_deliveries, files_until_they_are_removed }
            people { in_any_spelling, in_base64, whatever_is_written, reasons_that_people_type,
                earlier_rows_are_read_in_parts, who_is_erased_leaves }
            lists { every_filter, in_their_order, what_a_row_shows, open_work, void_reissued_and_conflicting,
                who_is_erased_has_no_words, earlier_orders_enter, large_orders }
            import { stand_as_issued, their_payments_issue_nothing, refunds_of_them_void, what_is_known_is_left_alone,
                they_can_be_erased }
            overview { orders_by_what_they_wait_for, tickets_refunds_and_messages, seats_and_attention,
                deliveries_of_each_destination, events_are_counted_in_the_background,
                two_processes_count_different_events, minutes_are_counted_once }
            attention { listed_when_it_shows, acknowledged_by_order_and_event }
            audit { says_who_did_what, what_had_no_effect_is_not_in_it, found_by_what_and_whom, cannot_be_changed,
                is_pruned_from_the_oldest_on }
            destinations { listed_and_closed, sent_again }
            dead_letters { kept_whole, replayed_under_their_own_name, closed_once, parked_orders_and_their_messages,
                late_payments_are_acknowledged }
            installation { migrating_twice_and_at_once, foreign_tables, newer_schema, registers_once, strangers_at_once, adopts_a_secret,
                numbers_for_good, pings }
            locks { ingest_against_reinstate, ingest_against_acknowledge, ingest_against_erase, mixed_batches,
                freeze_against_void, heirs_are_voided_meanwhile, retry_against_sorted_batches,
                erase_against_deliveries }
            templates { kept_for_good, unknown }
            tickets { keep_every_field }
            tokens { added_listed_and_revoked, a_name_and_a_token_are_given_once }
        }
    };
    (@tests $open:ident; $($part:ident { $($test:ident),* $(,)? })*) => {
        $(mod $part {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let backend = super::$open().await;
                $crate::conformance::$part::$test(&backend).await;
            })*
        })*
    };
}
