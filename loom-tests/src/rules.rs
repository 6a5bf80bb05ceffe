//! Every rule of every protocol page, with the bugs that break it on purpose, or with the reason why there is none.
//!
//! `tests/rules.rs` compares this list with the pages, with the planted bugs in the code, and with the models.

/// A page with numbered rules.
#[derive(Debug)]
pub struct ProtocolPage {
    /// Its file, from the root of the workspace.
    pub file: &'static str,
    /// Its rules, from rule 1 on.
    pub rules: &'static [ProtocolRule],
}

/// A rule, with its evidence.
#[derive(Debug)]
pub struct ProtocolRule {
    /// The word or words that the rule begins with.
    pub title: &'static str,
    /// The tests that fail when the code breaks it.
    pub evidence: RuleEvidence,
}

/// The tests that fail when the code breaks a rule.
#[derive(Debug)]
pub enum RuleEvidence {
    /// A model fails with each of these bugs, which `fapilog_ring::seeded` plants.
    PlantedBugs(&'static [&'static str]),
    /// No bug is planted.
    Tests {
        /// The reason.
        reason: &'static str,
        /// Tests that fail when the rule is broken, each as `file::name`.
        tests: &'static [&'static str],
    },
}

const fn planted(title: &'static str, bugs: &'static [&'static str]) -> ProtocolRule {
    ProtocolRule { title, evidence: RuleEvidence::PlantedBugs(bugs) }
}

const fn tested(title: &'static str, reason: &'static str, tests: &'static [&'static str]) -> ProtocolRule {
    ProtocolRule { title, evidence: RuleEvidence::Tests { reason, tests } }
}

/// A rule about the state of the shard alone.
const ONE_THREAD: &str = "one thread, and no other sees the step";
/// A rule about the system, which loom does not know.
const SYSTEM: &str = "the other side is the kernel, which no model runs";
/// A rule about data that a lock protects whole.
const LOCK: &str = "every access is under one lock, so no order of accesses can be wrong";
/// A rule about changes, which are posted under a lock and answered one by one.
const CHANGES: &str = "a shard takes changes from a queue under a lock, in the order in which they were posted";

/// All pages with numbered rules.
pub const PROTOCOL_PAGES: &[ProtocolPage] = &[
    ProtocolPage {
        file: "ring/src/lib.rs",
        rules: &[
            planted("Publish", &["publish_relaxed", "snapshot_relaxed"]),
            planted("Release", &["release_relaxed", "reload_relaxed", "gauge_relaxed"]),
            planted("Caching", &["released_never_reloaded"]),
            planted("Slack", &["payload_behind_the_wrap"]),
            planted("Grants", &["shrink_ignored"]),
            planted("Closing", &["closed_after_published", "close_relaxed", "closed_relaxed"]),
            planted("Recycling", &["recycled_while_open"]),
            planted(
                "Doorbell",
                &[
                    "park_without_fence",
                    "knock_without_fence",
                    "doorbell_before_publish",
                    "asleep_by_a_store",
                    "ring_relaxed",
                    "wake_up_relaxed",
                    "urgent_frame_skips_timed_sleep",
                    "sleep_marked_once",
                    "park_not_announced",
                ],
            ),
            planted(
                "Registrations",
                &["registered_after_the_doorbell", "looks_before_it_takes", "registrations_counted_after_take"],
            ),
            planted("Taking over", &["second_consumer_releases"]),
            planted(
                "Waiting for space",
                &[
                    "waiter_does_not_ring",
                    "waiter_counts_after_its_look",
                    "last_look_without_waiters",
                    "end_takes_due_tasks_alone",
                ],
            ),
        ],
    },
    ProtocolPage {
        file: "core/engine/src/accounts/mod.rs",
        rules: &[
            planted("Writers", &["shared_counter_by_load_and_store"]),
            planted("Order", &["submitted_counted_after_publish", "released_before_counted"]),
            planted("Once", &["late_call_uncounted", "late_loss_uncounted"]),
            planted("End", &["stopped_relaxed"]),
        ],
    },
    ProtocolPage {
        file: "core/engine/src/shard/mod.rs",
        rules: &[
            planted("Requests", &["flush_request_relaxed", "flush_requested_relaxed", "looks_before_stop"]),
            planted("Registrations", &["registrations_after_snapshots"]),
            planted("Snapshot", &["snapshot_before_request"]),
            tested(
                "Batch",
                ONE_THREAD,
                &["fapilog/tests/order.rs::by_time_events_of_several_threads_come_as_they_were_logged"],
            ),
            tested(
                "Check",
                ONE_THREAD,
                &[
                    "fapilog/tests/pipeline.rs::processors_run_in_order_after_the_enrichers",
                    "fapilog/tests/pipeline.rs::a_message_that_is_too_long_is_cut_and_marked",
                ],
            ),
            planted("Release", &["released_before_counted"]),
            tested(
                "Deliver",
                ONE_THREAD,
                &["sinks/file/tests/tail.rs::a_single_event_is_seen_within_a_tenth_of_a_second"],
            ),
            planted("Flush", &["flush_answered_undelivered"]),
            planted("Stop", &["ends_with_a_payload_unshipped"]),
            planted(
                "Sleep",
                &[
                    "sleeps_without_a_last_look",
                    "last_look_without_new_rings",
                    "last_look_without_changes",
                    "last_look_without_closed_rings",
                    "lane_ends_unheard",
                ],
            ),
        ],
    },
    ProtocolPage {
        file: "core/engine/src/watchdog/mod.rs",
        rules: &[
            tested(
                "Park",
                ONE_THREAD,
                &[
                    "core/engine/src/watchdog/tests.rs::parked_shards_need_no_look",
                    "fapilog/tests/idle.rs::the_watchdog_of_an_idle_container_never_wakes_up",
                ],
            ),
            planted("Unpark", &["unpark_without_fence"]),
            planted("Sleep", &["watchdog_without_a_last_look"]),
            tested(
                "Look",
                "the notes of a turn are figures, on whose order nothing depends",
                &[
                    "core/engine/src/watchdog/tests.rs::the_time_between_looks_is_that_to_the_limit_within_bounds",
                    "core/engine/src/watchdog/tests.rs::a_call_in_a_process_that_was_stopped_does_not_hang",
                    "fapilog/tests/idle.rs::the_watchdog_of_a_busy_container_wakes_up_once_a_second",
                ],
            ),
        ],
    },
    ProtocolPage {
        file: "core/engine/src/watchdog/take_over.rs",
        rules: &[
            planted("Calls", &["returns_without_a_look"]),
            planted("Abandoning", &["call_begins_relaxed"]),
            tested(
                "Leaving",
                "the thread ends, and touches nothing that a model could see",
                &[
                    "fapilog/tests/abandoned/events.rs::a_batch_that_a_plugin_hangs_on_is_lost_and_no_other_event_is",
                    "fapilog/tests/abandoned/next_shard.rs::an_abandoned_drain_survives_plugins_that_panic_when_they_are_dropped",
                ],
            ),
            planted("Rings", &["second_consumer_releases"]),
            tested(
                "Once",
                "the watchdog alone writes the accounts between the exchange and the start of the next shard's thread",
                &[
                    "fapilog/tests/abandoned/events.rs::a_batch_that_a_plugin_hangs_on_is_lost_and_no_other_event_is",
                    "fapilog/tests/abandoned/events.rs::events_that_a_sink_hangs_on_are_lost_at_each_sink_that_has_not_delivered_them",
                ],
            ),
            tested(
                "Bound",
                ONE_THREAD,
                &["fapilog/tests/abandoned/events.rs::after_eight_abandoned_drains_the_next_waits"],
            ),
            tested(
                "Starts",
                ONE_THREAD,
                &[
                    "fapilog/tests/abandoned/starts.rs::a_sink_that_cannot_be_made_because_of_the_abandoned_one_is_retried",
                    "fapilog/tests/abandoned/starts.rs::a_shutdown_ends_though_no_drain_could_take_over",
                ],
            ),
        ],
    },
    ProtocolPage {
        file: "core/engine/src/container/plugins.rs",
        rules: &[
            tested(
                "Prepare",
                CHANGES,
                &["fapilog/tests/settings_reload.rs::if_one_shard_cannot_make_a_plugin_no_shard_has_changed_anything"],
            ),
            tested(
                "Decide",
                CHANGES,
                &[
                    "fapilog/tests/settings_reload.rs::a_reload_that_was_not_taken_up_in_time_is_not_taken_up_later_either",
                ],
            ),
        ],
    },
    ProtocolPage {
        file: "sinks/file/src/lib.rs",
        rules: &[
            tested(
                "Blocks",
                SYSTEM,
                &["sinks/file/src/writer/tests.rs::while_all_blocks_are_in_flight_no_block_can_be_filled"],
            ),
            tested(
                "Full blocks",
                SYSTEM,
                &["sinks/file/src/writer/tests.rs::full_blocks_are_written_directly_and_at_once"],
            ),
            tested(
                "The partial page",
                SYSTEM,
                &[
                    "sinks/file/src/writer/tests.rs::a_partial_page_is_written_when_no_full_block_follows_in_time",
                    "sinks/file/src/writer/tests.rs::a_partial_page_is_written_with_the_next_full_block_if_that_follows_in_time",
                ],
            ),
            tested(
                "Blocks that are overdue",
                SYSTEM,
                &[
                    "sinks/file/src/writer/tests.rs::a_block_that_is_overdue_is_written_through_the_page_cache_from_the_first_byte_not_written_yet",
                ],
            ),
            tested(
                "Order",
                SYSTEM,
                &[
                    "sinks/file/src/writer/tests.rs::no_write_starts_while_another_one_is_in_flight",
                    "sinks/file/src/writer/tests.rs::a_request_has_the_bytes_of_one_path_only",
                    "sinks/file/src/writer/tests.rs::a_request_of_several_blocks_ends_before_it_is_too_long",
                    "sinks/file/tests/follow.rs::a_reader_at_full_speed_sees_every_record_once_and_no_nul",
                    "sinks/file/tests/killed.rs::a_killed_process_leaves_whole_records_and_no_hole",
                    "sinks/file/src/writer/tests/any_sequence.rs::any_sequence_of_blocks_and_outcomes_ends_in_the_file_that_was_written",
                ],
            ),
            tested(
                "Delivered",
                SYSTEM,
                &[
                    "sinks/file/src/writer/tests.rs::nothing_is_delivered_beyond_the_first_byte_that_is_not_written",
                    "sinks/file/src/writer/tests/syncs.rs::with_a_sync_for_each_batch_nothing_is_delivered_before_its_sync",
                ],
            ),
            tested(
                "Write errors",
                SYSTEM,
                &[
                    "sinks/file/src/writer/tests.rs::after_a_failure_the_first_write_in_order_is_repeated_alone_and_the_others_after_its_success",
                    "sinks/file/src/writer/tests/any_sequence.rs::at_any_time_a_dropped_writer_leaves_a_file_that_ends_at_the_acknowledged_end",
                ],
            ),
            tested(
                "Fallback",
                SYSTEM,
                &[
                    "sinks/file/tests/fallback.rs::where_io_uring_is_forbidden_a_thread_drains_and_pwrite_writes",
                    "sinks/file/src/writer/tests.rs::a_file_system_that_refuses_direct_writes_gets_buffered_ones_from_then_on",
                    "sinks/file/src/writer/tests/refused.rs::a_write_that_the_kernel_executes_later_is_not_repeated",
                    "sinks/file/src/writer/tests/refused.rs::a_write_that_the_kernel_does_not_execute_is_repeated_at_its_place",
                ],
            ),
            tested(
                "Changes by others",
                SYSTEM,
                &[
                    "sinks/file/src/writer/tests/changes.rs::behind_a_truncation_writing_goes_on_at_the_files_end",
                    "sinks/file/src/writer/tests/changes.rs::behind_bytes_that_another_program_has_appended_writing_goes_on",
                    "sinks/file/src/writer/tests/changes.rs::a_truncation_during_a_write_leaves_no_hole",
                    "sinks/file/src/path_watch.rs::the_path_of_a_file_shows_what_other_programs_have_done_with_it",
                    "sinks/file/tests/changed.rs::events_that_are_logged_right_after_a_removal_go_to_a_new_file",
                ],
            ),
            tested(
                "The next file",
                SYSTEM,
                &[
                    "sinks/file/src/writer/tests/files.rs::records_of_a_file_that_is_not_open_yet_wait_and_those_before_them_do_not",
                    "sinks/file/src/writer/tests/files.rs::records_of_a_file_that_cannot_be_opened_go_to_the_one_before_it",
                    "sinks/file/src/writer/tests/files.rs::a_file_is_complete_when_its_last_record_is_acknowledged",
                    "sinks/file/tests/killed.rs::a_process_that_is_killed_while_it_rotates_and_compresses_has_each_acknowledged_record_once",
                ],
            ),
            tested(
                "A failed sync",
                SYSTEM,
                &[
                    "sinks/file/tests/sync.rs::a_file_whose_sync_has_failed_is_given_up_and_the_next_events_go_to_a_new_one",
                    "sinks/file/src/writer/tests/files.rs::a_failed_sync_leaves_the_records_of_the_next_file_without_doubt",
                ],
            ),
            tested(
                "A file for several shards",
                LOCK,
                &["sinks/file/tests/one_file.rs::each_event_of_four_producers_is_in_the_file_once_and_in_order"],
            ),
        ],
    },
    ProtocolPage {
        file: "sinks/file/src/rotate/file_thread.rs",
        rules: &[
            tested(
                "Rotation",
                SYSTEM,
                &[
                    "sinks/file/tests/rotation.rs::files_are_rotated_by_length_and_each_record_is_in_one_of_them",
                    "sinks/file/tests/rotation.rs::records_go_on_into_the_file_that_cannot_be_rotated",
                ],
            ),
            tested(
                "Reopening",
                SYSTEM,
                &["sinks/file/tests/changed.rs::where_another_file_has_the_path_events_are_appended_to_it"],
            ),
            tested("Complete files", SYSTEM, &["sinks/file/tests/rotation.rs::rotated_files_are_compressed"]),
            tested(
                "Retention",
                SYSTEM,
                &["sinks/file/tests/rotation.rs::old_files_are_removed_and_the_newest_ones_stay"],
            ),
            tested(
                "Reserve",
                SYSTEM,
                &["sinks/file/tests/reserve.rs::the_reserve_of_the_file_system_is_kept_for_events_of_error_and_above"],
            ),
        ],
    },
    ProtocolPage {
        file: "sinks/console/src/lib.rs",
        rules: &[
            tested(
                "A thread",
                SYSTEM,
                &[
                    "sinks/console/tests/process.rs::a_program_whose_standard_error_is_closed_lives_though_sigpipe_kills",
                ],
            ),
            tested(
                "The queue",
                LOCK,
                &["sinks/console/src/queue.rs::there_is_no_payload_while_the_capacity_is_used_up"],
            ),
            tested(
                "No write waits",
                SYSTEM,
                &["sinks/console/src/destination.rs::a_write_to_a_full_pipe_or_socket_does_not_wait"],
            ),
            tested(
                "Short writes",
                SYSTEM,
                &["sinks/console/tests/process.rs::output_of_the_program_is_placed_between_lines"],
            ),
            tested(
                "The line lock",
                LOCK,
                &["sinks/console/tests/pipe.rs::two_containers_on_one_pipe_never_interleave_within_a_line"],
            ),
            tested(
                "Delivered",
                SYSTEM,
                &["sinks/console/tests/pipe.rs::bytes_after_an_abandoned_line_begin_on_a_new_line"],
            ),
            tested(
                "Closed destinations",
                SYSTEM,
                &["sinks/console/tests/pipe.rs::a_reader_that_closes_is_an_error_and_the_thread_sleeps"],
            ),
            tested(
                "The deadline",
                SYSTEM,
                &["sinks/console/tests/pipe.rs::two_containers_on_one_stuck_pipe_both_end_in_time"],
            ),
            tested(
                "Fork",
                SYSTEM,
                &["sinks/console/tests/fork.rs::a_child_does_not_wait_for_its_parents_sink_and_can_have_its_own"],
            ),
            tested("The journal", SYSTEM, &["sinks/console/tests/journal.rs::each_line_has_the_priority_of_its_event"]),
        ],
    },
    ProtocolPage {
        file: "core/engine/src/delivery/spill.rs",
        rules: &[
            tested(
                "When",
                ONE_THREAD,
                &[
                    "fapilog/tests/spill/main.rs::what_a_slow_destination_leaves_in_a_full_queue_goes_to_disk",
                    "fapilog/tests/spill/main.rs::a_payload_that_is_refused_for_good_is_a_dead_letter_with_the_reason",
                ],
            ),
            tested(
                "Order",
                ONE_THREAD,
                &["fapilog/tests/spill/main.rs::a_payload_in_flight_comes_before_those_that_went_to_disk_meanwhile"],
            ),
            tested(
                "Replay",
                ONE_THREAD,
                &[
                    "fapilog/tests/spill/main.rs::payloads_wait_on_disk_while_the_destination_is_down_and_come_in_order_when_it_is_back",
                ],
            ),
            tested(
                "Parts",
                ONE_THREAD,
                &["fapilog/tests/spill/main.rs::records_of_a_payload_from_disk_that_were_taken_do_not_come_again"],
            ),
            tested(
                "Accounts",
                ONE_THREAD,
                &["fapilog/tests/spill/main.rs::payloads_on_disk_are_delivered_by_the_next_container_before_its_own"],
            ),
            tested(
                "Start",
                ONE_THREAD,
                &["fapilog/tests/spill/main.rs::payloads_on_disk_are_delivered_by_the_next_container_before_its_own"],
            ),
            tested(
                "Stop",
                ONE_THREAD,
                &["fapilog/tests/spill/main.rs::what_a_slow_destination_leaves_in_a_full_queue_goes_to_disk"],
            ),
        ],
    },
    ProtocolPage {
        file: "core/engine/src/delivery/store/mod.rs",
        rules: &[
            tested(
                "Append",
                SYSTEM,
                &[
                    "core/engine/src/delivery/store/tests/bounds.rs::a_payload_beyond_the_limit_is_refused_until_there_is_room",
                ],
            ),
            tested(
                "Failed append",
                SYSTEM,
                &[
                    "core/engine/src/delivery/store/tests/full_disk.rs::a_full_disk_refuses_payloads_and_leaves_no_part_of_them",
                ],
            ),
            tested(
                "Read",
                SYSTEM,
                &[
                    "core/engine/src/delivery/store/tests/damage.rs::payloads_that_are_damaged_later_are_counted_to_the_caller",
                ],
            ),
            tested(
                "Acknowledge",
                SYSTEM,
                &[
                    "core/engine/src/delivery/store/tests/killed.rs::a_killed_process_leaves_each_stored_payload_once_and_in_order",
                ],
            ),
            tested(
                "Rewind",
                LOCK,
                &["core/engine/src/delivery/store/tests/round_trip.rs::reads_of_before_a_rewind_are_not_answered"],
            ),
            tested(
                "Recover",
                SYSTEM,
                &["core/engine/src/delivery/store/tests/damage.rs::a_torn_tail_of_the_last_segment_is_cut_at_any_byte"],
            ),
            tested(
                "Adopt",
                SYSTEM,
                &[
                    "core/engine/src/delivery/store/tests/adoption.rs::the_first_shard_delivers_payloads_of_former_shards_before_its_own",
                ],
            ),
            tested(
                "Removed directory",
                SYSTEM,
                &["core/engine/src/delivery/store/tests/removed.rs::a_removed_directory_is_made_again"],
            ),
        ],
    },
    ProtocolPage {
        file: "sinks/file/src/one_file/mod.rs",
        rules: &[
            tested(
                "The thread",
                LOCK,
                &["sinks/file/tests/one_file.rs::a_sink_that_one_shard_cannot_make_leaves_no_lock_and_no_open_file"],
            ),
            tested(
                "Shards",
                LOCK,
                &["sinks/file/src/one_file/tests.rs::a_shard_without_a_free_block_is_busy_and_its_memory_is_bounded"],
            ),
            tested(
                "Order",
                LOCK,
                &[
                    "sinks/file/src/one_file/tests.rs::payloads_that_wait_are_written_in_the_order_of_their_first_records",
                ],
            ),
            tested(
                "Answers",
                LOCK,
                &[
                    "sinks/file/src/one_file/tests.rs::records_that_the_stream_has_in_part_are_not_delivered",
                    "sinks/file/tests/one_file.rs::a_full_disk_ends_the_file_with_a_record_and_the_accounts_of_both_shards_are_exact",
                ],
            ),
            tested(
                "Rotation by time",
                LOCK,
                &[
                    "sinks/file/src/one_file/tests.rs::the_records_behind_a_boundary_wait_for_older_ones_of_another_shard",
                ],
            ),
            tested(
                "Rotation by length",
                SYSTEM,
                &["sinks/file/tests/one_file.rs::files_of_two_shards_are_rotated_by_length_and_none_is_too_long"],
            ),
            tested(
                "Stop",
                SYSTEM,
                &["sinks/file/src/one_file/tests.rs::a_shutdown_ends_at_its_deadline_while_the_disk_does_not_answer"],
            ),
            tested(
                "A panic of the thread",
                LOCK,
                &["sinks/file/src/one_file/tests.rs::a_thread_that_panics_fails_all_requests_and_those_that_come"],
            ),
            tested(
                "A forked child",
                SYSTEM,
                &["sinks/file/tests/fork.rs::a_child_leaves_the_sinks_of_two_shards_and_their_thread_to_its_parent"],
            ),
        ],
    },
];
