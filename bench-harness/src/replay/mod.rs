//! `replay`: every line of log files becomes an event, and the output is compared with the files, byte for byte.
//!
//! # The rule
//!
//! A file is cut at each line feed (`\n`), which belongs to no line; what is behind the last one is a line too, unless it
//! is empty. All other bytes belong to their line, also a carriage return at its end. Each line becomes an event: the
//! line is its message, the file's path is `tags.file`, and the line's number, from 1, is `context.line`. An empty line is
//! an event with an empty message.
//!
//! A line that is not UTF-8 comes through all the same: the event is marked (`"not_utf8":["message"]`), and
//! [`fapilog::format::decode_marked_text`] gives its bytes back.

mod check;
mod corpus;

use std::{thread, time::Instant};

use fapilog::{Logger, info};

use self::{check::check, corpus::Corpus};
use crate::{
    cli::{ReplayArgs, SinkName},
    error::{BenchError, BenchFailure},
    machine::{self, Machine},
    outcome::{Check, figures, judge, too_slow},
    output::{OutputDirectory, SMALL_RESERVE_BYTES},
    producers::Control,
    progress,
    report::{FigureReporter, FigureTable, grouped},
    subject::{LogDestination, Subject, SubjectOptions},
    watch::{Length, Room, watch},
};

/// The bytes that a record holds beside line and file name, at most.
const RECORD_OVERHEAD_BYTES: usize = 256;
/// The library's limit for a record, with everything.
const RECORD_MAX_BYTES: usize = 16 << 20;

pub(crate) fn run(args: &ReplayArgs) -> Result<Vec<BenchFailure>, BenchError> {
    let corpus = Corpus::read(&args.files)?;
    let room = record_room(&corpus)?;
    let directory = OutputDirectory::open(&args.file.place)?;
    directory.check_space(corpus.output_bytes().saturating_mul(args.repeat).saturating_add(SMALL_RESERVE_BYTES))?;
    let machine = Machine::look(Some(directory.path()));
    let destination = LogDestination::File(directory.file("replay", args.file.keep));

    let mut failures = Vec::new();
    let subject = Subject::start(&args.log, &args.file, &destination, room)?;
    let replayed = measure(args, &corpus, &subject, &directory, &mut failures)?;
    let ended = subject.end(replayed.logged, &destination, &mut failures)?;
    let wanted = corpus.lines_count().saturating_mul(args.repeat);
    if let Some(reason) = &replayed.stopped {
        failures.push(BenchFailure::Stopped { logged: replayed.logged, wanted, reason: reason.clone() });
    }

    let mut figures = figures(&ended, replayed.seconds, machine);
    let checked = match &destination {
        LogDestination::File(file) => {
            let bar = progress::bar(Some(file.len()?), "comparing");
            let log = file.open()?;
            let outcome = Check::run(|| {
                check(log, &corpus, args.repeat, replayed.logged, &ended.counts, |bytes| bar.set_position(bytes))
            });
            bar.finish_and_clear();
            Some(outcome)
        }
        _ => None,
    };
    let verdict = judge(checked, &ended, &mut figures, &mut failures);
    failures.extend(too_slow(args.at_least, &figures));

    let mut table = FigureTable::default();
    let (files, lines, bytes) = (corpus.files().len(), corpus.lines_count(), corpus.bytes());
    let input = format!("{files} files, {} lines, {} bytes", grouped(lines), grouped(bytes));
    table.row("input", if args.repeat == 1 { input } else { format!("{input}, {} times", grouped(args.repeat)) });
    table.row("lines that are not UTF-8", grouped(corpus.not_utf8_count()));
    table.log_figures(&figures);
    table.row("check", verdict);
    table.kept_file(&destination);
    table.machine(&figures.machine);
    FigureReporter::new(args.report.json.as_deref()).report(&table, &figures)?;
    Ok(failures)
}

/// A record that holds the longest line whole.
fn record_room(corpus: &Corpus) -> Result<SubjectOptions, BenchError> {
    let Some(longest) = corpus.longest_line() else { return Ok(SubjectOptions::default()) };
    let beside = corpus.longest_name_bytes() + RECORD_OVERHEAD_BYTES;
    let allowed_bytes = RECORD_MAX_BYTES.saturating_sub(beside);
    if longest.bytes > allowed_bytes {
        return Err(BenchError::LineTooLong {
            path: longest.path,
            line: longest.number,
            line_bytes: longest.bytes,
            allowed_bytes,
        });
    }
    Ok(SubjectOptions { record_max_bytes: Some(longest.bytes + beside), ..SubjectOptions::default() })
}

struct Replayed {
    logged: u64,
    seconds: f64,
    stopped: Option<String>,
}

fn measure(
    args: &ReplayArgs,
    corpus: &Corpus,
    subject: &Subject,
    directory: &OutputDirectory,
    failures: &mut Vec<BenchFailure>,
) -> Result<Replayed, BenchError> {
    let (logger, control) = (subject.logger(), Control::default());
    let name = "producer-0".to_owned();
    let length = Length::Events(corpus.lines_count().saturating_mul(args.repeat));
    thread::scope(|scope| {
        let started = Instant::now();
        let busy = control.busy();
        let thread = thread::Builder::new().name(name.clone()).spawn_scoped(scope, || {
            let _busy = busy;
            machine::producer_cpus().first().copied().map(core_affinity::set_for_current);
            log_lines(&logger, corpus, args.repeat, &control)
        });
        let thread = thread.map_err(|source| BenchError::Thread { name: name.clone(), source })?;
        let room = Room { sink: SinkName::File, directory: Some(directory) };
        let stopped = watch(length, started, subject, &control, &room);
        control.stop();
        let logged = thread.join().map_err(|_| BenchError::Panicked { name })?;
        failures.extend(subject.flush().err());
        Ok(Replayed { logged, seconds: started.elapsed().as_secs_f64(), stopped })
    })
}

/// Returns how many were logged.
fn log_lines(logger: &Logger, corpus: &Corpus, repeat: u64, control: &Control) -> u64 {
    let mut logged = 0;
    for _ in 0..repeat {
        for file in corpus.files() {
            let name = file.name();
            for (number, line) in file.lines() {
                if control.is_stopped() {
                    return logged;
                }
                info!(logger, line, tags.file = name, context.line = number);
                logged += 1;
            }
        }
    }
    logged
}
