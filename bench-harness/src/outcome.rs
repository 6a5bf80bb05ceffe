//! The outcome of a measurement: figures, the check of the written log, and the failures of either.

use std::time::Instant;

use crate::{
    cli::{PipelineName, WorkloadName},
    error::{BenchError, BenchFailure},
    machine::Machine,
    producers::Produced,
    progress,
    report::{Figures, grouped, megabytes, print_note},
    subject::{Ended, LogDestination},
    verify::{Checked, Finding, LogClaim, ProducerClaim, verify, verify_files},
    workload,
};

/// Figures of a log that has ended.
pub(crate) fn figures(ended: &Ended, seconds: f64, machine: Machine) -> Figures {
    let counts = &ended.counts;
    let per_second = |n: u64| (seconds > 0.0).then(|| n as f64 / seconds);
    // A null sink writes nothing.
    let bytes = (ended.writer.as_deref() != Some("null")).then_some(counts.bytes);
    let events = counts.delivered + counts.own;
    Figures {
        events_submitted: Some(counts.submitted),
        events_delivered: Some(counts.delivered),
        events_filtered: Some(counts.filtered),
        events_lost: Some(counts.lost),
        files_rotated: ended.files.map(|files| files.rotated),
        files_compressed: ended.files.map(|files| files.compressed),
        files_removed: ended.files.map(|files| files.removed),
        // The check counts those of removed files.
        events_removed: ended.files.filter(|files| files.removed == 0).map(|_| 0),
        seconds: Some(seconds),
        events_per_second: per_second(counts.delivered),
        bytes_written: bytes,
        bytes_per_second: bytes.and_then(per_second),
        bytes_per_event: bytes.filter(|_| events > 0).map(|bytes| bytes as f64 / events as f64),
        executor: ended.executor.clone(),
        writer: ended.writer.clone(),
        turn_ns: ended.turn_times.map(|turn_times| turn_times.nanos),
        ..Figures::none(machine)
    }
}

/// A check that is over.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) result: Result<Checked, Finding>,
    pub(crate) seconds: f64,
}

impl Check {
    /// Times a check.
    pub(crate) fn run(check: impl FnOnce() -> Result<Checked, Finding>) -> Self {
        let started = Instant::now();
        Self { result: check(), seconds: started.elapsed().as_secs_f64() }
    }
}

/// Reads the events of a workload back. `None` where there is nothing to be read.
pub(crate) fn check_workload(
    workload: WorkloadName,
    pipeline: PipelineName,
    produced: &[Produced],
    ended: &Ended,
    destination: &LogDestination,
) -> Result<Option<Check>, BenchError> {
    let claim = claim(workload, pipeline, produced, ended);
    Ok(match (destination, &ended.memory) {
        (LogDestination::File(file), _) => {
            let files = file.written()?;
            let counts = ended.files.unwrap_or_default();
            let bar = progress::bar(Some(ended.counts.bytes), "checking");
            let check = Check::run(|| {
                files.leftover().map_or(Ok(()), Err)?;
                files.check_counts(ended.live_files, &counts)?;
                verify_files(&files, &claim, |bytes| bar.set_position(bytes))
            });
            bar.finish_and_clear();
            Some(check)
        }
        (LogDestination::Memory, Some(bytes)) => Some(Check::run(|| verify(bytes.as_slice(), &claim, |_| {}))),
        _ => None,
    })
}

fn claim(workload: WorkloadName, pipeline: PipelineName, produced: &[Produced], ended: &Ended) -> LogClaim {
    let producer = |produced: &Produced| ProducerClaim {
        logged: produced.logged,
        added: match pipeline {
            PipelineName::Bare => String::new(),
            PipelineName::Default | PipelineName::Hardened => produced.origin.clone(),
        },
    };
    LogClaim {
        expect: workload::expect_of(workload),
        instance: ended.instance.clone(),
        producers: produced.iter().map(producer).collect(),
        delivered: ended.counts.delivered,
        own: ended.counts.own,
        missing: ended.counts.lost + ended.counts.filtered,
        is_beginning_removed: ended.files.is_some_and(|files| files.removed > 0),
    }
}

/// Enters a check's outcome, and describes it in words.
pub(crate) fn judge(
    check: Option<Check>,
    ended: &Ended,
    figures: &mut Figures,
    failures: &mut Vec<BenchFailure>,
) -> String {
    let Some(Check { result, seconds }) = check else { return "none".to_owned() };
    let result = result.and_then(|checked| agrees(checked, ended));
    figures.verified = Some(result.is_ok());
    match result {
        Ok(checked) => {
            figures.events_removed = ended.files.map(|_| checked.removed);
            note_differently_written(checked.differently_written);
            let rate = megabytes(checked.bytes as f64 / seconds.max(1e-9));
            let removed = match checked.removed {
                0 => String::new(),
                removed => format!("; the first {} were in files that were removed", grouped(removed)),
            };
            let events = grouped(checked.events);
            format!("{events} events are there, each once, whole and in order{removed} (read at {rate})")
        }
        Err(finding) => {
            failures.push(finding.into());
            "FAILED".to_owned()
        }
    }
}

/// The files are as long as the accounts count.
fn agrees(checked: Checked, ended: &Ended) -> Result<Checked, Finding> {
    let files = ended.files.unwrap_or_default();
    let (counted, found) = (ended.counts.bytes, checked.bytes);
    let is_right = match files.compressed {
        0 => found + files.removed_bytes == counted,
        // Compressed files were removed by their compressed lengths.
        _ if files.removed > 0 => found <= counted,
        _ => found == counted,
    };
    if is_right { Ok(checked) } else { Err(Finding::Count { what: "bytes", counted, found }) }
}

fn note_differently_written(lines: u64) {
    if lines > 0 {
        print_note(format_args!("note: {} lines mean the same as expected, but not byte for byte", grouped(lines)));
    }
}

/// Compares the rate with the demanded one.
pub(crate) fn too_slow(at_least: Option<u64>, figures: &Figures) -> Option<BenchFailure> {
    let wanted = at_least?;
    let rate = figures.events_per_second.unwrap_or(0.0);
    (rate < wanted as f64).then_some(BenchFailure::TooSlow { rate, wanted })
}
