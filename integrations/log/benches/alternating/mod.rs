//! Loggers that are measured side by side: the benchmarks of `fapilog-log` and `fapilog-slog` share it.
//!
//! The loggers alternate, a burst of calls each, so that all meet the same machine. A burst is timed as a whole, and followed by a flush.

use std::time::{Duration, Instant};

use fapilog::{Container, format, level::Directives, sink};

/// How long a flush and the end of a container may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// Calls that are timed together.
const BURST: u32 = 200;
const ROUNDS: usize = 400;
const WARM_UP_ROUNDS: usize = 40;
const RATE_RECORDS: u64 = 500_000;
const RATE_ROUNDS: usize = 5;

/// Levels by target, so that a logger cannot answer by the level alone.
pub(crate) const DIRECTIVES: &str = "info,elsewhere=debug";

/// A logger of the library that the benchmark is of.
pub(crate) struct Subject<L> {
    name: &'static str,
    log: L,
    /// Waits for all that was logged.
    flush: Box<dyn Fn()>,
}

impl<L> Subject<L> {
    pub(crate) fn new(name: &'static str, log: L, flush: impl Fn() + 'static) -> Self {
        Self { name, log, flush: Box::new(flush) }
    }
}

/// A call that is measured, in nanoseconds.
pub(crate) struct MeasuredCall<L> {
    pub(crate) title: &'static str,
    /// The time of a burst, by [`per_call`].
    pub(crate) burst: fn(&L) -> f64,
}

/// Nanoseconds a call, of a burst of calls that each get their number.
pub(crate) fn per_call(mut call: impl FnMut(u32)) -> f64 {
    let start = Instant::now();
    (0..BURST).for_each(&mut call);
    start.elapsed().as_nanos() as f64 / f64::from(BURST)
}

/// Prints the medians of all calls for all subjects, and the records a second until all of them are in the file.
pub(crate) fn measure<L>(subjects: &[Subject<L>], calls: &[MeasuredCall<L>], record: fn(&L, u64)) {
    let mut nanos = vec![vec![Vec::new(); calls.len()]; subjects.len()];
    for round in 0..ROUNDS + WARM_UP_ROUNDS {
        for (subject, nanos) in subjects.iter().zip(&mut nanos) {
            for (call, nanos) in calls.iter().zip(nanos) {
                let burst = (call.burst)(&subject.log);
                (subject.flush)();
                if round >= WARM_UP_ROUNDS {
                    nanos.push(burst);
                }
            }
        }
    }
    let mut rates = vec![Vec::new(); subjects.len()];
    for _ in 0..RATE_ROUNDS {
        subjects.iter().zip(&mut rates).for_each(|(subject, rates)| rates.push(rate(subject, record)));
    }
    let titles: Vec<_> = calls.iter().map(|call| format!("{:>26}", format!("{}, ns", call.title))).collect();
    println!("{:<22}{}{:>21}", "logger", titles.concat(), "records/s to a file");
    for ((subject, nanos), rates) in subjects.iter().zip(nanos).zip(rates) {
        let figures: Vec<_> = nanos.into_iter().map(|nanos| format!("{:>26.1}", median(nanos))).collect();
        println!("{:<22}{}{:>21.0}", subject.name, figures.concat(), median(rates));
    }
}

fn rate<L>(subject: &Subject<L>, record: fn(&L, u64)) -> f64 {
    let start = Instant::now();
    (0..RATE_RECORDS).for_each(|n| record(&subject.log, n));
    (subject.flush)();
    RATE_RECORDS as f64 / start.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A container that writes JSON to a file.
pub(crate) fn container(directory: &std::path::Path) -> Container {
    let file = sink::File::new(directory.join("fapilog.log"), format::Json::new);
    let container = Container::builder().sink("file", file).start().unwrap();
    container.set_level(DIRECTIVES.parse::<Directives>().unwrap());
    container
}

/// Ends the container, and prints what became of its events.
pub(crate) fn shut_down(container: &Container) {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    let (submitted, delivered) = (accounts.submitted, accounts.delivered_total());
    println!("fapilog: {submitted} submitted, {delivered} delivered, {} lost", accounts.lost.total());
}

/// Whether the program is to measure. Tests of all targets run it as well.
pub(crate) fn is_asked_for() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
