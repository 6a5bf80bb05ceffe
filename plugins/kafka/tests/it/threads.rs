//! The threads of librdkafka: which signals they take, where they run, and what they log.

use std::{
    fs,
    sync::{Mutex, Once},
    thread,
    time::Duration,
};

use fapilog::info;
use fapilog_kafka::KafkaSettings;
use rdkafka::mocking::MockCluster;

use crate::{shut_down, start, start_once, until};

/// The lines of `/proc` about the threads of this process whose names begin so.
fn threads(front: &str) -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |folder: std::path::PathBuf| fs::read_to_string(folder.join("status")).unwrap_or_default();
    tasks
        .map(|task| of_task(task.unwrap().path()))
        .filter(|status| status.starts_with(&format!("Name:\t{front}")))
        .collect()
}

fn line<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

#[test]
fn threads_of_librdkafka_take_no_signals() {
    let brokers = MockCluster::new(1).unwrap();
    let mut settings = KafkaSettings::default();
    settings.brokers = vec![format!("kafka://{}", brokers.bootstrap_servers())];
    let logs = start(&settings);
    info!(logs.logger("orders"), "order");
    logs.flush(crate::TIMEOUT).unwrap();
    let polling = threads("fapilog-kafka-p");
    assert!(!polling.is_empty());
    // Not `rdk:mock`: that is the test's own broker.
    let of_library = [threads("rdk:main"), threads("rdk:broker")].concat();
    assert!(of_library.len() >= 2);
    for status in polling.iter().chain(&of_library) {
        let blocked = u64::from_str_radix(line(status, "SigBlk:"), 16).unwrap();
        // No thread can block SIGKILL (9) and SIGSTOP (19).
        let standard = (1..=31).filter(|signal| ![9, 19].contains(signal));
        let taken: Vec<_> = standard.filter(|signal| blocked & 1 << (signal - 1) == 0).collect();
        assert!(taken.is_empty(), "{taken:?}\n{status}");
    }
    assert_eq!(shut_down(&logs), (1, 0));
}

/// Keeps the records of librdkafka's crate, with the thread's name.
struct KeptRecords;

static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for KeptRecords {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        if thread.starts_with("fapilog") && record.level() <= log::Level::Debug {
            KEPT.lock().unwrap().push(format!("{thread}: {}: {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn librdkafka_logs_nothing_while_brokers_are_down() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&KeptRecords).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    let mut settings = KafkaSettings::default();
    settings.brokers = vec!["kafka://127.0.0.1:1".to_owned()];
    settings.delivery_timeout = Duration::from_secs(2);
    let logs = start_once(&settings);
    info!(logs.logger("orders"), "order");
    until("the event is lost", || logs.accounts().lost_total() > 0);
    drop(logs);
    let kept = KEPT.lock().unwrap();
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn threads_of_librdkafka_run_where_the_process_may_run() {
    use fapilog_plugin::threads::inherited::{cpus_at_load, pin_to};
    // A thread of its own, so that no other test runs on one CPU.
    let brokers = MockCluster::new(1).unwrap();
    let bootstrap = brokers.bootstrap_servers();
    let pinned = thread::spawn(move || {
        let cpus = cpus_at_load().unwrap();
        assert!(pin_to(cpus[0]));
        let mut settings = KafkaSettings::default();
        settings.brokers = vec![format!("kafka://{bootstrap}")];
        let logs = start(&settings);
        info!(logs.logger("orders"), "order");
        logs.flush(crate::TIMEOUT).unwrap();
        let all = [threads("rdk:main"), threads("rdk:broker"), threads("fapilog-kafka-p")].concat();
        let counts: Vec<u32> = all.iter().map(|status| bits(line(status, "Cpus_allowed:"))).collect();
        assert_eq!(shut_down(&logs), (1, 0));
        (cpus.len() as u32, counts)
    });
    let (cpus, counts) = pinned.join().unwrap();
    assert!(counts.len() >= 3 && counts.iter().all(|count| *count == cpus), "{cpus} {counts:?}");
}

/// The number of bits of a mask of `/proc`.
fn bits(mask: &str) -> u32 {
    mask.chars().filter_map(|digit| digit.to_digit(16)).map(u32::count_ones).sum()
}
