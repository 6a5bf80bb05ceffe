//! `latency`: how long a log call takes, as its caller sees it.
//!
//! A burst of [`BURST_CALLS`] calls is timed as one, and the mean of a call recorded: a single call is shorter than what
//! it takes to look at a clock. Then the thread spins, or sleeps, for [`GAP`], so that the next burst finds a ring that
//! has been drained, and caches that others have used. The thread is pinned to a CPU that the drain does not use, where
//! there is one.
//!
//! Each call reads the processor's counter once, which in a virtual machine may cost more than all other work. So
//! bursts of nothing but these readings are timed as well, one after each burst of calls, and shown beside them.

use std::{
    thread,
    time::{Duration, Instant},
};

use fapilog::Logger;
use hdrhistogram::Histogram;

use crate::{
    cli::{Between, LatencyArgs, SinkName, WorkloadName},
    device::Ticks,
    error::{BenchError, BenchFailure},
    machine::{self, Machine},
    outcome::{check_workload, figures, judge},
    output::{OutputDirectory, SMALL_RESERVE_BYTES},
    producers::{Produced, origin},
    progress,
    report::{FigureReporter, FigureTable, Figures, NanosPercentiles},
    subject::{LogDestination, MEMORY_BYTES, Subject, SubjectOptions},
    workload::{self, Mixed, Primitives, Text, Workload},
};

const BURST_CALLS: u64 = 20;
const GAP: Duration = Duration::from_millis(2);
/// Bursts that come first and are not recorded: they open the thread's ring, register call sites, and warm caches.
const WARM_UP_BURSTS: u64 = 200;

pub(crate) fn run(args: &LatencyArgs) -> Result<Vec<BenchFailure>, BenchError> {
    let directory = match args.sink {
        SinkName::File => Some(OutputDirectory::open(&args.file.place)?),
        SinkName::Null | SinkName::Memory => None,
    };
    check_room(args, directory.as_ref())?;
    let machine = Machine::look(directory.as_ref().map(OutputDirectory::path));
    let destination = match (args.sink, &directory) {
        (SinkName::File, Some(directory)) => LogDestination::File(directory.file("latency", args.file.keep)),
        (SinkName::Memory, _) => LogDestination::Memory,
        _ => LogDestination::Null,
    };

    let mut failures = Vec::new();
    let subject = Subject::start(&args.log, &args.file, &destination, SubjectOptions::default())?;
    let started = Instant::now();
    let bursts = measure(args, &subject.logger())?;
    failures.extend(subject.flush().err());
    let seconds = started.elapsed().as_secs_f64();
    let ended = subject.end(bursts.produced.logged, &destination, &mut failures)?;

    let call_ns = percentiles(&bursts.ticks, bursts.nanos_per_tick)?;
    let reading_ns = percentiles(&bursts.readings, bursts.nanos_per_tick)?;
    let mut figures = Figures {
        call_ns: Some(call_ns),
        // The bursts set the pace, not the log.
        events_per_second: None,
        bytes_per_second: None,
        ..figures(&ended, seconds, machine)
    };
    let check = check_workload(args.workload, args.log.pipeline, &[bursts.produced], &ended, &destination)?;
    let verdict = judge(check, &ended, &mut figures, &mut failures);

    let mut table = FigureTable::default();
    add_rows(&mut table, args, &call_ns, bursts.clock);
    table.row("clock alone, 50 %", format!("{:.1} ns", reading_ns.p50));
    table.log_figures(&figures);
    table.row("check", verdict);
    table.kept_file(&destination);
    table.machine(&figures.machine);
    FigureReporter::new(args.report.json.as_deref()).report(&table, &figures)?;
    Ok(failures)
}

fn check_room(args: &LatencyArgs, directory: Option<&OutputDirectory>) -> Result<(), BenchError> {
    let events = (args.bursts + WARM_UP_BURSTS) * BURST_CALLS;
    let needed_bytes = events.saturating_mul(workload::line_bytes_max(args.workload));
    match (directory, args.sink) {
        (Some(directory), _) => directory.check_space(needed_bytes.saturating_add(SMALL_RESERVE_BYTES)),
        (None, SinkName::Memory) if needed_bytes > MEMORY_BYTES / 2 => {
            Err(BenchError::NoMemory { capacity_bytes: MEMORY_BYTES / 2, needed_bytes })
        }
        _ => Ok(()),
    }
}

/// The measuring thread's result.
struct Bursts {
    ticks: Vec<u64>,
    /// As many readings of the clock as there are calls in a burst, and nothing else.
    readings: Vec<u64>,
    nanos_per_tick: f64,
    clock: &'static str,
    produced: Produced,
}

fn measure(args: &LatencyArgs, logger: &Logger) -> Result<Bursts, BenchError> {
    let time_bursts = match args.workload {
        WorkloadName::Primitives => time_bursts::<Primitives>,
        WorkloadName::String => time_bursts::<Text>,
        WorkloadName::Mixed => time_bursts::<Mixed>,
    };
    let name = "producer-0".to_owned();
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.clone()).spawn_scoped(scope, || {
            machine::producer_cpus().first().copied().map(core_affinity::set_for_current);
            time_bursts(logger, args.bursts, args.between)
        });
        let thread = thread.map_err(|source| BenchError::Thread { name: name.clone(), source })?;
        thread.join().map_err(|_| BenchError::Panicked { name })
    })
}

fn wait_between_bursts(between: Between) {
    match between {
        Between::Sleep => thread::sleep(GAP),
        Between::Spin => {
            let start = Instant::now();
            while start.elapsed() < GAP {
                std::hint::spin_loop();
            }
        }
    }
}

fn time_bursts<W: Workload>(logger: &Logger, bursts: u64, between: Between) -> Bursts {
    let bar = progress::bar(Some(bursts), "bursts");
    let mut spent = Vec::with_capacity(usize::try_from(bursts).unwrap_or(0));
    let mut readings = Vec::with_capacity(spent.capacity());
    let clock = Ticks::new();
    let mut n = 0;
    for burst in 0..WARM_UP_BURSTS + bursts {
        wait_between_bursts(between);
        let start = clock.now();
        for _ in 0..BURST_CALLS {
            W::log(logger, 0, n);
            n += 1;
        }
        let ticks = clock.now().saturating_sub(start);
        if burst >= WARM_UP_BURSTS {
            spent.push(ticks);
            bar.inc(1);
        }
        wait_between_bursts(between);
        let start = clock.now();
        for _ in 0..BURST_CALLS {
            std::hint::black_box(clock.stamp());
        }
        let ticks = clock.now().saturating_sub(start);
        if burst >= WARM_UP_BURSTS {
            readings.push(ticks);
        }
    }
    bar.finish_and_clear();
    let produced = Produced { logged: n, origin: origin() };
    Bursts { ticks: spent, readings, nanos_per_tick: clock.nanos_per_tick(), clock: clock.name(), produced }
}

/// The histogram counts picoseconds.
const PICOS_PER_NANO: f64 = 1000.0;

fn percentiles(bursts: &[u64], nanos_per_tick: f64) -> Result<NanosPercentiles, BenchError> {
    let failed = |error: &dyn std::error::Error| BenchError::Histogram { reason: error.to_string() };
    let mut histogram = Histogram::<u64>::new(3).map_err(|error| failed(&error))?;
    for ticks in bursts {
        let picos = *ticks as f64 * nanos_per_tick * PICOS_PER_NANO / BURST_CALLS as f64;
        histogram.record(picos.round() as u64).map_err(|error| failed(&error))?;
    }
    Ok(NanosPercentiles::new(&histogram, PICOS_PER_NANO))
}

fn add_rows(table: &mut FigureTable, args: &LatencyArgs, call: &NanosPercentiles, clock: &str) {
    let (bursts, between) = (args.bursts, args.between.name());
    table.row(
        "method",
        format!("{bursts} bursts of {BURST_CALLS} calls, {GAP:?} apart ({between}), after {WARM_UP_BURSTS} to warm up; {clock}"),
    );
    let percentiles = [
        ("call, 50 %", call.p50),
        ("call, 75 %", call.p75),
        ("call, 90 %", call.p90),
        ("call, 95 %", call.p95),
        ("call, 99 %", call.p99),
        ("call, 99.9 %", call.p99_9),
        ("call, worst burst", call.max),
    ];
    for (name, nanos) in percentiles {
        table.row(name, format!("{nanos:.1} ns"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_means_of_bursts_in_nanoseconds() {
        // Bursts of 20, 40, ... 2000 ticks of half a nanosecond: calls of 0.5 to 50 ns.
        let ticks: Vec<u64> = (1..=100).map(|n| n * BURST_CALLS).collect();
        let call = percentiles(&ticks, 0.5).unwrap();
        let is_near = |value: f64, wanted: f64| (value - wanted).abs() < wanted * 0.002;
        assert!(is_near(call.p50, 25.0) && is_near(call.p90, 45.0) && is_near(call.max, 50.0), "{call:?}");
    }
}
