//! Allocations: none in a log call, none per event on the drain.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "all of this program is test code"
)]

mod law;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{LazyLock, atomic::AtomicU64},
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Level, Logger, Scope,
    container::ManualDrain,
    enrich::{self, Enricher, WhenMissing},
    error,
    error::StartError,
    event::{FieldGroup, ValueRef, serialized},
    format::{self, Formatter},
    info,
    process::{self, Comparison, Dedupe, Processor, Projection, Rule, Sampling, SizeGuard, Throttle},
    sink::{self, FileEngine},
};
use law::{end, until};

thread_local! {
    /// Allocations of this thread. Neither allocates nor has a destructor.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(memory, layout, bytes) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The number of this thread's allocations while it runs `work`.
fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

fn started() -> (Container, ManualDrain) {
    started_with(format::Json::new)
}

fn started_with<F: Formatter + 'static>(formatter: fn() -> F) -> (Container, ManualDrain) {
    let builder = Container::builder().apply(fapilog::default_pipeline);
    builder.sink("null", sink::Null::new(formatter)).start_manual().unwrap()
}

/// Every kind of argument that is archived as it is.
fn log_archived(log: &Logger, number: u64) {
    let text = "a text that is no literal to the library";
    info!(log, "numbers", number, half = 0.5, negative = -1_i128, letter = 'x', yes = true);
    info!(log, "texts", text, bytes = text.as_bytes(), maybe = Some(text), list = [text, text]);
    error!(log, text, tags.a = 1, metrics.b = 2.5);
}

/// Values that are made of others, and values in something that holds them.
fn log_nested(log: &Logger, number: u64) {
    let socket: SocketAddr = ([1, 2, 3, 4], 80).into();
    let tuple = (number, "text", [Some(1.5)]);
    info!(log, "nested", map = *MAP, tuple, path = Path::new("/tmp"), socket, cell = AtomicU64::new(1));
}

static MAP: LazyLock<BTreeMap<&str, (u64, [&str; 2])>> = LazyLock::new(|| BTreeMap::from([("a", (1, ["b", "c"]))]));

fn log_rendered(log: &Logger, number: u64) {
    info!(log, "rendered", display = %number, debug = ?Some("text"));
    info!(log, %format_args!("message {number}"));
    info!(log, "serialized", value = serialized(&(number, Some("text"), BTreeMap::<u8, u8>::new())));
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations_in(|| drop(std::hint::black_box(vec![1]))), 1);
}

#[test]
fn a_threads_log_calls_allocate_nothing_after_its_first() {
    let (container, mut drain) = started();
    let log = container.logger("allocations");
    // A call site is known to the process once it has been reached, by whichever thread.
    log_archived(&log, 0);
    log_nested(&log, 0);
    let thread = {
        let log = log.clone();
        thread::spawn(move || {
            info!(log, "this thread's first");
            let archived = allocations_in(|| (0..500).for_each(|number| log_archived(&log, number)));
            archived + allocations_in(|| (0..500).for_each(|number| log_nested(&log, number)))
        })
    };
    assert_eq!(thread.join().unwrap(), 0);
    end(&container, &mut drain);
}

#[test]
fn rendered_arguments_allocate_nothing_once_the_threads_buffer_has_grown() {
    let (container, mut drain) = started();
    let log = container.logger("allocations");
    log_rendered(&log, 500);
    assert_eq!(allocations_in(|| (0..500).for_each(|number| log_rendered(&log, number))), 0);
    end(&container, &mut drain);
}

#[test]
fn calls_inside_a_scope_allocate_nothing() {
    let (container, mut drain) = started();
    let log = container.logger("allocations");
    let scope = Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "region", ValueRef::Text("eu"));
    let entered = scope.enter();
    log_archived(&log, 0);
    assert_eq!(allocations_in(|| (0..500).for_each(|number| log_archived(&log, number))), 0);
    drop(entered);
    // Nor does entering again, now that the thread's scope has grown.
    assert_eq!(allocations_in(|| drop(scope.enter())), 0);
    end(&container, &mut drain);
}

#[test]
fn calls_that_are_not_wanted_allocate_nothing() {
    let (container, mut drain) = started();
    let log = container.logger("allocations");
    container.set_level(fapilog::level::LevelFilter::Off);
    assert_eq!(allocations_in(|| (0..500).for_each(|number| log_archived(&log, number))), 0);
    end(&container, &mut drain);
}

#[test]
fn calls_that_find_the_ring_full_allocate_nothing() {
    let builder =
        Container::builder().overflow(fapilog::container::Overflow::DropNewest).ring_capacity_bytes(16 * 1024);
    let builder = builder.record_max_bytes(1024).sink("null", sink::Null::new(format::Json::new));
    let (container, mut drain) = builder.start_manual().unwrap();
    let log = container.logger("allocations");
    (0..500).for_each(|number| log_archived(&log, number));
    assert!(container.accounts().lost_total() > 0);
    assert_eq!(allocations_in(|| (0..500).for_each(|number| log_archived(&log, number))), 0);
    end(&container, &mut drain);
}

/// The number of the drain's allocations for `rounds` rounds of events that all go to payloads and out.
fn allocations_on_the_drain(container: &Container, drain: &mut ManualDrain, rounds: u64, log: impl Fn(u64)) -> u64 {
    let mut allocations = 0;
    for round in 0..rounds {
        log(round);
        allocations += allocations_in(|| drain.run_until_idle());
    }
    container.request_flush();
    // A disk takes its time.
    until("everything is delivered", || {
        allocations += allocations_in(|| drain.run_until_idle());
        container.accounts().pending_total() == 0
    });
    allocations
}

fn steady_state_is_free(log: impl Fn(&Logger, u64)) {
    steady_state_is_free_with(format::Json::new, log);
}

fn steady_state_is_free_with<F: Formatter + 'static>(formatter: fn() -> F, log: impl Fn(&Logger, u64)) {
    steady_state_is_free_in(started_with(formatter), log);
}

fn steady_state_is_free_in((container, mut drain): (Container, ManualDrain), log: impl Fn(&Logger, u64)) {
    let logger = container.logger("allocations");
    // Templates, buffers and the arena have grown after a while.
    allocations_on_the_drain(&container, &mut drain, 100, |round| (0..20).for_each(|_| log(&logger, round)));
    let once = allocations_on_the_drain(&container, &mut drain, 100, |round| (0..20).for_each(|_| log(&logger, round)));
    let twice =
        allocations_on_the_drain(&container, &mut drain, 200, |round| (0..20).for_each(|_| log(&logger, round)));
    assert_eq!((once, twice), (0, 0));
    end(&container, &mut drain);
}

#[test]
fn the_drain_allocates_nothing_per_event() {
    steady_state_is_free(log_archived);
}

#[test]
fn a_drain_that_works_for_longer_than_any_of_its_intervals_allocates_nothing() {
    // The longest, 10 s, is that of the look whether the kernel still trusts the processor's counter.
    const WATCHED: Duration = Duration::from_secs(11);
    let (container, mut drain) = started();
    let log = container.logger("allocations");
    let one_round = |drain: &mut ManualDrain| {
        log_archived(&log, 1);
        allocations_in(|| drain.run_until_idle())
    };
    for _ in 0..100 {
        one_round(&mut drain);
    }
    let start = Instant::now();
    while start.elapsed() < WATCHED {
        assert_eq!(one_round(&mut drain), 0, "{:?} behind the start", start.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    end(&container, &mut drain);
}

#[test]
fn the_drain_allocates_nothing_per_event_of_nested_values() {
    steady_state_is_free(log_nested);
}

#[test]
fn the_drain_allocates_nothing_per_event_in_a_scope() {
    let entered = Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "region", ValueRef::Text("eu")).enter();
    steady_state_is_free(log_archived);
    drop(entered);
}

/// Values with a form of their own in text formats: lists with quotes in them, bytes that are not UTF-8, escapes.
fn log_with_controls(log: &Logger, number: u64) {
    log_archived(log, number);
    let not_utf8: &[u8] = b"caf\xe9";
    info!(log, "with controls", level = "\x1b[2J\u{202e}", "an odd key" = not_utf8, list = ["a b", "\"", "="]);
    error!(log, not_utf8, tags.more = not_utf8);
}

#[test]
fn formatters_allocate_nothing_per_event() {
    let in_scope = |log: &Logger, number| {
        log_with_controls(log, number);
        let _entered =
            Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "an odd key", ValueRef::Text("=")).enter();
        log_with_controls(log, number);
    };
    steady_state_is_free_with(format::Simple::new, in_scope);
    steady_state_is_free_with(format::Logfmt::new, in_scope);
    steady_state_is_free_with(format::Minimal::new, in_scope);
    steady_state_is_free_with(|| format::Pretty::new().colors(true), in_scope);
    steady_state_is_free_with(format::Csv::new, in_scope);
    steady_state_is_free_with(format::Xml::new, in_scope);
    steady_state_is_free_with(format::Protobuf::new, in_scope);
}

#[test]
fn formatters_for_products_allocate_nothing_per_event() {
    let in_scope = |log: &Logger, number| {
        log_with_controls(log, number);
        let scope = Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "an odd key", ValueRef::Text("="));
        let scope = scope.field(FieldGroup::Tags, "an.odd.key", ValueRef::Text("<")).field(
            FieldGroup::Context,
            "trace_id",
            ValueRef::Text("4bf92f3577b34da6a3ce929d0e0e4736"),
        );
        let _entered = scope.enter();
        log_with_controls(log, number);
    };
    steady_state_is_free_with(format::Ecs::new, in_scope);
    steady_state_is_free_with(format::Gelf::new, in_scope);
    steady_state_is_free_with(format::Cef::new, in_scope);
    steady_state_is_free_with(format::OtelJson::new, in_scope);
}

/// Longer than a test takes: periodic work does not happen in it.
const HOUR: Duration = Duration::from_secs(3600);

/// Everything that an enricher may look for: an event with an id and one without, and keys of the user's own.
fn log_enriched(log: &Logger, number: u64) {
    log_archived(log, number);
    info!(log, "mine", hostname = "mine", service = "mine", "k8s.pod.label.team" = "mine");
    let _entered = Scope::new().correlation_id("7f3a").enter();
    info!(log, "in a scope", number);
}

fn steady_state_is_free_when_enriched(make: impl Fn() -> Box<dyn Enricher> + Send + Sync + 'static) {
    let builder = Container::builder().enricher(move |_| make());
    steady_state_is_free_in(
        builder.sink("null", sink::Null::new(format::Json::new)).start_manual().unwrap(),
        log_enriched,
    );
}

#[test]
fn the_built_in_enrichers_allocate_nothing_per_event() {
    let podinfo = tempfile::tempdir().unwrap();
    std::fs::write(podinfo.path().join("labels"), "app=\"orders\"\nteam=\"caf\\u00e9\"").unwrap();
    let kubernetes = enrich::Kubernetes::new().directory(podinfo.path()).labels(["team"]).refresh_interval(HOUR);
    let runtime_info = enrich::RuntimeInfo::new().service("shop").version("1.2.3").environment("test");
    steady_state_is_free_when_enriched(|| Box::new(enrich::Time::new().drained_at(true)));
    steady_state_is_free_when_enriched(|| Box::new(enrich::Context::new()));
    steady_state_is_free_when_enriched(|| Box::new(enrich::Hostname::new().refresh_interval(HOUR)));
    steady_state_is_free_when_enriched(move || Box::new(runtime_info.clone()));
    steady_state_is_free_when_enriched(move || Box::new(kubernetes.clone()));
}

#[test]
fn the_correlation_enricher_allocates_nothing_per_event_whoever_makes_the_ids() {
    for when_missing in [WhenMissing::Leave, WhenMissing::PerProducer, WhenMissing::PerEvent] {
        steady_state_is_free_when_enriched(move || Box::new(enrich::Correlation::new().when_missing(when_missing)));
    }
}

/// The cost of a block on its way to the disk may vary; the number of events in it must not matter.
fn a_block_costs_the_same_however_full(engine: FileEngine) {
    let directory = tempfile::tempdir().unwrap();
    let file = sink::File::new(directory.path().join("log"), format::Json::new).engine(engine);
    // Nothing but a flush has a block go before it is full: no event is urgent.
    let builder = Container::builder().flush_interval(HOUR).sink("file", file);
    let (container, mut drain) = match builder.start_manual() {
        Ok(started) => started,
        Err(StartError::Sink { cause, .. }) if engine == FileEngine::IoUring => {
            return eprintln!("NOT TESTED, for want of io_uring: {cause}");
        }
        Err(error) => panic!("{error}"),
    };
    let logger = container.logger("allocations");
    let mut allocations_for = |rounds| {
        allocations_on_the_drain(&container, &mut drain, rounds, |round| {
            (0..20).for_each(|_| info!(logger, "numbered", round, text = "some text", list = [1, 2, 3]));
        })
    };
    // All blocks are written once, and have grown.
    (0..16).for_each(|_| _ = allocations_for(100));
    let (few, many) = (allocations_for(1), allocations_for(100));
    assert_eq!(few, many);
    assert!(many <= 8, "{many} allocations for one block");
    end(&container, &mut drain);
}

#[test]
fn a_file_written_by_calls_that_wait_costs_no_allocation_per_event() {
    a_block_costs_the_same_however_full(FileEngine::Blocking);
}

#[test]
fn a_file_written_by_io_uring_costs_no_allocation_per_event() {
    a_block_costs_the_same_however_full(FileEngine::IoUring);
}

fn steady_state_is_free_behind(make: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static) {
    let builder = Container::builder().processor(move |_| make());
    let started = builder.sink("null", sink::Null::new(format::Json::new)).start_manual().unwrap();
    let numbers = Cell::new(0_u64);
    steady_state_is_free_in(started, |log, _| {
        numbers.set(numbers.get() + 1);
        let (number, long) = (numbers.get(), [b'x'; 300]);
        info!(log, "number {number} of {tags.region}", number, tags.region = "eu", long = long.as_slice());
        error!(log, "failed", number);
    });
}

#[test]
fn the_built_in_processors_allocate_nothing_per_event() {
    const HOUR: Duration = Duration::from_secs(3600);
    let rule = || Rule::drop().when("number", Comparison::Gt(1_000_000_000.into())).when("long", Comparison::Exists);
    steady_state_is_free_behind(move || Box::new(process::Filter::new().level(Level::Info).rule(rule())));
    steady_state_is_free_behind(|| Box::new(Throttle::per_second(1).quiet(HOUR)));
    steady_state_is_free_behind(|| Box::new(Throttle::per_second(1).key("tags.region").quiet(HOUR)));
    steady_state_is_free_behind(|| Box::new(process::Format::in_messages()));
    steady_state_is_free_behind(|| Box::new(Dedupe::new().entries_max(64).window(HOUR)));
    steady_state_is_free_behind(|| Box::new(Dedupe::new().window(HOUR).fields([""; 0])));
    steady_state_is_free_behind(|| Box::new(Sampling::new(0.5).unwrap().first(3)));
    steady_state_is_free_behind(|| Box::new(SizeGuard::new().event_max_bytes(300)));
    steady_state_is_free_behind(|| Box::new(Projection::new().drop(["long"])));
}
