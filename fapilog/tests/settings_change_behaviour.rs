//! Each setting changes what a running container does: a row for each, and no setting without a row.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of this program is test code")]

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Level, Settings,
    container::{EventOrder, Executor, ManualDrain},
    error,
    error::StartError,
    event::Batch,
    format::{self, Colors, Formatter},
    info,
    level::{Directives, LevelFilter},
    plugin::{Factory, Metadata, PluginError, Registry},
    process::Processor,
    settings::{ErrorHandling, OverflowStrategy, PluginConfig, Preset, SettingsBuilder},
    sink::{self, Delivery, MemoryEvents, Payload, Route, Sink, SinkContext, SinkError, SinkFactory},
};

const TIMEOUT: Duration = Duration::from_secs(30);
const NEVER: Duration = Duration::from_secs(3600);

type Row = (&'static str, fn());

/// Every setting, and what shows that it is obeyed.
const ROWS: &[Row] = &[
    ("preset", preset),
    ("level", level),
    ("sinks", sinks),
    ("enrichers", enrichers),
    ("processors", processors),
    ("redactors", redactors),
    ("formatter", formatter),
    ("batch_events_max", batch_events_max),
    ("queue_max_size", queue_max_size),
    ("shards", shards),
    ("overflow_strategy", overflow_strategy),
    ("overflow_timeout", overflow_timeout),
    ("async_processing", async_processing),
    ("compliance_standards", compliance_standards),
    ("plugin_config", plugin_config),
    ("routing", routing),
    ("colors", colors),
    ("enable_internal_logging", enable_internal_logging),
    ("internal_log_level", internal_log_level),
    ("error_handling_mode", error_handling_mode),
    ("executor", executor),
    ("order", order),
    ("drain_cpus", drain_cpus),
    ("ring_capacity_bytes", ring_capacity_bytes),
    ("record_max_bytes", record_max_bytes),
    ("threads_max", threads_max),
    ("flush_interval", flush_interval),
    ("message_max_chars", message_max_chars),
    ("plugin_timeout", plugin_timeout),
    ("heartbeat", heartbeat),
    ("emergency_lines", emergency_lines),
    ("idle_spin", idle_spin),
    ("idle_sleep", idle_sleep),
];

#[test]
fn every_setting_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(rows, Settings::NAMES.iter().copied().collect());
}

#[test]
fn every_setting_changes_what_a_container_does() {
    for (name, row) in ROWS {
        println!("{name}");
        row();
    }
}

#[test]
fn the_error_callback_is_called() {
    let heard = heard(plain().internal_log_level(Level::Info));
    assert!(heard.iter().any(|text| text.starts_with("container: thread drains 1 shard(s)")), "{heard:?}");
}

// The parts of the rows.

/// Settings that start quickly and add nothing of their own.
fn plain() -> SettingsBuilder {
    let nothing: [&str; 0] = [];
    Settings::builder().executor(Executor::Thread).sinks(["memory"]).enrichers(nothing).processors(nothing)
}

struct Started {
    container: Container,
    events: MemoryEvents,
}

fn start_with(builder: SettingsBuilder, mut registry: Registry) -> Started {
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let container = builder.build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    Started { container, events }
}

fn start(builder: SettingsBuilder) -> Started {
    start_with(builder, Registry::linked())
}

impl Started {
    fn log(&self, message: &str) -> &Self {
        info!(self.container.logger("settings"), message);
        self
    }

    /// All that was delivered, after a flush.
    fn text(&self) -> String {
        self.container.flush(TIMEOUT).unwrap();
        self.events.lines().join("\n")
    }
}

fn start_manual(builder: SettingsBuilder) -> (Container, ManualDrain, MemoryEvents) {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let settings = builder.async_processing(false).build().unwrap();
    let (container, drain) = settings.into_builder_with(&registry).unwrap().start_manual().unwrap();
    (container, drain, events)
}

/// How many small events fit in a ring that nobody drains.
fn room(builder: SettingsBuilder) -> u64 {
    let (container, _drain, _events) = start_manual(builder.overflow_strategy(OverflowStrategy::DropNewest));
    let log = container.logger("settings");
    while container.accounts().lost.total() == 0 {
        info!(log, "one more");
    }
    container.accounts().submitted - 1
}

/// How long a log call takes that finds its ring full.
fn wait_when_full(builder: SettingsBuilder) -> Duration {
    let (container, _drain, _events) = start_manual(builder.queue_max_size(100));
    let (log, filler) = (container.logger("settings"), "x".repeat(10_000));
    loop {
        let start = Instant::now();
        info!(log, "fills the ring", filler = filler.as_str());
        if container.accounts().lost.total() > 0 {
            return start.elapsed();
        }
    }
}

#[track_caller]
fn refusal(builder: SettingsBuilder) -> String {
    let outcome = builder.build().map_err(StartError::from);
    let mut registry = Registry::linked();
    sink::Memory::register(&mut registry, "memory").unwrap();
    let started = outcome.and_then(|settings| settings.into_builder_with(&registry)?.start());
    started.unwrap_err().to_string()
}

/// Runs a test of this program in a process of its own, which knows by a variable that it is one.
fn in_child(test: &str, mode: &str) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env("CHILD_MODE", mode);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn child_mode() -> Option<String> {
    std::env::var("CHILD_MODE").ok()
}

// Rows.

fn preset() {
    let nothing: [&str; 0] = [];
    let dev = Settings::builder().preset(Preset::Dev).sinks(["memory"]).enrichers(nothing).processors(nothing);
    let with_preset = start(dev.enable_internal_logging(false)).container;
    assert_eq!(with_preset.level(), LevelFilter::AtLeast(Level::Debug));
    assert_eq!(start(plain()).container.level(), LevelFilter::AtLeast(Level::Info));
}

fn level() {
    assert!(start(plain()).log("kept").text().contains("kept"));
    assert_eq!(start(plain().level(Level::Error)).log("not wanted").text(), "");
    let by_target: Directives = "error,settings_change_behaviour=debug".parse().unwrap();
    assert!(start(plain().level(by_target)).log("of this target").text().contains("of this target"));
}

fn sinks() {
    let started = start(plain().sinks(["null", "memory"]));
    started.log("to both").text();
    let names: Vec<_> = started.container.accounts().sinks.into_iter().map(|sink| sink.name).collect();
    assert_eq!(names, ["null", "memory"]);
}

fn enrichers() {
    assert!(!start(plain()).log("bare").text().contains("process_id"));
    assert!(start(plain().enrichers(["context"])).log("rich").text().contains("process_id"));
}

fn processors() {
    let only_errors =
        plain().processors(["filter"]).plugin_config("filter", PluginConfig::new().with("level", "error"));
    assert_eq!(start(only_errors).log("taken out").text(), "");
}

/// Takes everything out.
struct Silence;

impl Processor for Silence {
    fn name(&self) -> &'static str {
        "silence"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch.retain(|_| false);
        Ok(())
    }
}

fn redactors() {
    let mut registry = Registry::linked();
    registry.register_redactor(Metadata::new("silence", "1.0.0"), |_| Ok(Factory::processor(|_| Silence))).unwrap();
    let started = start_with(plain().redactors(["silence"]), registry);
    assert_eq!(started.log("secret").text(), "");
    assert_eq!(started.container.accounts().filtered, [("silence".to_owned(), 1)]);
}

/// Writes a line of one word.
struct Dots;

impl Formatter for Dots {
    fn name(&self) -> &'static str {
        "dots"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        batch.events().iter().for_each(|_| out.extend_from_slice(b".\n"));
    }
}

fn formatter() {
    let mut registry = Registry::linked();
    registry.register_formatter(Metadata::new("dots", "1.0.0"), |_| Ok(Factory::formatter(|_| Dots))).unwrap();
    assert_eq!(start_with(plain().formatter("dots"), registry).log("anything").text(), ".");
    assert!(start(plain()).log("anything").text().starts_with('{'));
}

fn batch_events_max() {
    let (container, mut drain, _events) = start_manual(plain().batch_events_max(10));
    let log = container.logger("settings");
    (0..25).for_each(|_| info!(log, "one of many"));
    let mut pending = 25;
    while drain.turn() {
        let left = container.accounts().pending;
        assert!(pending - left <= 10, "{pending} before, {left} after");
        pending = left;
    }
    assert_eq!(pending, 0);
}

fn queue_max_size() {
    let (few, many) = (room(plain().queue_max_size(100)), room(plain().queue_max_size(4000)));
    assert!(few >= 100 && many >= 4000 && many > 4 * few, "{few} and {many}");
}

/// Counts the sinks that it makes.
struct Counted(Arc<AtomicUsize>);

impl SinkFactory for Counted {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        sink::Null::new(format::Json::new).make(context)
    }
}

fn shards() {
    let made = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&made);
    let mut registry = Registry::linked();
    registry
        .register_sink(Metadata::new("counted", "1.0.0"), move |_| Ok(Arc::new(Counted(Arc::clone(&count)))))
        .unwrap();
    start_with(plain().sinks(["counted"]).shards(3), registry);
    assert_eq!(made.load(Ordering::SeqCst), 3);
}

fn overflow_strategy() {
    let wait = Duration::from_millis(300);
    let blocking = plain().overflow_timeout(wait);
    assert!(wait_when_full(blocking.clone().overflow_strategy(OverflowStrategy::Block)) >= wait);
    // Would it wait, it would do so for ever.
    wait_when_full(blocking.overflow_timeout(NEVER).overflow_strategy(OverflowStrategy::DropNewest));
    let all = room_for_low_severity(OverflowStrategy::DropNewest);
    let less = room_for_low_severity(OverflowStrategy::DropLowSeverity);
    assert!(less < all, "{less} of {all}");
}

/// How many INFO events fit before the first is lost; an ERROR fits after it where room is kept for it.
fn room_for_low_severity(strategy: OverflowStrategy) -> u64 {
    let (container, _drain, _events) = start_manual(plain().queue_max_size(100).overflow_strategy(strategy));
    let log = container.logger("settings");
    while container.accounts().lost.total() == 0 {
        info!(log, "one more");
    }
    let before = container.accounts();
    error!(log, "grave");
    let is_kept = container.accounts().lost.total() == before.lost.total();
    assert_eq!(is_kept, strategy == OverflowStrategy::DropLowSeverity);
    before.submitted
}

fn overflow_timeout() {
    let wait = Duration::from_millis(300);
    assert!(wait_when_full(plain().overflow_timeout(wait)) >= wait);
    wait_when_full(plain().overflow_timeout(Duration::ZERO));
}

fn async_processing() {
    let (container, mut drain, events) = start_manual(plain().flush_interval(Duration::ZERO));
    info!(container.logger("settings"), "waits for the program");
    assert_eq!(container.accounts().pending, 1);
    drain.run_until_idle();
    assert_eq!(events.lines().len(), 1);
    let refusal = refusal(plain().async_processing(false));
    assert!(refusal.contains("the program drains such a container: use start_manual"), "{refusal}");
}

fn compliance_standards() {
    let refusal = refusal(plain().compliance_standards(["hipaa"]));
    assert!(refusal.contains("compliance_standards[0] is \"hipaa\"; there is no such standard yet"), "{refusal}");
}

fn plugin_config() {
    let slow = PluginConfig::new().with("events_per_second", 1).with("burst_events", 1);
    let started = start(plain().processors(["throttle"]).plugin_config("throttle", slow));
    for _ in 0..100 {
        started.log("again");
    }
    started.text();
    let filtered = started.container.accounts().filtered;
    assert!(filtered.iter().any(|(name, count)| name == "throttle" && *count > 0), "{filtered:?}");
}

fn routing() {
    let routed = start(plain().routing("memory", Route::default().level_min(Level::Error)));
    assert_eq!(routed.log("below").text(), "");
    assert_eq!(routed.container.accounts().sinks.first().unwrap().filtered, 1);
}

fn message_max_chars() {
    assert!(start(plain().message_max_chars(3)).log("long").text().contains(r#""message":"lon""#));
}

/// Takes its time.
struct Slow;

impl Processor for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        thread::sleep(Duration::from_millis(2));
        Ok(())
    }
}

fn plugin_timeout() {
    let slow_batches = |timeout| {
        let mut registry = Registry::linked();
        registry.register_processor(Metadata::new("slow", "1.0.0"), |_| Ok(Factory::processor(|_| Slow))).unwrap();
        let started = start_with(plain().processors(["slow"]).plugin_timeout(timeout), registry);
        started.log("logged").text();
        started.container.metrics().plugins.iter().map(|plugin| plugin.slow).sum::<u64>()
    };
    assert_eq!(slow_batches(Duration::from_millis(1)), 1);
    assert_eq!(slow_batches(Duration::ZERO), 0);
}

fn heartbeat() {
    let started = start(plain().heartbeat(Duration::from_millis(5)));
    let start = Instant::now();
    while !started.text().contains("heartbeat") {
        assert!(start.elapsed() < TIMEOUT);
    }
}

/// A sink that delivers nothing.
struct Failing;

impl SinkFactory for Failing {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        struct Never(Box<dyn Sink>);
        impl Sink for Never {
            fn writer(&self) -> String {
                "never".to_owned()
            }

            fn payload(&mut self) -> Option<Payload> {
                self.0.payload()
            }

            fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
                self.0.encode(batch, payload);
            }

            fn deliver(&mut self, _: Payload) -> Delivery {
                Delivery::done(Err(SinkError::Deadline))
            }
        }
        Ok(Box::new(Never(sink::Null::new(format::Json::new).make(context)?)))
    }
}

fn emergency_lines() {
    let stderr = |are_wanted: &str| in_child("an_emergency", are_wanted).stderr;
    let has_line =
        |stderr: Vec<u8>| String::from_utf8_lossy(&stderr).contains("fapilog: emergency: no sink works: 1 events");
    assert!(has_line(stderr("true")));
    assert!(!has_line(stderr("false")));
}

#[test]
fn an_emergency() {
    let Some(mode) = child_mode() else { return };
    let mut registry = Registry::linked();
    registry.register_sink(Metadata::new("failing", "1.0.0"), |_| Ok(Arc::new(Failing))).unwrap();
    let settings = plain().sinks(["failing"]).emergency_lines(mode == "true").build().unwrap();
    let container = settings.into_builder_with(&registry).unwrap().start().unwrap();
    info!(container.logger("settings"), "logged");
    let _ = container.flush(TIMEOUT);
}

fn colors() {
    let seen = Arc::<Mutex<Vec<bool>>>::default();
    let eye = Arc::clone(&seen);
    let mut registry = Registry::linked();
    registry
        .register_formatter(Metadata::new("painter", "1.0.0"), move |settings| {
            eye.lock().unwrap().push(settings.has_colors());
            Ok(Factory::formatter(|_| Dots))
        })
        .unwrap();
    start_with(plain().formatter("painter").colors(Colors::Never), registry.clone());
    start_with(plain().formatter("painter").colors(Colors::Always), registry);
    // For a terminal and for elsewhere.
    assert_eq!(*seen.lock().unwrap(), [false, false, true, true]);
}

/// A sink that reports a diagnostic when it is made.
struct Talkative;

impl SinkFactory for Talkative {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        context.report("planted");
        sink::Null::new(format::Json::new).make(context)
    }
}

fn talkative() -> Registry {
    let mut registry = Registry::linked();
    registry.register_sink(Metadata::new("talkative", "1.0.0"), |_| Ok(Arc::new(Talkative))).unwrap();
    registry
}

/// In a child, for its stderr.
#[test]
fn child_starts_a_talkative_container() {
    let Some(mode) = child_mode() else { return };
    let variables =
        [("FAPILOG_SINKS", "talkative".to_owned())].into_iter().chain(mode.split(' ').filter_map(|given| {
            let (name, value) = given.split_once('=')?;
            Some((
                if name == "logging" { "FAPILOG_ENABLE_INTERNAL_LOGGING" } else { "FAPILOG_ERROR_HANDLING_MODE" },
                value.to_owned(),
            ))
        }));
    start_with(plain().variables(variables), talkative());
}

fn written_to_stderr(mode: &str) -> bool {
    let stderr = in_child("child_starts_a_talkative_container", mode).stderr;
    String::from_utf8_lossy(&stderr).contains("fapilog: talkative: planted")
}

fn enable_internal_logging() {
    assert!(written_to_stderr("logging=true"));
    assert!(!written_to_stderr("logging=false"));
}

fn error_handling_mode() {
    assert_eq!(ErrorHandling::NAMES, ["silent", "loud"]);
    assert!(written_to_stderr("mode=loud"));
    assert!(!written_to_stderr("mode=silent"));
}

/// The diagnostics that the error callback gets.
fn heard(builder: SettingsBuilder) -> Vec<String> {
    let (mouth, ear) = mpsc::channel();
    let builder =
        builder.sinks(["talkative"]).error_callback(move |diagnostic| mouth.send(diagnostic.to_string()).unwrap());
    drop(start_with(builder, talkative()));
    ear.iter().collect()
}

fn internal_log_level() {
    let has_planted =
        |level: LevelFilter| heard(plain().internal_log_level(level)).iter().any(|text| text == "talkative: planted");
    assert!(has_planted(Level::Warning.into()));
    assert!(!has_planted(Level::Error.into()));
}

fn order() {
    let threads = |order| {
        let (container, mut drain, events) = start_manual(plain().order(order));
        let log = container.logger("settings");
        info!(log, "this thread's first");
        std::thread::scope(|scope| {
            scope.spawn(|| info!(log, "the other's"));
        });
        info!(log, "this thread's last");
        container.request_flush();
        drain.run_until_idle();
        let lines = events.lines();
        let place = |message: &str| lines.iter().position(|line| line.contains(message)).unwrap();
        [place("this thread's first"), place("the other's"), place("this thread's last")]
    };
    assert_eq!(threads(EventOrder::ByTime), [0, 1, 2]);
    assert_eq!(threads(EventOrder::ByProducer), [0, 2, 1]);
}

fn executor() {
    assert_eq!(start(plain()).container.executor(), Some(Executor::Thread));
    let settings = plain().sinks(["null"]).executor(Executor::Glommio).build().unwrap();
    match settings.into_builder().unwrap().start() {
        Ok(container) => assert_eq!(container.executor(), Some(Executor::Glommio)),
        Err(StartError::Glommio { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Keeps the CPUs that the thread may use which makes it.
struct Pinned(Arc<Mutex<String>>);

impl SinkFactory for Pinned {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        *self.0.lock().unwrap() = allowed_cpus();
        sink::Null::new(format::Json::new).make(context)
    }
}

fn allowed_cpus() -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    line.trim().to_owned()
}

fn drain_cpus() {
    let first: usize = allowed_cpus().split(['-', ',']).next().unwrap().parse().unwrap();
    let seen = Arc::<Mutex<String>>::default();
    let eye = Arc::clone(&seen);
    let mut registry = Registry::linked();
    registry.register_sink(Metadata::new("pinned", "1.0.0"), move |_| Ok(Arc::new(Pinned(Arc::clone(&eye))))).unwrap();
    start_with(plain().sinks(["pinned"]).drain_cpus([first]), registry);
    assert_eq!(*seen.lock().unwrap(), first.to_string());
}

fn ring_capacity_bytes() {
    let (small, large) = (room(plain().ring_capacity_bytes(16 << 10)), room(plain().ring_capacity_bytes(256 << 10)));
    assert!(large > 8 * small, "{small} and {large}");
}

fn record_max_bytes() {
    let long = "x".repeat(5000);
    for (builder, cut) in [(plain(), 0), (plain().record_max_bytes(1024), 1)] {
        let started = start(builder);
        started.log(&long).text();
        assert_eq!(started.container.accounts().cut, cut);
    }
}

fn threads_max() {
    // The shared lane has one more ring.
    assert_eq!((rings_of_three_threads(1), rings_of_three_threads(3)), (2, 4));
}

fn rings_of_three_threads(threads_max: usize) -> usize {
    let started = start(plain().threads_max(threads_max));
    let all_have_logged = std::sync::Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                started.log("from a thread");
                all_have_logged.wait();
                all_have_logged.wait();
            });
        }
        all_have_logged.wait();
        let rings = started.container.rings();
        all_have_logged.wait();
        rings
    })
}

fn flush_interval() {
    for (interval, delivered) in [(Duration::ZERO, 1), (NEVER, 0)] {
        let (container, mut drain, events) = start_manual(plain().flush_interval(interval));
        info!(container.logger("settings"), "due or not");
        drain.run_until_idle();
        assert_eq!(events.lines().len(), delivered);
    }
}

/// In a child, where nothing else runs: how an idle container spends a part of a second.
#[test]
fn child_measures_an_idle_container() {
    let Some(mode) = child_mode() else { return };
    let builder = match mode.as_str() {
        "spin" => plain().idle_spin(Duration::from_secs(1)),
        "sleep" => plain().idle_spin(Duration::ZERO).idle_sleep(Duration::from_secs(60)),
        _ => plain().idle_spin(Duration::ZERO).idle_sleep(Duration::ZERO),
    };
    let started = start(builder);
    started.log("the last for a while").text();
    let before = Usage::now();
    thread::sleep(Duration::from_millis(500));
    let after = Usage::now();
    println!("\nused {} {}", after.cpu_ms - before.cpu_ms, after.waits - before.waits);
}

/// The resources that the process has used so far.
struct Usage {
    cpu_ms: i64,
    /// How often a thread has gone to sleep.
    waits: i64,
}

impl Usage {
    fn now() -> Self {
        // SAFETY: all zeros is a valid value of a struct of integers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a local that outlives the call.
        let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
        assert_eq!(status, 0);
        let millis = |time: libc::timeval| time.tv_sec * 1000 + time.tv_usec / 1000;
        Self { cpu_ms: millis(usage.ru_utime) + millis(usage.ru_stime), waits: usage.ru_nvcsw }
    }
}

/// Milliseconds of CPU, and how often a thread went to sleep.
fn idle_usage(mode: &str) -> (i64, i64) {
    let output = in_child("child_measures_an_idle_container", mode).stdout;
    let text = String::from_utf8_lossy(&output);
    let used = text.lines().find_map(|line| line.strip_prefix("used ")).unwrap();
    let (cpu_ms, waits) = used.split_once(' ').unwrap();
    (cpu_ms.parse().unwrap(), waits.parse().unwrap())
}

/// Whether it is so in one of some tries: on a busy machine others may have the cores in some of them.
fn is_so_once(mut one: impl FnMut() -> bool) -> bool {
    (0..5).any(|_| one())
}

fn idle_spin() {
    assert!(is_so_once(|| idle_usage("spin").0 > idle_usage("park").0 + 50), "milliseconds of CPU");
}

fn idle_sleep() {
    assert!(is_so_once(|| idle_usage("sleep").1 > idle_usage("park").1 + 50), "it does not sleep");
}
