//! A run: a producer at a steady rate, a file sink beside the sink in question, and a server that is killed and restarted.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::Overflow,
    format, info,
    sink::{self, OnFull, SinkOptions, SpillOptions},
};

use crate::{
    arrivals::EventArrivals,
    error::RunError,
    options::SoakOptions,
    report::SoakOutcome,
    servers::{KillableServer, SoakTarget},
};

/// The time for what is left at the end of a run.
const DRAIN_TIME: Duration = Duration::from_secs(120);

/// The names of the two sinks.
const FILE: &str = "file";
const TESTED: &str = "tested";

/// Runs it.
pub(crate) fn run(options: &SoakOptions) -> Result<SoakOutcome, RunError> {
    let directory = tempfile::tempdir()?;
    let arrivals = Arc::new(EventArrivals::new(options.events()));
    let mut server = options.target().map(|target| start_server(target, &arrivals)).transpose()?;
    let container = start(directory.path(), server.as_deref())?;
    let (log_time, restarts, backlog) = log_and_kill(options, &container, server.as_mut());
    let drain_time = drain(&container);
    let accounts = container.shutdown(DRAIN_TIME)?;
    accounts.check()?;
    if let Some(server) = &mut server {
        server.count_kept();
    }
    drop(server);
    let in_file = EventArrivals::new(options.events());
    in_file.count_file(&directory.path().join("beside.log"))?;
    Ok(SoakOutcome {
        events: options.events(),
        log_time,
        restarts,
        drain_time,
        backlog,
        file: in_file.counts(),
        tested: options.target().map(|target| (arrivals.counts(), target.promise)),
        accounts,
    })
}

fn start_server(target: &SoakTarget, arrivals: &Arc<EventArrivals>) -> Result<Box<dyn KillableServer>, RunError> {
    (target.start)(arrivals).ok_or(RunError::NotInstalled)
}

/// Waits until nothing is pending, also on disk: a flush does not wait for that. Returns the time that it took.
fn drain(container: &Container) -> Duration {
    let start = Instant::now();
    wait(DRAIN_TIME, || container.accounts().pending_total() == 0);
    start.elapsed()
}

fn start(directory: &Path, server: Option<&dyn KillableServer>) -> Result<Container, RunError> {
    let file = sink::File::new(directory.join("beside.log"), format::Json::new);
    let mut builder = Container::builder().overflow(Overflow::Block { timeout: DRAIN_TIME }).sink(FILE, file);
    if let Some(server) = server {
        let milli = Duration::from_millis(1);
        let sink = server.sink()?;
        let policy =
            sink.delivery().attempts(3).backoff(10 * milli, 2.0, 100 * milli).breaker(5, 50 * milli, 200 * milli);
        let spill = SpillOptions::new(directory.join("spill")).bytes_max(4 << 30);
        let sink_options = SinkOptions::new().delivery(policy).on_full(OnFull::Spill).spill(spill);
        builder = builder.sink_with(TESTED, sink, sink_options);
    }
    Ok(builder.start()?)
}

/// Logs at the rate, and kills and restarts the server meanwhile. Returns the time of logging, the number of restarts, and
/// the most events that waited for the file sink.
fn log_and_kill(
    options: &SoakOptions,
    container: &Container,
    server: Option<&mut Box<dyn KillableServer>>,
) -> (Duration, u64, u64) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let backlog = scope.spawn(|| watch_file(container, &is_over));
        let producer = scope.spawn(|| produce(options, container));
        let restarts = server.map_or(0, |server| kill_until(options, server.as_mut(), || producer.is_finished()));
        let log_time = producer.join().unwrap_or_default();
        // Relaxed: it ends the watch, and no data goes with it; pairs with `watch_file`.
        is_over.store(true, Ordering::Relaxed);
        (log_time, restarts, backlog.join().unwrap_or_default())
    })
}

/// Logs so many events each millisecond that the rate is kept. Returns the time that it took.
fn produce(options: &SoakOptions, container: &Container) -> Duration {
    let log = container.logger("soak");
    let start = Instant::now();
    let mut number = 0_u64;
    while number < options.events() {
        let due = (start.elapsed().min(options.time()).as_micros() as u64).saturating_mul(options.rate) / 1_000_000;
        while number < due {
            info!(log, "order filled", number, price = 101.25, venue = "XNAS");
            number += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

/// Kills and restarts the server until the producer is finished. The server runs at the end.
fn kill_until(options: &SoakOptions, server: &mut dyn KillableServer, is_finished: impl Fn() -> bool) -> u64 {
    let mut restarts = 0;
    loop {
        if !wait(options.up(), &is_finished) {
            return restarts;
        }
        server.kill();
        wait(options.down(), || false);
        server.restart();
        restarts += 1;
    }
}

/// Waits for a time. `false`, if the condition ended it.
fn wait(time: Duration, is_over: impl Fn() -> bool) -> bool {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if is_over() {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// The most events that waited for the file sink.
fn watch_file(container: &Container, is_over: &AtomicBool) -> u64 {
    let mut most = 0;
    // Relaxed: no data goes with it; pairs with `log_and_kill`.
    while !is_over.load(Ordering::Relaxed) {
        let accounts = container.accounts();
        let delivered = accounts.sinks.iter().find(|sink| sink.name == FILE).map_or(0, |sink| sink.delivered);
        most = most.max(accounts.submitted.saturating_sub(delivered));
        thread::sleep(Duration::from_millis(20));
    }
    most
}
