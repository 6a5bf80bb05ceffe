//! `run`: logs as fast as it goes, then checks every event.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    cli::{LogArgs, PipelineName, RunArgs, SinkName},
    device::{self, DiskFigures},
    error::{BenchError, BenchFailure},
    machine::Machine,
    outcome::{check_workload, figures, judge, too_slow},
    output::{OutputDirectory, RESERVE_BYTES, SMALL_RESERVE_BYTES},
    producers::{Control, Produced, Producers, shares},
    report::{FigureReporter, FigureTable, Figures, grouped, megabytes, print_note},
    subject::{LogDestination, MEMORY_BYTES, Subject, SubjectOptions},
    watch::{Length, Room, watch},
    workload,
};

/// The duration of a run without any flags.
const DEFAULT_SECONDS: Duration = Duration::from_secs(5);

/// Returns the failures of the figures.
pub(crate) fn run(args: &RunArgs) -> Result<Vec<BenchFailure>, BenchError> {
    let length = match args.events {
        Some(events) => Length::Events(events),
        None => Length::Time(args.seconds.unwrap_or(DEFAULT_SECONDS)),
    };
    if args.sink != SinkName::File && args.rotation.is_rotated() {
        return Err(BenchError::NoFiles { sink: args.sink });
    }
    let writes = args.sink == SinkName::File || args.with_device;
    let directory = if writes { Some(OutputDirectory::open(&args.file.place)?) } else { None };
    check_room(args, length, directory.as_ref())?;
    let machine = Machine::look(directory.as_ref().map(OutputDirectory::path));
    let destination = match (args.sink, &directory) {
        (SinkName::File, Some(directory)) => LogDestination::File(directory.file("run", args.file.keep)),
        (SinkName::Memory, _) => LogDestination::Memory,
        _ => LogDestination::Null,
    };
    announce(length, args.no_verify, directory.as_ref(), &destination);

    let mut failures = Vec::new();
    let before = measure_device(args, directory.as_ref())?;
    let default_before = measure_default(args, length, directory.as_ref(), &mut failures)?;
    let subject = Subject::start(&args.log, &args.file, &destination, options(args))?;
    let measured = measure(args, length, &subject, directory.as_ref(), &mut failures)?;
    let logged = measured.produced.iter().map(|produced| produced.logged).sum();
    let ended = subject.end(logged, &destination, &mut failures)?;
    let default_after = measure_default(args, length, directory.as_ref(), &mut failures)?;
    let after = measure_device(args, directory.as_ref())?;

    let mut figures = figures(&ended, measured.seconds, machine);
    let mut table = FigureTable::default();
    compare_with_device(&mut figures, &mut table, before, after);
    compare_with_default(&mut figures, &mut table, default_before, default_after);
    if let (Length::Events(wanted), Some(reason)) = (length, &measured.stopped) {
        failures.push(BenchFailure::Stopped { logged, wanted, reason: reason.clone() });
    }
    let check = match args.no_verify {
        true => None,
        false => check_workload(args.workload, args.log.pipeline, &measured.produced, &ended, &destination)?,
    };
    let verdict = judge(check, &ended, &mut figures, &mut failures);
    failures.extend(too_slow(args.at_least, &figures));

    table.log_figures(&figures);
    if let Some(turn_times) = &ended.turn_times {
        table.row("turn times of the drain", turn_times.to_string());
    }
    table.row("check", verdict);
    measured.stopped.iter().for_each(|reason| table.row("stopped early", reason.as_str()));
    table.kept_file(&destination);
    table.machine(&figures.machine);
    FigureReporter::new(args.report.json.as_deref()).report(&table, &figures)?;
    Ok(failures)
}

fn options(args: &RunArgs) -> SubjectOptions {
    SubjectOptions {
        shards: args.shards.into(),
        one_file: args.one_file,
        rotation: args.rotation,
        times_each_turn: args.turn_times,
        ..SubjectOptions::default()
    }
}

/// Makes sure that there is room before anything is written.
fn check_room(args: &RunArgs, length: Length, directory: Option<&OutputDirectory>) -> Result<(), BenchError> {
    let needed_bytes = match length {
        Length::Events(events) => events.saturating_mul(workload::line_bytes_max(args.workload)),
        // As much as is left free, and half as much again: less is not worth a run.
        Length::Time(_) => RESERVE_BYTES + RESERVE_BYTES / 2 - SMALL_RESERVE_BYTES,
    };
    match (args.sink, directory, length) {
        (SinkName::File, Some(directory), _) => directory.check_space(needed_bytes.saturating_add(SMALL_RESERVE_BYTES)),
        (SinkName::Memory, _, Length::Events(_)) if needed_bytes > MEMORY_BYTES / 2 => {
            Err(BenchError::NoMemory { capacity_bytes: MEMORY_BYTES / 2, needed_bytes })
        }
        _ => Ok(()),
    }
}

/// Prints where the run writes, and how much it may be, before it does.
fn announce(length: Length, is_unchecked: bool, directory: Option<&OutputDirectory>, destination: &LogDestination) {
    let (Some(directory), LogDestination::File(file)) = (directory, destination) else { return };
    let amount = match length {
        Length::Events(events) => format!("{} events", grouped(events)),
        Length::Time(time) => format!("{time:?}, {}", most_bytes(directory)),
    };
    let reading = if is_unchecked { "" } else { ", reads it back" };
    let removing = if file.is_kept() { ", and keeps it" } else { ", and removes it" };
    print_note(format_args!("writes {amount} to {}{reading}{removing}", file.path().display()));
}

/// The most that a run with a time may write, as text.
fn most_bytes(directory: &OutputDirectory) -> String {
    match directory.writable_bytes() {
        Ok(bytes) => format!("at most {:.1} GB,", bytes as f64 / 1e9),
        Err(_) => "as much as there is room for,".to_owned(),
    }
}

fn measure_device(args: &RunArgs, directory: Option<&OutputDirectory>) -> Result<Option<DiskFigures>, BenchError> {
    match directory {
        Some(directory) if args.with_device => device::disk(directory, args.file.blocks).map(Some),
        _ => Ok(None),
    }
}

/// Events a second with the pipeline `default`, in the same set-up and for as long. `None`, unless the run is of `hardened`.
fn measure_default(
    args: &RunArgs,
    length: Length,
    directory: Option<&OutputDirectory>,
    failures: &mut Vec<BenchFailure>,
) -> Result<Option<f64>, BenchError> {
    if args.log.pipeline != PipelineName::Hardened {
        return Ok(None);
    }
    let destination = match (args.sink, directory) {
        (SinkName::File, Some(directory)) => LogDestination::File(directory.file("default", false)),
        (SinkName::Memory, _) => LogDestination::Memory,
        _ => LogDestination::Null,
    };
    let log = LogArgs { pipeline: PipelineName::Default, ..args.log.clone() };
    let subject = Subject::start(&log, &args.file, &destination, options(args))?;
    let measured = measure(args, length, &subject, directory, failures)?;
    let logged = measured.produced.iter().map(|produced| produced.logged).sum();
    let ended = subject.end(logged, &destination, failures)?;
    Ok((measured.seconds > 0.0).then(|| ended.counts.delivered as f64 / measured.seconds))
}

fn compare_with_default(figures: &mut Figures, table: &mut FigureTable, before: Option<f64>, after: Option<f64>) {
    let (Some(before), Some(after)) = (before, after) else { return };
    let mean = f64::midpoint(before, after);
    figures.default_events_per_second = Some(mean);
    figures.default_ratio = figures.events_per_second.filter(|_| mean > 0.0).map(|events| events / mean);
    let rate = |events: f64| format!("{} events/s", grouped(events as u64));
    table.row("default before", rate(before));
    table.row("default after", rate(after));
    if let (Some(ratio), Some(hardened)) = (figures.default_ratio, figures.events_per_second.filter(|rate| *rate > 0.0))
    {
        let more = 1e9 / hardened - 1e9 / mean.max(1.0);
        table.row("hardened to default", format!("{ratio:.2}, {more:+.0} ns an event"));
    }
}

struct Measured {
    produced: Vec<Produced>,
    /// From the first call until the last event is delivered.
    seconds: f64,
    /// Why it was over early.
    stopped: Option<String>,
}

fn measure(
    args: &RunArgs,
    length: Length,
    subject: &Subject,
    directory: Option<&OutputDirectory>,
    failures: &mut Vec<BenchFailure>,
) -> Result<Measured, BenchError> {
    let limits = match length {
        Length::Events(events) => shares(events, args.producers),
        Length::Time(_) => vec![u64::MAX; args.producers as usize],
    };
    let (logger, control) = (subject.logger(), Control::default());
    let barrier = Barrier::new(limits.len() + 1);
    thread::scope(|scope| {
        let producers = Producers::start(scope, args.workload, &limits, &logger, &barrier, &control)?;
        barrier.wait();
        let started = Instant::now();
        let stopped = watch(length, started, subject, &control, &Room { sink: args.sink, directory });
        control.stop();
        let produced = producers.join()?;
        failures.extend(subject.flush().err());
        Ok(Measured { produced, seconds: started.elapsed().as_secs_f64(), stopped })
    })
}

fn compare_with_device(
    figures: &mut Figures,
    table: &mut FigureTable,
    before: Option<DiskFigures>,
    after: Option<DiskFigures>,
) {
    let (Some(before), Some(after)) = (before, after) else { return };
    let mean = f64::midpoint(before.bytes_per_second, after.bytes_per_second);
    figures.device_bytes_per_second = Some(mean);
    figures.device_ratio = figures.bytes_per_second.filter(|_| mean > 0.0).map(|bytes| bytes / mean);
    table.row("disk before", format!("{} ({})", megabytes(before.bytes_per_second), before.writer));
    table.row("disk after", format!("{} ({})", megabytes(after.bytes_per_second), after.writer));
}
