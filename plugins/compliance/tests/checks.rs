//! The parts of rules, one by one: the facts that they look at, and the evidence that they give.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod subjects;

use std::time::Duration;

use fapilog_compliance::{CheckContext, CheckOutcome, ClockState, RuleCheck};
use fapilog_plugin::{
    compliance::{PlannedContainer, PlannedPlugin, PlannedSink, RuleVerdict},
    data_class::DataClass,
    factory::SparedFields,
    sink::{Assurances, DeliveryPolicy, OnFull, SinkPlace},
};
use subjects::{DAY, ScriptedMachine, audit_sink, network_sink};

fn container(sinks: impl IntoIterator<Item = PlannedSink>) -> PlannedContainer {
    let mut planned = PlannedContainer::default();
    planned.sinks = sinks.into_iter().collect();
    planned.blocks_for = Some(Duration::from_secs(5));
    planned
}

fn run(check: RuleCheck, sinks: impl IntoIterator<Item = PlannedSink>) -> CheckOutcome {
    check.run(&CheckContext::new(&container(sinks), &ScriptedMachine::default()))
}

#[track_caller]
fn assert_is(outcome: &CheckOutcome, verdict: RuleVerdict, evidence: &str) {
    assert_eq!((outcome.verdict, outcome.evidence.as_str()), (verdict, evidence));
}

fn sink(name: &str, place: SinkPlace) -> PlannedSink {
    PlannedSink::new(name, Assurances::unknown().place(place))
}

fn stdout() -> PlannedSink {
    sink("stdout", SinkPlace::Stream)
}

/// A file without encryption.
fn file() -> PlannedSink {
    let mut sink = sink("file", SinkPlace::File { directory: "/var/log/shop".into() });
    sink.assurances.mode = Some(0o640);
    sink.delivery = DeliveryPolicy::direct();
    sink
}

#[test]
fn without_a_place_that_can_be_looked_at_people_have_to() {
    let mode = RuleCheck::ModeAtMost(0o640);
    let of_stdout = "stdout: check that the events are readable only for those that need them where the program that \
                     reads it keeps them";
    assert_is(&run(mode, [stdout()]), RuleVerdict::NeedsPeople, of_stdout);
    let unknown = "own: check where its events go, which the sink does not state";
    assert_is(&run(mode, [sink("own", SinkPlace::Unknown)]), RuleVerdict::NeedsPeople, unknown);
    assert_is(
        &run(RuleCheck::EncryptedInTransit, [sink("own", SinkPlace::Unknown)]),
        RuleVerdict::NeedsPeople,
        unknown,
    );
    let far = "central: check that the events are encrypted where logs.example.org keeps them";
    assert_is(&run(RuleCheck::EncryptedInFiles, [network_sink(true)]), RuleVerdict::NeedsPeople, far);
    for nowhere in [SinkPlace::Memory, SinkPlace::Nowhere] {
        assert_is(&run(mode, [sink("memory", nowhere)]), RuleVerdict::NotApplicable, "no sink stores events");
    }
}

#[test]
fn a_failure_of_a_sink_outweighs_the_others() {
    let mut open = file();
    open.assurances.mode = Some(0o644);
    let outcome = run(RuleCheck::ModeAtMost(0o640), [stdout(), open, audit_sink()]);
    assert_is(&outcome, RuleVerdict::Fail, "file: files have mode 644, and 640 is allowed at most");
    assert_eq!(outcome.settings, ["plugin_config.file.mode"]);
}

#[test]
fn a_directory_that_everyone_can_write_to_fails_the_permissions() {
    let machine = ScriptedMachine { directory_mode: 0o777, ..ScriptedMachine::default() };
    let planned = container([file()]);
    let outcome = RuleCheck::ModeAtMost(0o640).run(&CheckContext::new(&planned, &machine));
    assert_is(&outcome, RuleVerdict::Fail, "file: everyone can write to /var/log/shop, whose mode is 777");
}

#[test]
fn spill_and_dead_letters_count_as_files() {
    let mut encrypted = file();
    encrypted.assurances.is_stored_encrypted = true;
    encrypted.spill = Some("/var/spool/shop".into());
    encrypted.dead_letters = Some("/var/spool/dead".into());
    let evidence = "file: spill writes to /var/spool/shop, which is not encrypted; file: dead_letters writes to \
                    /var/spool/dead, which is not encrypted";
    assert_is(&run(RuleCheck::EncryptedInFiles, [encrypted.clone()]), RuleVerdict::Fail, evidence);
    encrypted.has_encrypted_payloads = true;
    encrypted.formatter = "encrypted".to_owned();
    assert_is(&run(RuleCheck::EncryptedInFiles, [encrypted]), RuleVerdict::Pass, "file: encrypted encrypts the events");
}

#[test]
fn a_formatter_that_encrypts_protects_a_connection_in_the_clear() {
    let mut sink = network_sink(false);
    assert_eq!(run(RuleCheck::EncryptedInTransit, [sink.clone()]).verdict, RuleVerdict::Fail);
    sink.has_encrypted_payloads = true;
    assert_eq!(run(RuleCheck::EncryptedInTransit, [sink]).verdict, RuleVerdict::Pass);
}

#[test]
fn audit_events_wait_for_a_file_and_are_given_up_by_a_queue_without_spill() {
    let check = RuleCheck::AuditNotDropped;
    assert_eq!(run(check, [file()]).verdict, RuleVerdict::Pass);
    let mut queued = network_sink(true);
    queued.on_full = OnFull::Block;
    let outcome = run(check, [queued.clone()]);
    assert_is(&outcome, RuleVerdict::Fail, "central: drops events while its destination takes nothing");
    queued.spill = Some("/var/spool/shop".into());
    assert_eq!(run(check, [queued]).verdict, RuleVerdict::Pass);
    let mut planned = container([file()]);
    for blocks_for in [None, Some(Duration::ZERO)] {
        planned.blocks_for = blocks_for;
        let outcome = check.run(&CheckContext::new(&planned, &ScriptedMachine::default()));
        assert_eq!((outcome.verdict, outcome.settings.len()), (RuleVerdict::Fail, 2), "{outcome:?}");
    }
}

#[test]
fn memory_keeps_no_audit_events() {
    let evidence = "no sink that stores events takes all AUDIT and SECURITY events";
    for check in [RuleCheck::AuditKept, RuleCheck::AuditDurable, RuleCheck::AuditCopied, RuleCheck::AuditTamperEvident]
    {
        assert_is(&run(check, [sink("memory", SinkPlace::Memory)]), RuleVerdict::Fail, evidence);
    }
    assert_is(&run(RuleCheck::AuditKept, [stdout()]), RuleVerdict::Pass, "stdout: takes all AUDIT and SECURITY events");
}

#[test]
fn a_sink_to_another_machine_is_a_copy_and_one_to_this_machine_is_none() {
    let mut local = network_sink(true);
    local.assurances.place = SinkPlace::Network { host: "localhost:6514".to_owned(), is_encrypted: true };
    assert_eq!(run(RuleCheck::AuditCopied, [local]).verdict, RuleVerdict::Fail);
    assert_is(
        &run(RuleCheck::AuditCopied, [network_sink(true)]),
        RuleVerdict::Pass,
        "central: audit events go to another machine",
    );
}

#[test]
fn the_age_that_events_reach_is_compared_to_the_day() {
    let check = RuleCheck::KeptAtLeast { days: 366 };
    let kept = |age: Duration| {
        let mut sink = file();
        sink.assurances.kept_at_least = age;
        sink
    };
    assert_is(&run(check, [kept(366 * DAY)]), RuleVerdict::Pass, "file: keeps audit events for 366 days");
    assert_is(&run(check, [kept(Duration::MAX)]), RuleVerdict::Pass, "file: keeps audit events for ever");
    let outcome = run(check, [kept(366 * DAY - Duration::from_secs(1))]);
    assert_is(&outcome, RuleVerdict::Fail, "file: does not assure 366 days");
    assert_eq!(outcome.settings, ["plugin_config.file.retain_age"]);
    let mut complete = network_sink(true);
    complete.delivery = DeliveryPolicy::direct();
    let far = run(check, [kept(DAY), complete]);
    assert_eq!(far.verdict, RuleVerdict::NeedsPeople);
    let available = RuleCheck::AvailableAtLeast { days: 92 };
    let mut archive = network_sink(true);
    archive.assurances.kept_at_least = Duration::MAX;
    assert_eq!(run(check, [archive.clone()]).verdict, RuleVerdict::Pass);
    // Beside a sink that drops nothing, a queue that gives payloads up has not all events.
    assert_eq!(run(check, [archive.clone(), kept(DAY)]).verdict, RuleVerdict::Fail);
    archive.delivery = DeliveryPolicy::direct();
    archive.on_full = OnFull::Block;
    assert_eq!(run(available, [archive.clone()]).verdict, RuleVerdict::NeedsPeople);
    assert_eq!(run(available, [archive, kept(92 * DAY)]).verdict, RuleVerdict::Pass);
}

#[test]
fn each_sink_keeps_events_at_most_as_long_as_its_limit() {
    let sink = |name: &str, most: Option<Duration>| {
        let mut sink = file();
        sink.name = name.to_owned();
        sink.assurances.kept_at_most = most;
        sink
    };
    let check = |planned: &PlannedContainer, audit_max: Option<Duration>| {
        let machine = ScriptedMachine::default();
        let mut context = CheckContext::new(planned, &machine);
        (context.retention_max, context.audit_retention_max) = (Some(90 * DAY), audit_max);
        context.settings = "plugin_config.gdpr";
        RuleCheck::KeptAtMost.run(&context)
    };
    assert_is(
        &check(&container([sink("app", Some(90 * DAY))]), None),
        RuleVerdict::Pass,
        "app: keeps events for 90 days at most",
    );
    let without = check(&container([sink("app", None)]), None);
    assert_is(
        &without,
        RuleVerdict::Fail,
        "app: does not remove events by age, which needs retain_age and a rotation by time",
    );
    assert_eq!(without.settings, ["plugin_config.app.retain_age", "plugin_config.app.rotate_every"]);
    let mut audit = audit_sink();
    audit.assurances.kept_at_most = Some(400 * DAY);
    let planned = container([sink("app", Some(DAY)), audit]);
    assert_eq!(check(&planned, Some(400 * DAY)).verdict, RuleVerdict::Pass);
    let outcome = check(&planned, None);
    assert_is(&outcome, RuleVerdict::Fail, "audit: keeps events for 400 days, and 90 days is allowed at most");
}

#[test]
fn a_limit_that_is_not_set_fails() {
    let planned = container([]);
    let machine = ScriptedMachine::default();
    let mut context = CheckContext::new(&planned, &machine);
    context.settings = "plugin_config.ccpa";
    let outcome = RuleCheck::KeptAtMost.run(&context);
    assert_eq!(
        (outcome.verdict, outcome.settings),
        (RuleVerdict::Fail, vec!["plugin_config.ccpa.retention_max".to_owned()])
    );
}

#[test]
fn a_clock_that_the_kernel_does_not_answer_for_needs_people() {
    let verdict = |clock| {
        let machine = ScriptedMachine { clock, ..ScriptedMachine::default() };
        RuleCheck::TimeSynchronised.run(&CheckContext::new(&container([]), &machine)).verdict
    };
    assert_eq!(verdict(ClockState::Synchronised { error_max: Duration::from_millis(1) }), RuleVerdict::Pass);
    assert_eq!(verdict(ClockState::Unsynchronised), RuleVerdict::Fail);
    assert_eq!(verdict(ClockState::Unknown { reason: "not permitted".to_owned() }), RuleVerdict::NeedsPeople);
}

fn run_with(check: RuleCheck, machine: &ScriptedMachine, planned: &PlannedContainer) -> CheckOutcome {
    check.run(&CheckContext::new(planned, machine))
}

#[test]
fn a_clock_without_a_correction_for_hours_needs_people() {
    let clock = ClockState::Synchronised { error_max: Duration::from_secs(6) };
    let machine = ScriptedMachine { clock, ..ScriptedMachine::default() };
    let outcome = run_with(RuleCheck::TimeSynchronised, &machine, &container([]));
    assert_eq!(outcome.verdict, RuleVerdict::NeedsPeople, "{outcome:?}");
}

#[test]
fn a_processor_that_takes_out_audit_events_fails_and_one_that_states_nothing_needs_people() {
    let with = |processor: PlannedPlugin| {
        let mut planned = container([file()]);
        planned.processors = vec![processor];
        run_with(RuleCheck::AuditKept, &ScriptedMachine::default(), &planned)
    };
    assert_eq!(with(PlannedPlugin::new("own", []).keeping_audit_events(true)).verdict, RuleVerdict::Pass);
    let outcome = with(PlannedPlugin::new("filter", []).keeping_audit_events(false));
    assert_is(&outcome, RuleVerdict::Fail, "the processor filter takes out AUDIT or SECURITY events");
    assert_eq!(outcome.settings, ["plugin_config.filter", "processors"]);
    let outcome = with(PlannedPlugin::new("own", []));
    assert_eq!(outcome.verdict, RuleVerdict::NeedsPeople);
    assert!(outcome.evidence.starts_with("check that the processor own takes out no AUDIT"), "{outcome:?}");
}

#[test]
fn fields_of_audit_events_are_checked_by_the_last_processor_that_may_change_them() {
    let checking = || PlannedPlugin::new("audit_schema", []).keeping_audit_events(true).checking_audit_fields(true);
    let with = |processors: Vec<PlannedPlugin>| {
        let mut planned = container([file()]);
        planned.processors = processors;
        run_with(RuleCheck::AuditFieldsChecked, &ScriptedMachine::default(), &planned)
    };
    let throttle = || PlannedPlugin::new("throttle", []).keeping_audit_events(true);
    let project = || PlannedPlugin::new("project", []);
    assert_eq!(with(vec![project(), checking(), throttle()]).verdict, RuleVerdict::Pass);
    assert_is(
        &with(vec![checking(), throttle(), project()]),
        RuleVerdict::Fail,
        "project stands behind the check of the fields of audit events, and may take some out",
    );
    assert_is(
        &with(vec![checking().checking_audit_fields(false)]),
        RuleVerdict::Fail,
        "no processor checks all fields of all AUDIT and SECURITY events",
    );
}

#[test]
fn a_durable_sink_that_drops_events_does_not_stand_in_for_one_that_drops_none() {
    let mut dropping = file();
    (dropping.name, dropping.on_full) = ("fast".to_owned(), OnFull::Drop);
    dropping.assurances = dropping.assurances.durable(true).tamper_evident(true).kept_at_least(Duration::MAX);
    let durable = RuleCheck::AuditDurable;
    // Alone, the check of dropped events fails, and not each of the others.
    assert_eq!(run(durable, [dropping.clone()]).verdict, RuleVerdict::Pass);
    for check in [durable, RuleCheck::AuditTamperEvident, RuleCheck::KeptAtLeast { days: 366 }] {
        let outcome = run(check, [dropping.clone(), file()]);
        assert_eq!(outcome.verdict, RuleVerdict::Fail, "{outcome:?}");
        assert!(outcome.evidence.starts_with("file: "), "{outcome:?}");
    }
}

#[test]
fn a_fallback_without_the_property_takes_it_from_the_sink() {
    let mut trail = audit_sink();
    trail.fallback = Some("file".to_owned());
    let mut weak = file();
    weak.assurances.kept_at_least = 90 * DAY;
    for check in [RuleCheck::AuditDurable, RuleCheck::AuditTamperEvident, RuleCheck::KeptAtLeast { days: 366 }] {
        assert_eq!(run(check, [audit_sink(), weak.clone()]).verdict, RuleVerdict::Pass, "{check:?}");
        assert_eq!(run(check, [trail.clone(), weak.clone()]).verdict, RuleVerdict::Fail, "{check:?}");
    }
    let evidence = "audit (fallback file), file: a change of stored events would not be detected";
    assert_is(&run(RuleCheck::AuditTamperEvident, [trail, weak]), RuleVerdict::Fail, evidence);
}

#[test]
fn files_in_memory_are_neither_durable_nor_kept() {
    let machine = ScriptedMachine { is_in_memory: true, ..ScriptedMachine::default() };
    let planned = container([audit_sink()]);
    let checks =
        [RuleCheck::AuditDurable, RuleCheck::KeptAtLeast { days: 366 }, RuleCheck::AvailableAtLeast { days: 92 }];
    for check in checks {
        let outcome = run_with(check, &machine, &planned);
        let evidence = "audit: /var/log/audit is in the memory of the machine, and gone when it stops";
        assert_is(&outcome, RuleVerdict::Fail, evidence);
        assert_eq!(outcome.settings, ["plugin_config.audit.path"]);
    }
}

/// Everyone can write to the directories of a machine that end in `open`.
struct OpenDirectories;

impl fapilog_compliance::MachineProbe for OpenDirectories {
    fn clock(&self) -> ClockState {
        ClockState::Unsynchronised
    }

    fn mode_of(&self, path: &std::path::Path) -> Option<u32> {
        let name = path.file_name().unwrap_or_default();
        Some(match name.to_str().unwrap() {
            "open" => 0o777,
            "tmp" => 0o1777,
            _ => 0o755,
        })
    }
}

#[test]
fn a_directory_above_that_everyone_can_write_to_and_those_of_spill_and_dead_letters_fail_the_permissions() {
    let with = |change: fn(&mut PlannedSink)| {
        let mut sink = file();
        change(&mut sink);
        RuleCheck::ModeAtMost(0o640).run(&CheckContext::new(&container([sink]), &OpenDirectories))
    };
    let place = |sink: &mut PlannedSink, path: &str| {
        sink.assurances.place = SinkPlace::File { directory: path.into() };
    };
    assert_eq!(with(|_| {}).verdict, RuleVerdict::Pass);
    let changes: [fn(&mut PlannedSink); 4] = [
        |sink| sink.assurances.place = SinkPlace::File { directory: "/data/open".into() },
        |sink| sink.assurances.place = SinkPlace::File { directory: "/data/open/shop".into() },
        |sink| sink.spill = Some("/data/open".into()),
        |sink| sink.dead_letters = Some("/data/open/dead.jsonl".into()),
    ];
    for change in changes {
        let evidence = "file: everyone can write to /data/open, whose mode is 777";
        assert_is(&with(change), RuleVerdict::Fail, evidence);
    }
    // The sticky bit protects what others have made there, and not the directory itself from new files.
    let mut below = file();
    place(&mut below, "/tmp/shop");
    let run = |sink| RuleCheck::ModeAtMost(0o640).run(&CheckContext::new(&container([sink]), &OpenDirectories));
    assert_eq!(run(below.clone()).verdict, RuleVerdict::Pass);
    place(&mut below, "/tmp");
    assert_eq!(run(below).verdict, RuleVerdict::Fail);
}

#[test]
fn a_copy_and_a_stream_may_go_to_another_machine_in_the_clear() {
    let check = RuleCheck::EncryptedInTransit;
    let outcome = run(check, [audit_sink()]);
    assert_is(&outcome, RuleVerdict::Pass, "audit: what goes to vault is encrypted");
    let mut plain = file();
    plain.assurances = plain.assurances.copied_to("vault");
    let evidence = "file: check that the copies to vault go by an encrypted connection";
    assert_is(&run(check, [plain.clone()]), RuleVerdict::NeedsPeople, evidence);
    plain.assurances = plain.assurances.copied_to("localhost");
    assert_eq!(run(check, [plain]).verdict, RuleVerdict::NotApplicable);
    let outcome = run(check, [stdout()]);
    assert_eq!(outcome.verdict, RuleVerdict::NeedsPeople, "{outcome:?}");
}

#[test]
fn the_assurances_of_a_sink_count_whatever_its_place() {
    let mut store = sink("store", SinkPlace::Network { host: "store.example.org".to_owned(), is_encrypted: true });
    assert_eq!(run(RuleCheck::EncryptedInFiles, [store.clone()]).verdict, RuleVerdict::NeedsPeople);
    store.assurances = store.assurances.stored_encrypted(true).kept_at_most(30 * DAY);
    assert_eq!(run(RuleCheck::EncryptedInFiles, [store.clone()]).verdict, RuleVerdict::Pass);
    let machine = ScriptedMachine::default();
    let removed = |sink: PlannedSink, most: u32| {
        let planned = container([sink]);
        let mut context = CheckContext::new(&planned, &machine);
        context.retention_max = Some(most * DAY);
        RuleCheck::KeptAtMost.run(&context).verdict
    };
    assert_eq!(removed(store.clone(), 30), RuleVerdict::Pass);
    assert_eq!(removed(store, 29), RuleVerdict::Fail);
}

#[test]
fn a_fallback_of_other_events_has_their_limit_and_what_stays_on_disk_needs_people() {
    let kept = |planned: &PlannedContainer| {
        let machine = ScriptedMachine::default();
        let mut context = CheckContext::new(planned, &machine);
        (context.retention_max, context.audit_retention_max) = (Some(90 * DAY), Some(2700 * DAY));
        RuleCheck::KeptAtMost.run(&context)
    };
    let mut app = file();
    app.level_max = Some(fapilog_plugin::level::Level::Critical);
    app.assurances.kept_at_most = Some(90 * DAY);
    assert_eq!(kept(&container([app.clone(), audit_sink()])).verdict, RuleVerdict::Pass);
    app.fallback = Some("audit".to_owned());
    let outcome = kept(&container([app.clone(), audit_sink()]));
    assert_is(&outcome, RuleVerdict::Fail, "audit: keeps events for 2601 days, and 90 days is allowed at most");
    app.fallback = None;
    app.dead_letters = Some("/var/log/dead.jsonl".into());
    let outcome = kept(&container([app, audit_sink()]));
    assert_eq!(outcome.verdict, RuleVerdict::NeedsPeople, "{outcome:?}");
    assert!(outcome.evidence.starts_with("file: remove what stays in dead_letters /var/log/dead.jsonl"), "{outcome:?}");
}

#[test]
fn a_field_that_one_redactor_leaves_is_no_matter_where_another_removes_it() {
    let mut lenient = PlannedPlugin::new("redact", [DataClass::Credential]);
    lenient.spares = vec![SparedFields::new("context.order.*", None)];
    let with = |redactors: Vec<PlannedPlugin>| {
        let mut planned = container([file()]);
        planned.redactors = redactors;
        run_with(RuleCheck::Redacts(&[DataClass::Credential]), &ScriptedMachine::default(), &planned)
    };
    let evidence = "check that context.order.*, which redactors leave as they are, have none of credential";
    assert_is(&with(vec![lenient.clone()]), RuleVerdict::NeedsPeople, evidence);
    let strict = PlannedPlugin::new("own", [DataClass::Credential]);
    assert_eq!(with(vec![lenient, strict]).verdict, RuleVerdict::Pass);
}
