//! The list of all tests. From it the crate makes them public and a store's test binary makes `#[test]` functions; one that
//! is missing here is dead code, and the compiler says so.

/// Defines the tests of every store, in modules of the place where this is called. The argument is an expression of type
/// `&dyn Stores`.
#[macro_export]
macro_rules! store_tests {
    ($stores:expr) => {
        $crate::store_tests! { @ [$crate::define_tests] [$stores] }
    };
    (@ [$($apply:tt)*] [$($argument:tt)*]) => {
        $($apply)*! { [$($argument)*]
            access {
                async a_revoked_token_is_remembered_until_it_has_expired;
                async what_has_expired_long_ago_goes_when_the_next_token_is_revoked;
                async all_tokens_up_to_a_second_are_revoked_and_that_second_grows_each_time;
                async a_password_is_changed_together_with_the_tokens_or_not_at_all;
            }
            accounts {
                async names_and_addresses_are_unique_without_regard_to_case;
                async a_name_that_looks_like_one_that_is_there_is_taken_in_every_case;
                threads of_many_who_register_one_name_at_once_one_gets_it;
                async a_prefix_is_literal_and_without_regard_to_case;
                async names_are_found_by_the_beginning_of_any_word_whatever_their_accents;
                async a_name_is_taken_with_all_that_could_be_mistaken_for_it;
                async an_account_is_found_in_whatever_form_its_name_is_stored;
                async a_demo_user_is_one_by_its_mark_and_not_by_its_name;
                async the_costliest_of_the_old_hashes_is_known_as_long_as_there_is_one;
                async pages_of_accounts_follow_their_ids;
                async the_last_message_is_that_of_the_direct_conversation;
                async a_hash_is_replaced_only_if_it_is_still_the_old_one;
            }
            conversations {
                async the_list_begins_with_the_newest_message_and_goes_on_page_by_page;
                async a_conversation_is_what_it_is_between_and_for_its_members_only;
                async the_last_message_is_the_last_that_the_user_has_not_hidden;
                async what_waits_is_what_others_wrote_after_the_pointer_and_did_not_delete;
                async totals_leave_out_what_is_muted_and_count_what_is_marked;
                async the_own_part_changes_as_far_as_asked_and_concerns_nobody_else;
                async times_of_being_seen_grow_and_are_for_companions;
                async where_a_message_to_somebody_goes_is_known_from_either_side;
            }
            edits {
                async an_edit_replaces_the_text_and_keeps_the_former_ones;
                async of_many_former_texts_the_last_ones_are_kept;
                async only_its_author_edits_and_only_what_can_be_edited;
                async a_deleted_message_keeps_its_place_and_nothing_else;
                async authors_and_leaders_delete_for_everyone;
                async deleting_ends_the_growth;
                async pins_are_listed_the_last_one_first;
                async former_texts_are_for_members;
                async an_event_tells_what_there_is_to_read;
                async a_refusal_leaves_no_trace_among_writes_that_stand;
            }
            feed {
                async entries_are_written_only_while_somebody_reads;
                async a_place_stays_where_it_was_acknowledged_and_never_goes_back;
                async who_stays_away_for_too_long_has_to_reload;
                async a_name_of_a_later_release_breaks_no_other_reader;
                threads readers_keep_up_with_senders;
                fn any_sequence_of_moves_is_read_as_it_was_published;
            }
            groups {
                async a_group_begins_with_its_owner_alone;
                async adding_is_checked_in_the_promised_order;
                async only_members_look_inside;
                async a_new_member_has_everything_before_as_delivered;
                threads a_snapshot_of_memberships_agrees_with_the_events_up_to_its_position;
                async memberships_are_groups_only;
            }
            hidden {
                async hiding_is_for_members_and_happens_once;
                async what_is_hidden_is_in_no_answer_to_that_reader;
                async whoever_has_hidden_everything_has_no_last_message;
                async the_list_of_users_does_not_show_it_either;
            }
            history {
                fn paging_back_gives_every_message_once_whatever_the_page_sizes;
                fn a_page_holds_the_newest_before_any_id_be_it_of_another_conversation;
                async history_with_a_stranger_is_empty_and_with_nobody_refused;
                async the_last_of_each_conversation_comes_newest_first;
                async a_user_and_a_group_of_one_number_are_never_mistaken;
            }
            keys {
                async a_key_that_stands_for_another_message_is_refused_wherever_it_would_go;
                async the_same_again_is_the_first_message_also_after_it_was_changed;
                threads of_two_messages_under_one_key_at_once_one_is_refused;
                async forwarding_again_is_known_by_what_is_forwarded_and_not_by_what_it_says_now;
                async who_was_removed_is_told_of_an_old_key_what_was_so_at_first;
            }
            live_text {
                async text_grows_piece_by_piece;
                async a_piece_that_is_there_is_acknowledged_and_one_that_does_not_fit_refused;
                async only_its_author_lets_a_message_grow_and_only_one_that_does;
                async there_is_an_end_to_a_text;
                async growth_ends_once_and_in_one_way;
                async finishing_may_give_the_whole_text_and_then_it_can_be_edited;
                fn whatever_is_sent_again_the_text_is_that_of_its_pieces;
            }
            log {
                threads events_come_in_commit_order_with_growing_positions;
                async what_was_answered_is_there_after_a_restart;
                async a_closed_store_says_that_it_is_unavailable;
                async a_write_goes_on_without_its_caller;
                async a_full_queue_refuses_and_what_it_took_is_written;
            }
            logins {
                async every_failed_login_does_the_same_work;
                async a_password_is_right_in_every_form_also_that_of_an_earlier_release;
                async only_a_demo_user_with_the_known_password_has_to_be_on_the_servers_machine;
            }
            members {
                async every_change_of_the_group_counts_and_so_do_its_members;
                async who_may_remove_whom_is_checked_in_the_promised_order;
                async who_was_removed_sees_nothing_and_comes_back_as_anew;
                async only_the_owner_changes_roles_and_there_is_always_one;
                async a_group_is_renamed_by_those_who_lead_it;
            }
            messages {
                async a_message_comes_back_as_it_was_posted;
                async who_may_not_be_written_to_is_refused;
                threads seqs_have_no_gap_under_64_concurrent_senders;
                threads one_key_makes_one_message_though_32_send_it_at_once;
                async a_key_is_the_senders_own_and_lasts_over_restarts;
            }
            pointers {
                async moving_answers_what_moved_and_tells_it_once;
                async reading_takes_the_mark_away_and_whoever_resumes_hears_of_it;
                async a_batch_is_one_change_for_each_conversation_at_the_place_that_is_noted;
                async receipts_are_listed_for_members_page_by_page;
                async a_thread_has_a_pointer_of_its_own;
            }
            posting {
                async everything_that_was_posted_is_read_back;
                async a_pairs_first_message_makes_their_conversation_and_the_second_does_not;
                async a_conversation_can_be_posted_to_by_its_number;
                async only_members_can_be_mentioned;
                async a_reply_quotes_the_message_as_it_is_now;
                async a_reply_stays_in_its_conversation;
                async a_message_is_there_for_members_only;
            }
            random {
                fn any_sequence_of_deeds_leaves_what_a_model_says;
            }
            reactions {
                async an_event_tells_of_everybody_and_a_reading_of_the_reader;
                async doing_it_twice_changes_nothing;
                async strangers_do_not_react_and_nobody_to_what_is_deleted;
                async there_is_an_end_to_different_emoji;
                async there_is_an_end_to_reactions;
            }
            receipts {
                async a_pointer_only_grows_and_stops_at_the_last_message;
                async strangers_and_unknown_conversations_are_ignored_and_the_rest_is_done;
                async what_is_undelivered_is_what_others_wrote_beyond_the_pointer;
                async the_backlog_of_a_client_goes_on_with_everything_since_it_connected;
            }
            saved {
                async saving_is_for_members_and_twice_changes_nothing;
                async the_newest_message_comes_first_page_by_page;
                async what_one_may_see_no_more_is_not_in_the_list;
            }
            search {
                async words_beginnings_and_phrases_are_found_without_regard_to_case_and_accents;
                async filters_narrow_a_search_or_stand_alone;
                async one_finds_only_what_one_may_see;
                async the_index_follows_edits_deletions_and_texts_that_grow;
                async what_changes_while_search_is_off_is_found_when_it_is_on_again;
                async the_best_comes_first_if_asked_for;
                async the_many_messages_of_others_hide_none_of_ones_own;
                async nothing_that_is_typed_is_understood_as_anything_but_words;
                async a_closed_store_finds_nothing_and_says_so;
            }
            stretches {
                fn a_stretch_holds_the_nearest_ones_oldest_first;
                async only_members_read_a_stretch;
            }
            sync {
                async the_end_of_the_log_grows_and_its_epoch_is_the_files_own;
                async where_nothing_changed_nothing_is_told;
                async a_message_is_told_of_once_where_it_was_added_and_as_it_is_now;
                async text_that_grew_and_threads_are_told_of_as_changed_messages;
                async what_the_user_hid_and_saved_is_told_and_the_hidden_message_is_not;
                async who_joins_is_told_of_the_conversation_and_then_of_what_comes_after;
                async who_slept_through_leaving_and_joining_again_is_told_of_what_came_in_between;
                async who_left_hears_of_that_first_and_of_nothing_that_is_said_there;
                async who_left_is_told_how_it_was_then_and_nothing_of_now;
                async receipts_of_one_place_are_one_event_and_only_the_own_ones_are_counted;
                async in_large_groups_only_the_own_pointers_are_told;
                async pages_have_no_hole_between_them;
                mod random {
                    fn a_resumed_client_has_what_a_fresh_one_has;
                }
            }
            threads {
                async a_reply_brings_its_root_up_to_date;
                async a_thread_begins_outside_of_threads_and_in_the_same_conversation;
                async what_is_in_a_thread_is_answered_in_that_thread;
                async a_reply_that_is_sent_again_counts_once_and_a_deleted_one_keeps_counting;
                async a_thread_is_read_without_its_root_and_a_conversation_with_everything;
            }
            trace {
                async a_trace_tells_how_far_those_have_come_for_whom_the_message_was;
                async only_its_author_and_those_who_lead_trace_a_message;
            }
        }
    };
}

/// The same for what several servers on one database promise together.
#[macro_export]
macro_rules! cluster_tests {
    ($stores:expr) => {
        $crate::cluster_tests! { @ [$crate::define_tests] [$stores] }
    };
    (@ [$($apply:tt)*] [$($argument:tt)*]) => {
        $($apply)*! { [$($argument)*]
            journal {
                async what_was_published_is_read_in_order_and_from_any_place;
                async it_ends_where_the_log_ends_also_after_a_restart;
                async a_page_is_about_as_long_as_was_asked_for;
                threads nothing_is_missing_though_servers_write_at_once_while_it_is_read;
            }
            nodes {
                threads places_and_numbers_have_no_gap_though_both_nodes_write;
                threads one_key_makes_one_message_whichever_node_is_asked;
                threads what_there_may_be_one_of_is_made_once_though_both_nodes_begin_it;
                threads groups_are_changed_from_both_nodes_and_nobody_waits_for_ever;
                threads one_message_keeps_what_both_nodes_did_to_it;
                async what_one_node_has_answered_the_other_knows;
                async one_node_goes_on_when_the_other_ends_and_comes_back;
                fn any_sequence_of_deeds_leaves_what_a_model_says_whichever_node_is_asked;
                fn a_client_that_resumes_at_another_node_each_time_has_what_a_fresh_one_has;
                threads readers_of_the_feed_keep_up_with_both_nodes;
                fn any_sequence_of_deeds_by_way_of_two_nodes_is_read_as_it_was_published;
            }
        }
    };
}

/// A module of `#[test]` functions for each module of the list.
#[doc(hidden)]
#[macro_export]
macro_rules! define_tests {
    ($stores:tt $($module:ident { $($tests:tt)* })*) => {
        $(mod $module { $crate::define_module! { $stores [$crate::tests::$module] $($tests)* } })*
    };
}

/// The `#[test]` functions of a module: `async` ones on one thread, `threads` on several, `fn` without a runtime.
#[doc(hidden)]
#[macro_export]
macro_rules! define_module {
    ([$($stores:tt)*] [$($path:tt)*]) => {};
    ([$($stores:tt)*] [$($path:tt)*] async $test:ident; $($rest:tt)*) => {
        #[tokio::test]
        async fn $test() {
            $($path)*::$test($($stores)*).await;
        }
        $crate::define_module! { [$($stores)*] [$($path)*] $($rest)* }
    };
    ([$($stores:tt)*] [$($path:tt)*] threads $test:ident; $($rest:tt)*) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            $($path)*::$test($($stores)*).await;
        }
        $crate::define_module! { [$($stores)*] [$($path)*] $($rest)* }
    };
    ([$($stores:tt)*] [$($path:tt)*] fn $test:ident; $($rest:tt)*) => {
        #[test]
        fn $test() {
            $($path)*::$test($($stores)*);
        }
        $crate::define_module! { [$($stores)*] [$($path)*] $($rest)* }
    };
    ([$($stores:tt)*] [$($path:tt)*] mod $inner:ident { $($tests:tt)* } $($rest:tt)*) => {
        mod $inner { $crate::define_module! { [$($stores)*] [$($path)*::$inner] $($tests)* } }
        $crate::define_module! { [$($stores)*] [$($path)*] $($rest)* }
    };
}

/// Makes the tests of the list public, and nothing else of their modules.
macro_rules! export_tests {
    ([] $($module:ident { $($tests:tt)* })*) => {
        $(pub mod $module { export_module! { [crate::$module] $($tests)* } })*
    };
}

macro_rules! export_module {
    ([$($path:tt)*]) => {};
    ([$($path:tt)*] async $test:ident; $($rest:tt)*) => {
        export_module! { [$($path)*] fn $test; $($rest)* }
    };
    ([$($path:tt)*] threads $test:ident; $($rest:tt)*) => {
        export_module! { [$($path)*] fn $test; $($rest)* }
    };
    ([$($path:tt)*] fn $test:ident; $($rest:tt)*) => {
        pub use $($path)*::$test;
        export_module! { [$($path)*] $($rest)* }
    };
    ([$($path:tt)*] mod $inner:ident { $($tests:tt)* } $($rest:tt)*) => {
        pub mod $inner { export_module! { [$($path)*::$inner] $($tests)* } }
        export_module! { [$($path)*] $($rest)* }
    };
}

/// The tests, for the macros of this crate.
#[doc(hidden)]
pub mod tests {
    store_tests! { @ [export_tests] [] }
    cluster_tests! { @ [export_tests] [] }
}
