//! The list of all tests. This crate makes them public, and a store's test binary makes `#[test]` functions of them. A
//! test that is missing in the list is dead code, about which the compiler warns.

/// Defines the tests of every store, in modules at the place of the call. The argument is an expression of type `&dyn
/// Stores`.
#[macro_export]
macro_rules! store_tests {
    ($stores:expr) => {
        $crate::store_tests! { @ [$crate::define_tests] [$stores] }
    };
    (@ [$($apply:tt)*] [$($argument:tt)*]) => {
        $($apply)*! { [$($argument)*]
            access {
                async a_revoked_token_is_remembered_until_it_has_expired;
                async long_expired_tokens_are_removed_by_the_next_revocation;
                async all_tokens_up_to_a_second_are_revoked_and_that_second_grows_each_time;
                async a_password_is_changed_together_with_the_tokens_or_not_at_all;
            }
            accounts {
                async names_and_addresses_are_unique_without_regard_to_case;
                async a_name_that_looks_like_an_existing_one_is_taken_in_any_case;
                threads one_of_many_concurrent_registrations_gets_the_name;
                async a_prefix_is_literal_and_without_regard_to_case;
                async names_are_found_by_the_beginning_of_any_word_whatever_their_accents;
                async pages_of_a_search_for_names_join_to_the_whole_list;
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
                async a_conversation_is_visible_to_its_members_only;
                async the_last_message_is_the_last_that_the_user_has_not_hidden;
                async unread_messages_are_those_of_others_after_the_pointer_except_deleted_ones;
                async totals_leave_out_what_is_muted_and_count_what_is_marked;
                async own_state_changes_only_as_requested_and_for_nobody_else;
                async last_seen_times_grow_and_are_for_companions;
                async a_direct_conversation_is_found_from_either_side;
            }
            dates {
                fn a_page_around_a_moment_is_the_one_that_a_scan_finds;
                async a_moment_is_found_though_clocks_went_back;
                async a_moment_in_a_thread_is_among_its_replies;
                async only_members_read_around_a_moment;
            }
            edits {
                async an_edit_replaces_the_text_and_keeps_the_former_ones;
                async of_many_former_texts_the_last_ones_are_kept;
                async only_its_author_edits_and_only_what_can_be_edited;
                async a_deleted_message_keeps_its_seq_and_nothing_else;
                async authors_and_admins_delete_for_everyone;
                async deleting_ends_the_growth;
                async pins_are_listed_the_last_one_first;
                async former_texts_are_for_members;
                async an_event_has_the_message_that_a_read_returns;
                async a_refusal_leaves_no_trace_among_writes_that_stand;
            }
            feed {
                async entries_are_written_only_while_there_is_a_reader;
                async a_readers_cursor_stays_where_it_was_acknowledged_and_never_goes_back;
                async a_reader_that_stays_away_too_long_has_to_reload;
                async a_name_of_a_later_release_breaks_no_other_reader;
                threads readers_keep_up_with_senders;
                fn any_sequence_of_actions_is_read_as_published;
            }
            groups {
                async a_group_begins_with_its_owner_alone;
                async adding_is_checked_in_the_promised_order;
                async only_members_look_inside;
                async a_new_member_has_everything_before_as_delivered;
                threads a_snapshot_of_memberships_agrees_with_the_events_up_to_its_position;
                async memberships_are_groups_only;
                async pages_of_groups_join_to_the_whole_list_whatever_changes_between_them;
                async pages_of_members_join_to_the_whole_list_whatever_changes_between_them;
            }
            hidden {
                async hiding_is_for_members_and_happens_once;
                async a_hidden_message_is_in_no_answer_to_that_reader;
                async a_user_who_has_hidden_everything_has_no_last_message;
                async the_list_of_users_does_not_show_it_either;
            }
            history {
                fn paging_back_gives_every_message_once_whatever_the_page_sizes;
                fn a_page_holds_the_newest_before_any_id_even_of_another_conversation;
                async history_with_a_stranger_is_empty_and_with_an_unknown_user_refused;
                async the_last_of_each_conversation_comes_newest_first;
                async pages_of_the_last_messages_join_to_the_whole_list;
                async a_user_and_a_group_of_one_number_are_never_mistaken;
            }
            keys {
                async a_key_that_stands_for_another_message_is_refused_wherever_it_would_go;
                async the_same_again_is_the_first_message_also_after_it_was_changed;
                threads one_of_two_concurrent_messages_with_one_key_is_refused;
                async a_repeated_forward_is_recognised_by_its_source_and_not_by_its_present_text;
                async a_removed_member_gets_the_original_answer_for_an_old_key;
            }
            live_text {
                async text_grows_chunk_by_chunk;
                async a_repeated_chunk_is_acknowledged_and_one_at_a_wrong_offset_refused;
                async only_its_author_appends_to_a_message_and_only_to_a_growing_one;
                async the_length_of_a_text_is_limited;
                async growth_ends_once_and_in_one_way;
                async finishing_may_give_the_whole_text_and_then_it_can_be_edited;
                fn repeated_and_late_chunks_leave_the_text_whole;
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
                async removal_rights_are_checked_in_the_promised_order;
                async a_removed_member_sees_nothing_and_returns_as_a_new_member;
                async only_the_owner_changes_roles_and_there_is_always_one;
                async only_the_owner_and_admins_rename_a_group;
            }
            messages {
                async a_message_comes_back_as_it_was_posted;
                async a_post_to_a_forbidden_recipient_is_refused;
                threads seqs_have_no_gap_under_64_concurrent_senders;
                threads one_key_makes_one_message_though_32_send_it_at_once;
                async a_key_is_the_senders_own_and_lasts_over_restarts;
            }
            pointers {
                async moving_returns_the_moved_pointers_and_publishes_them_once;
                async reading_clears_the_mark_and_a_resuming_client_gets_that;
                async a_batch_is_one_change_for_each_conversation_at_the_stored_position;
                async many_conversations_are_read_as_if_each_were_read_by_itself;
                async unread_conversations_are_listed_page_by_page;
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
                fn any_sequence_of_actions_matches_the_model;
            }
            ranges {
                fn a_range_holds_the_nearest_ones_oldest_first;
                async only_members_read_a_range;
            }
            reactions {
                async an_event_lists_everybody_and_a_read_only_the_reader;
                async doing_it_twice_changes_nothing;
                async strangers_do_not_react_and_nobody_to_what_is_deleted;
                async the_number_of_different_emoji_is_limited;
                async the_number_of_reactions_is_limited;
            }
            receipts {
                async a_pointer_only_grows_and_stops_at_the_last_message;
                async strangers_and_unknown_conversations_are_ignored_and_the_rest_is_done;
                async undelivered_messages_are_those_of_others_beyond_the_pointer;
                async a_clients_backlog_continues_with_everything_since_it_connected;
            }
            saved {
                async saving_is_for_members_and_twice_changes_nothing;
                async the_newest_message_comes_first_page_by_page;
                async messages_that_a_user_may_no_longer_see_are_not_listed;
            }
            search {
                async words_beginnings_and_phrases_are_found_without_regard_to_case_and_accents;
                async filters_narrow_a_search_or_stand_alone;
                async a_user_finds_only_visible_messages;
                async the_index_follows_edits_deletions_and_texts_that_grow;
                async what_changes_while_search_is_off_is_found_when_it_is_on_again;
                async the_best_comes_first_if_asked_for;
                async many_messages_of_others_hide_none_of_a_users_own;
                async typed_text_is_taken_for_words_only;
                async a_closed_store_finds_nothing_and_says_so;
            }
            sync {
                async the_end_of_the_log_grows_and_its_epoch_is_the_files_own;
                async no_change_gives_no_event;
                async a_message_comes_once_at_its_own_position_in_its_present_state;
                async grown_texts_and_threads_come_as_changed_messages;
                async hiding_and_saving_come_and_the_hidden_message_does_not;
                async a_new_member_gets_the_conversation_and_then_later_changes;
                async a_client_that_missed_leaving_and_rejoining_gets_the_messages_in_between;
                async a_former_member_gets_the_departure_first_and_no_later_message;
                async a_former_member_sees_the_state_at_leaving_and_nothing_later;
                async receipts_at_one_position_are_one_event_and_only_own_ones_have_counts;
                async in_large_groups_only_own_pointers_come;
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
                async a_trace_shows_the_progress_of_every_recipient;
                async only_its_author_and_the_groups_admins_trace_a_message;
            }
            unread {
                fn counts_are_those_of_counting_one_by_one;
                async what_a_member_has_hidden_is_not_unread;
            }
        }
    };
}

/// As [`store_tests!`], for what several servers on one database promise together.
#[macro_export]
macro_rules! cluster_tests {
    ($stores:expr) => {
        $crate::cluster_tests! { @ [$crate::define_tests] [$stores] }
    };
    (@ [$($apply:tt)*] [$($argument:tt)*]) => {
        $($apply)*! { [$($argument)*]
            journal {
                async published_events_are_read_in_order_from_any_position;
                async it_ends_where_the_log_ends_also_after_a_restart;
                async a_page_is_about_as_long_as_was_asked_for;
                threads nothing_is_missing_though_servers_write_at_once_while_it_is_read;
            }
            nodes {
                threads positions_and_seqs_have_no_gap_though_both_nodes_write;
                threads one_key_makes_one_message_whichever_node_is_asked;
                threads unique_things_are_created_once_though_both_nodes_try;
                threads group_changes_from_both_nodes_do_not_deadlock;
                threads one_message_keeps_what_both_nodes_did_to_it;
                async what_one_node_has_answered_the_other_knows;
                async one_node_goes_on_when_the_other_ends_and_comes_back;
                fn any_sequence_of_actions_matches_the_model_on_any_node;
                fn counts_on_any_node_are_those_of_counting_one_by_one;
                fn a_client_that_resumes_at_another_node_each_time_has_what_a_fresh_one_has;
                threads readers_of_the_feed_keep_up_with_both_nodes;
                fn any_sequence_of_actions_on_two_nodes_is_read_as_published;
            }
        }
    };
}

/// Defines a module of `#[test]` functions for each module of the list.
#[doc(hidden)]
#[macro_export]
macro_rules! define_tests {
    ($stores:tt $($module:ident { $($tests:tt)* })*) => {
        $(mod $module { $crate::define_module! { $stores [$crate::tests::$module] $($tests)* } })*
    };
}

/// Defines the `#[test]` functions of a module: `async` ones run on one thread, `threads` on several, `fn` without a
/// runtime.
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
