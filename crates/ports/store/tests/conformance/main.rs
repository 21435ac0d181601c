//! What every store must do, whatever database is behind it: functions over `&dyn Store`, run on a fresh one each.

#![expect(clippy::unwrap_used, reason = "a test whose scene can't be set up fails there and then")]

mod agreement;
mod entry;
mod invariants;
mod mixers;
mod records;
mod rooms;
mod scene;
mod server;
mod trunks;

use partyline_store::{LookupKey, LookupKeys, SqlStore};

/// Every function of the suite, by module, handed to a macro.
macro_rules! suite {
    ($with:ident) => {
        $with! {
            rooms {
                a_room_is_found_by_both_its_codes_and_by_no_other
                a_room_reads_back_as_it_was_made
                a_code_or_name_in_use_is_refused_and_nothing_is_made
                only_the_right_host_pin_passes
                changed_settings_move_the_version_and_leave_the_others
                a_new_code_replaces_the_old_one
                a_lock_shows_to_the_roles_that_it_keeps_out
                a_room_in_use_is_kept_and_a_deleted_one_frees_its_codes
            }
            entry {
                a_new_room_has_an_empty_snapshot
                who_waits_is_listed_in_order_of_arrival
                a_conference_is_seen_with_its_seats_mix_and_reservation
                a_seated_callers_view_says_where_to_go
                a_decision_on_an_old_version_changes_nothing
                a_second_live_conference_is_a_conflict
                an_empty_decision_leaves_the_version
                joined_absent_and_back_keeps_the_seat
                an_order_is_never_given_twice
                an_ended_conference_frees_its_seats_and_all_have_left
                who_is_refused_is_told_and_on_record
                early_callers_talk_in_a_lobby_until_it_is_closed
                a_change_that_names_what_is_not_there_writes_nothing
                events_follow_each_other_without_a_gap_and_come_in_pages
                the_first_answer_to_a_command_stands
            }
            mixers {
                the_last_seat_is_given_and_the_next_refused
                a_moved_mix_takes_its_reservation_along
                a_renewal_keeps_what_is_reserved
                only_live_mixers_of_the_class_that_take_more_are_offered
                leases_are_renewed_and_a_dead_one_retired
                what_is_due_is_found_by_its_deadline
                at_most_256_overdue_callers_come_in_one_snapshot
                callers_are_found_by_their_vru
                each_commit_is_signalled_and_a_refused_one_is_not
            }
            records {
                a_conference_is_on_record_with_every_entry_and_exit
                how_a_call_sounded_is_on_record_with_its_conferee
                a_name_is_kept_with_its_caller_and_heard_by_the_roster
                names_go_with_the_records_of_their_conference_and_not_before
                conferences_are_listed_by_room_and_life
                a_reported_try_is_recorded_once
                leftovers_of_a_killed_run_are_ended_and_told
                old_records_go_and_what_is_live_stays
                who_left_a_live_conference_long_ago_stays_on_its_record
            }
            trunks {
                a_trunk_reads_back_as_it_was_made_with_its_passwords
                every_change_of_a_trunk_moves_the_version
                a_trunk_that_is_there_is_not_made_again_and_one_that_is_not_can_t_be_changed
            }
        }
    };
}

/// Runs each function as a test on a fresh file of its own.
macro_rules! on_files {
    ($($module:ident { $($test:ident)+ })+) => {$(
        mod $module {
            use crate::$module as suite;
            $(
                #[tokio::test]
                async fn $test() {
                    crate::on_sqlite(async |store| suite::$test(store).await).await;
                }
            )+
        }
    )+};
}

/// Runs the functions of a module as a test, each on a fresh database of one server.
macro_rules! on_a_server {
    ($($module:ident { $($test:ident)+ })+) => {$(
        #[tokio::test]
        async fn $module() {
            use crate::$module as suite;
            let server = crate::server::Databases::start();
            $(
                println!("{}", stringify!($test));
                server.fresh(async |store| suite::$test(store).await).await;
            )+
        }
    )+};
}

async fn on_sqlite(test: impl AsyncFnOnce(&SqlStore)) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&directory.path().join("partyline.db"), keys()).await.unwrap();
    test(&store).await;
    store.close().await;
}

fn keys() -> LookupKeys {
    LookupKeys::new(vec![LookupKey::new("k1", [7; 32])]).unwrap()
}

mod sqlite {
    suite!(on_files);

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]

        #[test]
        fn invariants_hold_whatever_is_tried(tries in crate::invariants::tries()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(crate::on_sqlite(async |store| {
                crate::invariants::hold_whatever_is_tried(store, &tries).await;
            }));
        }

        #[test]
        fn the_rules_find_what_the_reference_store_says(
            (entry, leaves, batches) in crate::agreement::stories()
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(crate::on_sqlite(async |store| {
                crate::agreement::hold(store, entry, leaves, &batches).await;
            }));
        }
    }
}

mod postgres {
    suite!(on_a_server);

    /// What the macro of random trials runs, against databases that are expensive to make.
    fn trials<T: std::fmt::Debug>(
        strategy: impl proptest::strategy::Strategy<Value = T>,
        trial: impl AsyncFn(&partyline_store::SqlStore, T),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(async { crate::server::Databases::start() });
        let config =
            proptest::test_runner::Config { cases: 8, failure_persistence: None, ..Default::default() };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let outcome = runner.run(&strategy, |value| {
            runtime.block_on(server.fresh(async |store| trial(store, value).await));
            Ok(())
        });
        if let Err(failed) = outcome {
            panic!("{failed}");
        }
    }

    #[test]
    fn invariants_hold_whatever_is_tried() {
        trials(crate::invariants::tries(), async |store, tries| {
            crate::invariants::hold_whatever_is_tried(store, &tries).await;
        });
    }

    #[test]
    fn the_rules_find_what_the_reference_store_says() {
        trials(crate::agreement::stories(), async |store, (entry, leaves, batches)| {
            crate::agreement::hold(store, entry, leaves, &batches).await;
        });
    }
}
