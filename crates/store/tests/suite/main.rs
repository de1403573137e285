//! What every store must do. The cases know nothing of a database: each is given an empty [`Store`], one of
//! every kind in turn.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cases;
mod forgotten;
mod moving;
mod people;
mod postgres;
mod races;
#[path = "../../../server/tests/support/postgres.rs"]
mod server;
mod sqlite;
mod takeover;

macro_rules! conformance {
    ($($group:ident: $($case:ident)*;)*) => {
                mod on_sqlite { $($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let home = tempfile::tempdir().unwrap();
                let store = crate::sqlite::open(home.path()).await;
                crate::$group::$case(&store).await;
                store.close().await;
            }
        )*)* }

                mod on_postgres { $($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let store = crate::postgres::open().await;
                crate::$group::$case(&store).await;
                store.close().await;
            }
        )*)* }
    };
}

conformance! {
    cases:
        a_session_stands_as_it_was_made
        an_unknown_session_refuses_everything
        an_ended_session_refuses_everything
        an_expired_session_refuses_everything
        why_a_session_is_over_stays_the_same
        a_session_is_changed_in_part
        a_longer_session_is_open_for_longer
        a_session_never_becomes_longer_than_the_longest
        watchers_are_sent_away_with_who_is_removed_and_by_a_lock
        a_location_life_is_kept
        a_tracker_link_holds_for_a_participant_who_is_in
        a_tracker_dies_with_what_it_belongs_to
        tracker_ids_stay_with_their_owner
        cleanup_ends_what_expired_or_is_idle_once
        joining_and_signs_of_life_keep_a_session
        who_is_silent_is_timed_out_once
        signs_of_life_never_go_back
        more_signs_of_life_than_one_transaction_takes
        purge_takes_only_what_ended_long_ago
        a_store_answers_pings
        more_than_one_statement_of_a_cleanup_takes;
    cases_of_people:
        people_stand_in_order_of_joining
        a_full_session_refuses
        a_locked_session_refuses
        a_taken_name_is_refused
        a_name_that_looks_like_a_taken_one_is_refused
        a_look_may_be_longer_than_its_name
        the_first_refusal_wins
        colors_differ_unless_asked_for
        leaving_frees_place_and_name
        leaving_is_refused_to_who_is_not_there
        sessions_do_not_mix;
    moving:
        what_is_stored_is_told_session_by_session
        what_was_stored_elsewhere_is_taken_in_as_it_is
        a_session_that_is_there_is_left_as_it_is
        names_that_look_the_same_get_a_number_on_their_way_in
        of_what_is_over_elsewhere_the_times_are_taken_in;
    races:
        of_two_hundred_fifty_get_in
        of_two_with_one_name_one_gets_in
        a_session_is_ended_once
        a_participant_leaves_once
        nobody_joins_after_the_end
        cleanups_at_once_share_the_work
        everything_at_once_waits_for_nobody
        ends_and_signs_of_life_wait_for_nobody
        a_caller_who_goes_away_does_no_harm;
}

use people::cases as cases_of_people;
